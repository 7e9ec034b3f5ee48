"""Which sounds of a library go where: a music bed over the scenes, ambience and spot effects under the shots."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from storysound.cue.plan import EffectOffer, choose, pick_effects
from storysound.cue.score import Layer
from storysound.ingest.footage import Footage
from storysound.jobs.score.scenes import Understanding
from storysound.match.query import Hit, Query
from storysound.story import Kind, Mood, Sound, Span

log = logging.getLogger(__name__)

LicencePolicy = Literal["any", "commercial"]

# Fits are log odds of the finder's scores: one unit is one standard deviation of a library's sounds for a query.
CHANGE_COST = 0.6  # a new track has to fit better by this much
CONTOUR_COST = 1.0  # per unit of arousal by which the music misses a step of the story
JINGLE_COST = 2.0  # for music that fills none of its scene; less the more of it it fills
JINGLE_S = 25.0  # music of this length is never called a jingle
SHORTEST_BED_S = 6.0  # music beside the clip's own
MUSIC_HITS = 64
EFFECT_HITS = 8
SURE, SURER = 2.2, 3.2  # fit an effect needs in a silent shot, and where the clip's own sound is heard
CLEAR, CLEARER = 0.35, 0.6  # how clear it must be what is seen, likewise
AMBIENCE_S = 6.0  # an effect of this length is ambience and lies under the whole shot; a shorter one is a spot
SHORTEST_AMBIENCE_S = 2.5  # what is heard for less is no place but a disturbance
RUNNERS_UP = 5


class Searches(Protocol):
    """What finds sounds: `jobs.find.find.Finder`."""

    def search(self, query: Query, k: int = 10, *, kind: Kind, ignore_names: bool = False) -> tuple[Hit, ...]:
        """The k best sounds, best first."""
        ...


@dataclass(frozen=True)
class Wish:
    """What the user asks of the choice."""

    text: str = ""  # about the whole story
    mood: Mood | None = None  # overrules what pictures and text say
    ignore_names: bool = False
    licence_policy: LicencePolicy = "any"


@dataclass(frozen=True)
class Draft:
    """A cue to be cut: where it plays, and the sounds to try, best first."""

    layer: Layer
    start_s: float
    end_s: float
    hits: tuple[Hit, ...]
    arousal: float
    soft: bool = False  # plays where the clip's own sound is heard
    unit: int | None = None  # of the footage that an effect has to agree with
    cross_in_s: float = 0.0  # overlaps with the cue before, and after, by this much
    cross_out_s: float = 0.0


CROSS_S = 1.6  # music changes over this long around a scene's edge


def music_drafts(story: Understanding, finder: Searches, wish: Wish) -> list[Draft]:
    """The music bed: one track a scene, the same over several where that fits as well."""
    found = []
    for scene in story.scenes:
        # Music carries what is felt and told. Things seen are left to the effects: a tune that a tagger takes for an
        # aircraft does not suit an aircraft any better.
        text = " ".join(part for part in (wish.text, scene.text) if part)
        query = Query(text=text, mood=wish.mood or scene.mood)
        found.append(_search(finder, query, MUSIC_HITS, "music", wish))
    sounds = {hit.sound.path: hit.sound for hits in found for hit in hits}
    if not sounds:
        return []
    names = list(sounds)
    fits = np.stack(
        [_fits(hits, names, sounds, s.end_s - s.start_s) for hits, s in zip(found, story.scenes, strict=True)]
    )
    energy = (
        np.array([scene.mood.arousal for scene in story.scenes]),
        np.array([sounds[name].mood.arousal for name in names]),
    )
    path = choose(fits, CHANGE_COST, energy=energy, contour_cost=CONTOUR_COST, alike=story.alike)
    return _beds(story, path, names, found)


def beside(drafts: Sequence[Draft], music: Sequence[Span]) -> list[Draft]:
    """Drafts without music where the clip plays its own (`music`, in order): beds fade across the edges of that.

    What would be left of a bed for less than SHORTEST_BED_S isn't worth beginning.
    """
    out: list[Draft] = []
    for draft in drafts:
        own = [span for span in music if span.overlap_s(Span(draft.start_s, draft.end_s)) > 0]
        if draft.layer != "music" or not own:
            out.append(draft)
            continue
        rest = draft
        parts = []
        for span in own:
            parts.append(replace(rest, end_s=span.start_s + CROSS_S / 2, cross_out_s=CROSS_S))
            rest = replace(rest, start_s=max(0.0, span.end_s - CROSS_S / 2), cross_in_s=CROSS_S)
        out += [part for part in [*parts, rest] if part.end_s - part.start_s >= SHORTEST_BED_S]
    return out


def _beds(
    story: Understanding, path: NDArray[np.intp], names: Sequence[str], found: Sequence[tuple[Hit, ...]]
) -> list[Draft]:
    """A draft for each run of scenes with one track."""
    drafts: list[Draft] = []
    first = 0
    for last in range(1, len(path) + 1):
        if last < len(path) and path[last] == path[first]:
            continue
        hits = _chosen_first(names[path[first]], found[first:last])
        arousal = float(np.mean([s.mood.arousal for s in story.scenes[first:last]]))
        start_s, end_s = story.scenes[first].start_s, story.scenes[last - 1].end_s
        before, after = (CROSS_S if inside else 0.0 for inside in (first > 0, last < len(path)))
        drafts.append(
            Draft("music", start_s - before / 2, end_s + after / 2, hits, arousal, False, None, before, after)
        )
        first = last
    return drafts


def _search(finder: Searches, query: Query, k: int, kind: Kind, wish: Wish) -> tuple[Hit, ...]:
    hits = finder.search(query, k, kind=kind, ignore_names=wish.ignore_names)
    if wish.licence_policy == "commercial":
        hits = tuple(hit for hit in hits if allows_commerce(hit.sound.source.licence))
    return hits


def allows_commerce(licence: str) -> bool:
    """Whether a licence as stated lets one sell what is made with the sound; no statement is a no.

    >>> allows_commerce("CC BY 4.0"), allows_commerce("CC BY-NC 3.0"), allows_commerce("")
    (True, False, False)
    """
    forbidding = r"\bnc\b|non.?commercial|personal use|research (use )?only|test use"
    return bool(licence.strip()) and not re.search(forbidding, licence, re.IGNORECASE)


def log_odds(score: float) -> float:
    """A score in (0, 1) back on the scale of standard deviations.

    >>> log_odds(0.5)
    0.0
    """
    return float(np.log(score / (1 - score))) if 0 < score < 1 else (-30.0 if score <= 0 else 30.0)


def _fits(hits: Sequence[Hit], names: Sequence[str], sounds: dict[str, Sound], scene_s: float) -> NDArray[np.float64]:
    """[sounds] fit of each for one scene; those that were not found fit a little worse than the last one found."""
    found = {hit.sound.path: log_odds(hit.score) for hit in hits}
    least = min(found.values(), default=0.0) - 0.5
    room_s = min(scene_s, JINGLE_S)
    short = np.array([max(0.0, 1 - sounds[name].duration_s / room_s) for name in names])
    return np.array([found.get(name, least) for name in names]) - JINGLE_COST * short


def _chosen_first(name: str, found: Sequence[Sequence[Hit]]) -> tuple[Hit, ...]:
    """The chosen sound's best hit, then what else fits the scenes of the cue."""
    ranked = sorted((hit for hits in found for hit in hits), key=lambda hit: -hit.score)
    best = {hit.sound.path: hit for hit in reversed(ranked)}
    in_order = list(dict.fromkeys(hit.sound.path for hit in ranked))
    others = [best[path] for path in in_order if path != name]
    return (best[name], *others)[: RUNNERS_UP + 1]


