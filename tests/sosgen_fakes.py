"""A data set of stories in miniature, whose sounds are what their texts and pictures say: high or low, red or blue."""

from pathlib import Path

import numpy as np

from storysound.library.dataset import SCHEMA, Dataset, row_of
from storysound.media.audio import Waveform, write_flac
from storysound.media.image import to_jpeg
from storysound.story import Frame, Source, Span, Story

RATE_HZ = 4000
SLICE_S = 0.5


def stories_at(folder: Path, films: int = 4, slices: int = 2, *, text: bool = True, frames: bool = True) -> Path:
    """A story a film; a slice is half a second with two frames, the first of them that of the slice's beginning."""
    rows = []
    for number in range(films):
        high = number % 2 == 0
        rng = np.random.default_rng(number)
        time_s = np.arange(round(slices * SLICE_S * RATE_HZ)) / RATE_HZ
        tone = 0.3 * np.sin(2 * np.pi * (1500 if high else 300) * time_s) + 0.01 * rng.standard_normal(len(time_s))
        sound = folder.parent / "sound.flac"
        write_flac(sound, Waveform(tone[None].astype(np.float32), RATE_HZ))
        times_s = [0.25 * i for i in range(2 * slices)] if frames else []
        name = f"story-{number}"
        story = Story(
            id=name, text="a high whistle" if high and text else "a low hum" if text else "",
            frames=tuple(Frame(f"{name}#frames/{i}", at_s) for i, at_s in enumerate(times_s)),
            shots=(Span(0.0, slices * SLICE_S),),
            source=Source(f"film-{number}", "0" * 64, "CC0-1.0", "me"), duration_s=slices * SLICE_S,
        )  # fmt: skip
        colour = np.array([220, 30, 30] if high else [30, 30, 220])
        shown = [np.clip(rng.normal(colour, 20, (24 + i, 32, 3)), 0, 255).astype(np.uint8) for i in range(len(times_s))]
        spans = [Span(SLICE_S * i, SLICE_S * (i + 1)) for i in range(slices)]
        known = row_of(story) | {
            "slices": [{"start_s": span.start_s, "end_s": span.end_s, "mean_hz": 500.0} for span in spans],
            "rate_hz": RATE_HZ, "channels": 1, "plan_sha256": name, "frames": [to_jpeg(picture) for picture in shown],
            "audio": sound.read_bytes(), "background": sound.read_bytes(),
        }  # fmt: skip
        rows.append(dict.fromkeys(SCHEMA.names) | {"parts": [], "faults": []} | known)
    with Dataset.open_or_create(folder, {}).writer() as writer:
        writer.commit(rows, [row["id"] for row in rows])
    return folder
