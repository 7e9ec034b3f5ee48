"""MAC's pair score re-orders what was found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipe_fakes import models_of
from research.story_fakes import COLOURS, WORDS, FakeEncoder, write_stories
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.jobs.find.find import finder_of
from storysound.jobs.find.reranked import POOL, RerankedFinder
from storysound.match.query import Hit, Query
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.mac import train as train_mac
from storysound.research.mac.settings import MacTraining
from storysound.trained import mac as mac_trained
from storysound.trained.mac import load_trained
from storysound.trained.mac_ranker import MacRanker
from storysound.weights.resolver import Resolver
from trained import ranker_fakes
from trained.ranker_fakes import order

hits = ranker_fakes.hits  # a fixture


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of models that learned what belongs to words, and what to pictures."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_stories(folder / "data", 36)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_mac, "StoryEncoder", FakeEncoder)
        for name, words in {"words": ["seen=sound"], "pictures": ["heard=sound"], "videos": []}.items():
            given = [f"data={data}", f"out={folder / name}", "batch=16", "rate=0.005", "held_out=0.2", "ema=0.8"]
            given += ["dim=16", "dropout=0.1", "evaluate_every=90", *words]
            given += [
                "threads=1",
                f"steps={1 if name == 'videos' else 90}",
                *(["experts=object"] if "ict" in name else []),
            ]
            train_mac.train(recipes.settings(MacTraining, given), models_of(), Watch())
            found[name] = folder / name / "best.safetensors"
    return found


@pytest.fixture(autouse=True)
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mac_trained, "StoryEncoder", FakeEncoder)


def ranker(file: Path) -> MacRanker:
    return MacRanker(load_trained(file, models_of()))


@pytest.mark.parametrize("told", ["words", "pictures"])
def test_a_trained_model_hears_what_is_told_or_shown(runs: dict[str, Path], hits: list[Hit], told: str) -> None:
    judge, right = ranker(runs[told]), 0
    for kind in range(4):
        text = WORDS[kind] if told == "words" else ""
        pictures = [] if text else [np.full((4, 4, 3), COLOURS[kind], np.uint8)] * 2
        found = judge.again(hits, text, pictures)
        right += order(found)[0] == f"{kind}.wav"
        assert sorted(order(found)) == [f"{i}.wav" for i in range(4)]
        assert found[0].why[-1].startswith("re-ranked, before")
    assert right >= 3
    assert judge.again(hits, "" if told == "words" else "bear", []) == tuple(hits)  # it knows nothing of the other kind


def test_a_candidates_score_doesn_t_depend_on_the_others(runs: dict[str, Path], hits: list[Hit]) -> None:
    judge = ranker(runs["words"])
    whole = judge.scores(hits, "bear", [])
    alone = [judge.scores([hit], "bear", [])[0] for hit in hits]
    np.testing.assert_allclose(whole, alone, atol=1e-6)


def test_a_lost_sound_comes_last(runs: dict[str, Path], hits: list[Hit]) -> None:
    (Path(hits[0].sound.root) / "0.wav").unlink()
    assert order(ranker(runs["words"]).again(hits, "bear", []))[-1] == "0.wav"


def test_it_stands_behind_a_search(runs: dict[str, Path], hits: list[Hit]) -> None:
    asked: list[int] = []

    class First:
        def search(self, query: Query, k: int, **_: Any) -> tuple[Hit, ...]:
            asked.append(k)
            return tuple(hits)

    judge = ranker(runs["words"])
    found = RerankedFinder(First(), judge).search(Query(text="wren"), 2)  # type: ignore[arg-type]
    assert asked == [POOL]
    assert order(found) == order(judge.again(hits, "wren", []))[:2]


def test_wrong_choices_are_told(runs: dict[str, Path], tmp_path: Path) -> None:
    for choice, error, fault in (
        ("mac", UsageError, "storysound train mac"),
        (f"mac={runs['videos']}", UsageError, "finds videos by words"),
        ("mac=nowhere/best.safetensors", InputError, "can't be read as the card of a model"),
    ):
        with pytest.raises(error, match=fault):
            finder_of(tmp_path, Models(load_profile(), Resolver(offline=True)), choice)


def test_inference_keeps_no_gradients(runs: dict[str, Path]) -> None:
    network = load_trained(runs["words"], models_of()).network
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training
