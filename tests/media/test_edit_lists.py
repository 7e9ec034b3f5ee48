"""Films with edit lists: sound and pictures are where players show them, and stay there in what is made of them."""

import logging
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_making import box

from storysound.errors import MediaError
from storysound.media.arrays import Samples
from storysound.media.film.boxes import Edit, boxes, edit_lists, first
from storysound.media.film.mux import ScoredTrack, mux_film, picture_end_s
from storysound.media.probe import probe
from storysound.media.recording import record_audio
from storysound.media.video import iter_frames

RATE_HZ, FPS, FLASH = 48_000, 25, 30
FLASH_S = FLASH / FPS
FILM_TICKS = 1000  # of a film, as FFmpeg writes it
BURST = np.random.default_rng(3).uniform(-0.8, 0.8, 480).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with B-frames, a white picture and a burst in two sounds at FLASH_S."""
    path = tmp_path_factory.mktemp("edits") / "source.mp4"
    with av.open(str(path), "w") as out:
        options = {"bf": "2", "g": "12", "keyint_min": "12", "sc_threshold": "0"}
        video = out.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [out.add_stream("aac", rate=RATE_HZ, layout="mono") for _ in range(2)]
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 if number == FLASH else 2 * number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        samples = np.zeros((1, 2 * RATE_HZ), np.float32)
        samples[0, round(FLASH_S * RATE_HZ) :][: len(BURST)] = BURST
        for sound in sounds:
            for start in range(0, samples.shape[1], 1024):
                piece = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
                out.mux(sound.encode(piece))
            out.mux(sound.encode(None))
    return path


Entry = tuple[float, float | None] | tuple[float, float | None, float]  # seconds, from where (None: nothing), how fast


def edited(source: Path, path: Path, pictures: list[Entry], sound: list[Entry]) -> Path:
    """The film with other edit lists; places count from where FFmpeg's own list begins."""
    data = source.read_bytes()
    with source.open("rb") as file:
        own = [edits[0].start for edits in edit_lists(file)]
        index = first(file, "moov")
        assert index is not None
        inside, number = b"", 0
        for part in boxes(file, index.content, index.end):
            if part.kind == "trak":
                ticks = (FPS * 512, RATE_HZ, RATE_HZ)[number]
                wanted = [_edit(entry, own[number], ticks) for entry in (sound if number else pictures)]
                kept = [data[b.at : b.end] for b in boxes(file, part.content, part.end) if b.kind != "edts"]
                packed = b"".join(struct.pack(">IiI", *edit[:2], round(edit.pace * 65536)) for edit in wanted)
                lists = box(b"edts", box(b"elst", struct.pack(">II", 0, len(wanted)) + packed))
                inside += box(b"trak", b"".join([kept[0], lists, *kept[1:]]))
                number += 1
            else:
                inside += data[part.at : part.end]
    path.write_bytes(data[: index.at] + box(b"moov", inside))
    with path.open("rb") as file:
        assert edit_lists(file)[0] == tuple(_edit(entry, own[0], FPS * 512) for entry in pictures)
    return path


def _edit(entry: Entry, start: int, ticks: int) -> Edit:
    lasts_s, from_s, *pace = entry
    return Edit(round(lasts_s * FILM_TICKS), -1 if from_s is None else start + round(from_s * ticks), *pace or (1.0,))


def flashes_s(path: Path) -> list[float]:
    """When the white picture is shown."""
    with av.open(str(path)) as container:
        frames = [(float((f.pts or 0) * f.time_base), f.to_ndarray(format="gray")) for f in container.decode(video=0)]
    return [time_s for time_s, picture in frames if picture.mean() > 200]


def bursts_s(path: Path, track: int = 0) -> list[float]:
    """When the burst begins in a sound track, by the stamps of its frames."""
    line, end = np.zeros(6 * RATE_HZ, np.float32), 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            samples: Samples = frame.to_ndarray().reshape(-1)
            start = round((frame.pts or 0) * frame.time_base * RATE_HZ)
            start = end if 0 < abs(start - end) < RATE_HZ // 1000 else start  # stamps in milliseconds
            end = start + len(samples)
            line[max(0, start) : start + len(samples)] = samples[max(0, -start) :]
    alike = np.correlate(line, BURST) / float(BURST @ BURST)
    found: list[float] = []
    while alike.max() > 0.5:
        place = int(alike.argmax())
        found.append(place / RATE_HZ)
        alike[max(0, place - 9600) : place + 9600] = 0
    return sorted(found)


