"""Real data as stories that StorySound of Story can be trained on; see benchmarks/papers/sos_learning.py."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.quality.quality import labelled, read_rows
from storysound.errors import MediaError
from storysound.library.stories import SIDE_PX, StoryMaterial, StorySound
from storysound.media.arrays import Pixels
from storysound.media.audio import read_audio
from storysound.media.image import read_image
from storysound.media.video import iter_frames

SILENT_DBFS = -70.0


def esc50(shared: Path) -> Iterator[StoryMaterial]:
    """Clips with the word of their class; clips of one recording are one group."""
    for row in labelled(shared):
        word = row["category"].replace("_", " ")
        sound = _sound(shared / "esc50" / row["file"])
        yield StoryMaterial(row["id"], f"esc50/{row['src_file']}", row["id"], (word,), list, (sound,))


def triples(shared: Path) -> Iterator[StoryMaterial]:
    """A picture, a sound and a word."""
    for row in read_rows(shared / "triples" / "triples.jsonl"):
        folder = shared / "triples"
        pictures = partial(_pictures, [folder / row["image"]])
        yield StoryMaterial(row["id"], row["id"], row["id"], (row["text"],), pictures, (_sound(folder / row["audio"]),))


def videos(shared: Path) -> Iterator[StoryMaterial]:
    """Clips with their own sound, but for those that are silent."""
    for row in read_rows(shared / "videos" / "captions.jsonl"):
        file = shared / "videos" / row["path"]
        try:
            if 20 * np.log10(np.abs(read_audio(file, channels=1).samples).max() + 1e-9) > SILENT_DBFS:
                yield StoryMaterial(
                    row["id"], row["id"], row["id"], (row["caption"],), partial(_shown, file), (_sound(file),)
                )
        except MediaError:
            continue


def _shown(file: Path) -> list[Pixels]:
    frames = [frame.rgb for frame in iter_frames(file, every_s=0.5, max_side=SIDE_PX)]
    return [frames[i] for i in np.linspace(0, len(frames) - 1, min(len(frames), 12)).round().astype(int)]


def _sound(file: Path) -> StorySound:
    return StorySound(str(file), partial(read_audio, file, channels=1))


def _pictures(files: list[Path]) -> list[Pixels]:
    return [read_image(file, max_side=SIDE_PX) for file in files]
