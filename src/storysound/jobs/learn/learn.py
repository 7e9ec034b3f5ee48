"""`learn`: a library learns its owner's taste from finished films and from sheets that were worked on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storysound.annotate.picture_claims import log_odds
from storysound.cue.sheet import read_json
from storysound.encode.pool import Models
from storysound.encode.wording import parse_query, sentences
from storysound.errors import InputError, LibraryError, UsageError
from storysound.jobs.find.find import Finder, untaught
from storysound.jobs.learn.films import heard_in
from storysound.jobs.learn.request import LearnRequest, LearnResult
from storysound.jobs.learn.sheets import choice, choices_in, music_of
from storysound.jobs.plan.plan import scenes_of
from storysound.library import tastes
from storysound.library.tastes import Choice, KeptTaste
from storysound.match.chance import FARTHEST
from storysound.match.query import Query
from storysound.match.taste import LEAST_SCENES, Judgement, asked, judge
from storysound.media.arrays import Doubles, Floats
from storysound.progress import Watch
from storysound.story import Mood, Sound

SHEET = ".json"
SHARES = {"films": 90.0, "fit": 10.0}


def run(request: LearnRequest, models: Models, watch: Watch) -> LearnResult:
    """Adds the choices of films and sheets to what the library has learned, in the place of what they said before.

    Raises LibraryError, InputError for a source that can't be learned from, UsageError where there is nothing to learn
    from; then all stays as it was.
    """
    watch.plan(SHARES)
    folder = request.library.absolute()
    finder = untaught(request.library, models)
    tracks = {sound.source.sha256: sound for sound in finder.index.sounds if sound.kind == "music"}
    if not tracks:
        raise LibraryError(request.library, "has no music", "index some, or say of sounds that they are")
    before = tastes.read(folder)
    left_out = {str(path.absolute()) for path in (*request.sources, *request.forget)}
    choices = [one for one in (before.choices if before else ()) if one.film not in left_out]
    if before and before.choices and not any(one.sha256 in tracks for one in before.choices):
        fault = "holds the taste of another library: none of its tracks is here"
        raise LibraryError(folder / tastes.FILE, fault, tastes.LEARN_AGAIN)
    if before is None and not request.sources:
        raise UsageError("nothing was learned yet: give finished films or cue sheets", field="sources")
    notes: list[str] = []
    watch.step("films")
    for number, source in enumerate(request.sources):
        watch.at(number, len(request.sources), source.name)
        choices += _choices_of(source, request.library, finder, tracks, models, watch, notes)
    watch.step("fit")
    notes += _conflicts(choices)
    vectors = _asked(choices, models)
    learned = KeptTaste(tuple(choices), vectors, tastes.reader_of(models), None)
    judgement = _judged(learned, finder, tracks, watch)
    learned = KeptTaste(learned.choices, vectors, learned.reader, judgement)
    file = tastes.write(folder, learned)
    used = judgement is not None and judgement.used
    return LearnResult(learned.choices, judgement, used, tuple(notes), str(file) if file else "")


def _choices_of(
    source: Path,
    library: Path,
    finder: Finder,
    tracks: dict[str, Sound],
    models: Models,
    watch: Watch,
    notes: list[str],
) -> list[Choice]:
    """What one source says; a note where it says nothing."""
    film = str(source.absolute())
    if source.suffix.lower() == SHEET:
        score = read_json(source)
        found = list(choices_in(score, film, tracks))
        nothing = "nobody has worked on it, so it teaches nothing"
        music = music_of(score)
        if music and not any(cue.sound.source.sha256 in tracks for cue in music):
            raise InputError(source, "has no music of this library", f"it was made with {score.library or 'another'}")
    else:
        scenes, sound = scenes_of(source, models, watch)
        if sound is None:
            raise InputError(source, "has no sound", "give a finished film, with its music")
        name = next((name for name in models.profile.audio if name in finder.index), None)
        if name is None:
            raise LibraryError(library, "wasn't heard by this profile", "index the sounds anew with it")
        heard = heard_in(sound, scenes, finder.index, tracks, (name, models.encoder(name)), watch)
        found = [choice(scenes[number], film, tracks[key], "heard") for number, key in sorted(heard.items())]
        nothing = "no music of this library was found in it"
    if not found:
        notes.append(f"{source.name}: {nothing}")
    return found


def _conflicts(choices: Sequence[Choice]) -> list[str]:
    """Says which choices count for nothing."""
    return [
        f"{Path(one.film).name}: {one.track} was both chosen and refused for the scene at {one.start_s:.0f} s: "
        "neither counts"
        for one in tastes.contradictions(choices)
    ]


def _asked(choices: Sequence[Choice], models: Models) -> Floats:
    """What the scene of each choice asks: [n f]."""
    told = {text: _words(text, models) for text in dict.fromkeys(one.text for one in choices)}
    dim = models.text.dim
    rows = [asked(told[one.text], Mood(one.valence, one.arousal), dim) for one in choices]
    return np.stack(rows) if rows else np.zeros((0, dim + 2), np.float32)


def _words(text: str, models: Models) -> Floats | None:
    wanted = parse_query(text).wanted
    if not wanted:
        return None
    result: Floats = np.concatenate([read.embedding for read in models.text.encode(sentences(wanted))]).mean(axis=0)
    return result


def _judged(learned: KeptTaste, finder: Finder, tracks: dict[str, Sound], watch: Watch) -> Judgement | None:
    """What the taste does on films that are left out; None where too few scenes have something chosen for them."""
    choices = learned.gathered()
    here = [key for key in choices.tracks if key in tracks]
    own = np.flatnonzero((choices.chosen[:, [choices.tracks.index(key) for key in here]] > 0).any(axis=1))
    if len(own) < LEAST_SCENES:
        return None
    by_scene = {one.scene: one for one in learned.choices}
    scenes = [by_scene[key] for key in dict.fromkeys(one.scene for one in learned.choices)]
    candidates = tuple(tracks)
    base: Doubles = np.zeros((len(own), len(candidates)))
    for row, at in enumerate(own):
        watch.at(row, len(own), "scenes")
        one = scenes[at]
        hits = finder.search(
            Query(text=one.text, mood=Mood(one.valence, one.arousal)), len(finder.index.sounds), kind="music"
        )
        fits = {hit.sound.source.sha256: log_odds(hit.score, FARTHEST) for hit in hits}
        base[row] = [fits[key] for key in candidates]
    known = choices.part(own)
    keep = [known.tracks.index(key) for key in here]
    return judge(type(known)(known.asked, known.films, tuple(here), known.chosen[:, keep]), base, candidates)
