"""`storysound evaluate events`: what is heard when, on DESED's strong labels (Turpault et al. 2019).

The profile's tagger tells events as `storysound listen` does; nothing is trained on DESED, whose ten classes are each
one or more of AudioSet's, special cases included.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from storysound.annotate import families
from storysound.annotate.events import EventConfig, events_of
from storysound.annotate.hearing import Ear, audible, tightened
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.ingest.sound_sets import read_desed
from storysound.jobs.listen.listen import detectors_of
from storysound.media.audio import Waveform, read_audio
from storysound.media.loudness import peaks_db
from storysound.metrics.bootstrap import interval
from storysound.metrics.sound_events import evaluate as judge
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.settings import EventEvaluation
from storysound.story import Event

DESED: Mapping[str, tuple[str, ...]] = {
    "Alarm_bell_ringing": ("Alarm", "Bell", "Alarm clock", "Telephone bell ringing", "Doorbell"),
    "Blender": ("Blender",),
    "Cat": ("Cat",),
    "Dishes": ("Dishes, pots, and pans", "Cutlery, silverware"),
    "Dog": ("Dog",),
    "Electric_shaver_toothbrush": ("Electric shaver, electric razor", "Electric toothbrush"),
    "Frying": ("Frying (food)",),
    "Running_water": ("Water tap, faucet", "Sink (filling or washing)", "Bathtub (filling or washing)"),
    "Speech": ("Speech",),
    "Vacuum_cleaner": ("Vacuum cleaner",),
}


def evaluate(recipe: EventEvaluation, models: Models, watch: Watch) -> list[Row]:
    """One row. Raises InputError for a table or classes that aren't known, UsageError where the profile can't tag."""
    truth = read_desed(recipe.data, recipe.audio)
    if odd := {event.label for events in truth.values() for event in events} - DESED.keys():
        raise InputError(
            recipe.data, f"has classes that aren't DESED's: {', '.join(sorted(odd))}", "give DESED's table"
        )
    ear = detectors_of(Models(load_profile(recipe.profile), models.weights)).classes
    found: dict[str, tuple[Event, ...]] = {}
    lasts: dict[str, float] = {}
    for path in truth:
        try:
            wave = read_audio(path, channels=1)
        except MediaError as error:
            watch.say(f"left out: {error}")
            continue
        found[str(path)], lasts[str(path)] = heard_of(wave, ear, EventConfig.from_score(recipe.least)), wave.duration_s
    kept = {str(path): events for path, events in truth.items() if str(path) in found}
    if not any(kept.values()):
        raise InputError(recipe.audio, "no file with an event can be heard", "look at the lines above")
    return [_row(recipe, found, kept, lasts)]


def heard_of(wave: Waveform, ear: Ear, config: EventConfig) -> tuple[Event, ...]:
    """Events of DESED's classes in a sound: each class is as clear as the clearest of AudioSet's that belong to it."""
    heard = ear.encoder.encode([wave])[0]
    scores = ear.scores(heard)
    levels_db = peaks_db(wave)
    scores[~audible(levels_db, heard.step_s, len(scores))] = 0.0
    tree = families.audioset()
    groups = []
    for names in DESED.values():
        meant = {*names, *(special for name in names for special in tree.below.get(name, ()))}
        groups.append(scores[:, [i for i, label in enumerate(ear.labels) if label in meant]].max(axis=1))
    found = events_of(np.stack(groups, axis=1), tuple(DESED), heard.step_s, duration_s=wave.duration_s, config=config)
    return tightened(found, levels_db, max(ear.patch_s, heard.step_s))


def _row(
    recipe: EventEvaluation,
    found: Mapping[str, tuple[Event, ...]],
    truth: Mapping[str, tuple[Event, ...]],
    lasts: Mapping[str, float],
) -> Row:
    report = judge(found, truth, lasts)
    files = list(truth)

    def f1(some: NDArray[np.int64]) -> float:
        """Of some files, some of them several times."""
        names = {f"{place} {files[number]}": files[number] for place, number in enumerate(some.tolist())}
        if not any(truth[file] for file in names.values()):
            return 0.0
        told, there = ({name: events[file] for name, file in names.items()} for events in (found, truth))
        return judge(told, there, {name: lasts[file] for name, file in names.items()}).event_macro

    figures = {
        "f1": report.event_macro, "f1_micro": report.event_micro,
        "segment_f1": report.segment_macro, "segment_f1_micro": report.segment_micro,
    }  # fmt: skip
    intervals = {"f1": interval(f1, len(files), draws=recipe.draws, seed=recipe.seed)}
    protocol = f"{report.protocol}; nothing learned; from score {recipe.least:g}"
    return Row(
        "DESED", f"storysound listen ({recipe.profile})", figures, intervals, report.n, recipe.data.name, protocol
    )
