"""From what an encoder recognises in a sound to claims of what is heard when, and how often."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.claims import Claim, merged
from storysound.annotate.events import EventConfig
from storysound.annotate.families import Families, audioset
from storysound.annotate.hearing import LEVEL_S, Ear, events_in
from storysound.annotate.picture_claims import log_odds
from storysound.encode.encoder import Encoding
from storysound.media.arrays import Floats
from storysound.story import Event, Span

FLOOR_DB = -90.0  # levels below count as this
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


def sound_claims(
    heard: Encoding, ear: Ear, levels_db: NDArray[np.floating], duration_s: float, near: Floats, by: str,
    config: EventConfig | None = None,
) -> list[Claim]:  # fmt: skip
    """Claims of a sound, a class one claim, with every time it is heard.

    `levels_db` [n]: of each tenth of a second. `near` [t c]: how near each step's embedding lies to the words of each
    class; zeros where the encoder doesn't speak the space of words.
    """
    by_label: dict[str, list[Event]] = {}
    for event in events_in(heard, ear, levels_db, duration_s, config):
        by_label.setdefault(event.label, []).append(event)
    scores, raw, tree = ear.scores(heard), heard.scores[ear.space], audioset()
    places = {label: place for place, label in enumerate(ear.labels)}
    claims = []
    for label, events in by_label.items():
        spans = merged(event.span for event in events)
        steps = _steps(spans, heard.step_s, len(raw))
        evidence = _evidence(places[label], ear.labels, scores[steps], raw[steps], near[steps], tree)
        evidence |= _levels(spans, levels_db) | {"share": sum(s.duration_s for s in spans) / max(duration_s, 1e-9)}
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
