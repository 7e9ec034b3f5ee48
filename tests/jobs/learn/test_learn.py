"""Learning from sheets and films: which choices they hold, and what comes of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.app.cli.index import told_of
from storysound.cue.edit import lock, put
from storysound.cue.score import Cue, Piece, Scene, Score
from storysound.cue.sheet import write_json
from storysound.encode.pool import Models
from storysound.errors import InputError, LibraryError, UsageError
from storysound.jobs.find.find import finder_of
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.learn import learn as job
from storysound.jobs.learn.films import heard_in
from storysound.jobs.learn.request import LearnRequest, LearnResult
from storysound.jobs.learn.sheets import choices_in
from storysound.library import tastes
from storysound.library.search import Index
from storysound.match.query import Query
from storysound.match.taste import Judgement
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, write_wav
from storysound.media.recording import of_wave
from storysound.progress import Watch
from storysound.story import Mood, Sound, Source
from storysound.weights.catalogue import catalogue

TEXTS = ("They march to war.", "She mourns her brother.", "The village dances.")


def sound(name: str) -> Sound:
    return Sound(name, "/music", 60.0, "music", source=Source("", name * 4))


def scenes(count: int = 3) -> tuple[Scene, ...]:
    return tuple(Scene(10.0 * i, 10.0 * i + 10, Mood(0.5, 0.5), "", (), TEXTS[i % 3]) for i in range(count))


def cue(number: int, of: Sound) -> Cue:
    start_s = 10.0 * number
    return Cue(f"music-{number + 1}", "music", start_s, start_s + 10, of, (Piece(0.0, 10.0, start_s),), 0, 0, 0, 0.9)


def score(*sounds: Sound) -> Score:
    cues = tuple(cue(number, one) for number, one in enumerate(sounds))
    return Score("film", 10.0 * len(sounds), 25.0, scenes(len(sounds)), cues, library="/library")


def said(of: Score, *known: Sound) -> list[tuple[float, str, str]]:
    tracks = {one.source.sha256: one for one in known}
    return [(one.start_s, one.track, one.how) for one in choices_in(of, "film", tracks)]


def test_what_is_kept_swapped_locked_and_banned_are_choices() -> None:
    a, b, c = map(sound, "abc")
    sheet = lock(put(score(a, a, b), "swap music-1 c", cue(0, c)), "music-3")
    sheet = replace(sheet, bans=("a",))
    assert said(sheet, a, b, c) == [
        (0.0, "a", "replaced"), (0.0, "c", "chosen"), (10.0, "a", "kept"), (20.0, "b", "locked"),
        (0.0, "a", "banned"), (10.0, "a", "banned"), (20.0, "a", "banned"),
    ]  # fmt: skip


def test_sheets_nobody_worked_on_muted_cues_and_music_of_other_libraries_say_nothing() -> None:
    a, b = map(sound, "ab")
    sheet = score(a, b)
    assert said(sheet, a, b) == []  # nobody has worked on it
    assert said(put(sheet, "mute music-1", replace(sheet.cues[0], muted=True)), a, b) == [(10.0, "b", "kept")]
    assert said(put(sheet, "mute music-2", replace(sheet.cues[1], muted=True)), b) == []


def melody(seed: int, seconds: float = 40.0) -> np.ndarray:
    """Notes of a quarter of a second, each with two overtones, that die away."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    fade = np.exp(-6 * time_s)
    notes = [
        fade * sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in (1, 2, 3))
        for hz in 220 * 2 ** (rng.integers(0, 30, round(4 * seconds)) / 12)
    ]
    return (0.2 * np.concatenate(notes)).astype(np.float32)


def test_tracks_are_found_in_a_film_under_noise_and_by_where_they_play(tmp_path: Path) -> None:
    tracks = {}
    for number in range(4):
        write_wav(tmp_path / f"{number}.wav", Waveform(melody(number)[None], RATE_HZ))
        tracks[f"{number}"] = replace(sound(f"{number}.wav"), root=str(tmp_path))
    parts = [0.5 * melody(2)[5 * RATE_HZ : 15 * RATE_HZ], 0.5 * melody(0)[: 10 * RATE_HZ], melody(9)[: 10 * RATE_HZ]]
    film = np.concatenate(parts) + 0.01 * np.random.default_rng(0).normal(size=30 * RATE_HZ)
    heard = heard_in(
        of_wave(Waveform(film.astype(np.float32)[None], RATE_HZ)),
        scenes(3),
        None,
        tracks,
        None,
        Watch(),  # type: ignore[arg-type]
    )
    assert heard == {0: "2", 1: "0"}  # the third plays nothing of the library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Path:
    """Four tracks of the starter library."""
    names = [name for name in catalogue() if name.startswith("starter/") and name.endswith(".opus")][::7]
    folder = tmp_path_factory.mktemp("taste") / "library"
    index.run(IndexRequest(tuple(models.weights.path(name) for name in names), folder), models, Watch())
    return folder


