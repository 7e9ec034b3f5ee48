"""Levels over time as editing programs keep them beside a clip: gain, fades and ducking as keyframes.

OpenTimelineIO has no levels of its own. DaVinci Resolve and Premiere Pro each write theirs into the metadata of an
effect, and read them there; Final Cut Pro XML has a filter. Between keyframes programs go in a straight line.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import opentimelineio as otio

from storysound.cue.duck import DuckCurve
from storysound.cue.handoff.segments import Segment
from storysound.cue.levels import Levels
from storysound.cue.score import Cue
from storysound.media.arrays import Doubles

Keys = dict[int, float]  # frame of the clip → dB; one key: the level stays

TOLERANCE = 0.003  # of a cue's own gain: how far the straight lines may be from the curve
DEPTH_DB = 60.0  # below a cue's own gain: silence; lines from deeper down would be silent for most of a fade
RESOLVE, PREMIERE = "Resolve_OTIO", "PremierePro_OTIO"
_RESOLVE_DB = (-100.0, 30.0)
_VOLUME = "Fairlight Clip Volume and Fades"
_PREMIERE_TOP_DB = 15.0  # Premiere's levels are amplitudes in [0, 1], and 1 is 15 dB
_PREMIERE_BEGIN_S = -360_000.0  # where Premiere puts what holds for a whole clip
_XMEML_MOST = 3.98107  # 12 dB: levels of Final Cut Pro XML are amplitudes up to there


def level_keys(segment: Segment, fps: float, ducked: DuckCurve, levels: Levels) -> Keys:
    """What a segment's sound is made louder by, the one gain of the film with it, and as few keys as say it."""
    frames = np.arange(segment.frames)
    times_s = (segment.first + frames) / fps
    fades_db = 20 * np.log10(np.maximum(_fades(segment.cue, times_s, fps), 1e-9))
    level_db = np.maximum(fades_db - levels.duck_db * ducked.amount(times_s), -DEPTH_DB)
    own_db = segment.cue.gain_db + (levels.master_db or 0.0)
    keys = {frame: round(own_db + float(level_db[frame]), 2) for frame in _thinned(level_db)}
    return {0: keys[0]} if len(set(keys.values())) == 1 else keys


def _fades(cue: Cue, times_s: Doubles, fps: float) -> Doubles:
    """Gains of a cue's two fades at times [t]; a fade shorter than a frame can't be keyed."""
    gain = np.ones(len(times_s))
    for length_s, way_s in (
        (min(cue.fade_in_s, cue.duration_s / 2), times_s - cue.start_s),
        (min(cue.fade_out_s, cue.duration_s / 2), cue.end_s - times_s),
    ):
        if length_s * fps >= 1:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(way_s / length_s, 0.0, 1.0))
    return gain


def _thinned(level_db: Doubles) -> list[int]:
    """Points of a curve [t] between which straight lines are near enough to it (Douglas and Peucker)."""
    kept, open_ends = {0, len(level_db) - 1}, [(0, len(level_db) - 1)]
    amplitude = 10 ** (level_db / 20)
    while open_ends:
        low, high = open_ends.pop()
        line = 10 ** (np.linspace(level_db[low], level_db[high], high - low + 1) / 20)
        off = np.abs(line - amplitude[low : high + 1])
        if off.max() > TOLERANCE:
            middle = low + int(off.argmax())
            kept.add(middle)
            open_ends += [(low, middle), (middle, high)]
    return sorted(kept)


def at(keys: Mapping[int, float], frames: Doubles) -> Doubles:
    """Levels in dB at frames [f] of the clip, by its keys."""
    return np.asarray(np.interp(frames, sorted(keys), [keys[frame] for frame in sorted(keys)]))


# --- DaVinci Resolve


def resolve_effect(keys: Keys) -> otio.schema.Effect:
    """Levels as DaVinci Resolve keeps them: dB, frames counted from the clip's start."""
    least, most = _RESOLVE_DB
    levels = {frame: min(max(level, least), most) for frame, level in keys.items()}
    parameter = {
        "Parameter ID": "volume",
        "Parameter Value": levels[0],
        "Default Parameter Value": 0.0,
        "Variant Type": "Double",
        "minValue": least,
        "maxValue": most,
        "Key Frames": {
            str(frame): {"Value": level, "Variant Type": "Double"}
            for frame, level in sorted(levels.items())
            if len(levels) > 1
        },
    }
    effect = {"Effect Name": _VOLUME, "Enabled": True, "Name": "Volume", "Type": 62, "Parameters": [parameter]}
    return otio.schema.Effect(name="", effect_name="Resolve Effect", metadata={RESOLVE: effect})


