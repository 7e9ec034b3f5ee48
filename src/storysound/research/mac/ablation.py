"""`storysound evaluate mac_ablation`: MAC without co-attention, with one expert alone, and with all but one.

Figures 3 and 4 of the paper on data of one's own: every variant is trained anew, with the same seeds, and judged on the
stories that all of them held out. What is kept of a run is its end, so that held-out stories choose nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from storysound.config import load_profile
from storysound.draw import mac as mac_plot
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.mac_experts import Experts
from storysound.match.mac_model import Mac
from storysound.media.files import atomic
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.mac import train as train_mac
from storysound.research.mac.evaluate import judging_of, kind_of, rows_of
from storysound.research.mac.evaluate import names as names_of
from storysound.research.mac.settings import MacAblation, MacSettings, MacTraining
from storysound.research.mac.stories import MacStories
from storysound.research.stories.features import features_of
from storysound.research.stories.training import begin, part_of
from storysound.train.loop import last_weights

WHOLE, WITHOUT = "MAC", "without co-attention"


def variants(experts: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Name, experts and co-attention of each model that is trained.

    >>> [name for name, *_ in variants(("scene", "object"))]
    ['MAC', 'without co-attention', 'only scene', 'only object', 'without scene', 'without object']
    """
    yield WHOLE, tuple(experts), True
    yield WITHOUT, tuple(experts), False
    if len(experts) > 1:
        for one in experts:
            yield f"only {one}", (one,), True
        for one in experts:
            yield f"without {one}", tuple(other for other in experts if other != one), True


def evaluate(recipe: MacAblation, models: Models, watch: Watch) -> list[Row]:
    """A row per variant and direction, and `out/ablation.svg`. Raises as `train_mac.train`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    watch.plan({"features": 0.2, "training": 0.8})
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    experts, told = Experts(train_mac.sides_of(recipe, encoder), encoder), train_mac.stories_of(recipe, models)
    features = features_of(told, encoder, recipe.out / "features", recipe.crop_s, watch)
    whole = MacStories(features, experts)
    runs = [
        (name, variant_of(recipe, name, names, co_attention, number))
        for name, names, co_attention in variants(whole.sides.experts)
        for number in range(recipe.seeds)
    ]
    scores: dict[str, list[Tensor]] = {}
    watch.step("training")
    for i, (name, variant) in enumerate(runs):
        scores.setdefault(name, []).append(_scores(whole, variant, encoder, part_of(watch, i, len(runs), variant.out)))
    kind = kind_of(whole, told)
    rows = rows_of(whole, train_mac.parted(whole, recipe.held_out)[1], scores, kind, judging_of(recipe))
    file = recipe.out / f"ablation.{recipe.plot}"
    with atomic(file) as partial:
        partial.write_bytes(mac_plot.draw(rows, names_of(kind)[0], file.suffix))
    watch.say(f"{file}: figures 3 and 4")
    return rows


def variant_of(recipe: MacAblation, name: str, experts: Sequence[str], co_attention: bool, number: int) -> MacTraining:
    """How one variant is trained in its run `number`."""
    given = {field.name: getattr(recipe, field.name) for field in fields(MacSettings)}
    out, seed = recipe.out / name.replace(" ", "-").lower() / str(number), recipe.seed + number
    own = {"experts": ",".join(experts), "co_attention": co_attention, "out": out, "seed": seed}
    return MacTraining(**{**given, **own, "devices": "1"})


def _scores(whole: MacStories, variant: MacTraining, encoder: StoryEncoder, watch: Watch) -> Tensor:
    """Scores [q c] of all held-out stories, of those too of which the variant's experts say nothing."""
    material = MacStories(whole.features, Experts(train_mac.sides_of(variant, encoder), encoder))
    fabric, watch = begin(variant, watch)
    train_mac.train_on(material, encoder, variant, fabric, watch)
    network = Mac(train_mac.config_of(variant, material))
    network.load_state_dict(last_weights(variant.out))
    seen, heard, _ = whole.items(train_mac.parted(whole, variant.held_out)[1])
    return train_mac.scores_of(network.eval(), material, seen, heard)
