"""Training and judging MAC on stories in three made-up languages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from recipe_fakes import listening, models_of
from research.story_fakes import FakeEncoder, write_stories
from storysound.app.cli.commands import app
from storysound.errors import InputError, UsageError
from storysound.library.stories import read_stories
from storysound.match.mac_experts import Experts, Sides
from storysound.match.mac_model import Config, Mac, Tokens
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.mac import ablation as evaluate_mac_ablation
from storysound.research.mac import evaluate as evaluate_mac
from storysound.research.mac import train as train_mac
from storysound.research.mac.settings import MacAblation, MacEvaluation, MacTraining
from storysound.research.mac.stories import MacStories
from storysound.research.mac.train import batch_at, config_of, network_of, scores_of
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.trained import mac as mac_trained

QUICK = ("batch=8", "rate=0.005", "held_out=0.4", "ema=0.8", "threads=1", "dim=16", "dropout=0.1", "evaluate_every=40")


@pytest.fixture(autouse=True)
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_mac, mac_trained, evaluate_mac_ablation):
        monkeypatch.setattr(module, "StoryEncoder", FakeEncoder)


def run(data: Path, out: Path, *words: str) -> tuple[float, list[str]]:
    lines: list[str] = []
    given = [f"data={data}", f"out={out}", *QUICK, *words]
    return train_mac.train(recipes.settings(MacTraining, given), models_of(), listening(lines)), lines


def features(tmp_path: Path, count: int = 12) -> StoryFeatures:
    return features_of(
        read_stories(write_stories(tmp_path / "data", count)), FakeEncoder(), tmp_path / "f", 2.0, Watch()
    )  # type: ignore[arg-type]


def material(tmp_path: Path, seen: Any = "video", heard: Any = "words", experts: tuple[str, ...] = ()) -> MacStories:
    sides = Sides(seen, heard, experts or ("scene", "object", "action", "sound"))
    return MacStories(features(tmp_path), Experts(sides, FakeEncoder()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "tasks"),
    [
        (("seen=video", "heard=words"), {"paragraph A2V", "paragraph V2A"}),
        (("seen=sound", "heard=words"), {"T2A", "A2T"}),
        (("seen=video", "heard=sound", "experts=object,scene"), {"sound A2V", "sound V2A"}),
    ],
)
def test_it_learns_and_is_judged(tmp_path: Path, words: tuple[str, ...], tasks: set[str]) -> None:
    data, out = write_stories(tmp_path / "data", 36), tmp_path / "run"
    best, lines = run(data, out, "steps=40", *words)
    assert best > 0.3
    assert any(line.startswith("22 stories to learn from, 14 held out") for line in lines)
    rows = evaluate_mac.evaluate(MacEvaluation(data, out / "best.safetensors", draws=50), models_of(), Watch())
    found = {(row.task, row.model): row.figures for row in rows}
    assert {task for task, _ in found} == tasks
    for task in tasks:
        assert found[task, "MAC"]["rsum"] > found[task, "random, mean of five"]["rsum"] + 0.5
    both = [found[task, "MAC"] for task in tasks]
    assert both[0]["rsum"] == pytest.approx(sum(one[name] for one in both for name in ("r1", "r5", "r10")))


def test_a_run_goes_on_only_as_it_began(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    run(data, out, "steps=2")
    _, lines = run(data, out, "steps=4")
    assert any(line.endswith("going on at step 2") for line in lines)
    for word in ("co_attention=false", "negatives=sum", "margin=0.2"):
        with pytest.raises(InputError, match="other settings"):
            run(data, out, "steps=6", word)
    trained = mac_trained.load_trained(out / "best.safetensors", models_of())
    assert trained.card.sides == Sides("video", "words", ("scene", "object", "action", "sound"))


def test_experts_are_what_they_say(tmp_path: Path) -> None:
    """Scenes are roots of probabilities, actions are changes, both the mean over a story's pictures."""
    found = material(tmp_path)
    seen = found.seen(torch.tensor([1, 3]))
    assert list(seen) == ["scene", "object", "action", "sound"]
    frames, mask = found.features.pictures(torch.tensor([1, 3]))
    assert mask.all()
    torch.testing.assert_close(seen["object"].values, frames.mean(1, keepdim=True))
    torch.testing.assert_close(seen["action"].values, (frames[:, 1:] - frames[:, :1]).abs())
    places = FakeEncoder().space("places", ["x"] * 401).vectors
    logits = frames[1, 0, :8].numpy() @ places.T / 0.05
    one = np.exp(logits - logits.max())
    both = found.experts._scene(Tokens(frames, mask)).values
    np.testing.assert_allclose(both[1, 0].numpy() ** 2, one / one.sum(), atol=1e-5)
    assert seen["sound"].values.shape[-1] == 10


