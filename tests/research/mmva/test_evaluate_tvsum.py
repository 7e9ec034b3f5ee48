"""`storysound evaluate tvsum`: its shots, its rows, and the agreement of people that others published."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from ingest_fakes import BLUE, FPS, GREEN, RED, Colours, film
from recipe_fakes import listening, models_of
from storysound.encode import mood as moods
from storysound.errors import InputError, StorysoundError
from storysound.metrics.summary import evaluate as evaluate_summary
from storysound.metrics.summary import pairwise
from storysound.metrics.summary_shots import MEAN_LENGTH, SPREADS
from storysound.progress import Watch
from storysound.research.mmva import tvsum as job
from storysound.research.mmva.importances import read_importances
from storysound.research.mmva.settings import TVSUM_TABLE, TvsumEvaluation
from storysound.research.mmva.tvsum import HUMAN, IMPORTANCE, RANDOM, SHOTS, evaluate


def annotations(folder: Path, people: int = 4) -> Path:
    """Three videos that people judge alike but for some noise, in stretches of 60 frames."""
    rng = np.random.default_rng(0)
    lines = []
    for video, frames in (("a", 1500), ("b", 1100), ("c", 1777)):
        truth = rng.integers(1, 5, frames // 60 + 1)
        for _ in range(people):
            own = np.repeat(truth + (rng.random(len(truth)) < 0.3), 60)[:frames]
            lines.append(f"{video}\tVT\t{','.join(map(str, own))}\n")
    (folder / "ydata-anno.tsv.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return folder


def test_people_agree_and_chance_does_not(tmp_path: Path) -> None:
    recipe = TvsumEvaluation(annotations(tmp_path), seeds=3, draws=50)
    told: list[str] = []
    rows = evaluate(recipe, models_of(), listening(told))
    assert [(row.task, row.model) for row in rows] == [
        (task, model) for task in (IMPORTANCE, *SHOTS) for model in (RANDOM, HUMAN)
    ]
    assert len(told) == len(SHOTS)
    chance, human = rows[:2]
    assert abs(chance.figures["kendall"]) < 0.1 < 0.5 < human.figures["kendall"] < human.figures["spearman"]
    for row in rows:
        assert row.n == 3
        assert {column.key for column in TVSUM_TABLE.columns} >= row.figures.keys() == row.intervals.keys()
        for key, (low, high) in row.intervals.items():
            assert low - 1e-9 <= row.figures[key] <= high + 1e-9
    assert rows[5].task == "60 frames"
    assert rows[5].figures["f_mean"] > rows[4].figures["f_mean"] + 0.1
    again = evaluate(recipe, models_of(), listening(told))
    assert [row.figures for row in again] == [row.figures for row in rows]
    assert {row.task for row in rows} < set(TVSUM_TABLE.tasks)


def test_with_the_videos_pictures_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People find red important, pictures are exciting by their red, and shots change where the colour does."""
    lengths = [40, 90, 30, 120, 20]  # frames, at 10 a second
    red = np.repeat([1, 5, 1, 4, 1], lengths)
    people = "".join(f"a\tVT\t{','.join(map(str, red))}\n" for _ in range(3)) + "b\tVT\t1,2\n" * 2
    (tmp_path / "ydata-tvsum50-anno.tsv").write_text(people)
    folder = tmp_path / "videos"
    recipe = TvsumEvaluation(tmp_path, seeds=2, draws=20, videos=folder)
    monkeypatch.setattr(job, "SHOTS", {})
    monkeypatch.setattr(job.MoodReader, "eyes", Colours())
    monkeypatch.setattr(moods, "of_pictures", lambda seen: np.stack([[0.5, one.embedding[0, 0]] for one in seen]))
    with pytest.raises(InputError, match=r"none of TVSum's videos \(name them by their ids, as a\.mp4"):
        evaluate(recipe, models_of(), Watch())
    colours = [BLUE, RED, GREEN, (150, 25, 30), BLUE]
    film(folder / "a.mp4", [(colour, frames / FPS) for colour, frames in zip(colours, lengths, strict=True)], hz=None)
    rows = evaluate(recipe, models_of(), Watch())[2:]
    assert [(row.task, row.model, row.n) for row in rows] == [
        ("change points", model, 1) for model in ("arousal of pictures", RANDOM, HUMAN)
    ]
    assert rows[0].figures["kendall"] > 0.7
    assert rows[0].figures["f_mean"] == rows[2].figures["f_mean"] == 1.0


