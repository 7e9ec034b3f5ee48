"""What editing programs get of a score: in place at every rate, with its levels, and the film when put together."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from numpy.typing import NDArray

from cue.handoff_making import LENGTH_S, RATE_HZ, film, noise, score
from cue.mix_making import mixed
from storysound.cue.handoff import timeline as timeline_module
from storysound.cue.handoff.tables import RIGHTS_COLUMNS, write_csv, write_rights
from storysound.cue.handoff.timecode import frame_of, start_frame, timecode
from storysound.cue.handoff.timeline import Handoff
from storysound.cue.score import FileReference, Score, Slideshow
from storysound.media.audio import Waveform
from storysound.media.probe import probe
from storysound.media.recording import Recording, of_wave

NTSC_24, NTSC_30, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [
    (NTSC_24, "01:00:00:00"),
    (Fraction(24), "10:11:12:13"),
    (Fraction(25), "01:00:00:00"),
    (NTSC_30, "01:00:00:00"),
    (NTSC_30, "01:00:00;00"),
    (Fraction(50), "00:59:50:00"),
    (NTSC_60, "01:00:00:00"),
    (NTSC_60, "01:09:59;58"),
]


def handed(folder: Path, made: Score) -> Handoff:
    return Handoff(made, picture=folder / "film.mov", scored=folder / "out.mov")


def written(folder: Path, made: Score, name: str = "t.otio", **more: Any) -> otio.schema.Timeline:
    handoff = handed(folder, made)
    writers = {".otio": handoff.write_otio, ".xml": handoff.write_fcpxml, ".edl": handoff.write_edl}
    writers[Path(name).suffix](folder / name, **more)
    if name.endswith(".edl"):
        return None
    return otio.adapters.read_from_file(str(folder / name))


def cue_clips(timeline: otio.schema.Timeline) -> Iterator[otio.schema.Clip]:
    return (clip for clip in timeline.find_clips() if "cue" in clip.metadata["storysound"])


def clip_of(timeline: otio.schema.Timeline, cue: str, piece: int = 0) -> otio.schema.Clip:
    of = [clip for clip in cue_clips(timeline) if clip.metadata["storysound"]["cue"] == cue]
    return of[piece]


def test_each_file_is_looked_at_once_for_all_forms(tmp_path: Path) -> None:
    made = score(tmp_path)
    film(tmp_path / "film.mov", Fraction(25), "01:00:00:00")
    with patch.object(timeline_module, "probe", wraps=probe) as looked:
        handoff = handed(tmp_path, made)
        handoff.write_otio(tmp_path / "t.otio")
        handoff.write_fcpxml(tmp_path / "t.xml")
        handoff.write_edl(tmp_path / "t.edl")
        (tmp_path / "deep").mkdir()
        handoff.write_otio(tmp_path / "deep" / "t.otio")
    assert handoff.start_timecode == "01:00:00:00"
    files = [Path(call.args[0]).name for call in looked.call_args_list]
    assert sorted(files) == ["film.mov", "knock.wav", "theme one.wav", "wind.wav", "émigré.wav"]
    one, deep = (otio.adapters.read_from_file(str(tmp_path / name)) for name in ("t.otio", "deep/t.otio"))
    urls = [{clip.name: clip.media_reference.target_url for clip in each.find_clips()} for each in (one, deep)]
    assert urls[0]["wind.wav"] == "wind.wav"
    assert urls[1]["wind.wav"] == f"file://{tmp_path}/wind.wav"  # forms don't change what the next one begins with


# --- time codes


@pytest.mark.parametrize(("fps", "start"), RATES)
def test_every_form_counts_alike_from_the_time_code_of_the_picture(fps: Fraction, start: str, tmp_path: Path) -> None:
    made = score(tmp_path, float(fps))
    assert probe(film(tmp_path / "film.mov", fps, start)).start_timecode == start
    drop = ";" in start
    first = round(otio.opentime.from_timecode(start, float(fps)).value)
    cue = made.cues[3]  # starts between frames at every rate
    frame = first + int(cue.start_s * fps + Fraction(1, 1000))

    timeline = written(tmp_path, made)
    assert (timeline.global_start_time.value, timeline.global_start_time.rate) == (first, float(fps))
    picture = timeline.tracks[0][0]
    assert picture.media_reference.available_range.start_time.value == first
    assert picture.source_range.start_time.value == first
    clip = clip_of(timeline, cue.id)
    assert clip.source_range.start_time.rate == float(fps)
    assert first + clip.range_in_parent().start_time.value == frame

    write_csv(made, tmp_path / "c.csv", start_timecode=start)
    with (tmp_path / "c.csv").open(encoding="utf-8-sig", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["id"] == cue.id)
    time = otio.opentime.RationalTime(frame, float(fps))
    assert row["start_tc"] == otio.opentime.to_timecode(time, float(fps), drop_frame=drop)

    xml = written(tmp_path, made, "t.xml")
    assert xml.global_start_time.value == first
    placed = [item for item in xml.find_clips() if item.name == "knock.wav"]
    assert [first + item.range_in_parent().start_time.value for item in placed] == [frame]

    written(tmp_path, made, "t.edl")
    text = (tmp_path / "t.edl").read_text("utf-8")
    assert f"FCM: {'DROP' if drop else 'NON-DROP'} FRAME" in text
    event = text[: text.index("* FROM CLIP NAME:  knock.wav")].splitlines()[-1]
    assert event.split()[-2] == row["start_tc"]


def test_an_edit_list_of_a_rate_without_time_code_counts_at_a_usual_one(tmp_path: Path) -> None:
    made = score(tmp_path, 4.0)
    film(tmp_path / "film.mov", Fraction(4), "")
    handed(tmp_path, replace(made, original=None)).write_edl(tmp_path / "t.edl")
    text = (tmp_path / "t.edl").read_text("utf-8")
    first = min(cue.start_s for cue in made.cues if not cue.muted and cue.layer == "music")
    frames = int(first * 4 + 0.002) * 25 / 4
    assert timecode(frames / 25 + 0.001, 25) in text


@pytest.mark.parametrize("fps", [NTSC_30, NTSC_60])
def test_drop_frame_agrees_with_the_standard_at_every_minute(fps: Fraction) -> None:
    for frame in [0, 1, *(round(60 * minute * fps) + off for minute in range(1, 25) for off in range(-5, 6))]:
        time = otio.opentime.RationalTime(frame, float(fps))
        text = timecode(float(frame / fps), float(fps), "00:00:00;00")
        assert text == otio.opentime.to_timecode(time, float(fps), drop_frame=True)
        assert start_frame(text, float(fps)) == frame


@pytest.mark.parametrize("text", ["", "1:2:3:4", "01:00:00", "aa:bb:cc:dd", "01:60:00:00"])
def test_what_is_no_time_code_counts_from_nothing(text: str) -> None:
    assert start_frame(text, 25.0) == 0
    assert timecode(1.0, 25.0, text) == "00:00:01:00"


def test_a_broadcast_wave_begins_at_its_time_reference(tmp_path: Path) -> None:
    made = score(tmp_path)
    wave = (tmp_path / "knock.wav").read_bytes()
    samples = 3 * RATE_HZ
    chunk = b"".join(
        (bytes(256), bytes(32), bytes(32), b"2026-01-0112:00:00", samples.to_bytes(8, "little"), bytes(256))
    )
    bext = b"bext" + len(chunk).to_bytes(4, "little") + chunk
    size = len(wave) - 8 + len(bext)
    (tmp_path / "knock.wav").unlink()
    (tmp_path / "knock.wav").write_bytes(wave[:4] + size.to_bytes(4, "little") + b"WAVE" + bext + wave[12:])
    clip = clip_of(written(tmp_path, made), "s1")
    assert clip.media_reference.available_range.start_time.to_seconds() == pytest.approx(3.0)
    assert clip.source_range.start_time.to_seconds() == pytest.approx(3.0 + 0.5 - 0.03, abs=1e-3)


# --- names, places, notes


def test_files_are_found_from_the_folder_of_the_timeline(tmp_path: Path) -> None:
    folder = tmp_path / "my film, 100% done"
    folder.mkdir()
    (tmp_path / "sounds #1").mkdir()
    beside, elsewhere = score(folder), score(tmp_path / "sounds #1")
    made = replace(beside, cues=(*beside.cues[:2], *elsewhere.cues[2:]))
    timeline = written(folder, made)
    urls = {clip.name: clip.media_reference.target_url for clip in timeline.find_clips()}
    assert urls["theme one.wav"] == "theme one.wav"  # moves with the folder
    assert urls["wind.wav"].startswith("file:///")
    written(folder, made, "t.edl")
    assert f"* FROM CLIP: {urls['wind.wav']}\n" in (folder / "t.edl").read_text("utf-8")
    for name, url in urls.items():
        path = Path(unquote(url.removeprefix("file://")))
        file = path if path.is_absolute() else folder / path
        assert file.name == name
        assert file.exists() or name == "film.mov"


def test_markers_say_their_note_where_each_program_looks_for_it(tmp_path: Path) -> None:
    first, second = written(tmp_path, score(tmp_path)).tracks.markers
    assert (first.name, first.comment) == ("scene 1: dog, lawn", "scene 1: dog, lawn. He waits.")
    assert (second.name, second.comment) == ("scene 2", "scene 2")
    assert second.marked_range.start_time.to_seconds() == 20.0


def test_a_track_for_each_layer_and_muted_cues_switched_off(tmp_path: Path) -> None:
    made = score(tmp_path)
    made = replace(made, cues=(*made.cues[:3], replace(made.cues[3], muted=True)))
    timeline = written(tmp_path, made)
    assert [track.name for track in timeline.tracks] == [
        "Video", "Original sound", "Music 1", "Music 2", "Ambience 1", "Effects 1",
    ]  # fmt: skip
    assert [clip.enabled for clip in cue_clips(timeline)] == [True, True, True, True, False]
    xml = (written(tmp_path, made, "t.xml"), (tmp_path / "t.xml").read_text("utf-8"))[1]
    assert re.findall(r"<enabled>(\w+)</enabled>", xml) == ["TRUE"] * 6 + ["FALSE"]
    written(tmp_path, made, "t.edl")
    assert "knock.wav" not in (tmp_path / "t.edl").read_text("utf-8")


def test_one_cue_stands_at_one_frame_however_short_it_is(tmp_path: Path) -> None:
    made = score(tmp_path)
    short = replace(made.cues[3], end_s=12.05, pieces=(replace(made.cues[3].pieces[0], out_s=0.52),))
    timeline = written(tmp_path, replace(made, cues=(short,)))
    clip = clip_of(timeline, "s1")
    assert (clip.range_in_parent().start_time.value, clip.duration().value) == (frame_of(12.03, 25), 1)


# --- levels


def resolve_levels(clip: otio.schema.Clip) -> dict[int, float]:
    """Levels in dB by frame of the clip, as DaVinci Resolve writes them."""
    found = [e.metadata["Resolve_OTIO"] for e in clip.effects if "Resolve_OTIO" in e.metadata]
    volume = next(effect for effect in found if effect["Effect Name"] == "Fairlight Clip Volume and Fades")
    (parameter,) = [each for each in volume["Parameters"] if each["Parameter ID"] == "volume"]
    keys = {int(frame): key["Value"] for frame, key in parameter["Key Frames"].items()}
    return keys or {0: parameter["Parameter Value"]}


def test_levels_are_the_same_for_every_program(tmp_path: Path) -> None:
    made = score(tmp_path)
    timeline = written(tmp_path, made)
    clip = clip_of(timeline, "m1")
    keys = resolve_levels(clip)
    spoken = [frame - 12 for frame in range(8 * 25, 11 * 25)]  # the clip begins at frame 12
    under = np.interp(spoken, sorted(keys), [keys[frame] for frame in sorted(keys)])
    assert under == pytest.approx(-3.0 - 2.0 - 11.0, abs=0.1)
    assert keys[0] == pytest.approx(-3.0 - 2.0 - 60.0)  # a fade begins with silence

    (premiere,) = [e.metadata["PremierePro_OTIO"] for e in clip.effects if "PremierePro_OTIO" in e.metadata]
    assert premiere["MatchName"] == "Internal Volume Stereo"
    (level,) = [each for each in premiere["Parameters"] if each["DisplayName"] == "Level"]
    start = clip.source_range.start_time.value
    for key in level["Keyframes"]:  # 1 is 15 dB there, and times are of the source
        frame = round(key["Position"].value - start)
        assert 20 * np.log10(key["Value"]) + 15 == pytest.approx(keys[frame], abs=0.01)

    original = timeline.tracks[1][0]
    assert resolve_levels(original) == {0: -2.0}
    written(tmp_path, made, "t.xml")
    items = ElementTree.parse(tmp_path / "t.xml").iter("clipitem")
    item = next(item for item in items if item.findtext("name") == "theme one.wav")
    in_keys = {int(key.findtext("when", "")): float(key.findtext("value", "")) for key in item.iter("keyframe")}
    begin = int(item.findtext("in", ""))
    assert {frame - begin for frame in in_keys} == set(keys)
    for frame, value in in_keys.items():
        assert value == pytest.approx(10 ** (keys[frame - begin] / 20), abs=1e-5)


# --- put together again


def put_together(file: Path, tracks: tuple[str, ...]) -> NDArray[np.float64]:
    """The sound [2 n] of a timeline's tracks, clip by clip, as an editing program would play it."""
    timeline = otio.adapters.read_from_file(str(file))
    out = np.zeros((2, round(LENGTH_S * RATE_HZ)))
    for track in timeline.tracks:
        if not track.name.startswith(tracks):
            continue
        for clip in track.find_clips():
            place = track.range_of_child(clip).start_time
            begin = clip.source_range.start_time - clip.media_reference.available_range.start_time
            length = clip.source_range.duration.to_seconds()
            index = track.index(clip)
            fades = [0.0, 0.0]  # of dissolves: half before the cut, half after
            for side, beside in enumerate((index - 1, index + 1)):
                if 0 <= beside < len(track) and isinstance(track[beside], otio.schema.Transition):
                    fades[side] = track[beside].in_offset.to_seconds()
            first = round((place.to_seconds() - fades[0]) * RATE_HZ)
            source = round((begin.to_seconds() - fades[0]) * RATE_HZ)
            n = round((length + sum(fades)) * RATE_HZ)
            path = Path(unquote(clip.media_reference.target_url.removeprefix("file://")))
            samples = soundfile.read(file.parent / path)[0].T[:, source : source + n]
            n = samples.shape[1]
            levels = {0: 0.0} if not clip.effects else resolve_levels(clip)
            frames = (np.arange(n) / RATE_HZ - fades[0]) * clip.source_range.duration.rate
            level_db = np.interp(frames, sorted(levels), [levels[frame] for frame in sorted(levels)])
            gain = 10 ** (level_db / 20)
            for fade, turned in zip(fades, (1, -1), strict=True):
                m = round(2 * fade * RATE_HZ)
                if m:
                    gain[::turned][:m] *= np.sin(np.pi / 2 * (np.arange(m) + 0.5) / m)
            out[:, first : first + n] += samples * gain * clip.enabled
    return out


