"""The paper's slices of a data set in pieces as long as the small SoSgen's, as log-mel frames: made once, and kept."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storysound.generate.sosgen import BANDS, FORM, FRAMES, RATE_HZ
from storysound.media.arrays import Floats, Ints
from storysound.media.files import atomic
from storysound.progress import Watch
from storysound.research.sos.generator.slices import StorySlices, read_slices

LEAST = FRAMES // 2  # of the frames of a piece: what is left of a slice and shorter is left out


@dataclass(frozen=True)
class StoryPieces:
    """Log-mel pieces [n t m] as `LogMelForm.frames` gives them; the story of each [n], by number, and its film.

    `texts`: what tells each story.
    """

    mels: Floats
    stories: Ints
    films: tuple[str, ...]  # [n]
    texts: tuple[str, ...]


def story_pieces(data: Path, kept: Path, watch: Watch) -> StoryPieces:
    """Of all slices that have a description, from the file `kept` where it is of the same. Raises as `read_slices`."""
    slices = read_slices(data, "text")
    told = {one.story: one for one in slices.slices}
    mels, stories = _known(kept, slices.sha) or _made(slices, list(told), kept, watch)
    each = list(told.values())
    films = tuple(each[number].group for number in stories)
    return StoryPieces(mels, stories, films, tuple(one.text for one in each))


def _made(slices: StorySlices, names: list[str], kept: Path, watch: Watch) -> tuple[Floats, Ints]:
    """Pieces [n t m] and the number of the story of each [n]."""
    mels: list[Floats] = []
    stories: list[int] = []
    hop = BANDS.stft.hop_length
    for number, one in enumerate(slices.slices):
        watch.at(number, len(slices), one.story)
        samples = slices.sound(number, RATE_HZ).samples[0]
        starts = range(0, max(1, len(samples) // hop - LEAST + 1), FRAMES)
        mels += [FORM.frames(samples[start * hop :], FRAMES).astype(np.float16) for start in starts]
        stories += [names.index(one.story)] * len(starts)
    found = np.stack(mels), np.array(stories, np.int64)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with atomic(kept) as partial, partial.open("wb") as file:
        np.savez(file, mels=found[0], stories=found[1], sha=slices.sha)
    return found


def _known(kept: Path, sha: str) -> tuple[Floats, Ints] | None:
    """Pieces [n t m] and stories [n] that were made before of the same slices."""
    try:
        with np.load(kept) as stored:
            return (stored["mels"], stored["stories"]) if str(stored["sha"]) == sha else None
    except (OSError, ValueError, KeyError):
        return None