def test_a_still_has_no_action_and_a_silent_story_no_sound(tmp_path: Path) -> None:
    write_stories(tmp_path / "d", 3)
    rows = [{"text": "bear", "images": "0-0.png"}, {"text": "wolf", "images": ["1-0.png", "1-1.png"], "audio": "1.wav"}]
    (tmp_path / "d" / "few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match="has no sound"):
        read_stories(tmp_path / "d" / "few.jsonl")
    read = read_stories(tmp_path / "d" / "few.jsonl", silent=True)
    found = features_of(read, FakeEncoder(), tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    whole = MacStories(found, Experts(Sides("video", "words", ("object", "action", "sound")), FakeEncoder()))  # type: ignore[arg-type]
    network = network_of(config_of(MacTraining(Path(), Path(), dim=8), whole), whole, whole.told()).eval()
    seen = network.video(whole.seen(whole.told()))
    assert seen.present.tolist() == [[True, False, False], [True, True, True]]
    torch.testing.assert_close(seen.weights.sum(1), torch.ones(2))
    assert seen.weights[0].tolist() == [1.0, 0.0, 0.0]
    silent = read_stories(tmp_path / "d" / "few.jsonl", silent=True)[:1]
    alone = features_of(silent, FakeEncoder(), tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    mute = MacStories(alone, whole.experts)
    assert not mute.seen(torch.tensor([0]))["sound"].mask.any()


def test_parts_of_a_sound_are_experts(tmp_path: Path) -> None:
    found = material(tmp_path, "sound", "words", ("high", "low"))
    seen, whole = found.seen(torch.tensor([0, 2])), found.features.sounds(torch.tensor([0, 2])).tokens
    torch.testing.assert_close(torch.cat([seen["low"].values, seen["high"].values], -1), whole)
    assert found.items(torch.tensor([0, 1]))[2].tolist() == [[True, False], [False, True]]


def test_erratum_1_words_or_sounds_are_heard(tmp_path: Path) -> None:
    stories = torch.tensor([0, 1])
    words, sounds = material(tmp_path).heard(stories), material(tmp_path, "video", "sound", ("object",)).heard(stories)
    assert (words.values.shape[-1], sounds.values.shape[-1]) == (8, 10)


def test_the_right_pairs_are_positives(tmp_path: Path) -> None:
    write_stories(tmp_path / "d", 3)
    rows: list[dict[str, Any]] = [{"text": "bear", "images": "0-0.png", "audio": ["0.wav", "1.wav"]}]
    rows += [
        {"text": "wolf", "images": "1-0.png", "audio": "1.wav"},
        {"text": "bear", "images": "2-0.png", "audio": "2.wav"},
    ]
    (tmp_path / "d" / "shared.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = features_of(read_stories(tmp_path / "d" / "shared.jsonl"), FakeEncoder(), tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    recipe = MacTraining(Path(), Path(), batch=3)
    for sides in (
        Sides("video", "words", ("object",)),
        Sides("video", "sound", ("object",)),
        Sides("sound", "words", ("low",)),
    ):
        batch = batch_at(MacStories(found, Experts(sides, FakeEncoder())), torch.arange(3), recipe, 0, 0, 1)  # type: ignore[arg-type]
        assert batch.positives.diagonal().all()
        if sides.heard == "words" and sides.seen == "video":
            assert batch.positives.sum() == 5  # two are told in the same words
        else:
            assert batch.positives.sum() > 5  # and one sound belongs to two


def test_scores_are_those_of_all_pairs_in_any_blocks(tmp_path: Path) -> None:
    found = material(tmp_path)
    stories = found.told()
    network = network_of(config_of(MacTraining(Path(), Path(), dim=8), found), found, stories).eval()
    whole = scores_of(network, found, stories, stories)
    torch.testing.assert_close(scores_of(network, found, stories, stories, block=5), whole)
    torch.testing.assert_close(scores_of(network, found, stories[3:4], stories[:2]), whole[3:4, :2])


def test_every_variant_is_trained_and_drawn(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data", 16), tmp_path / "run"
    words = [f"data={data}", f"out={out}", *QUICK, "steps=2", "seeds=2", "draws=10", "experts=object,sound"]
    lines: list[str] = []
    recipe = recipes.settings(MacAblation, words)
    rows = evaluate_mac_ablation.evaluate(recipe, models_of(), listening(lines))
    models = ["MAC", "without co-attention", "only object", "only sound", "without object", "without sound"]
    assert list(dict.fromkeys(row.model for row in rows)) == [*models, "random, mean of five"]
    assert {row.n for row in rows} == {6}
    drawn = (out / "ablation.svg").read_text()
    assert "one expert alone" in drawn
    assert "paragraph A2V" in drawn
    assert {row.figures["rsum"] for row in rows if row.model == "MAC"} == {rows[0].figures["rsum"]}
    assert sum("2 of 2: evaluation" in line for line in lines) == 2 * len(models)
    _same_as_alone(rows, out, data)


def _same_as_alone(rows: list[Row], out: Path, data: Path) -> None:
    """The mean of both runs is what each gives when it is judged alone."""
    recalls = []
    for seed in ("0", "1"):
        recipe = MacEvaluation(data, out / "mac" / seed / "best.safetensors", draws=1)
        recalls.append(evaluate_mac.evaluate(recipe, models_of(), Watch())[0].figures["r5"])
    assert rows[0].figures["r5"] == pytest.approx(np.mean(recalls))


def test_the_command_prints_rows(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    run(data, out, "steps=2")
    words = ["evaluate", "mac", f"data={data}", f"model={out}/best.safetensors", "split=all", "draws=20"]
    rows = [json.loads(line) for line in CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()]
    ours = next(row for row in rows if (row["task"], row["model"]) == ("paragraph A2V", "MAC"))
    assert ours["n"] == 24
    printed = next(row for row in rows if (row["task"], row["model"]) == ("paragraph A2V", "MAC (published)"))
    assert printed["rsum"] == pytest.approx(2.167)
    assert "another data set" in printed["protocol"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("negatives=some",), "negatives are sum"),
        (("seen=words",), "seen is video or sound"),
        (("batch=1",), "batch >= 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, words: tuple[str, ...], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        recipes.settings(MacTraining, ["data=x", f"out={tmp_path}", *words])


def test_sides_that_make_no_sense_are_refused() -> None:
    for given, fault in (
        (("video", "sound", ("sound",)), "can't be found by itself"),
        (("sound", "sound", ("low",)), "can't be found by itself"),
        (("video", "words", ("smell",)), "experts of a video are"),
        (("video", "words", ()), "each once, got none"),
    ):
        with pytest.raises(ValueError, match=fault):
            Sides(*given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no experts odd of sounds"):
        Experts(Sides("sound", "words", ("odd",)), FakeEncoder())  # type: ignore[arg-type]


def test_the_model_trains_two_steps() -> None:
    torch.manual_seed(0)
    network = Mac(Config.tiny())
    optimiser = torch.optim.Adam(network.parameters(), 0.01)

    def tokens(width: int) -> Tokens:
        return Tokens(torch.randn(4, 3, width), torch.ones(4, 3, dtype=torch.bool))

    experts = {name: tokens(width) for name, width in zip(Config.tiny().experts, Config.tiny().widths, strict=True)}
    heard, losses = tokens(Config.tiny().heard_width), []
    for _ in range(2):
        loss = train_mac.losses(
            network, train_mac.MacBatch(experts, heard, torch.eye(4, dtype=torch.bool)), MacTraining(Path(), Path())
        )["loss"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
