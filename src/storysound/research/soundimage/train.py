"""`storysound train soundimage`: a map from what is heard to the embedding of what is seen, from stories with both.

Fitted in closed form (`generate/soundimage.fit`), judged on the groups that it did not learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from storysound.config import load_profile
from storysound.encode import cache as feature_cache
from storysound.errors import InputError, MediaError
from storysound.generate import kandinsky
from storysound.generate.pretrained import chosen_folder
from storysound.generate.soundimage import SoundMap, fit, loudness_of
from storysound.media.files import atomic
from storysound.metrics import retrieval
from storysound.research.stories.batches import held_out
from storysound.research.stories.features import Senses
from storysound.research.stories.read import Material, read_stories
from storysound.train.loop import Tell
from storysound.trained.cards import write_card
from storysound.trained.soundimage import Card, heard_by
from storysound.weights.resolver import Resolver

LEAST = 8  # pairs; of fewer nothing is learned that could be told from chance
_VERSION = "1"  # of this file: raised whenever the same story would give other features


@dataclass(frozen=True)
class Recipe:
    """Settings of the training; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines with audio and images or a video
    out: Path  # folder of the run
    model: str = kandinsky.NAME  # whose picture encoder; NAME=FOLDER for files of your own
    profile: str = "embedded"  # whose ears
    held_out: float = 0.1  # share of the groups (films) to judge by

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {self.held_out}")


@dataclass(frozen=True)
class Pairs:
    """n sounds with the mean embedding of the pictures they belong to."""

    heard: Tensor  # [n heard]
    lufs: Tensor  # [n]
    seen: Tensor  # [n seen]
    groups: tuple[str, ...]

    def at(self, chosen: Tensor) -> "Pairs":
        """Those of a mask [n]."""
        groups = tuple(group for group, kept in zip(self.groups, chosen.tolist(), strict=True) if kept)
        return Pairs(self.heard[chosen], self.lufs[chosen], self.seen[chosen], groups)


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Fits and judges the map; its mean reciprocal rank on held-out sounds. It stands in `out/best.safetensors`.

    Raises MissingModelError without the picture encoder, InputError for too few stories with sound and pictures.
    """
    folder = chosen_folder(recipe.model, (kandinsky.NAME,), weights)[1]
    eyes = kandinsky.load_eyes(folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    senses = Senses(load_profile(recipe.profile), weights)
    pairs = pairs_of(read_stories(recipe.data), senses, eyes, recipe.out / "features", tell)
    out = held_out(pairs.groups, recipe.held_out)
    known, unknown = pairs.at(~out), pairs.at(out)
    if len(known.groups) < LEAST or len(unknown.groups) < 2:
        found = f"{len(known.groups)} pairs to learn from and {len(unknown.groups)} to judge by"
        raise InputError(recipe.data, f"has {found}", f"{LEAST} and 2 are needed, of different groups")
    fitted = fit(known.heard, known.lufs, known.seen, eyes.black(), known.groups)
    figures = judged(fitted.network, unknown)
    write_card(
        recipe.out,
        Card(
            fitted.network.config, recipe.profile, senses.revision(), eyes.revision, recipe.data.name,
            len(known.groups), fitted.r2,
        ),
    )  # fmt: skip
    with atomic(recipe.out / "best.safetensors") as partial:
        save_file(fitted.network.state_dict(), partial)
    tell(f"{len(known.groups)} pairs learned, penalty {fitted.penalty:g}, R² {fitted.r2:.3f} on groups left out")
    tell(f"{len(unknown.groups)} held out: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return figures["mrr"]


@torch.inference_mode()
def judged(network: SoundMap, pairs: Pairs) -> dict[str, float]:
    """Which picture belongs to a sound, by the cosine of how both differ from the usual picture."""
    made = network(pairs.heard, pairs.lufs) - network.usual_picture
    seen = pairs.seen - network.usual_picture
    cosine = torch.nn.functional.normalize(made, dim=1) @ torch.nn.functional.normalize(seen, dim=1).T
    report = retrieval.evaluate(cosine)
    return {"cosine": float(cosine.diagonal().mean()), **report.figures()}


def pairs_of(stories: Sequence[Material], senses: Senses, eyes: kandinsky.Eyes, cache: Path, tell: Tell) -> Pairs:
    """A pair for each sound of each story with pictures, kept in `cache`; what can't be read is told and left out."""
    heard, lufs, seen, groups = [], [], [], []
    revision = [_VERSION, senses.revision(), eyes.revision]
    for number, one in enumerate(stories, 1):

        def encode(one: Material = one, number: int = number) -> feature_cache.Tensors:
            tell(f"listening and looking: {number} of {len(stories)}")
            return _encoded(one, senses, eyes)

        try:
            kept = feature_cache.kept(cache, [*revision, one.key, [sound.key for sound in one.sounds]], encode)
        except MediaError as error:
            tell(f"left out: {one.id}: {error}")
            continue
        for i in range(len(kept["lufs"]) if len(kept["seen"]) else 0):
            heard.append(kept["heard"][i])
            lufs.append(kept["lufs"][i])
            seen.append(kept["seen"].mean(dim=0))
            groups.append(one.group)
    if not heard:
        raise InputError(cache, "none of the stories has both pictures and a sound", "look at the lines above")
    return Pairs(torch.stack(heard), torch.stack(lufs), torch.stack(seen), tuple(groups))


def _encoded(one: Material, senses: Senses, eyes: kandinsky.Eyes) -> feature_cache.Tensors:
    waves = [sound.read() for sound in one.sounds]
    pictures = one.pictures()
    return {
        "heard": torch.stack([heard_by(senses, wave) for wave in waves]),
        "lufs": torch.tensor([loudness_of(wave) for wave in waves]),
        "seen": eyes.embed(pictures) if pictures else torch.zeros(0, 1),
    }