def effect_drafts(
    footage: Footage, story: Understanding, finder: Searches, wish: Wish, audible: Sequence[bool]
) -> list[Draft]:
    """Ambience and spot effects, only where it is clear what is seen or told.

    `audible` per unit: whether the clip's own sound is heard there.
    """
    arousal = [a for _, _, a in story.curve]
    found: list[tuple[Hit, ...]] = []
    offers: list[EffectOffer] = []
    names: dict[str, int] = {}
    for index, own in enumerate(footage.pictures):
        if not footage.texts[index] and story.clarity[index] < (CLEARER if audible[index] else CLEAR):
            found.append(())
            continue
        hits = _search(finder, Query(text=footage.texts[index], images=own[:1]), EFFECT_HITS, "sfx", wish)
        found.append(hits)
        for hit in hits:
            sound = names.setdefault(hit.sound.path, len(names))
            offers.append(EffectOffer(index, sound, log_odds(hit.score), hit.sound.duration_s >= AMBIENCE_S))
    picked = pick_effects(offers, footage.units, audible, sure=SURE, surer=SURER)
    path_of = list(names)
    drafts = []
    for offer in picked:
        unit, path = footage.units[offer.shot], path_of[offer.sound]
        hits = _chosen_first(path, [[h for h in found[offer.shot] if (h.sound.duration_s >= AMBIENCE_S) == offer.long]])
        soft = audible[offer.shot]
        if offer.long:
            drafts.append(Draft("ambience", unit.start_s, unit.end_s, hits, arousal[offer.shot], soft, offer.shot))
        else:
            start_s = unit.start_s + min(0.3, 0.1 * unit.duration_s)
            end_s = min(footage.duration_s, start_s + hits[0].sound.duration_s)
            drafts.append(Draft("spot", start_s, end_s, hits, arousal[offer.shot], soft, offer.shot))
    least_s = min(SHORTEST_AMBIENCE_S, footage.duration_s)
    return [draft for draft in _joined(drafts) if draft.layer == "spot" or draft.end_s - draft.start_s >= least_s]


def _joined(drafts: Sequence[Draft]) -> list[Draft]:
    """Ambience that goes on over a cut becomes one cue; a new one is crossed with the one before."""
    out: list[Draft] = []
    for draft in drafts:
        before = next((d for d in reversed(out) if d.layer == draft.layer == "ambience"), None)
        if before is None or before.end_s < draft.start_s - 1e-6:
            out.append(draft)
        elif before.hits[0].sound.path == draft.hits[0].sound.path:
            out[out.index(before)] = replace(before, end_s=draft.end_s)
        else:
            half = CROSS_S / 4  # ambience belongs to its picture: it changes faster than music
            out[out.index(before)] = replace(before, end_s=before.end_s + half, cross_out_s=2 * half)
            out.append(replace(draft, start_s=draft.start_s - half, cross_in_s=2 * half))
    return out
