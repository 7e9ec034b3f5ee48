"""Classification, events, pictures to sounds and captions on tiny folders in the official layouts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recipe_fakes import listening, models_of
from storysound.annotate.events import EventConfig
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.sound_sets import LabelledSound
from storysound.jobs.annotate import captioners
from storysound.media.audio import Waveform, write_wav
from storysound.metrics.probe import probe
from storysound.metrics.table import in_order
from storysound.progress import Watch
from storysound.research.bgtai import classification as evaluate_classification
from storysound.research.bgtai import cross_modal as evaluate_cross_modal
from storysound.research.bgtai import events as evaluate_events
from storysound.research.bgtai.about import PUBLISHED
from storysound.research.bgtai.classification import folds_of
from storysound.research.bgtai.langue2gloss import evaluate_caption
from storysound.research.bgtai.langue2gloss.settings import CAPTION_TABLE, CaptionEvaluation
from storysound.research.bgtai.settings import (
    CLASSIFICATION_TABLE,
    CROSS_MODAL_TABLE,
    EVENTS_TABLE,
    ClassificationEvaluation,
    CrossModalEvaluation,
    EventEvaluation,
)
from storysound.research.paper import TableLayout, published
from storysound.weights.resolver import Resolver

RATE_HZ = 16_000


def sound(kind: str, seed: int, seconds: float = 1.0) -> Waveform:
    """A hum or a hiss, a little different each time."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hum = np.sin(2 * np.pi * (110 + 5 * seed) * time_s)
    samples = 0.2 * (hum if kind == "hum" else rng.normal(0, 1, time_s.size))
    return Waveform(samples[None].astype(np.float32), RATE_HZ)


@pytest.fixture(scope="module")
def esc50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("esc50")
    (folder / "meta").mkdir()
    (folder / "audio").mkdir()
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for number in range(8):
        kind = ("hum", "hiss")[number % 2]
        write_wav(folder / "audio" / f"{number}.wav", sound(kind, number))
        lines.append(f"{number}.wav,{number % 4 // 2 + 1},{number % 2},{kind},False,{number},A")
    (folder / "meta" / "esc50.csv").write_text("\n".join(lines))
    return folder


@pytest.mark.models
def test_a_probe_tells_hum_from_hiss_and_its_names_are_asked(esc50: Path, models: Models, tmp_path: Path) -> None:
    recipe = ClassificationEvaluation("esc50", esc50, draws=20, keep=tmp_path / "kept")
    told: list[str] = []
    rows = evaluate_classification.evaluate(recipe, models, listening(told))
    assert [row.model for row in rows] == ["linear probe (embedded)", "zero-shot (embedded)"]
    assert rows[0].figures == {"accuracy": 1.0, "map": 1.0}
    assert rows[0].n == 8
    assert "2 official folds" in rows[0].protocol
    assert told
    told.clear()
    assert evaluate_classification.evaluate(recipe, models, listening(told)) == rows
    assert not told  # everything was kept


def test_folds() -> None:
    def clip(label: str, fold: str, source: str) -> LabelledSound:
        return LabelledSound(Path("x"), (label,), fold, source)

    official = [clip("a", "1", "r1"), clip("a", "2", "r2"), clip("b", "1", "r3"), clip("b", "2", "r4")]
    assert folds_of(official)[1] == "2 official folds"
    split = [clip("a", "train", "r1"), clip("a", "test", "r2"), clip("a", "validation", "r3")]
    ((learned, asked),), how = folds_of(split)
    assert (learned.tolist(), asked.tolist(), how) == ([True, False, False], [False, True, False], "official split")
    part = [clip("a", "4", f"r{number // 2}") for number in range(20)]
    folds, how = folds_of(part)
    assert how == "5 parts by recording"
    for learned, asked in folds:
        assert not {part[i].source for i in torch.nonzero(learned)} & {part[i].source for i in torch.nonzero(asked)}
    assert torch.stack([asked for _, asked in folds]).sum(0).tolist() == [1] * 20


def test_a_probe_is_the_optimum_of_its_loss() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(30, 3, generator=rng)
    truth = torch.nn.functional.one_hot((rows[:, 0] + 0.5 * torch.randn(30, generator=rng) > 0).long(), 2).bool()
    two = probe(rows, truth, rows, several=False, decay=1.0).softmax(1)[:, 1]
    # Softmax of two classes whose weights mirror each other is a sigmoid under half the decay.
    standard = (rows - rows.mean(0)) / rows.std(0, correction=0)
    weights = torch.zeros(4, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=0.1)
    for _ in range(3000):
        logits = standard @ weights[1:] + weights[0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth[:, 1].float(), reduction="sum")
        optimiser.zero_grad()
        ((loss + weights[1:].square().sum() / 4) / 30).backward()
        optimiser.step()
    torch.testing.assert_close(two, (standard @ weights[1:] + weights[0]).sigmoid().detach(), atol=2e-3, rtol=0)
    each = probe(rows, truth, rows, several=True, decay=1.0)
    torch.testing.assert_close(each[:, 0], -each[:, 1], atol=2e-3, rtol=0)
    with pytest.raises(ValueError, match="exactly one class"):
        probe(rows, torch.ones(30, 2, dtype=torch.bool), rows, several=False, decay=1.0)


