"""From a wish to a prompt to a tagged file, at the command line too."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from generate_fakes import no_network, save_musicgen  # noqa: F401
from storysound.annotate.feeling import MoodReader
from storysound.app.cli.commands import app
from storysound.config import load_profile
from storysound.encode.cache import Tensors, kept
from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.jobs.generate import music as job
from storysound.jobs.generate.request import GenerateMusicRequest, GenerateMusicResult
from storysound.progress import Progress, Watch
from storysound.story import Mood
from storysound.weights.resolver import Resolver

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("no_network")]
PROMPTS = ("joyful music for a party", "frightening music for a haunted house", "sad music for a funeral")
runner = CliRunner()


@pytest.fixture(autouse=True)
def few_prompts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Three prompts, kept elsewhere than in the user's cache."""
    monkeypatch.setattr(job, "shipped", lambda: PROMPTS)
    monkeypatch.setattr(job.feature_cache, "kept", partial(keep_in, tmp_path / "cache"))


def keep_in(cache: Path, _: Path, of: Any, make: Callable[[], Tensors]) -> Tensors:
    return kept(cache, of, make)


def lines_of(text: str) -> list[str]:
    """What a wish for `text` is told, and the prompt it gets."""
    told: list[str] = []
    result = made(told, text=text, prompt_only=True)
    assert result.path == ""
    return [result.prompt, *told]


def made(told: list[str], **asked: Any) -> GenerateMusicResult:
    """What a request gives; what it says on the way is added to `told`."""

    def tell(at: Progress) -> None:
        told.extend([at.line] if at.line else [])

    return job.run(GenerateMusicRequest(**asked), Models(load_profile(), Resolver(offline=True)), Watch(tell))


def test_a_text_gets_a_prompt_that_feels_like_it() -> None:
    prompt, *told = lines_of("Everyone laughed and danced at the birthday party.")
    assert prompt == PROMPTS[0]
    assert "done once" in told[0]
    prompt, *told = lines_of("She cried at her mother's grave. He was dead.")
    assert prompt != PROMPTS[0]
    assert not told


def test_pictures_words_and_moods_are_averaged(tmp_path: Path, models: Models) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    feeling = MoodReader(models)

    def mood(images: tuple[Path, ...] = (), text: str = "", of: Mood | None = None) -> Mood:
        return job.wanted_mood(GenerateMusicRequest(images, text, of, prompt_only=True), feeling)

    alone = [mood((tmp_path / "p.png",)), mood(text="A dog."), mood(of=Mood(1.0, 0.0))]
    assert alone[2] == Mood(1.0, 0.0)
    both = mood((tmp_path / "p.png",), "A dog.", Mood(1.0, 0.0))
    assert both.valence == pytest.approx(sum(mood.valence for mood in alone) / 3)
    assert both.arousal == pytest.approx(sum(mood.arousal for mood in alone) / 3)


def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to make music for"):
        GenerateMusicRequest(text=" ", prompt_only=True)
    with pytest.raises(UsageError, match=r"out: a name that ends in \.wav"):
        GenerateMusicRequest(text="a", out=tmp_path / "a.mp3")
    with pytest.raises(UsageError, match="seconds: must be above 0"):
        GenerateMusicRequest(text="a", out=tmp_path / "a.wav", seconds=0)
    with pytest.raises(MediaError, match="does not exist"):
        made([], images=(tmp_path / "none.png",), prompt_only=True)


def test_without_the_hub_the_prompt_can_still_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STORYSOUND_MODELS", raising=False)
    asked = ["generate", "music", "--text", "A birthday party!"]
    with pytest.raises(Exception, match=r"models pull musicgen.*`prompt_only`") as raised:
        runner.invoke(app, asked, catch_exceptions=False)
    assert raised.value.exit_code == 4  # type: ignore[attr-defined]
    assert not list(tmp_path.glob("*.wav"))
    result = runner.invoke(app, [*asked, "--prompt-only"], catch_exceptions=False)
    assert result.stdout.splitlines() == [PROMPTS[0]]


def test_music_is_made_and_says_how(tmp_path: Path) -> None:
    folder, out = save_musicgen(tmp_path / "model"), tmp_path / "new" / "m.wav"
    asked = ["generate", "music", "--mood", "0.1,0.9", "-o", str(out), "--seconds", "0.5", "--seed", "3"]
    result = runner.invoke(app, [*asked, "--model", f"musicgen={folder}", "--json"], catch_exceptions=False)
    row = json.loads(result.stdout.splitlines()[-1])
    assert row["prompt"] == PROMPTS[1]
    assert (row["path"], row["seed"], row["seconds"]) == (str(out), 3, 0.5)
    assert row["wanted_valence"] == 0.1
    with soundfile.SoundFile(out) as file:
        assert (file.frames, file.samplerate) == (4000, 8000)
        tags = file.copy_metadata()
    assert tags["title"] == PROMPTS[1]
    assert all(part in tags["comment"] for part in ("musicgen", "seed 3", PROMPTS[1]))


def test_a_length_the_model_cannot_make_costs_no_waiting(tmp_path: Path) -> None:
    model = f"musicgen={save_musicgen(tmp_path / 'model')}"
    told: list[str] = []
    with pytest.raises(UsageError, match="up to 30"):
        made(told, mood=Mood(0, 0), out=tmp_path / "m.wav", seconds=31, model=model)
    assert not told
