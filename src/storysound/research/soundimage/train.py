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
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.generate import kandinsky
from storysound.generate.pretrained import chosen_folder
from storysound.generate.soundimage import SoundMap, fit, loudness_of
from storysound.library.stories import StoryMaterial, read_stories
from storysound.media.files import atomic
from storysound.metrics import retrieval
from storysound.progress import Watch
from storysound.research.soundimage.settings import SoundImageTraining
from storysound.research.stories.batches import held_out
from storysound.trained.cards import write_card
from storysound.trained.soundimage import SoundImageCard, heard_by

LEAST = 8  # pairs; of fewer nothing is learned that could be told from chance
_VERSION = "1"  # of this file: raised whenever the same story would give other features


@dataclass(frozen=True)
class SoundPicturePairs:
    """n sounds with the mean embedding of the pictures they belong to."""

    heard: Tensor  # [n heard]
    lufs: Tensor  # [n]
    seen: Tensor  # [n seen]
    groups: tuple[str, ...]

    def at(self, chosen: Tensor) -> "SoundPicturePairs":
        """Those of a mask [n]."""
        groups = tuple(group for group, kept in zip(self.groups, chosen.tolist(), strict=True) if kept)
        return SoundPicturePairs(self.heard[chosen], self.lufs[chosen], self.seen[chosen], groups)


def train(recipe: SoundImageTraining, models: Models, watch: Watch) -> float:
    """Fits and judges the map; its mean reciprocal rank on held-out sounds. It stands in `out/best.safetensors`.

    Raises MissingModelError without the picture encoder, InputError for too few stories with sound and pictures.
    """
    stories = read_stories(recipe.data)
    _check_groups(recipe, stories)
    watch.step("features")
    folder = chosen_folder(recipe.model, (kandinsky.NAME,), models.weights)[1]
    eyes = kandinsky.load_eyes(folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    pairs = pairs_of(stories, encoder, eyes, recipe.out / "features", watch)
    out = held_out(pairs.groups, recipe.held_out)
    known, unknown = pairs.at(~out), pairs.at(out)
    _check_pairs(recipe, len(known.groups), len(unknown.groups))
    fitted = fit(known.heard, known.lufs, known.seen, eyes.black(), known.groups)
    figures = judged(fitted.network, unknown)
    write_card(
        recipe.out,
        SoundImageCard(
            fitted.network.config, recipe.profile, encoder.revision(), eyes.revision, recipe.data.name,
            len(known.groups), fitted.r2,
        ),
    )  # fmt: skip
    with atomic(recipe.out / "best.safetensors") as partial:
        save_file(fitted.network.state_dict(), partial)
    watch.say(f"{len(known.groups)} pairs learned, penalty {fitted.penalty:g}, R² {fitted.r2:.3f} on groups left out")
    watch.say(f"{len(unknown.groups)} held out: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return figures["mrr"]


def _check_groups(recipe: SoundImageTraining, stories: Sequence[StoryMaterial]) -> None:
    """Before anything is encoded: pairs are sounds. Raises InputError where there are too few on either side."""
    out = held_out(tuple(one.group for one in stories), recipe.held_out).tolist()
    sounds = [len(one.sounds) for one in stories]
    unknown = sum(count for count, held in zip(sounds, out, strict=True) if held)
    known = sum(sounds) - unknown
    _check_pairs(recipe, known, unknown)


def _check_pairs(recipe: SoundImageTraining, known: int, unknown: int) -> None:
    if known < LEAST or unknown < 2:
        found = f"has {known} pairs to learn from and {unknown} to judge by"
        raise InputError(recipe.data, found, f"{LEAST} and 2 are needed, of different groups")


@torch.inference_mode()
def judged(network: SoundMap, pairs: SoundPicturePairs) -> dict[str, float]:
    """Which picture belongs to a sound, by the cosine of how both differ from the usual picture."""
    made = network(pairs.heard, pairs.lufs) - network.usual_picture
    seen = pairs.seen - network.usual_picture
    cosine = torch.nn.functional.normalize(made, dim=1) @ torch.nn.functional.normalize(seen, dim=1).T
    report = retrieval.evaluate(cosine)
    return {"cosine": float(cosine.diagonal().mean()), **report.figures()}


def pairs_of(
    stories: Sequence[StoryMaterial], encoder: StoryEncoder, eyes: kandinsky.Eyes, cache: Path, watch: Watch
) -> SoundPicturePairs:
    """A pair for each sound of each story with pictures, kept in `cache`; what can't be read is told and left out."""
    heard, lufs, seen, groups = [], [], [], []
    revision = [_VERSION, encoder.revision(), eyes.revision]
    for number, one in enumerate(stories, 1):
        watch.at(number - 1, len(stories), one.id)

        def encode(one: StoryMaterial = one, number: int = number) -> feature_cache.Tensors:
            watch.say(f"listening and looking: {number} of {len(stories)}")
            return _encoded(one, encoder, eyes)

        try:
            kept = feature_cache.kept(cache, [*revision, one.key, [sound.key for sound in one.sounds]], encode)
        except MediaError as error:
            watch.say(f"left out: {one.id}: {error}")
            continue
        for i in range(len(kept["lufs"]) if len(kept["seen"]) else 0):
            heard.append(kept["heard"][i])
            lufs.append(kept["lufs"][i])
            seen.append(kept["seen"].mean(dim=0))
            groups.append(one.group)
    if not heard:
        raise InputError(cache, "none of the stories has both pictures and a sound", "look at the lines above")
    return SoundPicturePairs(torch.stack(heard), torch.stack(lufs), torch.stack(seen), tuple(groups))


def _encoded(one: StoryMaterial, encoder: StoryEncoder, eyes: kandinsky.Eyes) -> feature_cache.Tensors:
    waves = [sound.read() for sound in one.sounds]
    pictures = one.pictures()
    return {
        "heard": torch.stack([heard_by(encoder, wave) for wave in waves]),
        "lufs": torch.tensor([loudness_of(wave) for wave in waves]),
        "seen": eyes.embed(pictures) if pictures else torch.zeros(0, 1),
    }
