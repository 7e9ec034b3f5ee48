"""The music of a story as a whole: which scenes share a theme, and how often it is worth to change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from storysound.annotate.own_sound import OwnSound
from storysound.cue.score import SILENT, Scene, Score
from storysound.cue.themes import group_themes, squared_distances
from storysound.draw.shapes import times_of
from storysound.ingest.footage import Footage
from storysound.jobs.plan.likeness import theme_vectors
from storysound.jobs.plan.request import Changes, PlanOptions
from storysound.jobs.plan.resting import resting
from storysound.jobs.plan.scenes import Breakdown
from storysound.media.arrays import Doubles
from storysound.story import Span


@dataclass(frozen=True)
class Budget:
    """How much may change in a story, by its length, and what a change must be worth."""

    theme_s: float  # a theme for so much of it
    cue_s: float  # and a stretch of music for so much
    worth: float  # of a theme: seconds · squared distance
    change: float  # what a change costs, likewise
    few: int = 2  # themes and stretches that any story may have beside those

    def themes(self, duration_s: float) -> int:
        """The most themes of a story so long."""
        return self.few + int(duration_s / self.theme_s)

    def cues(self, duration_s: float) -> int:
        """The most stretches of music."""
        return self.few + int(duration_s / self.cue_s)

    def worth_of(self, duration_s: float) -> float:
        """What a theme must be worth: in a film shorter than one usually takes, turns are shorter too."""
        return self.worth * min(1.0, duration_s / self.theme_s)


# Of stories without pictures. All were chosen on one half of the clips and pictures of `benchmarks.quality.themes`.
BUDGETS: Mapping[Changes, Budget] = {
    "few": Budget(90.0, 45.0, 6.0, 1.0, few=1),
    "some": Budget(50.0, 20.0, 5.0, 1.0),
    "many": Budget(20.0, 8.0, 4.0, 1.0),
}
# Scenes of films are further apart, as their colours are.
FILM_BUDGETS: Mapping[Changes, Budget] = {
    "few": Budget(90.0, 45.0, 10.0, 1.0, few=1),
    "some": Budget(50.0, 20.0, 9.0, 1.0),
    "many": Budget(20.0, 8.0, 6.5, 1.0),
}
# Who puts pictures in a row means each of them: five of five moods ask for five tracks.
PICTURE_BUDGETS: Mapping[Changes, Budget] = {
    "few": Budget(60.0, 30.0, 5.0, 1.0, few=1),
    "some": Budget(15.0, 8.0, 2.5, 0.3, few=4),
    "many": Budget(5.0, 4.0, 2.0, 0.3, few=4),
}


def with_themes(breakdown: Breakdown, footage: Footage, options: PlanOptions, own: OwnSound | None = None) -> Breakdown:
    """The breakdown with a theme for each scene, counted from 1 as they are first heard.

    By what is seen, told and felt. Themes that scenes have already stay; beside them a scene that has none gets the
    one that it is nearest to. Scenes that the story's `own` sound carries have `SILENT`, and say why. Raises
    MissingModelError where things in pictures are looked for and who finds them isn't there.
    """
    scenes = breakdown.scenes
    if all(scene.theme is not None for scene in scenes):
        return breakdown
    vectors = theme_vectors(breakdown, footage, options.mood)
    if any(scene.theme is not None for scene in scenes):
        return replace(breakdown, scenes=_beside_known(scenes, vectors))
    lengths_s = np.array([scene.end_s - scene.start_s for scene in scenes])
    duration_s = float(lengths_s.sum())
    budgets = PICTURE_BUDGETS if footage.pages else FILM_BUDGETS if footage.each else BUDGETS
    budget = budgets[options.changes]
    most, most_cues, worth = budget.themes(duration_s), budget.cues(duration_s), budget.worth_of(duration_s)
    if options.themes is not None:
        most, most_cues, worth = options.themes, max(most_cues, 2 * options.themes), 0.0
    themes = group_themes(
        lengths_s,
        vectors,
        most=most,
        most_cues=most_cues,
        worth=worth,
        change_cost=budget.change,
    )
    rests = resting(scenes, own or OwnSound(None), options)
    numbers = [SILENT if why else theme + 1 for why, theme in zip(rests, themes, strict=True)]
    ways = zip(scenes, numbers, rests, strict=True)
    return replace(breakdown, scenes=tuple(replace(scene, theme=number, rests=why) for scene, number, why in ways))


def _beside_known(scenes: Sequence[Scene], vectors: Doubles) -> tuple[Scene, ...]:
    """Scenes that have no theme with that of the scene they are nearest to, of those that have; `vectors` [s d]."""
    known = [at for at, scene in enumerate(scenes) if scene.theme is not None]
    off = squared_distances(vectors, vectors[known])
    nearest = [scenes[known[at]].theme for at in off.argmin(axis=1)]
    pairs = zip(scenes, nearest, strict=True)
    return tuple(replace(scene, theme=near) if scene.theme is None else scene for scene, near in pairs)


def theme_notes(score: Score) -> tuple[str, ...]:
    """How many themes the music has, and which return: a line, where there are several."""
    if not any(cue.layer == "music" for cue in score.cues):
        return rest_notes(score)
    runs = [theme for theme, _ in groupby(scene.theme for scene in score.scenes) if theme]
    back = sorted({theme for theme in runs if runs.count(theme) > 1})
    returning = f"; {', '.join(map(str, back))} return{'s' if len(back) == 1 else ''}" if back else ""
    said = [f"the music has {len(set(runs))} themes{returning}"] if len(set(runs)) > 1 else []
    return (*said, *rest_notes(score))


def rest_notes(score: Score) -> tuple[str, ...]:
    """Where music rests, and why: a line for each reason."""
    silent = [scene for scene in score.scenes if scene.theme == SILENT]
    reasons = dict.fromkeys(scene.rests or "silence was asked for there" for scene in silent)
    own = ((why, [s for s in silent if (s.rests or why) == why]) for why in reasons)
    return tuple(f"no music at {', '.join(times_of(Span(s.start_s, s.end_s)) for s in of)}: {why}" for why, of in own)
