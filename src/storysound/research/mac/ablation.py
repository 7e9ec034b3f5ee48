"""`storysound evaluate mac_ablation`: MAC without co-attention, with one expert alone, and with all but one.

Figures 3 and 4 of the paper on data of one's own: every variant is trained anew, with the same seeds, and judged on the
stories that all of them held out. What is kept of a run is its end, so that held-out stories choose nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from storysound.config import load_profile
from storysound.draw import mac as mac_plot
from storysound.match.mac_model import Mac
from storysound.media.files import atomic
from storysound.research.mac import train as train_mac
from storysound.research.mac.evaluate import COLUMNS, TASKS, chance, kind_of, names, rows_of
from storysound.research.mac.features import Experts, Material
from storysound.research.results import Row
from storysound.research.stories.features import Senses, features_of
from storysound.research.stories.training import begin
from storysound.train.loop import Tell
from storysound.trained.cards import with_weights
from storysound.weights.resolver import Resolver

PAPER, TABLES = "mac", ()
WHOLE, WITHOUT = "MAC", "without co-attention"
_AGAIN = "empty the folder of this run, and run the comparison again"
__all__ = ["COLUMNS", "PAPER", "TABLES", "TASKS", "Recipe", "evaluate"]


@dataclass(frozen=True)
class Recipe(train_mac.Recipe):
    """Settings of all trainings, those of `storysound train mac`, and of the comparison."""

    steps: int = 300
    held_out: float = 0.3
    seeds: int = 3  # runs of each variant, seed and those that follow it
    draws: int = 2000  # of the bootstrap, by groups
    plot: str = "svg"  # or png: `out/ablation.svg`, the paper's figures 3 and 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds < 1 or self.draws < 1 or self.plot not in {"svg", "png"}:
            raise ValueError(f"needs seeds >= 1, draws >= 1, plot svg or png, got {self}")
        if not self.co_attention:
            raise ValueError("co_attention is what is compared: leave it out")


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


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """A row per variant and direction, and `out/ablation.svg`. Raises as `train_mac.train`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    senses = Senses(load_profile(recipe.profile), weights)
    stories = train_mac.stories_of(recipe, weights)
    features = features_of(stories, senses, recipe.out / "features", recipe.crop_s, tell)
    whole = Material(features, Experts(recipe.sides(senses), senses))
    judged = train_mac.parted(whole, recipe.held_out)[1]
    scores = {
        name: [
            _scores(whole, variant_of(recipe, name, experts, co_attention, number), senses, tell)
            for number in range(recipe.seeds)
        ]
        for name, experts, co_attention in variants(whole.sides.experts)
    }
    kind = kind_of(whole, stories)
    rows = [*rows_of(whole, judged, scores, kind, recipe), *chance(whole.items(judged)[2], kind, recipe)]
    file = recipe.out / f"ablation.{recipe.plot}"
    with atomic(file) as partial:
        partial.write_bytes(mac_plot.draw(rows, names(kind)[0], file.suffix))
    tell(f"{file}: figures 3 and 4")
    return rows


def variant_of(recipe: Recipe, name: str, experts: Sequence[str], co_attention: bool, number: int) -> train_mac.Recipe:
    """How one variant is trained in its run `number`: evaluated at its end alone."""
    given = {field.name: getattr(recipe, field.name) for field in fields(train_mac.Recipe)}
    out, seed = recipe.out / name.replace(" ", "-").lower() / str(number), recipe.seed + number
    own = {"experts": ",".join(experts), "co_attention": co_attention, "out": out, "seed": seed}
    return train_mac.Recipe(**{**given, **own, "evaluate_every": recipe.steps})


def _scores(whole: Material, variant: train_mac.Recipe, senses: Senses, tell: Tell) -> Tensor:
    """Scores of all held-out stories, of those too of which the variant's experts say nothing."""
    material = Material(whole.features, Experts(variant.sides(senses), senses))
    fabric, speak = begin(variant, lambda line: tell(f"{variant.out}: {line}"))
    train_mac.train_on(material, senses, variant, fabric, speak)
    network = with_weights(Mac(train_mac.config_of(variant, material)), variant.out / "best.safetensors", "mac", _AGAIN)
    seen, heard, _ = whole.items(train_mac.parted(whole, variant.held_out)[1])
    return train_mac.scores_of(network, material, seen, heard)
