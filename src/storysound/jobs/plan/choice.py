"""Which sounds of a library go where: a music bed over the scenes, ambience and spot effects under the shots."""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.picture_claims import log_odds
from storysound.cue.effects import EffectOffer, pick_effects
from storysound.cue.licences import allows_commerce
from storysound.cue.remix.arc import Arc
from storysound.cue.score import SILENT, Layer, Scene
from storysound.cue.themes import tracks_of_themes
from storysound.encode import music_fit
from storysound.ingest.footage import Footage
from storysound.jobs.plan.lasting import Lasting
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown
from storysound.match.chance import FARTHEST
from storysound.match.query import Hit, Query
from storysound.media.arrays import Doubles
from storysound.progress import Watch
from storysound.story import Kind, Mood, Sound, Span, Story

log = logging.getLogger(__name__)

# Fits are log odds of the finder's scores: one unit is one standard deviation of a library's sounds for a query.
SHARED_COST = 2.0  # of a track that a theme shares with another
CONTOUR_COST = 1.0  # per unit of arousal by which a theme's music misses how far it is from the story's usual
JINGLE_COST = 2.0  # for music that fills none of its scene; less the more of it it fills
JINGLE_S = 25.0  # music of this length is never called a jingle
SHORTEST_BED_S = 10.0  # music beside the clip's own
MUSIC_HITS = 64
EFFECT_HITS = 8
SURE, SURER = 2.2, 3.2  # fit an effect needs in a silent shot, and where the clip's own sound is heard
LAID = 0.55  # chance from which on an effect for what is seen is laid in a silent shot
CLEAR, CLEARER = 0.35, 0.6  # how clear it must be what is seen, likewise
SHORTEST_AMBIENCE_S = 2.5  # what is heard for less is no place but a disturbance
RUNNERS_UP = 5
VARIETY = 0.7  # scale of what another choice adds to fits: near ones change places, far ones don't
FIRST_CHOICE_COST = 1.0  # of what the best choice took, for every other choice


class Searches(Protocol):
    """What finds sounds: `jobs.find.finder.Finder`."""

    def search(self, query: Query, k: int = 10, *, kind: Kind, ignore_names: bool = False) -> tuple[Hit, ...]:
        """The k best sounds, best first."""
        ...


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
    turn_s: float | None = None  # where music takes over from the music before it
    scene_starts_s: tuple[float, ...] = ()  # of scenes that begin under it
    hits_s: tuple[float, ...] = ()  # moments that it marks
    arc: Arc | None = None  # of music: how aroused the story is under it, where that changes


MEETS_S = 0.5  # scenes with less between them follow on each other
CROSS_S = 1.6  # music changes over this long around a scene's edge


@dataclass(frozen=True)
class MusicOffers:
    """What a library has for each scene: hits, and how well each of its tracks fits."""

    found: tuple[tuple[Hit, ...], ...]  # by scene, best first
    sounds: dict[str, Sound]  # all that were found for any, by path
    fits: Doubles  # [s n] of scenes and sounds


def music_offers(
    scenes: Sequence[Scene], finder: Searches, options: PlanOptions, watch: Watch | None = None
) -> MusicOffers:
    """What may play under the scenes; no sounds where the library has none."""
    watch = watch or Watch()
    found = []
    for number, scene in enumerate(scenes):
        watch.at(number, len(scenes), f"music of scene {number + 1}")
        # Music carries what is felt and told. Things seen are left to the effects: a tune that a tagger takes for an
        # aircraft does not suit an aircraft any better.
        text = " ".join(dict.fromkeys(part for part in (options.text, scene.text) if part))
        query = Query(text=text, mood=options.mood or scene.mood)
        found.append(search(finder, query, MUSIC_HITS, "music", options))
    sounds = {hit.sound.path: hit.sound for hits in found for hit in hits}
    rows = [_fits(hits, list(sounds), sounds, s.end_s - s.start_s) for hits, s in zip(found, scenes, strict=True)]
    return MusicOffers(tuple(found), sounds, np.array(rows).reshape(len(scenes), len(sounds)))