def sheets(folder: Path, library: Path, count: int) -> list[Path]:
    """Sheets whose owner locks the same track for each kind of scene; each cut a little shorter than the one before."""
    sounds = [one for one in Index.load(library).sounds if one.kind == "music"]
    made = []
    for number in range(count):
        sheet = score(*(sounds[i] for i in (2, 0, 1)))
        sheet = replace(sheet, scenes=tuple(replace(each, end_s=each.end_s - 0.1 * number) for each in sheet.scenes))
        for each in sheet.cues:
            sheet = lock(sheet, each.id)
        made.append(folder / f"{number}.json")
        write_json(sheet, made[-1])
    return made


@pytest.mark.models
@pytest.mark.usefixtures("shared_models")
def test_a_library_learns_what_its_owner_locks_and_can_be_told_to_forget_it(
    library: Path, models: Models, tmp_path: Path
) -> None:
    made = sheets(tmp_path, library, 4)
    few = job.run(LearnRequest(library, (made[0],)), models, Watch())
    assert (few.used, few.judgement, len(few.choices)) == (False, None, 3)
    learned = job.run(LearnRequest(library, tuple(made)), models, Watch())
    assert learned.used
    assert learned.judgement is not None
    assert learned.judgement.with_taste == 1.0
    assert len(learned.choices) == 12
    own = [one.track for one in learned.choices[:3]]
    taught, _ = finder_of(library, models)
    for text, track in zip(TEXTS, own, strict=True):
        best = taught.search(Query(text=text), kind="music")[0]
        assert best.sound.path == track
        assert "chosen for scenes like this" in best.why
    plain, _ = finder_of(library, models, taste=False)
    assert all("chosen" not in " ".join(hit.why) for hit in plain.search(Query(text=TEXTS[0]), kind="music"))
    told = CliRunner().invoke(app, ["find", "-l", str(library), "--text", TEXTS[0], "--kind", "music", "--no-taste"])
    assert told.exit_code == 0
    assert "chosen" not in told.stdout
    forgotten = job.run(LearnRequest(library, forget=tuple(made)), models, Watch())
    assert (forgotten.choices, forgotten.used, forgotten.file) == ((), False, "")
    assert tastes.read(library) is None


@pytest.mark.models
def test_bad_input_is_told_and_nothing_is_lost(library: Path, models: Models, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was learned yet"):
        job.run(LearnRequest(library), models, Watch())
    write_json(score(sound("x")), tmp_path / "other.json")
    with pytest.raises(InputError, match="has no music of this library"):
        job.run(LearnRequest(library, (tmp_path / "other.json",)), models, Watch())
    assert not (library / tastes.FILE).exists()
    other = tastes.KeptTaste(
        (tastes.Choice("/f", 0, 9, "war", 0.5, 0.5, "x", "y" * 64, "heard"),), np.zeros((1, 386), np.float32), "r", None
    )
    tastes.write(library, other)
    with pytest.raises(LibraryError, match="taste of another library"):
        job.run(LearnRequest(library), models, Watch())
    tastes.write(library, other)
    (library / tastes.FILE).write_bytes(b"broken")
    finder, _ = finder_of(library, models)
    assert finder.search(Query(text="war"), kind="music")
    (library / tastes.FILE).unlink()


@pytest.mark.parametrize(
    ("judgement", "told"),
    [
        (None, "not used yet: 8 scenes with music chosen for them are needed"),
        (Judgement(9, 0.2, 0.4, True), "used by find and score (on what is left out: 0.40 with it, 0.20 without"),
        (Judgement(9, 0.4, 0.2, False), "not used, as it doesn't help (on what is left out: 0.20 with it, 0.40"),
    ],
)
def test_whether_a_taste_is_used_is_said_in_words(judgement: Judgement | None, told: str) -> None:
    one = tastes.Choice("/film", 0, 9, "war", 0.5, 0.5, "x", "y" * 64, "heard")
    used = judgement is not None and judgement.used
    lines = told_of(LearnResult((one, one), judgement, used, ("a note",), "file"))
    assert lines[:2] == ["a note", "2 choices of 1 films and sheets: 2 heard"]
    assert lines[2].startswith(told)