def _of_resolve(effect: Mapping[str, Any]) -> Keys | None:
    if effect.get("Effect Name") != _VOLUME:
        return None
    parameters = {parameter.get("Parameter ID"): parameter for parameter in effect.get("Parameters", ())}
    volume = parameters.get("volume", {})  # Resolve leaves out what has its default
    keys = {int(float(frame)): float(key["Value"]) for frame, key in dict(volume.get("Key Frames") or {}).items()}
    return keys or {0: float(volume.get("Parameter Value", 0.0))}


# --- Premiere Pro


def premiere_effect(keys: Keys, source: otio.opentime.RationalTime) -> otio.schema.Effect:
    """Levels as Premiere Pro keeps them: amplitudes at times of the source, where the clip begins at `source`."""
    values = {frame: min(1.0, 10 ** ((level - _PREMIERE_TOP_DB) / 20)) for frame, level in keys.items()}
    level: dict[str, Any] = {"DisplayName": "Level", "ID": 1}
    if len(values) > 1:
        level["Keyframes"] = [
            {"Position": otio.opentime.RationalTime(source.value + frame, source.rate), "Value": value}
            for frame, value in sorted(values.items())
        ]
    else:
        begin = otio.opentime.RationalTime(_PREMIERE_BEGIN_S * source.rate, source.rate)
        level["StartValue"] = {"Position": begin, "Value": values[0]}
    parameters = [{"DisplayName": "Mute", "ID": 0, "Keyframes": []}, level]
    effect = {"IsIntrinsic": True, "MatchName": "Internal Volume Stereo", "Parameters": parameters}
    return otio.schema.Effect(name="", effect_name="Volume", metadata={PREMIERE: effect})


def _of_premiere(effect: Mapping[str, Any], source: otio.opentime.RationalTime) -> Keys | None:
    if not str(effect.get("MatchName", "")).startswith("Internal Volume"):
        return None
    level: Mapping[str, Any] = next((each for each in effect.get("Parameters", ()) if each.get("ID") == 1), {})
    keys = {
        round(key["Position"].rescaled_to(source.rate).value - source.value): _decibels(key["Value"])
        for key in level.get("Keyframes") or ()
    }
    start = level.get("StartValue")
    return keys or ({0: _decibels(start["Value"])} if start else None)


def _decibels(value: float) -> float:
    return 20 * float(np.log10(max(float(value), 1e-6))) + _PREMIERE_TOP_DB


# --- both


def levels_in(clip: otio.schema.Clip) -> dict[str, Keys]:
    """The levels that a clip has, by whose they are: `RESOLVE`, `PREMIERE`. Raises ValueError for levels askew."""
    found: dict[str, Keys] = {}
    try:
        for effect in clip.effects:
            if RESOLVE in effect.metadata and (keys := _of_resolve(effect.metadata[RESOLVE])) is not None:
                found[RESOLVE] = keys
            if PREMIERE in effect.metadata:
                keys = _of_premiere(effect.metadata[PREMIERE], clip.trimmed_range().start_time)
                found |= {PREMIERE: keys} if keys is not None else {}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"levels of {clip.name!r} can't be read") from error
    return found


def is_level(effect: otio.schema.Effect) -> bool:
    """Whether an effect is a program's level of the clip."""
    of_resolve, of_premiere = effect.metadata.get(RESOLVE, {}), effect.metadata.get(PREMIERE, {})
    return bool(
        of_resolve.get("Effect Name") == _VOLUME or str(of_premiere.get("MatchName", "")).startswith("Internal Volume")
    )


def has_faders(clip: otio.schema.Clip) -> bool:
    """Whether a clip has the fades of DaVinci Resolve, which lie beside its level."""
    parameters = [
        parameter
        for effect in clip.effects
        if is_level(effect)
        for parameter in effect.metadata.get(RESOLVE, {}).get("Parameters", ())
    ]
    return any(
        each.get("Parameter ID") in ("faderIn", "faderOut") and each.get("Parameter Value") for each in parameters
    )


# --- Final Cut Pro XML


def xmeml_filter(keys: Keys, source: int) -> dict[str, Any]:
    """Levels as a filter of Final Cut Pro XML: amplitudes at frames of the source; the clip begins at `source`."""
    values = {frame: f"{min(_XMEML_MOST, 10 ** (level / 20)):.5f}" for frame, level in sorted(keys.items())}
    parameter: dict[str, Any] = {
        "parameterid": "level",
        "name": "Level",
        "valuemin": "0",
        "valuemax": str(_XMEML_MOST),
        "value": values[0],
    }
    if len(values) > 1:
        parameter["keyframe"] = [{"when": str(source + frame), "value": value} for frame, value in values.items()]
    effect = {"name": "Audio Levels", "effectid": "audiolevels", "effectcategory": "audiolevels"}
    return {"effect": effect | {"effecttype": "audiolevels", "mediatype": "audio", "parameter": parameter}}
