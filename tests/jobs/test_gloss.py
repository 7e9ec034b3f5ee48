"""`storysound gloss`: texts, subtitles, sounds, and a model that was trained a few steps."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from recipe_fakes import listening
from storysound.annotate.events import FileEvents
from storysound.app.cli.commands import app
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError, UsageError
from storysound.ingest.parallel_pairs import read_pairs
from storysound.jobs.gloss import gloss as job
from storysound.jobs.gloss.request import GlossRequest, GlossResult
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.research.bgtai.langue2gloss import evaluate as evaluate_langue2gloss
from storysound.research.bgtai.langue2gloss import train as train_langue2gloss
from storysound.research.bgtai.langue2gloss.settings import GlossEvaluation, GlossTraining
from storysound.story import Event
from storysound.trained.langue2gloss import load_trained

pytestmark = pytest.mark.models
LINES = ("a dog barks\tdog bark", "rain falls on a roof\train fall roof", "the dogs bark\tdog bark", "rain\train")


Glosses = Callable[[str], GlossResult]


@pytest.fixture
def gloss(models: Models) -> Glosses:
    return lambda source: job.run(GlossRequest(source), models, Watch())


def test_texts_and_files_of_text(gloss: Glosses, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nDogs bark.\n\n2\n00:00:03,000 --> 00:00:04,000\nIt rains.\n"
    )
    assert gloss("The dogs are barking.").words == ("dog", "bark")
    assert gloss(str(tmp_path / "a.srt")).words == ("dog", "bark", "rain")
    with pytest.raises(UsageError, match="no words"):
        gloss("...")
    with pytest.raises(MediaError, match="does not exist"):
        gloss("rain.wav")
    assert gloss("word " * 2000).way == "rule"  # too long for the name of a file


def test_what_is_heard_in_order_and_not_twice_in_a_row(models: Models) -> None:
    labels = ("Bark, yip", "Bark, yip", "Medium engine (mid frequency)", "Bark, yip")
    events = tuple(Event(float(i), i + 1.0, label, 0.9) for i, label in enumerate(labels))
    assert job.of_heard(FileEvents("x", 5.0, events), models) == ("bark", "medium", "engine", "bark")


def test_pairs_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "rain.wav").write_bytes(b"x")
    file = tmp_path / "pairs.tsv"
    file.write_text("A dog.\tDOG\nrain.wav\tRain falls.\n\nthe birds sing\n")

    def lemma(word: str) -> str:
        return word.removesuffix("s")

    pairs = read_pairs(file, "gloss", lemma)
    assert [(pair.text, pair.target) for pair in pairs] == [
        ("A dog.", ("dog",)), ("", ("rain", "falls")), ("the birds sing", ("bird", "sing")),
    ]  # fmt: skip
    assert [bool(pair.sound) for pair in pairs] == [False, True, False]
    assert read_pairs(file, "caption", lemma)[2].target == ("the", "birds", "sing")
    for bad in ("\tdog\n", "dog\t\n", "\n"):
        file.write_text(bad)
        with pytest.raises(InputError, match=r"lacks its|no pairs"):
            read_pairs(file, "gloss", lemma)


def recipe(folder: Path, lines: tuple[str, ...]) -> GlossTraining:
    (folder / "pairs.tsv").write_text("\n".join(lines), "utf-8")
    return GlossTraining(
        folder / "pairs.tsv",
        folder / "run",
        steps=30,
        batch=4,
        width=16,
        held_out=0.4,
        least=1,
        evaluate_every=15,
        seed=1,
    )


def test_a_model_is_trained_resumed_and_asked(models: Models, tmp_path: Path) -> None:
    chosen = recipe(tmp_path, LINES)
    told: list[str] = []
    best = train_langue2gloss.train(chosen, "gloss", models, listening(told))
    assert 0 <= best <= 1
    assert train_langue2gloss.train(chosen, "gloss", models, listening(told)) == best
    assert any("going on at step 30" in line for line in told)
    model = tmp_path / "run" / "best.safetensors"
    found = CliRunner().invoke(app, ["gloss", "a dog barks", "--learned", str(model), "--json"])
    row = json.loads(found.stdout)
    assert row["way"] == "learned"
    assert set(row["gloss"]) <= {"dog", "bark", "rain", "fall", "roof"}
    assert row["gloss"]
    with pytest.raises(InputError, match="writes gloss"):
        load_trained(model, models, "caption")
    rows = evaluate_langue2gloss.evaluate(
        GlossEvaluation(chosen.data, model, split="all", draws=5), models, listening(told)
    )
    found = {(row.task, row.model): row.figures for row in rows}
    text = evaluate_langue2gloss.TEXT
    assert found[text, "all words"]["f1"] == pytest.approx((2 / 5 + 4 / 8 + 2 / 5 + 1) / 4)
    assert found[text, "content words as they are"]["exact"] == 0.25
    assert (evaluate_langue2gloss.WORDS, "Langue2Gloss, greedy") in found


def test_captions_are_learned_from_sounds_and_from_texts(models: Models, tmp_path: Path) -> None:
    noise = [[((i * 7919) % 101 - 50) / 500 for i in range(16000)]]
    write_wav(tmp_path / "rain.wav", Waveform(np.array(noise, np.float32), 16000))
    lines = ("rain.wav\train is falling", "a dog barks", "a dog is barking", "birds sing in a tree", "missing wave")
    train_langue2gloss.train(recipe(tmp_path, lines), "caption", models, Watch())
    trained = load_trained(tmp_path / "run" / "best.safetensors", models, "caption")
    assert trained.card.writes == "caption"
    assert trained.of_sound(tmp_path / "rain.wav")


def test_too_little_is_told(models: Models, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="held out"):
        train_langue2gloss.train(recipe(tmp_path, ("dog\tdog",)), "gloss", models, Watch())
