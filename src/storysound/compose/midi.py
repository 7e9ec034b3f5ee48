"""A composition as a Standard MIDI File (type 1), for any program that edits music: tempo map, bars, keys, markers,
parts.

Times are ticks of the tempo map, so that bars and beats lie where the program draws them; notes keep what was played, a
few milliseconds beside them.
"""

from collections.abc import Iterable
from pathlib import Path

import mido

from storysound.compose.notes import TONICS, Composition, Key, Part
from storysound.media.files import atomic

TICKS = 960  # a quarter note
_DRUMS = 9  # General MIDI's channel for them, from 0
_CHANNELS = [channel for channel in range(16) if channel != _DRUMS]
_BANK, _VOLUME, _PAN = 0, 7, 10  # controllers
_FULL = 100  # volume at 0 dB
_PARENT = {"lydian": 7, "mixolydian": 5, "dorian": 10, "aeolian": 3, "minor": 3}  # to the major key of the same notes
_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

Event = tuple[int, int, "mido.Message | mido.MetaMessage"]  # tick, order at the same tick, message


def write_midi(music: Composition, path: str | Path) -> None:
    """Writes a file, whole or not at all. Raises OutputError as `atomic`."""
    with atomic(path) as temporary:
        midi(music).save(str(temporary))


def midi(music: Composition) -> mido.MidiFile:
    """The file: what conducts first, then a track for each part. More than 15 instruments go to further ports."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS, charset="utf-8")
    end = _tick(music, music.length_s)
    file.tracks.append(_track("Storysound", _conducted(music), end))
    instruments = 0
    for part in music.parts:
        port = 0 if part.drums else instruments // len(_CHANNELS)
        channel = _DRUMS if part.drums else _CHANNELS[instruments % len(_CHANNELS)]
        file.tracks.append(_track(part.name, _part(music, part, channel, port), end))
        instruments += not part.drums
    return file


def _tick(music: Composition, time_s: float) -> int:
    return round(music.beat_at(time_s) * TICKS)


def _track(name: str, events: Iterable[Event], end: int) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    at = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - at))
        at = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - at)))
    return track


def _conducted(music: Composition) -> list[Event]:
    """Tempi, time signatures where they change, keys, and markers."""
    found: list[Event] = [(0, 0, mido.MetaMessage("text", text=f"seed {music.seed}"))]
    for tempo in music.tempi:
        found.append((round(tempo.beat * TICKS), 1, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo.bpm))))
    before = 0.0
    for bar in music.bars:
        if bar.beats != before:
            upper, lower = (int(bar.beats), 4) if bar.beats % 1 == 0 else (int(2 * bar.beats), 8)
            signature = mido.MetaMessage("time_signature", numerator=upper, denominator=lower)
            found.append((_tick(music, bar.start_s), 2, signature))
            before = bar.beats
    for key in music.keys:
        found.append((_tick(music, key.start_s), 3, mido.MetaMessage("key_signature", key=signature_of(key))))
        found.append((_tick(music, key.start_s), 4, mido.MetaMessage("text", text=key.name)))
    for marker in music.markers:
        found.append((_tick(music, marker.at_s), 5, mido.MetaMessage("marker", text=marker.text)))
    return found


def signature_of(key: Key) -> str:
    """The major key of the same notes, whose signature stands in the score; of minor ones as well.

    >>> signature_of(Key(0.0, 9, "minor")), signature_of(Key(0.0, 2, "dorian"))
    ('C', 'C')
    """
    return _MAJOR[(key.tonic + _PARENT.get(key.mode, 0)) % len(TONICS)]


def _part(music: Composition, part: Part, channel: int, port: int) -> list[Event]:
    volume = min(127, max(1, round(_FULL * 10 ** (part.gain_db / 40))))
    start: list[mido.Message | mido.MetaMessage] = [
        mido.MetaMessage("midi_port", port=port),
        mido.Message("control_change", channel=channel, control=_BANK, value=0),
        mido.Message("program_change", channel=channel, program=part.program),
        mido.Message("control_change", channel=channel, control=_VOLUME, value=volume),
        mido.Message("control_change", channel=channel, control=_PAN, value=round(64 + 63 * part.pan)),
    ]
    found: list[Event] = [(0, order, message) for order, message in enumerate(start)]
    for note in part.notes:
        begin, end = _tick(music, note.start_s), _tick(music, note.start_s + note.length_s)
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch)
        found += [(begin, 20, on), (max(begin + 1, end), 10, off)]
    return found
