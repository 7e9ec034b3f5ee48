"""What kind of story a path is; texts by paragraph, sounds at pauses."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from media.media_making import tone, write_sound, write_video
from storysound.errors import InputError, MediaError
from storysound.ingest.footage import read_footage
from storysound.ingest.kinds import LONGEST_S, between_pauses, kind_of, text_story
from storysound.media.audio import Waveform
from storysound.media.recording import of_wave
from storysound.story import Span


def test_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("A story.", "utf-8")
    write_sound(tmp_path / "a.mp3", tone(440, 1), "libmp3lame")
    write_video(tmp_path / "a.mp4")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    kinds = [kind_of(path) for path in (tmp_path, tmp_path / "a.md", tmp_path / "a.mp3", tmp_path / "a.mp4")]
    assert kinds == ["pictures", "text", "sound", "film"]
    with pytest.raises(MediaError, match="put it into a folder"):
        kind_of(tmp_path / "a.png")
    with pytest.raises(MediaError, match="does not exist"):
        kind_of(tmp_path / "b.txt")


def test_a_text_lasts_as_long_as_it_takes_to_read(tmp_path: Path) -> None:
    (tmp_path / "tale.md").write_bytes("\ufeff## Dawn\r\n\r\n> ".encode() + b"word " * 25 + b"\r\n\r\n***\r\n")
    story = text_story(tmp_path / "tale.md")
    assert story.texts == ("Dawn", ("word " * 25).strip())
    assert story.units == (Span(0.0, 4.0), Span(4.0, 14.0))
    footage = read_footage(tmp_path / "tale.md")
    assert (footage.pictures, footage.original, footage.story.duration_s) == (((), ()), None, 14.0)
    (tmp_path / "tale.md").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="UTF-8"):
        text_story(tmp_path / "tale.md")


def test_parts_of_a_sound_end_at_pauses() -> None:
    rate = 8000
    samples = tone(200, 50, rate).samples
    for pause_s in (12.0, 17.5, 33.0):  # of these the second is 15 s from the start within 5 s, and the quietest
        samples[:, round(pause_s * rate) : round((pause_s + 0.5) * rate)] *= 0.1 if pause_s != 17.5 else 0.0
    parts = between_pauses(of_wave(Waveform(samples, rate)))
    assert [part.end_s for part in parts] == pytest.approx([17.75, 33.25, 50.0], abs=0.15)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 200.0), st.integers(0, 9))
def test_parts_tile_a_sound(duration_s: float, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.1, (1, max(1, round(duration_s * 1000)))).astype(np.float32)
    sound = of_wave(Waveform(samples, 1000))
    parts = between_pauses(sound)
    assert parts[0].start_s == 0.0
    assert parts[-1].end_s == sound.duration_s
    assert all(a.end_s == b.start_s for a, b in pairwise(parts))
    assert all(part.duration_s <= LONGEST_S for part in parts)
    assert len(parts) == 1 or min(part.duration_s for part in parts) > 2.0
