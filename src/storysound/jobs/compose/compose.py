"""Composes music to scenes and writes it: its notes as MIDI, its sound, its parts."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles, read_ensembles, read_styles, styles
from storysound.compose.midi import write_midi
from storysound.compose.notes import Composition
from storysound.compose.sounding import FONT, Players, write_music, write_stems
from storysound.compose.spotting import Spotting
from storysound.compose.spotting_file import read_spotting, write_spotting
from storysound.compose.tempo import TOLERANCE_S
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.jobs.compose.request import ComposedScene, ComposeRequest, ComposeResult
from storysound.media.files import check_target
from storysound.metrics.counterpoint import distance
from storysound.progress import Watch

_COSTS = {"compose": 5.0, "write": 20.0}
_LOOKED = {"look": 23.0, "listen": 10.0, "understand": 10.0, "compose": 1.0, "write": 8.0}


def run(request: ComposeRequest, models: Models, watch: Watch) -> ComposeResult:
    """Writes what is asked for.

    Raises InputError for scenes or tables that can't be read, UsageError for an unknown ensemble or style and for
    themes of scenes that aren't there, OutputError; MediaError for a story that can't be read; for sound
    MissingModelError where the catalogue's font isn't there, MediaError for a font that can't be played.
    """
    source = request.scenes or request.story
    assert source is not None
    for file in (request.midi, request.out, request.write_scenes):
        if file is not None:
            check_target(file, source)
    players, credit = _players(request, models)
    means = Means(
        request.ensemble,
        request.style,
        read_ensembles(request.ensembles) if request.ensembles else ensembles(),
        read_styles(request.styles) if request.styles else styles(),
    )
    watch.plan(_LOOKED if request.story and not request.of_sheet else _COSTS)
    spotting, seed = _spotting(request, models, watch)
    spotting = with_themes(spotting, request.themes)
    watch.step("compose")
    music = compose(spotting, seed, means, watch)
    watch.step("write")
    if request.write_scenes is not None:
        write_spotting(spotting, request.write_scenes)
    if request.midi is not None:
        write_midi(music, request.midi)
    stems: list[Path] = []
    if players is not None and request.out is not None:
        tags = {"comment": f"composed by Storysound, {request.ensemble}, seed {music.seed}; played with {credit}"}
        write_music(players, music, request.out, tags, watch)
    if players is not None and request.stems is not None:
        stems = write_stems(players, music, request.stems, watch)
    notices = () if players is None else players.notices
    for notice in notices:
        watch.say(notice)
    return replace(_result(request, spotting, music), stems=tuple(map(str, stems)), notices=notices, credit=credit)


def _spotting(request: ComposeRequest, models: Models, watch: Watch) -> tuple[Spotting, int]:
    """What is composed to, and the seed: of a sheet that of its music."""
    if request.scenes is not None:
        return read_spotting(request.scenes), request.seed
    from storysound.jobs.plan.plan import spotted, spotted_sheet  # loads what looks and listens

    assert request.story is not None
    if not request.of_sheet:
        return spotted(request.story, models, watch, request.text), request.seed
    return spotted_sheet(request.story)


def with_themes(spotting: Spotting, themes: Sequence[str]) -> Spotting:
    """The spotting with themes "NAME=2,4" for scenes counted from 1. Raises UsageError for what is none."""
    scenes = list(spotting.scenes)
    for theme in themes:
        name, _, numbers = theme.rpartition("=")
        wanted = [int(number) for number in numbers.split(",") if number.strip().isdecimal()]
        if not name.strip() or not wanted or len(wanted) != numbers.count(",") + 1:
            raise UsageError(f"is a name and numbers of scenes as Anna=2,4, got {theme!r}", field="themes")
        for number in wanted:
            if not 1 <= number <= len(scenes):
                raise UsageError(f"there is no scene {number}: there are {len(scenes)}, from 1 on", field="themes")
            scenes[number - 1] = replace(scenes[number - 1], theme=name.strip())
    return replace(spotting, scenes=tuple(scenes))


def _players(request: ComposeRequest, models: Models) -> tuple[Players | None, str]:
    """Who plays, and whom to thank; nobody where only notes are asked for."""
    if request.out is None and request.stems is None:
        return None, ""
    if request.font is not None:
        return Players(request.font), request.font.name
    entry = models.weights.entries[FONT]
    return Players(models.weights.path(FONT)), f"{entry.credit} ({entry.licence})"


def _result(request: ComposeRequest, spotting: Spotting, music: Composition) -> ComposeResult:
    beats = music.beats_s()
    cuts = [cut_s for cut_s in spotting.cuts_s if cut_s <= music.ends_s]
    return ComposeResult(
        str(request.midi or ""),
        str(request.out or ""),
        (),
        music.length_s,
        music.seed,
        request.ensemble,
        tuple(part.name for part in music.parts),
        sum(1 for _ in music.notes()),
        tuple(_scenes(spotting, music)),
        len(cuts),
        sum(distance(cut_s, beats) <= TOLERANCE_S for cut_s in cuts),
        (),
        "",
        str(request.write_scenes or ""),
    )


def _scenes(spotting: Spotting, music: Composition) -> list[ComposedScene]:
    lines = [*(bar.start_s for bar in music.bars), music.ends_s]
    starts = [key.start_s for key in music.keys]
    bounds = [*(scene.start_s for scene in spotting.scenes), music.ends_s]
    found = []
    for number, (scene, (start_s, end_s)) in enumerate(zip(spotting.scenes, pairwise(bounds), strict=True)):
        key = music.keys[max(0, bisect_right(starts, start_s + TOLERANCE_S) - 1)]
        last_s = max(end_s, start_s + TOLERANCE_S)
        bpm = 60 * (music.beat_at(last_s) - music.beat_at(start_s)) / (last_s - start_s)
        bars = sum(bar.scene == number for bar in music.bars)
        off_s = distance(start_s, lines)
        told = scene.theme, scene.about
        found.append(ComposedScene(scene.start_s, scene.end_s, key.name, round(bpm, 1), bars, round(off_s, 3), *told))
    return found