@pytest.mark.models
@pytest.mark.shared
def test_events_that_are_heard_are_found_and_others_are_not(shared_data: Path, models: Models, tmp_path: Path) -> None:
    ear = evaluate_events.detectors_of(models).classes
    clips = shared_data / "esc50" / "audio"
    rows = ["filename\tonset\toffset\tevent_label"]
    for name in ("4-184575-A-0", "4-207124-A-0"):  # two dogs
        wave = evaluate_events.read_audio(clips / f"{name}.opus", channels=1)
        events = evaluate_events.heard_of(wave, ear, EventConfig())
        assert "Dog" in {event.label for event in events}
        rows += [f"{name}.opus\t{event.start_s}\t{event.end_s}\t{event.label}" for event in events]
    table = tmp_path / "validation.tsv"
    table.write_text("\n".join(rows))
    (row,) = evaluate_events.evaluate(EventEvaluation(table, clips, draws=5), models, Watch())
    assert (row.figures["f1"], row.figures["segment_f1_micro"], row.n) == (1.0, 1.0, 2)
    table.write_text("filename\tonset\toffset\tevent_label\n4-184575-A-0.opus\t4.9\t5\tBlender\n")
    (row,) = evaluate_events.evaluate(EventEvaluation(table, clips, draws=5), models, Watch())
    assert row.figures["f1"] == 0
    table.write_text("filename\tonset\toffset\tevent_label\n4-184575-A-0.opus\t0\t1\tTrumpet\n")
    with pytest.raises(InputError, match="aren't DESED's: Trumpet"):
        evaluate_events.evaluate(EventEvaluation(table, clips), models, Watch())


@pytest.mark.models
@pytest.mark.shared
def test_pictures_and_sounds_of_videos(shared_data: Path, models: Models, tmp_path: Path) -> None:
    names = ("lrs3_talk.mp4", "dfoley_car.mp4", "mdn_flower.mp4")  # the last is silent
    for name in names:
        (tmp_path / name).symlink_to(shared_data / "videos" / "clips" / name)
    (tmp_path / "vggsound_test.csv").write_text("".join(f"{name},something\n" for name in names))
    told: list[str] = []
    rows = evaluate_cross_modal.evaluate(CrossModalEvaluation(tmp_path, draws=5), models, listening(told))
    assert [(row.task, row.n) for row in rows] == [("I2A", 2), ("I2A", 2), ("A2I", 2), ("A2I", 2)]
    assert all(0.5 <= row.figures["mrr"] <= 1 for row in rows)
    assert any("left out: 1 clips" in line for line in told)


def test_captions_beside_those_of_people(monkeypatch: pytest.MonkeyPatch, weights: Resolver, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, sound("hum", 1))
    said = {"a.wav": "a dog barks", "b.wav": "rain is falling"}
    monkeypatch.setattr(captioners, "by_events", lambda models: lambda file: said[file.name])
    monkeypatch.setattr(captioners, "by_hub", lambda weights: lambda file: "something")
    table = tmp_path / "captions.csv"
    table.write_text("file_name,caption_1,caption_2\na.wav,A dog barks.,A dog.\nb.wav,Rain is falling.,It rains.\n")
    recipe = CaptionEvaluation(table, tmp_path, model="hub", meteor=False)
    rows = evaluate_caption.evaluate(recipe, models_of(weights), Watch())
    assert [row.model for row in rows] == [
        "gloss of what is heard", "Whisper Audio Captioning", "one caption for all", "people: one against the others",
    ]  # fmt: skip
    assert rows[0].figures["Bleu_1"] == pytest.approx(1)
    assert rows[1].figures["Bleu_1"] == pytest.approx(0)
    assert "METEOR" not in rows[0].figures
    table.write_text("file_name,caption_1\na.wav,A dog barks.\n")
    with pytest.raises(InputError, match="too few"):
        evaluate_caption.evaluate(recipe, models_of(weights), Watch())


@pytest.mark.parametrize("layout", [CAPTION_TABLE, CLASSIFICATION_TABLE, CROSS_MODAL_TABLE, EVENTS_TABLE])
def test_published_rows_stand_beside_ours(layout: TableLayout) -> None:
    rows = in_order(published(PUBLISHED, layout.tables, layout.tasks), layout.tasks)
    shown = {column.key for column in layout.columns}
    assert {row.task for row in rows} == set(layout.tasks)
    assert all(row.figures.keys() <= shown for row in rows)
