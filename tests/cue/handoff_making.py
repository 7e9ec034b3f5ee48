"""A film with three kinds of cues, its sounds, and its picture, for tests of what editing programs get."""

import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from storysound.cue.levels import Levels
from storysound.cue.score import Cue, FileReference, Layer, Piece, Scene, Score
from storysound.story import Mood, Sound, Source, Span

RATE_HZ = 48_000
LENGTH_S = 40.0


def film(path: Path, fps: Fraction, start: str) -> Path:
    """Three pictures, and a track of time code where one is given."""
    with av.open(str(path), "w") as out:
        if start:
            out.metadata["timecode"] = start
        stream = out.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def noise(seconds: float, seed: int) -> NDArray[np.float32]:
    """Sound [2 n] that is like no other."""
    rng = np.random.default_rng(seed)
    return np.asarray(np.clip(0.05 * rng.standard_normal((2, round(seconds * RATE_HZ))), -1, 1), np.float32)


SOUNDS = {"theme one.wav": 30.0, "émigré.wav": 30.0, "wind.wav": 40.0, "knock.wav": 2.0}


@cache
def sounds() -> "tempfile.TemporaryDirectory[str]":
    """Files of `SOUNDS`, made once; a test that changes one has to take its link away before."""
    made = tempfile.TemporaryDirectory()
    for seed, (name, seconds) in enumerate(SOUNDS.items()):
        soundfile.write(Path(made.name) / name, noise(seconds, seed).T, RATE_HZ, subtype="FLOAT")
    return made


def score(folder: Path, fps: float = 25.0) -> Score:
    """Music with a loop, music over its end, ambience, and an effect that is muted; their files are in `folder`."""
    for name in SOUNDS:
        (folder / name).symlink_to(Path(sounds().name) / name)

    def cue(of: str, layer: Layer, name: str, pieces: tuple[Piece, ...], fades: tuple[float, float], db: float) -> Cue:
        source = Source("https://example.org/a", "ab" * 32, "CC BY 4.0", "Ada")
        sound = Sound(name, str(folder), SOUNDS[name], "music", title=name[:5], source=source)
        return Cue(of, layer, pieces[0].at_s, pieces[-1].end_s, sound, pieces, db, *fades, 0.7, ("calm",))

    cues = (
        cue("m1", "music", "theme one.wav", (Piece(1.0, 16.0, 0.51), Piece(4.0, 10.0, 15.31)), (1.0, 2.0), -3.0),
        cue("m2", "music", "émigré.wav", (Piece(2.0, 20.0, 20.02),), (1.5, 2.0), 1.5),
        cue("a1", "ambience", "wind.wav", (Piece(0.5, 30.5, 5.0),), (2.0, 2.0), -9.0),
        cue("s1", "spot", "knock.wav", (Piece(0.5, 1.5, 12.03),), (0.01, 0.05), 0.0),
    )
    scenes = (
        Scene(0.0, 20.0, Mood(0.3, 0.8), "dog, lawn", (Span(0, 20),), "He waits."),
        Scene(20.0, LENGTH_S, Mood(0.3, 0.8), "", (Span(20, LENGTH_S),)),
    )
    story = FileReference(str(folder / "film.mov"), "cd" * 32, 1, 1)
    levels = Levels(master_db=-2.0, dip_db=0.0, deepest_dip_db=0.0)  # a dip can't be keyed
    return Score("Ünder way", LENGTH_S, fps, scenes, cues, (Span(8, 11),), levels=levels, story=story, original=story)
