"""What the small SoSgen learns from: log-mel slices and texts of their kinds, of a folder or of a data set."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.errors import InputError
from storysound.generate.sosgen import BANDS, FRAMES, RATE_HZ, frames
from storysound.library.dataset import Dataset
from storysound.media.arrays import Floats, Ints
from storysound.media.files import atomic
from storysound.progress import Watch
from storysound.research.sos.generator.slices import read_slices as read_story_slices
from storysound.research.stories.batches import held_out

HELD_OUT = 20  # one in so many sounds, or films, is not learned from
LEAST = FRAMES // 2  # of the frames of a slice: shorter pieces of a sound are left out


@dataclass(frozen=True)
class Slices:
    """What is learned from: log-mel slices [n t m] about of mean 0 and strength 1; the kind of each; texts of kinds."""

    mels: Floats
    kinds: Ints  # [n]
    texts: tuple[tuple[str, ...], ...]  # of each kind
    held_out: NDArray[np.bool_]  # whether each slice is kept for judging [n]


def read_slices(data: Path, out: Path, watch: Watch) -> Slices:
    """The slices of a folder of `prepare.py`, or those of a data set of stories, which are kept in the run `out`.

    Raises InputError for a folder that is neither; of a data set as `slices.read_slices`.
    """
    if Dataset.is_at(data):
        return _of_stories(data, out / "slices.npz", watch)
    try:
        mels = np.load(data / "mels.npy", mmap_mode="r")
        kinds = np.load(data / "kinds.npy")
        texts = json.loads((data / "texts.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        do = "make them by shipped_weights/sosgen/prepare.py, or give a data set of `storysound ingest`"
        raise InputError(data, f"holds no slices: {error}", do) from error
    if mels.shape[1:] != (FRAMES, BANDS.n_mels) or len(mels) != len(kinds):
        raise InputError(data, f"slices of shape {mels.shape} and {len(kinds)} kinds don't fit", "make them anew")
    chosen = np.asarray(np.arange(len(mels)) % HELD_OUT == 0)
    return Slices(mels, kinds, tuple(tuple(texts[name]) for name in texts), chosen)


def _of_stories(data: Path, kept: Path, watch: Watch) -> Slices:
    """Pieces of 5 s of the paper's slices, a story being a kind, told by its description; films are held out."""
    slices = read_story_slices(data, "text")
    stories = list(dict.fromkeys(one.story for one in slices.slices))
    texts = {one.story: one.text for one in slices.slices}
    groups = {one.story: one.group for one in slices.slices}
    found = _known(kept, slices.sha)
    if found is None:
        mels, kinds = [], []
        for number, one in enumerate(slices.slices):
            watch.at(number, len(slices), one.story)
            samples = slices.sound(number, RATE_HZ).samples[0]
            hop = BANDS.stft.hop_length
            starts = range(0, max(1, len(samples) // hop - LEAST + 1), FRAMES)
            mels += [frames(samples[start * hop :]).astype(np.float16) for start in starts]
            kinds += [stories.index(one.story)] * len(starts)
        found = np.stack(mels), np.array(kinds, np.int64)
        with atomic(kept) as partial, partial.open("wb") as file:
            np.savez(file, mels=found[0], kinds=found[1], sha=slices.sha)
    share = 1 / HELD_OUT
    out = held_out(tuple(groups[stories[kind]] for kind in found[1]), share).numpy()
    if out.all():
        raise InputError(data, f"its {len(slices)} slices are of one film, which is held out", "add stories")
    return Slices(found[0], found[1], tuple((texts[story],) for story in stories), out)


def _known(kept: Path, sha: str) -> tuple[Floats, Ints] | None:
    """Mels [n t m] and kinds [n] that were made before of the same slices."""
    try:
        with np.load(kept) as stored:
            return (stored["mels"], stored["kinds"]) if str(stored["sha"]) == sha else None
    except (OSError, ValueError, KeyError):
        return None
