"""What tests of all rankers rank: sounds of four kinds, in the order of a first stage."""

from pathlib import Path

import pytest

from research.story_fakes import tone
from storysound.match.query import Hit
from storysound.media.audio import write_wav
from storysound.story import Sound


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    for kind in range(4):
        write_wav(tmp_path / f"{kind}.wav", tone(kind, kind))
    sounds = [Sound(f"{kind}.wav", str(tmp_path), 2.0, "sfx") for kind in range(4)]
    return [Hit(sound, 0.0, 2.0, 0.9 - i / 10, ("first",)) for i, sound in enumerate(sounds)]


def order(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.sound.path for hit in hits]
