"""What stands beside the sound of a file: tags, chapters, covers."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_making import Plan, make
from media_making import tone
from PIL import Image

from storysound.media.film.enclosed import Cover, Enclosed, enclosed_in, unheld
from storysound.media.film.sound_files import SOUNDS, write_sound
from storysound.media.recording import of_wave

MARKS_S = (0.0, 0.5, 0.75, 1.4)
NAMES = ("Erster Teil", "2", "Ende, oder nicht", "=4")


def picture(form: str, grey: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((16, 24, 3), grey, np.uint8)).save(data, form)
    return data.getvalue()


COVERS = (
    Cover("mjpeg", picture("JPEG", 90), 24, 16, {"title": "Umschlag", "comment": "Cover (front)"}),
    Cover("png", picture("PNG", 30), 24, 16, {"comment": "Cover (back)"}),
)
BOOK = Enclosed(
    {"title": "Das Schloß", "artist": "Franz", "album": "Bücher", "narrator": "Ada", "lyrics": "la", "date": "1926"},
    tuple(
        {"id": n, "start": round(a * 1000), "end": round(b * 1000), "time_base": Fraction(1, 1000),
         "metadata": {"title": name}}
        for n, (a, b, name) in enumerate(zip(MARKS_S, (*MARKS_S[1:], 2.0), NAMES, strict=True))
    ),
    COVERS,
)  # fmt: skip
ABLE = [suffix for suffix in SOUNDS if suffix != ".wav"]


def starts(enclosed: Enclosed) -> list[tuple[float, str]]:
    return [(float(c["start"] * c["time_base"]), c["metadata"].get("title", "")) for c in enclosed.chapters]


@pytest.mark.parametrize("suffix", ABLE)
def test_chapters_covers_and_tags_go_from_one_file_to_the_next(tmp_path: Path, suffix: str) -> None:
    path, wanted = tmp_path / f"book{suffix}", BOOK
    for _ in range(2):
        write_sound(of_wave(tone(440, 2.0, channels=2)), path, wanted)
        found = enclosed_in(path, 2.0)
        assert starts(found) == [(pytest.approx(a, abs=2e-3), name) for a, name in zip(MARKS_S, NAMES, strict=True)]
        held = COVERS[:1] if suffix in (".ogg", ".opus") else COVERS
        assert [(cover.codec, cover.data) for cover in found.covers] == [(c.codec, c.data) for c in held]
        lost = {"narrator"} if suffix in (".m4a", ".m4b") else set()
        assert {name: found.tags.get(name) for name in BOOK.tags if name not in lost} == {
            name: text for name, text in BOOK.tags.items() if name not in lost
        }
        assert not any(name.upper().startswith(("CHAPTER", "METADATA_")) for name in found.tags)
        wanted = found
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1


def test_what_a_kind_of_file_cannot_hold_is_known_before() -> None:
    assert unheld(BOOK, ".wav", SOUNDS) == [
        "4 chapters: .wav can't hold them (.flac does)",
        "cover art: .wav can't hold it (.flac does)",
        "what it says as lyrics, narrator: .wav can't hold it (.flac does)",
    ]
    assert unheld(BOOK, ".m4b", SOUNDS) == ["what it says as narrator: .m4b can't hold it (.flac does)"]
    bare = replace(BOOK, tags={"title": "Sea"})
    assert [unheld(bare, suffix, SOUNDS) for suffix in ABLE] == [[]] * len(ABLE)
    odd = Enclosed(covers=(Cover("webp", b"..", 1, 1),))
    assert unheld(odd, ".mp3", SOUNDS) == ["cover art: .mp3 can't hold it"]


def test_the_kind_of_an_mp4_stands_in_its_head(tmp_path: Path) -> None:
    for suffix, brand in ((".m4a", b"M4A "), (".m4b", b"M4B ")):
        write_sound(of_wave(tone(440, 0.2)), tmp_path / f"a{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes()[4:12] == b"ftyp" + brand


def test_chapters_and_cover_of_a_film_go_with_its_sound(tmp_path: Path) -> None:
    film = make(tmp_path, Plan("in.mp4", cover=True))
    found = enclosed_in(film, 2.0)
    assert starts(found) == [(0.0, "One")]
    assert [cover.codec for cover in found.covers] == ["mjpeg"]
    assert found.tags["title"] == "Sea"
    assert not starts(enclosed_in(make(tmp_path, Plan("plain.mp4", chapters=False)), 2.0))
