"""From what an encoder recognises in a sound to claims of what is heard when, and how often.

What a claim rests on is heard again in a sound that means the same and is other samples (`other_views`): what was a
slip of the ear mostly isn't.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from storysound.annotate.claims import Claim, merged
from storysound.annotate.events import EventConfig
from storysound.annotate.families import Families, audioset
from storysound.annotate.hearing import LEVEL_S, Ear, events_in
from storysound.annotate.picture_claims import log_odds
from storysound.encode.encoder import Encoding
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.story import Event, Span

FLOOR_DB = -90.0  # levels below count as this
SHIFT_S = 0.24  # later: half a step of our ears
BAND_HZ = (300.0, 4000.0)  # as through a telephone
SLOWER = (21, 20)  # about as much as singers are out of tune
VOICE = "voice"  # the family of classes that a voice detector speaks of
_WORDS = {
    "Walk, footsteps": "footsteps", "Run": "running", "Vehicle horn, car horn, honking": "car horn",
    "Bee, wasp, etc.": "bees", "Bird vocalization, bird call, bird song": "birdsong", "Chewing, mastication": "chewing",
    "Roaring cats (lions, tigers)": "roaring", "Canidae, dogs, wolves": "dogs", "Motor vehicle (road)": "vehicle",
    "Cattle, bovinae": "cattle", "Domestic animals, pets": "animal", "Wild animals": "wild animal", "Child speech, kid "
    "speaking": "child's speech", "Male speech, man speaking": "man's speech", "Female speech, woman speaking":
    "woman's speech", "Livestock, farm animals, working animals": "farm animal", "Rodents, rats, mice": "rodent",
    "Boat, Water vehicle": "boat", "Fixed-wing aircraft, airplane": "airplane", "Fly, housefly": "fly",
    "Light engine (high frequency)": "light engine", "Medium engine (mid frequency)": "engine",
    "Heavy engine (low frequency)": "heavy engine", "Sink (filling or washing)": "sink being filled",
    "Bathtub (filling or washing)": "bathtub being filled", "Baby cry, infant cry": "crying baby",
    "Hands": "hand sounds", "Bird flight, flapping wings": "flapping wings", "Rail transport": "train",
    "Rain on surface": "rain on a surface", "Drawer open or close": "moving drawer", "Fill (with liquid)": "filling",
    "Cupboard open or close": "moving cupboard", "Rock and roll": "rock and roll", "Outside, rural or natural":
    "countryside",
}  # fmt: skip


def called(label: str) -> str:
    """How a sentence calls a class: by the first of its names.

    >>> called("Ding-dong"), called("Waves, surf"), called("Walk, footsteps")
    ('ding-dong', 'waves', 'footsteps')
    """
    return _WORDS.get(label) or label.partition(",")[0].partition(" (")[0].lower()


@dataclass(frozen=True, eq=False)
class HeardSound:
    """What encoders say of a sound.

    `levels_db` [n]: of each tenth of a second. `near` [t c]: how near each step's embedding lies to the words of each
    class; zeros where the encoder doesn't speak the space of words. `views`: of `other_views`, each with how much
    slower it is. `voice` [f]: how probable a voice is in each `voice_step_s`.
    """

    heard: Encoding
    levels_db: NDArray[np.floating]
    duration_s: float
    near: Floats
    views: Sequence[tuple[float, Encoding]]
    voice: Floats
    voice_step_s: float


def other_views(wave: Waveform) -> Iterator[tuple[float, Waveform]]:
    """The same sound in one channel a little later, in a narrow band, and slower; each with how much slower."""
    samples, rate_hz = wave.samples[0], wave.rate_hz
    yield 1.0, Waveform(np.pad(samples, (round(SHIFT_S * rate_hz), 0))[None], rate_hz)
    band = scipy.signal.butter(1, [min(hz, 0.45 * rate_hz) for hz in BAND_HZ], "bandpass", fs=rate_hz, output="sos")
    yield 1.0, Waveform(scipy.signal.sosfilt(band, samples).astype(np.float32)[None], rate_hz)
    slower = scipy.signal.resample_poly(samples, *SLOWER).astype(np.float32)
    yield SLOWER[0] / SLOWER[1], Waveform(slower[None], rate_hz)


def sound_claims(sound: HeardSound, ear: Ear, by: str, config: EventConfig | None = None) -> list[Claim]:
    """Claims of a sound, a class one claim, with every time it is heard."""
    heard, duration_s, near = sound.heard, sound.duration_s, sound.near
    by_label: dict[str, list[Event]] = {}
    for event in events_in(heard, ear, sound.levels_db, duration_s, config):
        by_label.setdefault(event.label, []).append(event)
    scores, raw, tree = ear.scores(heard), heard.scores[ear.space], audioset()
    views = [(slower, ear.scores(view), view.step_s) for slower, view in sound.views]
    places = {label: place for place, label in enumerate(ear.labels)}
    claims = []
    for label, events in by_label.items():
        spans = merged(event.span for event in events)
        steps = _steps(spans, heard.step_s, len(raw))
        evidence = _evidence(places[label], ear.labels, scores[steps], raw[steps], near[steps], tree)
        evidence |= _levels(spans, sound.levels_db) | _again(places[label], spans, views)
        evidence |= _voiced(tree.family.get(label) == VOICE, spans, sound)
        evidence["share"] = sum(span.duration_s for span in spans) / max(duration_s, 1e-9)
        evidence["crowd"] = float(_beside(label, events, by_label))
        score = max(event.score for event in events)
        claims.append(Claim("audio", label, called(label), spans, score, by, evidence))
    return claims


def _steps(spans: Sequence[Span], step_s: float, count: int) -> NDArray[np.int64]:
    """Numbers of the rows that begin in the spans, at least one."""
    inside = [
        np.arange(int(s.start_s / step_s), max(int(s.start_s / step_s) + 1, int(s.end_s / step_s))) for s in spans
    ]
    return np.unique(np.minimum(np.concatenate(inside), count - 1))


def _evidence(
    place: int, labels: Sequence[str], scores: Floats, raw: Floats, near: Floats, tree: Families
) -> dict[str, float]:
    """What speaks for the class of a place, in the steps where it is heard: scores, raw scores and nearness [t c]."""
    label = labels[place]
    akin = np.array([tree.akin(label, other) for other in labels])
    same = np.array([tree.family.get(label) == tree.family.get(other) for other in labels])
    family = akin & (np.arange(len(labels)) != place)
    best = scores.max(axis=0)
    words = near.max(axis=0)
    return {
        "clear": log_odds(float(best[place])),
        "held": log_odds(float(scores[:, place].mean())),
        "raw": log_odds(float(raw[:, place].max())),
        "family": log_odds(float(best[family].max(initial=0.0))),
        "rival": log_odds(float(best[~akin & ~same].max(initial=0.0))),
        "rank": float(np.log1p((raw[:, ~akin].max(axis=0) > raw[:, place].max()).sum())),
        "near": float((words[place] - words.mean()) / max(float(words.std()), 1e-6)),
    }


def _again(place: int, spans: Sequence[Span], views: Sequence[tuple[float, Floats, float]]) -> dict[str, float]:
    """How clearly a class is heard in other views, each with how much slower it is, its scores [t c] and their step."""
    found = [0.0]
    for slower, scores, step_s in views:
        moved = [Span(span.start_s * slower, span.end_s * slower) for span in spans]
        found.append(log_odds(float(scores[_steps(moved, step_s, len(scores)), place].max())))
    return {"again": float(np.mean(found[1:] or found)), "least": min(found[1:] or found)}


def _voiced(is_voice: bool, spans: Sequence[Span], sound: HeardSound) -> dict[str, float]:
    """What a voice detector says of the spans: of claims of a voice at its surest, of others in the mean."""
    steps = _steps(spans, sound.voice_step_s, max(len(sound.voice), 1))
    own = sound.voice[steps] if len(sound.voice) else np.zeros(1, np.float32)
    return {
        "is_voice": float(is_voice),
        "voiced": is_voice * log_odds(float(own.max()), 6.0),
        "unvoiced": (not is_voice) * log_odds(float(own.mean()), 6.0),
    }


def _beside(label: str, events: Sequence[Event], by_label: Mapping[str, Sequence[Event]]) -> int:
    """How many other classes are heard for more than half of the time of these events."""
    total_s = sum(event.span.duration_s for event in events)
    shared_s = (
        sum(one.span.overlap_s(other.span) for one in events for other in others)
        for name, others in by_label.items()
        if name != label
    )
    return sum(shared > total_s / 2 for shared in shared_s)


def _levels(spans: Sequence[Span], levels_db: NDArray[np.floating]) -> dict[str, float]:
    """How loud the loudest moment of the spans is, absolute and beside the loudest of the clip, in units of 20 dB."""
    if not levels_db.size:
        return {"level": FLOOR_DB / 20, "beside": 0.0}
    cells = [
        levels_db[int(s.start_s / LEVEL_S) : max(int(s.start_s / LEVEL_S) + 1, int(s.end_s / LEVEL_S))] for s in spans
    ]
    own = max((float(cell.max(initial=FLOOR_DB)) for cell in cells), default=FLOOR_DB)
    level, loudest = max(own, FLOOR_DB), max(float(levels_db.max()), FLOOR_DB)
    return {"level": level / 20, "beside": (level - loudest) / 20}
