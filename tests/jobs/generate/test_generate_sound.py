"""From words and pictures to a tagged file, by the model that ships; what it can't make is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.encode.pool import Models
from storysound.errors import MediaError, MissingModelError, UsageError
from storysound.generate.made_sound import FAR, check_asked
from storysound.generate.maker import WEIGHTS
from storysound.generate.sosgen import read_parts
from storysound.jobs.generate.request import GenerateSoundRequest, GenerateSoundResult
from storysound.jobs.generate.sound import run
from storysound.media.image import write_png
from storysound.progress import Progress, Watch

runner = CliRunner()


def made(models: Models, told: list[str] | None = None, **asked: object) -> GenerateSoundResult:
    def tell(at: Progress) -> None:
        if told is not None and at.line:
            told.append(at.line)

    return run(GenerateSoundRequest(**asked), models, Watch(tell))  # type: ignore[arg-type]


@pytest.mark.models
def test_a_sound_is_made_and_says_how(tmp_path: Path) -> None:
    out = tmp_path / "new" / "rain.wav"
    asked = ["generate", "sound", "--text", "rain", "-s", "1.3", "--seed", "3", "-o", str(out), "--json"]
    result = runner.invoke(app, asked, catch_exceptions=False)
    row = json.loads(result.stdout.splitlines()[-1])
    assert (row["path"], row["seed"], row["seconds"], row["nearest"]) == (str(out), 3, 1.3, "rain")
    with soundfile.SoundFile(out) as file:
        assert (file.frames, file.samplerate) == (62_400, 48_000)
        assert "sosgen, seed 3, from the words: rain" in file.copy_metadata()["comment"]
        samples = file.read()
    assert float(np.sqrt(np.mean(samples**2))) > 1e-4


@pytest.mark.models
def test_it_says_so_when_it_never_learned_of_it(models: Models, tmp_path: Path) -> None:
    told: list[str] = []
    result = made(models, told, text="公司年度财务报告", out=tmp_path / "a.flac", seconds=0.5)
    assert result.cosine < FAR
    assert "never learned of" in told[0]


@pytest.mark.parametrize(
    "text",
    ['a man says "come here"', "a woman speaking", "Yesterday, the song by the Beatles", "a choir sings", "sad music"],
)
def test_speech_and_songs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="which this model can't make"):
        check_asked(text)


@pytest.mark.parametrize("text", ["a dog barks", "birds singing in the trees", "rain on a tin roof", "church bells"])
def test_sounds_are_not(text: str) -> None:
    check_asked(text)


def painted(path: Path, colour: tuple[int, int, int]) -> Path:
    write_png(path, np.tile(np.uint8(colour), (64, 48, 1)))
    return path


@pytest.mark.models
def test_a_sound_of_pictures_says_which(tmp_path: Path) -> None:
    first, then = painted(tmp_path / "red.png", (200, 20, 20)), painted(tmp_path / "blue.png", (20, 60, 200))
    sounds = []
    for number, images in enumerate(([first, then], [then, first])):
        out = tmp_path / f"{number}.wav"
        asked = ["generate", "sound", *(word for path in images for word in ("--image", str(path)))]
        result = runner.invoke(app, [*asked, "-s", "1.3", "-o", str(out), "--json"], catch_exceptions=False)
        row = json.loads(result.stdout.splitlines()[-1])
        assert (row["text"], row["images"], row["nearest"]) == ("", [str(path) for path in images], "")
        with soundfile.SoundFile(out) as file:
            assert file.frames == 62_400
            names = ", ".join(path.name for path in images)
            assert file.copy_metadata()["comment"] == f"made by sosgen, seed 0, from pictures: {names}"
            assert file.copy_metadata()["title"] == f"pictures: {names}"
            sounds.append(file.read())
    assert np.abs(sounds[0] - sounds[1]).max() > 1e-3


@pytest.mark.models
def test_words_and_pictures_go_together(models: Models, tmp_path: Path) -> None:
    images = (painted(tmp_path / "red.png", (200, 20, 20)),)
    out = tmp_path / "a.wav"
    result = made(models, text="rain", out=out, seconds=0.5, images=images)
    assert (result.text, result.nearest, result.images) == ("rain", "rain", (str(images[0]),))
    with soundfile.SoundFile(out) as file:
        assert file.copy_metadata()["comment"].endswith("from the words: rain; pictures: red.png")


@pytest.mark.models
def test_pictures_that_cannot_be_taken_are_told(models: Models, tmp_path: Path) -> None:
    image, out = painted(tmp_path / "red.png", (200, 20, 20)), tmp_path / "a.wav"
    with pytest.raises(UsageError, match="5 pictures are too many for 1 s: at most 4"):
        made(models, text="", out=out, seconds=1.0, images=(image,) * 5)
    (tmp_path / "no.png").write_bytes(b"no picture")
    for broken, match in (("no.png", "is not a picture"), ("missing.png", "missing.png")):
        with pytest.raises(MediaError, match=match):
            made(models, text="rain", out=out, images=(image, tmp_path / broken))
    folder = tmp_path / "words"
    replace(read_parts(WEIGHTS), branch=None).save(folder)
    with pytest.raises(UsageError, match="from text, not from pictures"):
        made(models, text="rain", out=out, images=(image,), model=f"sosgen={folder}")
    assert not out.exists()


def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    for asked, match in (
        ({"text": " "}, "text: nothing to make a sound of"),
        ({"images": (out,) * 301}, "images: at most 300"),
        ({"text": "rain " * 5000}, "text: has 5000 words"),
        ({"seconds": 0.0}, "seconds: must be above 0"),
        ({"seconds": 3 * 3600.0}, "seconds: must be above 0 and at most 600"),
        ({"out": tmp_path / "a.txt"}, "out: a name that ends in"),
    ):
        with pytest.raises(UsageError, match=match):
            GenerateSoundRequest(**{"text": "rain", "out": out, **asked})  # type: ignore[arg-type]


@pytest.mark.models
def test_other_models_are_named_or_lie_in_a_folder(models: Models, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NAME=FOLDER"):
        made(models, text="rain", out=tmp_path / "a.wav", model="bard")
    with pytest.raises(MissingModelError, match="SoSgen of ours"):
        made(models, text="rain", out=tmp_path / "a.wav", model=f"sosgen={tmp_path}")
