"""The sound of a composition: its parts played with a SoundFont in a room, together and each by itself.

One gain for all music, whatever is in it: a loudness measured over the whole would change every scene with any of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from storysound.compose.notes import Composition, Part
from storysound.media.arrays import Samples
from storysound.media.files import writing
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import write_sound
from storysound.media.layouts import STEREO
from storysound.media.recording import Recording, recorded
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.room import Room, in_room
from storysound.media.soundfont.synthesis import Sampler
from storysound.progress import Watch

FONT = "musescore_general_lite.sf3"  # of the catalogue
RATE_HZ = 48_000
CEILING_DBTP = -1.0
EARLY_S = 0.1  # notes of a scene may begin so much before its first bar line, as people play
GAIN_DB = -6.0  # so that the loudest ensembles stay below the ceiling, which would reach beyond a scene
_ODD = re.compile(r"[^\w ]+")


class Players:
    """Plays compositions with a font."""

    def __init__(self, font: Path) -> None:
        """Raises MediaError for a file that is no font."""
        self._sampler = Sampler(SoundFont(font), RATE_HZ)

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be played as asked."""
        return self._sampler.notices

    def played(self, music: Composition, parts: tuple[Part, ...], watch: Watch) -> Recording:
        """These parts, exactly as long as the music. Raises MediaError for a font whose samples can't be read."""
        starts: dict[int, float] = {}
        for bar in music.bars:
            starts.setdefault(bar.scene, bar.start_s - EARLY_S)
        blocks = self._sampler.mix(parts, music.length_s)
        return recorded(_seen(in_room(blocks, Room(), RATE_HZ, tuple(starts.values())), music, watch), RATE_HZ, STEREO)


def _seen(blocks: Iterator[Samples], music: Composition, watch: Watch) -> Iterator[Samples]:
    """The same blocks [2 n], counted and brought to their level."""
    done = 0
    for block in blocks:
        done += block.shape[1]
        watch.at(done / RATE_HZ, music.length_s, "seconds")
        yield block * 10 ** (GAIN_DB / 20)


def write_music(players: Players, music: Composition, out: Path, tags: dict[str, str], watch: Watch) -> None:
    """Writes all parts together. Raises OutputError, MediaError."""
    write_sound(players.played(music, music.parts, watch), out, Enclosed(tags), ceiling_dbtp=CEILING_DBTP)


def write_stems(players: Players, music: Composition, folder: Path, watch: Watch) -> list[Path]:
    """Writes each part by itself into a folder; together they are what `write_music` writes, before its ceiling."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, part in enumerate(music.parts, 1):
        files.append(folder / f"{number:02d} {_ODD.sub('', part.name)}.wav")
        write_sound(players.played(music, (part,), watch), files[-1])
    return files