def off_db(made: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return 10 * float(np.log10(np.square(made - wanted).sum() / np.square(wanted).sum()))


def mix_of(made: Score, original: Recording | None) -> dict[str, NDArray[np.float64]]:
    """The stems of a score's film and their sum, as the film has them."""
    parts = mixed(original, made.cues, made.levels, round(LENGTH_S * RATE_HZ), made.speech)
    return {name: np.asarray(part, np.float64) for name, part in parts.items()}


def test_stems_and_timeline_make_the_film(tmp_path: Path) -> None:
    made = score(tmp_path)
    film(tmp_path / "film.mov", Fraction(25), "01:00:00:00")
    parts = mix_of(made, of_wave(Waveform(noise(LENGTH_S, 9), RATE_HZ)))
    whole = parts.pop("mix")
    stems = {name: tmp_path / "stems" / f"{name}.wav" for name in parts}
    (tmp_path / "stems").mkdir()
    for name, part in parts.items():
        soundfile.write(stems[name], part.T, RATE_HZ, subtype="PCM_24")
    timeline = written(tmp_path, made, stems=stems)
    names = ("Dialogue", "Music", "Ambience", "Effects")
    assert [track.name for track in timeline.tracks] == ["Video", *names]
    assert timeline.tracks[1][0].media_reference.available_range.start_time.to_seconds() == 3600.0
    assert off_db(put_together(tmp_path / "t.otio", names), whole) < -100


def test_a_sound_under_its_cues_is_the_storys_own(tmp_path: Path) -> None:
    """Not the finished mix, in which the cues sound already."""
    own = noise(LENGTH_S, 9)
    soundfile.write(tmp_path / "talk.wav", own.T, RATE_HZ, subtype="FLOAT")
    story = FileReference(str(tmp_path / "talk.wav"), "ef" * 32, 1, 1)
    made = replace(score(tmp_path), story=story, original=story)
    handoff = Handoff(made, picture=None, scored=tmp_path / "out.m4a")
    handoff.write_otio(tmp_path / "t.otio")
    timeline = otio.adapters.read_from_file(str(tmp_path / "t.otio"))
    assert [track.name for track in timeline.tracks] == [
        "Original sound", "Music 1", "Music 2", "Ambience 1", "Effects 1",
    ]  # fmt: skip
    assert (
        off_db(
            put_together(tmp_path / "t.otio", ("Original",)), mix_of(made, of_wave(Waveform(own, RATE_HZ)))["dialogue"]
        )
        < -60
    )
    handoff.write_fcpxml(tmp_path / "t.xml")
    xml = otio.adapters.read_from_file(str(tmp_path / "t.xml"))
    assert xml.tracks[0][0].name == "talk.wav"
    handoff.write_edl(tmp_path / "t.edl")
    assert "001  AX       A     C" in (tmp_path / "t.edl").read_text("utf-8")


def test_the_film_of_a_slideshow_is_not_looked_at_before_it_is_there(tmp_path: Path) -> None:
    film(tmp_path / "film.mov", Fraction(25), "01:00:00:00")  # of another time, in its place
    made = replace(score(tmp_path), slideshow=Slideshow((), 1280, 720, 0.5))
    timeline = written(tmp_path, made)
    assert timeline.global_start_time.value == 0
    assert timeline.tracks.metadata["PremierePro_OTIO"]["VideoResolution"] == {"width": 1280, "height": 720}


@pytest.mark.parametrize(
    ("track", "layer", "edge_s", "most_db"),
    [("Music", "music", 0.0, -40), ("Ambience", "ambience", 0.0, -55), ("Effects", "spot", 0.1, -45)],
)
def test_cues_and_keyframes_make_the_stems(
    track: str, layer: str, edge_s: float, most_db: float, tmp_path: Path
) -> None:
    """As well as keys at frames do: a hard edge between two frames is up to a frame off, all else is in place."""
    made = score(tmp_path)
    film(tmp_path / "film.mov", Fraction(25), "01:00:00:00")
    written(tmp_path, made)
    wanted = mix_of(made, None)[track.lower()]
    rebuilt = put_together(tmp_path / "t.otio", (track,))
    t = np.arange(wanted.shape[1]) / RATE_HZ
    spans = [(cue.start_s + edge_s, cue.end_s - edge_s) for cue in made.cues if cue.layer == layer]
    inside = np.any([(t >= start_s) & (t < end_s) for start_s, end_s in spans], axis=0)
    assert off_db(rebuilt[:, inside], wanted[:, inside]) < most_db


# --- tables


def test_the_stretch_of_a_looped_sound_is_all_of_it(tmp_path: Path) -> None:
    write_csv(score(tmp_path), tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(encoding="utf-8-sig", newline="") as stream:
        row = next(csv.DictReader(stream))
    assert (row["source_in"], row["source_out"]) == ("1.000", "16.000")
    assert row["pieces"] == "1.000-16.000@0.510 4.000-10.000@15.310"
    assert row["gain_db"] == "-3.00"  # a number, no formula


def test_a_spreadsheet_knows_the_letters_and_runs_nothing(tmp_path: Path) -> None:
    made = score(tmp_path)
    sly = replace(made.cues[0], id="=1+1", why=("+cmd|' /C calc'!A0",))
    write_csv(replace(made, cues=(sly, *made.cues[1:])), tmp_path / "c.csv")
    data = (tmp_path / "c.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    with (tmp_path / "c.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["id"] == "'=1+1"
    assert rows[0]["why"].startswith("'+cmd")
    assert rows[1]["sound"] == "émigré.wav"


def test_the_music_cue_sheet_has_the_music_that_sounds_in_order(tmp_path: Path) -> None:
    made = score(tmp_path)
    muted = replace(made.cues[1], muted=True)
    write_rights(
        replace(made, cues=(made.cues[2], muted, made.cues[0])), tmp_path / "r.csv", start_timecode="01:00:00:00"
    )
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == RIGHTS_COLUMNS
    (row,) = rows
    assert (row["title"], row["composer / author"], row["licence"]) == ("theme", "Ada", "CC BY 4.0")
    assert (row["in"], row["out"], row["duration"]) == ("01:00:00:12", "01:00:21:07", "00:00:21")
    assert (row["usage"], row["publisher"], row["society"]) == ("background instrumental", "", "")