@pytest.mark.parametrize("task", SHOTS)
def test_shots_tile_the_video(task: str) -> None:
    for frames in (100, 5000, 19406):
        edges = SHOTS[task].cut(frames, np.random.default_rng(1))
        assert edges[0] == 0
        assert edges[-1] == frames
        assert (np.diff(edges) > 0).all()


def test_lengths_are_spread_as_they_are_called() -> None:
    for ratio in SPREADS:
        lengths = np.diff(SHOTS[f"5 s ± {ratio:.0%}"].cut(400_000, np.random.default_rng(2)))
        assert lengths.mean() == pytest.approx(MEAN_LENGTH, rel=0.08)
        assert lengths.std() / lengths.mean() == pytest.approx(ratio, rel=0.1)
    two = np.diff(SHOTS["two peaks"].cut(400_000, np.random.default_rng(2)))
    assert ((two < 55).mean(), two[two < 55].mean(), two[two > 60].mean()) == pytest.approx((0.5, 30, 90), rel=0.05)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "can't be read"),
        (b"no gzip", "can't be read"),
        (gzip.compress(b"a\tVT\t1,2,3\n", mtime=0)[:-9], "can't be read"),
        (gzip.compress(b"a VT 1,2,3\n", mtime=0), "is not TVSum's table"),
        (gzip.compress(b"a\tVT\t1,2\na\tVT\t1,2,3\n", mtime=0), "is not TVSum's table"),
        (gzip.compress(b"a\tVT\tone\n", mtime=0), "is not TVSum's table"),
        (gzip.compress(b"a\tVT\t1,2\n", mtime=0), "two people"),
        (gzip.compress(b"", mtime=0), "two people"),
    ],
    ids=["missing", "not packed", "cut short", "no tabs", "unequal lengths", "no number", "one person", "empty"],
)
def test_broken_annotations_are_named(tmp_path: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "ydata-anno.tsv.gz").write_bytes(content)
    with pytest.raises(InputError, match=rf"ydata-anno\.tsv\.gz: .*{fault}"):
        read_importances(tmp_path)


def test_settings_out_of_range() -> None:
    for wrong in ({"seeds": 0}, {"share": 1.0}, {"draws": 0}):
        with pytest.raises((ValueError, StorysoundError), match="at least 1"):
            TvsumEvaluation(Path(), **wrong)


@pytest.fixture(scope="module")
def tvsum(shared_data: Path) -> list[np.ndarray]:
    return list(read_importances(shared_data / "tvsum").values())


@pytest.mark.shared
def test_golden_agreement_of_people_as_otani_et_al_published_it(tvsum: list[np.ndarray]) -> None:
    """Table 2 of "Rethinking the Evaluation of Video Summaries": Kendall's tau .177, Spearman's rho .204."""
    assert (len(tvsum), sum(people.shape[1] for people in tvsum)) == (50, 352_353)
    tau, rho = np.mean([pairwise(people[:, ::60]) for people in tvsum], axis=0)
    assert (tau, rho) == pytest.approx((0.177, 0.204), abs=1e-3)


@pytest.mark.shared
def test_erratum_6_a_random_summary_reaches_54_only_where_lengths_are_spread(tvsum: list[np.ndarray]) -> None:
    """The 54.4 of Table 4 is made of shots by kernel temporal segmentation, short ones and long ones."""
    rng = np.random.default_rng(0)

    def chance(task: str) -> float:
        found = []
        for people in tvsum:
            edges = SHOTS[task].cut(people.shape[1], rng)
            drawn = rng.random(people.shape[1])
            found.append(evaluate_summary(drawn, people, edges, step=people.shape[1]).f_mean)
        return float(np.mean(found))

    assert chance("60 frames") == pytest.approx(0.153, abs=0.02)
    assert chance("5 s ± 65%") == pytest.approx(0.544, abs=0.03)
    assert chance("two peaks") > 0.544
