"""The pair score re-orders what was found, and says why."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from research.story_fakes import COLOURS, FakeEncoder, tone
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.jobs.find.find import finder_of
from storysound.jobs.find.reranked import POOL, RerankedFinder
from storysound.match.query import Hit, Query
from storysound.match.sos_model import Config, SoundOfStory
from storysound.media.audio import resample
from storysound.trained.sos import SosCard, SosModel
from storysound.trained.sos_ranker import SosRanker
from storysound.weights.resolver import Resolver
from trained import ranker_fakes
from trained.ranker_fakes import order

hits = ranker_fakes.hits  # a fixture

CONFIG = Config(
    8, 12, 10, 8, ("text", "frames", "audio"), words=8, frames=4, sounds=5, temporal_layers=1, temporal_heads=1
)


@pytest.fixture
def ranker() -> SosRanker:
    """Whose network has learned that words and tones of a kind belong together: each maps to its kind's axis."""
    encoder = FakeEncoder()
    network = SoundOfStory(CONFIG).eval().requires_grad_(False)
    for name, rows in (("text", encoder._said), ("frames", encoder._seen), ("audio", encoder._heard)):
        network.get_parameter(f"maps.{name}.weight").copy_(torch.linalg.pinv(torch.from_numpy(rows)).T)
    return SosRanker(SosModel(network, SosCard(CONFIG, "embedded", "fake", 2.0, 0.1, "d"), encoder))  # type: ignore[arg-type]


def test_order_and_scores_are_those_of_the_model(
    ranker: SosRanker, hits: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranker, "scores", lambda *_: np.array([0.1, 0.4, 0.2, 0.3], np.float32))
    found = ranker.again(hits, "bear", [])
    assert order(found) == ["1.wav", "3.wav", "2.wav", "0.wav"]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < 0.5 < scores[0] < 1
    assert found[0].why == ("first", "re-ranked, before 0.800")


@pytest.mark.parametrize("kind", range(4))
def test_a_trained_model_hears_what_is_told_and_shown(ranker: SosRanker, hits: list[Hit], kind: int) -> None:
    word = ("bear", "wolf", "lark", "wren")[kind]
    picture = np.full((4, 4, 3), COLOURS[kind], np.uint8)
    assert order(ranker.again(hits, word, []))[0] == f"{kind}.wav"
    assert order(ranker.again(hits, "", [picture]))[0] == f"{kind}.wav"


def test_what_asks_for_nothing_changes_nothing_and_lost_sounds_come_last(ranker: SosRanker, hits: list[Hit]) -> None:
    assert ranker.again(hits, "", []) == tuple(hits)
    (Path(hits[0].sound.root) / "0.wav").unlink()
    assert order(ranker.again(hits, "bear", []))[-1] == "0.wav"


def test_the_pool_is_larger_than_what_is_asked_for(ranker: SosRanker, hits: list[Hit]) -> None:
    asked: list[int] = []

    class First:
        def search(self, query: Query, k: int, **_: Any) -> tuple[Hit, ...]:
            asked.append(k)
            return tuple(hits)

    found = RerankedFinder(First(), ranker).search(Query(text="wren"), 2)  # type: ignore[arg-type]
    assert asked == [POOL]
    assert order(found)[0] == "3.wav"
    assert len(found) == 2


def test_the_picture_of_why_is_brightest_where_both_fit(ranker: SosRanker) -> None:
    """Two pictures under a cue of one kind of tone: that of its kind makes up most of the score."""
    pictures = [np.full((4, 4, 3), COLOURS[kind], np.uint8) for kind in (1, 0)]
    footage: Any = SimpleNamespace(each=pictures, times_s=[1.0, 3.0])
    cue = SimpleNamespace(id="c", start_s=0.0, end_s=4.0, pieces=[SimpleNamespace(in_s=5.0)])
    laid: Any = SimpleNamespace(cue=cue, samples=resample(tone(0, 0, 0, 0), 48_000).samples)
    found = ranker.attention(footage, None, [laid])["c"]
    assert found.frames_s == (1.0, 3.0)
    assert found.steps_s[0] == 5.0
    assert found.values.max() == 1.0
    assert (found.values[1] > found.values[0]).all()
    late: Any = SimpleNamespace(cue=replace_start(cue, 9.0), samples=laid.samples)
    assert ranker.attention(footage, None, [late]) == {}


def replace_start(cue: Any, start_s: float) -> Any:
    return SimpleNamespace(**{**vars(cue), "start_s": start_s, "end_s": start_s + 4})


@pytest.mark.parametrize(
    ("choice", "error", "fault"),
    [
        ("mmva=x", UsageError, "none, or sos=FILE, mac=FILE"),
        ("sos", UsageError, "no trained model ships"),
        ("sos=nowhere/best.safetensors", InputError, "can't be read as the card of a model"),
    ],
)
def test_wrong_choices_are_told(tmp_path: Path, choice: str, error: type[Exception], fault: str) -> None:
    with pytest.raises(error, match=fault):
        finder_of(tmp_path, Models(load_profile(), Resolver(offline=True)), choice)


def test_hits_keep_all_else(ranker: SosRanker, hits: list[Hit]) -> None:
    again = {hit.sound.path: hit for hit in ranker.again(hits, "wolf", [])}
    for hit in hits:
        assert replace(again[hit.sound.path], score=hit.score, why=hit.why) == hit