WHOLE: list[Entry] = [(2.0, 0.0)]
CASES = {
    "as it is": (WHOLE, WHOLE, [FLASH_S], [FLASH_S], 2.0),
    "late pictures": ([(1.0, None), *WHOLE], WHOLE, [FLASH_S + 1], [FLASH_S], 3.0),
    "late sound": (WHOLE, [(0.5, None), *WHOLE], [FLASH_S], [FLASH_S + 0.5], 2.0),
    "later start": ([(1.56, 0.44)], [(1.56, 0.44)], [FLASH_S - 0.44], [FLASH_S - 0.44], 1.56),
    "later pictures": ([(1.56, 0.44)], WHOLE, [FLASH_S - 0.44], [FLASH_S], 1.56),
    "later sound": (WHOLE, [(1.56, 0.44)], [FLASH_S], [FLASH_S - 0.44], 2.0),
    "late and later": ([(0.4, None), (1.6, 0.4)], [(0.4, None), (1.6, 0.4)], [FLASH_S - 0.4], [FLASH_S - 0.4], 1.6),
    "earlier end": ([(1.6, 0.0)], [(1.6, 0.0)], [FLASH_S], [FLASH_S], 1.6),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("case", CASES)
def test_sound_and_pictures_stay_where_they_are_shown(source: Path, tmp_path: Path, case: str, suffix: str) -> None:
    pictures, sound, flash_s, burst_s, end_s = CASES[case]
    path = edited(source, tmp_path / "in.mp4", pictures, sound)
    assert picture_end_s(path) == pytest.approx(end_s, abs=1e-3)
    assert [f.time_s for f in iter_frames(path) if f.rgb.mean() > 200] == pytest.approx(flash_s, abs=1e-3)
    out = tmp_path / f"out{suffix}"
    mux_film(path, [ScoredTrack(record_audio(path), 0)], out)  # the second sound is copied
    near = 1e-3 if suffix == ".mkv" else 1 / RATE_HZ  # Matroska counts milliseconds
    assert flashes_s(out) == pytest.approx(flash_s, abs=max(near, 1e-4))
    for track in (0, 1):
        assert bursts_s(out, track) == pytest.approx(burst_s, abs=near), track
    assert picture_end_s(out) == pytest.approx(end_s, abs=1 / FPS + 1e-3)
    if suffix != ".mkv":
        with out.open("rb") as file:
            lasts = sum(edit.lasts for edit in edit_lists(file)[0])
        assert lasts / RATE_HZ == pytest.approx(end_s, abs=1e-3)  # what players go by


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("edits", [[(1.6, 0.0), (1.6, 0.0)], [(0.6, 0.0), (1.08, 0.92)]])  # twice; without its middle
def test_films_put_together_of_their_own_parts_are_delivered(
    source: Path, tmp_path: Path, edits: list[Entry], suffix: str
) -> None:
    """As FFmpeg reads them, which is some pictures off where parts meet. Pictures that others need are copied too."""
    path, out = edited(source, tmp_path / "in.mp4", edits, edits), tmp_path / f"out{suffix}"
    assert probe(path).duration_s == pytest.approx(sum(edit[0] for edit in edits), abs=0.1)
    delivered = mux_film(path, [ScoredTrack(record_audio(path), 0)], out)
    assert delivered.left_out == ()
    assert flashes_s(out) == pytest.approx(flashes_s(path), abs=2e-3)
    assert bursts_s(out, 1) == pytest.approx(bursts_s(path, 1), abs=1e-3)  # copied
    assert bursts_s(out, 0) == pytest.approx(bursts_s(path, 0), abs=0.03)
    assert picture_end_s(out) == pytest.approx(picture_end_s(path), abs=1 / FPS + 1e-3)
    before, after = (len(list(iter_frames(each, every_s=1 / FPS))) for each in (path, out))
    assert after == pytest.approx(before, abs=1)  # what is needed alone is shown for no time


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([(1.0, 0.0, 2.0)], "its edit list plays parts faster or slower: that isn't done here"),
        ([(0.6, 0.0), (0.4, None), (1.0, 0.6)], "its edit list leaves gaps: that isn't done here"),
        ([(0.6, 0.0), (1.08, 0.92)], "its edit list puts parts of it together: sound and pictures may be"),
        ([(0.5, 0.4)], "its edit list shows 0.50 s of 2."),
        ([(0.5, None), (2.0, 0.0)], ""),
    ],
)
def test_what_is_not_done_of_an_edit_list_is_told(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, edits: list[Entry], told: str
) -> None:
    path = edited(source, tmp_path / "in.mp4", edits, edits)
    with caplog.at_level(logging.WARNING):
        probe(path)
    assert (told in caplog.text) if told else not caplog.records
    mux_film(path, [ScoredTrack(record_audio(path), 0)], tmp_path / "out.mp4")


def test_a_film_of_which_nothing_is_shown_says_so(source: Path, tmp_path: Path) -> None:
    path = edited(source, tmp_path / "in.mp4", [(0.0, 0.0)], WHOLE)
    with pytest.raises(MediaError, match="none of its pictures"):
        mux_film(path, [], tmp_path / "out.mp4")
