"""MIDI files say what the composition says, read back by a reader that knows nothing of it."""

from itertools import pairwise
from pathlib import Path

import mido
import pytest

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.midi import TICKS, midi, write_midi
from storysound.compose.notes import Composition
from storysound.compose.spotting import Hit, Scene, Spotting
from storysound.errors import OutputError
from storysound.story import Mood

SCENES = (Scene(0.0, 18.3, Mood(0.8, 0.6), "Anna"), Scene(18.3, 40.0, Mood(0.2, 0.8)))
SPOTTING = Spotting(SCENES, (4.0, 9.1, 13.0, 18.3, 26.4, 31.0), hits=(Hit(26.4),))


@pytest.fixture(scope="module")
def music() -> Composition:
    return compose(SPOTTING, 4)


@pytest.fixture(scope="module")
def file(music: Composition, tmp_path_factory: pytest.TempPathFactory) -> mido.MidiFile:
    path = tmp_path_factory.mktemp("midi") / "out.mid"
    write_midi(music, path)
    return mido.MidiFile(str(path), charset="utf-8")


def seconds(file: mido.MidiFile, tick: int) -> float:
    """When a tick is, by the tempi of the first track."""
    at_s = last = now = 0
    tempo = 500_000
    for message in file.tracks[0]:
        now += message.time
        if now > tick:
            break
        if message.type == "set_tempo":
            at_s += (now - last) * tempo / 1e6 / TICKS
            last, tempo = now, message.tempo
    return at_s + (tick - last) * tempo / 1e6 / TICKS


def events(track: mido.MidiTrack, kind: str) -> list[tuple[int, mido.Message]]:
    found, now = [], 0
    for message in track:
        now += message.time
        if message.type == kind:
            found.append((now, message))
    return found


def test_notes_are_when_they_were_composed(music: Composition, file: mido.MidiFile) -> None:
    assert [track.name for track in file.tracks[1:]] == [part.name for part in music.parts]
    for track, part in zip(file.tracks[1:], music.parts, strict=True):
        on = events(track, "note_on")
        assert sorted((m.note, m.velocity) for _, m in on) == sorted((n.pitch, n.velocity) for n in part.notes)
        for (tick, _), note in zip(on, part.notes, strict=True):
            assert seconds(file, tick) == pytest.approx(note.start_s, abs=0.002)
        assert len(events(track, "note_off")) == len(on)


def test_parts_have_their_sound(music: Composition, file: mido.MidiFile) -> None:
    for track, part in zip(file.tracks[1:], music.parts, strict=True):
        ((_, program),) = events(track, "program_change")
        assert program.program == part.program
        assert (program.channel == 9) == part.drums


def test_bars_keys_and_markers_stand_where_they_are(music: Composition, file: mido.MidiFile) -> None:
    bars, at = [], 0
    signatures = dict(events(file.tracks[0], "time_signature"))
    length = 0
    for _ in music.bars:
        if at in signatures:
            length = signatures[at].numerator * 4 * TICKS // signatures[at].denominator
        bars.append(seconds(file, at))
        at += length
    assert bars == pytest.approx([bar.start_s for bar in music.bars], abs=0.002)
    marks = {m.text: seconds(file, tick) for tick, m in events(file.tracks[0], "marker")}
    assert marks == pytest.approx({"scene 1: Anna": 0.0, "scene 2": 18.3, "accent": 26.4}, abs=0.002)
    assert len(events(file.tracks[0], "key_signature")) == 2
    assert seconds(file, sum(m.time for m in file.tracks[0])) == pytest.approx(music.length_s, abs=0.002)


def test_more_instruments_than_channels_go_to_further_ports() -> None:
    names = sorted(ensembles())
    scenes = tuple(Scene(9.0 * i, 9.0 * i + 9, Mood(0.7, 0.7), ensemble=name) for i, name in enumerate(names))
    made = midi(compose(Spotting(scenes), 1, Means("piano")))
    places = []
    for track in made.tracks[1:]:
        ((_, port),) = events(track, "midi_port")
        ((_, program),) = events(track, "program_change")
        if program.channel != 9:
            places.append((port.port, program.channel))
    assert len(set(places)) == len(places) > 15


def test_events_are_in_order(file: mido.MidiFile) -> None:
    for track in file.tracks:
        assert all(message.time >= 0 for message in track)
        assert all(a.type != "end_of_track" for a, _ in pairwise(track))


def test_where_it_cannot_be_written(music: Composition, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_midi(music, tmp_path)