def music_drafts(
    breakdown: Breakdown, finder: Searches, options: PlanOptions, watch: Watch | None = None
) -> list[Draft]:
    """The music bed: one track for each theme of the scenes, which returns with it; none where they are silent."""
    scenes = [scene for scene in breakdown.scenes if scene.theme != SILENT]
    offers = music_offers(scenes, finder, options, watch)
    names = list(offers.sounds)
    if not names:
        return []
    themes = _themes(scenes)
    fits = _by_theme(offers.fits, scenes, themes) - CONTOUR_COST * _off_contour(offers, scenes, themes)
    tracks = tracks_of_themes(fits, shared_cost=SHARED_COST)
    if options.seed:  # what was best is no better than it is; all others may be
        varied = fits + VARIETY * np.array([_chance(options.seed, name) for name in names])
        best = (np.arange(len(fits)), tracks)
        varied[best] = fits[best] - FIRST_CHOICE_COST
        tracks = tracks_of_themes(varied, shared_cost=SHARED_COST)
    return _beds(scenes, np.array(tracks)[themes], names, offers.found, options.mood)


def _themes(scenes: Sequence[Scene]) -> NDArray[np.intp]:
    """The theme of each scene [s], from 0 on; a scene that has none is one of its own."""
    names = [scene.theme or -number for number, scene in enumerate(scenes)]
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], np.intp)


def _by_theme(values: Doubles, scenes: Sequence[Scene], themes: NDArray[np.intp]) -> Doubles:
    """Means [t n] over the scenes of each theme, by how long they last, of what scenes have: [s n]."""
    lengths_s = np.array([scene.end_s - scene.start_s for scene in scenes])
    own = [themes == theme for theme in range(int(themes.max()) + 1)]
    return np.stack([np.average(values[of], axis=0, weights=lengths_s[of]) for of in own])


def _off_contour(offers: MusicOffers, scenes: Sequence[Scene], themes: NDArray[np.intp]) -> Doubles:
    """[t n] by how much each track's arousal misses being as far from the usual as each theme's is, `themes` [s].

    Usual is the mean of what fits the scenes best.
    """
    lengths_s = np.array([scene.end_s - scene.start_s for scene in scenes])
    wanted = np.array([scene.mood.arousal for scene in scenes])
    arousal = np.array([sound.mood.arousal for sound in offers.sounds.values()])
    if not themes.any():
        return np.zeros((1, len(arousal)))
    steps = _by_theme(wanted[:, None], scenes, themes)[:, 0] - np.average(wanted, weights=lengths_s)
    usual = np.average(arousal[offers.fits.argmax(axis=1)], weights=lengths_s)
    return np.asarray(np.abs((arousal - usual)[None] - steps[:, None]))


def _chance(seed: int, name: str) -> float:
    """What another choice adds to the fit of a sound, 0 or more and seldom over 3; the same on every machine.

    >>> round(_chance(1, "b"), 3)
    0.046
    """
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogateescape")).digest()[:6])
    return max(0.0, -math.log(-math.log((drawn + 0.5) / (1 << 48))))


