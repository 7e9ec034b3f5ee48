"""What SoSgen learns from: slices of the backgrounds of a data set's stories, with their frames and descriptions.

Sound of Story, section 4.2.2; `storysound ingest` cuts them (errata 4 and 5). Slices of one film are never split
between training and test, where the paper splits slices at random.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storysound.errors import InputError
from storysound.generate.variants import Variant
from storysound.library.dataset import Dataset
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform, resample
from storysound.media.image import from_jpeg
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.media.spectrograms.picture import picture_of
from storysound.story import Span

EDGE_S = 1e-6


@dataclass(frozen=True)
class StorySlice:
    """A stretch of a story's background: which frames, by number, are shown from which of its own seconds on."""

    story: str
    group: str  # its film
    text: str  # of the whole story
    span: Span
    frames: tuple[int, ...]
    times_s: tuple[float, ...]  # the first may lie before the slice


class StorySlices:
    """The slices of a data set, read one by one. Can be handed to workers."""

    def __init__(self, dataset: Dataset, slices: Sequence[StorySlice]) -> None:
        self.dataset, self.slices = dataset, tuple(slices)

    def __len__(self) -> int:
        """Number of slices."""
        return len(self.slices)

    @property
    def sha(self) -> str:
        """Changes with which slices there are."""
        told = [(one.story, one.span.start_s, one.span.end_s, one.text, one.frames) for one in self.slices]
        return hashlib.sha256(json.dumps(told).encode("utf-8", "replace")).hexdigest()[:16]

    def sound(self, number: int, rate_hz: int) -> Waveform:
        """The background of a slice, mono."""
        one = self.slices[number]
        wave = self.dataset.background(one.story, one.span.start_s, one.span.end_s)
        return resample(wave.mono(), rate_hz)

    def picture(self, number: int, form: SpectrogramForm) -> Pixels:
        """Its spectrogram uint8 [b t 3], of whole columns of the form."""
        return picture_of(self.sound(number, form.rate_hz), form).rgb

    def frames(self, number: int) -> list[Pixels]:
        """Its frames in the order of their times, each [h w 3]."""
        one = self.slices[number]
        stored = self.dataset.frames(one.story)
        return [from_jpeg(stored[i]) for i in one.frames]


def read_slices(data: Path, variant: Variant) -> StorySlices:
    """The slices of a data set that a variant can learn from: with a description, with frames, or both.

    Raises LibraryError for a folder that is no data set, InputError where no slice is left.
    """
    dataset = Dataset.open(data)
    found: list[StorySlice] = []
    for row in dataset.rows(("id", "text", "uri", "frame_times_s", "slices")):
        for part in row["slices"]:
            span = Span(part["start_s"], part["end_s"])
            shown = shown_in(row["frame_times_s"], span)
            times_s = tuple(row["frame_times_s"][i] - span.start_s for i in shown)
            found.append(StorySlice(row["id"], row["uri"] or row["id"], row["text"].strip(), span, shown, times_s))
    fit = [one for one in found if (one.text or variant == "image") and (one.frames or variant == "text")]
    if not fit:
        lacks = {"text": "a description", "image": "frames", "text+image": "a description and frames"}[variant]
        fault = f"none of its {len(found)} slices has {lacks}" if found else "its stories have no slices"
        raise InputError(data, fault, "ingest videos with sound, and captions= of them")
    return StorySlices(dataset, fit)


def shown_in(times_s: Sequence[float], span: Span) -> tuple[int, ...]:
    """Numbers of the frames that are shown within a span: the one its beginning shows, and those that begin in it.

    A frame is shown until the next one; before the first, that one is. Times are in order.

    >>> shown_in([1.0, 8.0, 14.0, 20.0], Span(9.0, 20.0)), shown_in([1.0, 8.0], Span(0.0, 5.0))
    ((1, 2), (0,))
    """
    if not times_s:
        return ()
    first = max(0, int(np.searchsorted(times_s, span.start_s + EDGE_S)) - 1)
    return (first, *(i for i in range(first + 1, len(times_s)) if times_s[i] < span.end_s - EDGE_S))