def beside(drafts: Sequence[Draft], music: Sequence[Span], shortest_s: float = SHORTEST_BED_S) -> list[Draft]:
    """Drafts without music where the clip plays its own (`music`, in order): beds fade across the edges of that.

    What would be left of a bed for less than `shortest_s` isn't worth beginning.
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
            rest = replace(rest, start_s=max(0.0, span.end_s - CROSS_S / 2), cross_in_s=CROSS_S, turn_s=None)
        out += [part for part in [*parts, rest] if part.end_s - part.start_s >= shortest_s]
    return out


def _beds(
    scenes: Sequence[Scene],
    path: NDArray[np.intp],
    names: Sequence[str],
    found: Sequence[tuple[Hit, ...]],
    mood: Mood | None,
) -> list[Draft]:
    """A draft for each run of scenes with one track; `path` [s] says which of `names` each scene has."""
    meets = [False, *(after.start_s - before.end_s < MEETS_S for before, after in pairwise(scenes)), False]
    is_new = [not meets[at] or path[at] != path[at - 1] for at in range(len(scenes))]
    starts = np.flatnonzero(is_new).tolist()
    drafts: list[Draft] = []
    for first, last in pairwise([*starts, len(scenes)]):
        chosen = _chosen_first(names[path[first]], found[first:last], found)
        hits = tuple(_judged(hit, scenes[first:last], mood) for hit in chosen)
        if scenes[first].theme and len({scene.theme for scene in scenes}) > 1:
            hits = (replace(hits[0], why=(*hits[0].why, f"theme {scenes[first].theme}")), *hits[1:])
        arousal = float(np.mean([s.mood.arousal for s in scenes[first:last]]))
        start_s, end_s = scenes[first].start_s, scenes[last - 1].end_s
        before, after = (CROSS_S * meets[at] for at in (first, last))
        drafts.append(
            Draft(
                "music",
                start_s - before / 2,
                end_s + after / 2,
                hits,
                arousal,
                cross_in_s=before,
                cross_out_s=after,
                turn_s=start_s if before else None,
            )
        )
    return drafts


def _judged(hit: Hit, scenes: Sequence[Scene], wanted: Mood | None) -> Hit:
    """A hit whose score is how probably it fits the moods of its scenes, or the one that is `wanted`: by how long."""
    lengths_s = [scene.end_s - scene.start_s for scene in scenes]
    moods = [wanted or scene.mood for scene in scenes]
    fit = np.average([music_fit.probability(each, hit.sound.mood) for each in moods], weights=lengths_s)
    mean = np.average([[each.valence, each.arousal] for each in moods], axis=0, weights=lengths_s)
    fit = round(float(fit), 3)
    return replace(hit, score=fit, why=(*hit.why, f"fits {music_fit.named(Mood(*mean.tolist()))} with {fit:.2f}"))


def search(finder: Searches, query: Query, k: int, kind: Kind, options: PlanOptions) -> tuple[Hit, ...]:
    """The k best of what may be used, best first."""
    hits = finder.search(query, k + len(options.avoid), kind=kind, ignore_names=options.ignore_names)
    hits = tuple(hit for hit in hits if hit.sound.path not in options.avoid)[:k]
    if options.licence_policy == "commercial":
        hits = tuple(hit for hit in hits if allows_commerce(hit.sound.source.licence))
    return hits


def _fits(hits: Sequence[Hit], names: Sequence[str], sounds: dict[str, Sound], scene_s: float) -> NDArray[np.float64]:
    """[sounds] fit of each for one scene; those that were not found fit a little worse than the last one found."""
    found = {hit.sound.path: log_odds(hit.score, FARTHEST) for hit in hits}
    least = min(found.values(), default=0.0) - 0.5
    room_s = min(scene_s, JINGLE_S)
    short = np.array([max(0.0, 1 - sounds[name].duration_s / room_s) for name in names])
    return np.array([found.get(name, least) for name in names]) - JINGLE_COST * short


def _chosen_first(name: str, found: Sequence[Sequence[Hit]], anywhere: Sequence[Sequence[Hit]] = ()) -> tuple[Hit, ...]:
    """The chosen sound's best hit, then what else fits the scenes of the cue: those it was `found` for.

    A track that was chosen for other scenes of its theme may have been found `anywhere` but here.
    """
    ranked = sorted((hit for hits in found for hit in hits), key=lambda hit: -hit.score)
    best = {hit.sound.path: hit for hit in reversed(ranked)}
    in_order = list(dict.fromkeys(hit.sound.path for hit in ranked))
    if name not in best:
        best[name] = max(
            (hit for hits in anywhere for hit in hits if hit.sound.path == name), key=lambda hit: hit.score
        )
    others = [best[path] for path in in_order if path != name]
    return (best[name], *others)[: RUNNERS_UP + 1]


def effect_drafts(
    footage: Footage,
    breakdown: Breakdown,
    finder: Searches,
    options: PlanOptions,
    audible: Sequence[bool],
    watch: Watch | None = None,
    lasting: Lasting | None = None,
    by_things: Callable[[int], Sequence[Hit]] | None = None,
) -> list[Draft]:
    """Ambience and spot effects, only where it is clear what is seen or told.

    `audible` per unit: whether the clip's own sound is heard there. `lasting` knows which sounds go on. `by_things`:
    hits with their chances for what a unit shows and is told of it; where it isn't given, pictures and texts look for
    effects themselves. Hits of drafts have the chance that they fit as their score.
    """
    watch, lasting = watch or Watch(), lasting or Lasting()
    story = footage.story
    found: list[Sequence[Hit]] = []
    fits: list[list[float]] = []
    for index in range(len(story.units)):
        watch.at(index, len(story.units), f"effects of part {index + 1}")
        if by_things is not None:
            found.append(_lasting_as_told(story, by_things(index), lasting))
            own = [SURE + log_odds(hit.chance or 0.0, FARTHEST) - log_odds(LAID, FARTHEST) for hit in found[-1]]
        else:
            clear = is_clear(footage, breakdown, index, audible[index])
            found.append(effect_hits(footage, breakdown, index, finder, options, lasting) if clear else ())
            own = [log_odds(hit.score, FARTHEST) for hit in found[-1]]
        fits.append([_varied(fit, hit.sound.path, options.seed) for fit, hit in zip(own, found[-1], strict=True)])
        found[-1] = [hit if hit.chance is None else replace(hit, score=hit.chance) for hit in found[-1]]
    return effects_laid(footage, breakdown, found, fits, audible, lasting)


def effect_hits(
    footage: Footage, breakdown: Breakdown, unit: int, finder: Searches, options: PlanOptions, lasting: Lasting
) -> tuple[Hit, ...]:
    """What a library has for what a unit shows and is told of it, best first."""
    story = footage.story
    shown = footage.pictures[unit][:1] if breakdown.sight else ()
    query = Query(text=story.texts[unit], images=tuple(shown), seen=breakdown.looks[unit][: len(shown)])
    return _lasting_as_told(story, search(finder, query, EFFECT_HITS, "sfx", options), lasting)


def _lasting_as_told(story: Story, hits: Sequence[Hit], lasting: Lasting) -> tuple[Hit, ...]:
    """Hits that go on, where the story is a sound: what is told of the whole of it has no moment in it."""
    return tuple(hit for hit in hits if lasting(hit.sound)) if story.audio and not story.frames else tuple(hits)


def effects_laid(
    footage: Footage,
    breakdown: Breakdown,
    found: Sequence[Sequence[Hit]],
    fits: Sequence[Sequence[float]],
    audible: Sequence[bool],
    lasting: Lasting,
) -> list[Draft]:
    """Drafts of what of the sounds `found` for each unit is worth adding; `fits` says how well each suits its unit."""
    story = footage.story
    offers: list[EffectOffer] = []
    names: dict[str, int] = {}
    for unit, (hits, own) in enumerate(zip(found, fits, strict=True)):
        for hit, fit in zip(hits, own, strict=True):
            sound = names.setdefault(hit.sound.path, len(names))
            if fit >= SURE:  # others aren't picked, and needn't be read
                heard = hit.events[0].label if hit.events else ""
                offers.append(EffectOffer(unit, sound, fit, lasting(hit.sound), heard))
    picked = pick_effects(offers, story.units, audible, sure=SURE, surer=SURER)
    drafts = []
    for offer in picked:
        others = [hit for hit in found[offer.shot] if lasting(hit.sound) == offer.long]
        drafts.append(_effect(story, breakdown, offer, list(names), others, audible[offer.shot]))
    least_s = min(SHORTEST_AMBIENCE_S, story.duration_s)
    return [draft for draft in _joined(drafts) if draft.layer == "spot" or draft.end_s - draft.start_s >= least_s]


def is_clear(footage: Footage, breakdown: Breakdown, unit: int, heard: bool) -> bool:
    """Whether a unit says clearly enough what is there; `heard`: the clip's own sound is, and an error costs more."""
    if footage.story.texts[unit]:
        return True
    return (breakdown.sight.clearness(unit) if breakdown.sight else 0.0) >= (CLEARER if heard else CLEAR)


def _varied(fit: float, path: str, seed: int) -> float:
    """The fit of an effect; another choice changes the order of those that are sure, not which are."""
    if not seed or fit < SURE:
        return fit
    least, most = (SURER, math.inf) if fit >= SURER else (SURE, math.nextafter(SURER, 0))
    return min(max(fit + VARIETY * _chance(seed, path), least), most)


def _effect(
    story: Story, breakdown: Breakdown, offer: EffectOffer, names: Sequence[str], found: Sequence[Hit], soft: bool
) -> Draft:
    """The cue of an effect that was picked; `found` for its unit: what lasts as it does."""
    unit = story.units[offer.shot]
    hits = _chosen_first(names[offer.sound], [found])
    arousal = breakdown.mood[offer.shot][2]
    if offer.long:
        return Draft("ambience", unit.start_s, unit.end_s, hits, arousal, soft, offer.shot)
    start_s = unit.start_s + min(0.3, 0.1 * unit.duration_s)
    end_s = min(story.duration_s, start_s + hits[0].sound.duration_s)
    return Draft("spot", start_s, end_s, hits, arousal, soft, offer.shot)


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
