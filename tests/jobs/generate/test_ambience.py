"""Ambience from a file or from words: its length, its ends, its width, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, LibraryError, MediaError, OutputError, UsageError
from storysound.jobs.generate import ambience as job
from storysound.jobs.generate.request import GenerateAmbienceRequest, GenerateAmbienceResult
from storysound.match.query import Hit, Query
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.progress import Watch
from storysound.story import Sound, Source
from storysound.weights.resolver import Resolver

runner = CliRunner()


def noise(seconds: float, channels: int = 1, seed: int = 0) -> Waveform:
    made = np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE_HZ)))
    return Waveform((0.1 * made).astype(np.float32), RATE_HZ)


def barks(seconds: float) -> Waveform:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return Waveform((3 * noise(seconds).samples * np.exp(-(t % 1.7) / 0.03)).astype(np.float32), RATE_HZ)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_wav(tmp_path / "rain.wav", noise(5))
    write_wav(tmp_path / "wide.wav", noise(5, 2, 1))
    write_wav(tmp_path / "dog.wav", barks(5))
    write_wav(tmp_path / "mute.wav", Waveform(np.zeros((1, 5 * RATE_HZ), np.float32), RATE_HZ))
    return tmp_path


def made(folder: Path, **wishes: object) -> tuple[GenerateAmbienceResult, Samples]:
    usual = {"out": folder / "out.wav", "like": folder / "rain.wav"}
    request = GenerateAmbienceRequest(**{**usual, **wishes})  # type: ignore[arg-type]
    models = Models(load_profile("embedded"), Resolver(folder / "cache", offline=True))
    with Watch() as watch:
        result = job.run(request, models, watch)
    return result, read_audio(request.out).samples


def test_it_is_as_long_as_asked_and_as_loud_and_repeats_without_a_seam(folder: Path) -> None:
    result, samples = made(folder, seconds=47.3)
    assert samples.shape == (1, round(47.3 * RATE_HZ))
    assert (result.seconds, result.sound) == (47.3, str(folder / "rain.wav"))
    assert 20 * np.log10(samples.std() / 0.1) == pytest.approx(0.0, abs=0.1)
    source = read_audio(folder / "rain.wav").samples[0]
    over = np.concatenate([samples[0, -48:], samples[0, :48]])  # as it is when repeated
    at = int(np.argmin([np.abs(source[i : i + 48] - over[48:]).max() for i in range(48, len(source) - 48)])) + 48
    np.testing.assert_allclose(over, source[at - 48 : at + 48], atol=0.01)


def test_seeds(folder: Path) -> None:
    first, again, other = (made(folder, seconds=20.0, seed=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.1


@pytest.mark.parametrize("width", [0.0, 0.3, 1.0])
def test_width_is_how_little_the_sides_have_in_common(folder: Path, width: float) -> None:
    left, right = made(folder, seconds=60.0, width=width)[1]
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(1 - width, abs=0.05)
    assert right.std() == pytest.approx(left.std(), rel=0.02)


def test_stereo_stays_as_recorded(folder: Path) -> None:
    left, right = made(folder, like=folder / "wide.wav", seconds=30.0)[1]
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.03
    rng = np.random.default_rng(0)
    one = rng.standard_normal(5 * RATE_HZ)
    half = np.stack([one, 0.5 * one])
    write_wav(folder / "left.wav", Waveform((0.1 * half).astype(np.float32), RATE_HZ))
    left, right = made(folder, like=folder / "left.wav", seconds=30.0)[1]
    np.testing.assert_allclose(right, 0.5 * left, atol=1e-6)


def test_what_goes_beyond_full_scale_is_turned_down(folder: Path) -> None:
    write_wav(folder / "loud.wav", Waveform(np.clip(noise(5).samples * 5, -1, 1).astype(np.float32), RATE_HZ))
    samples = made(folder, like=folder / "loud.wav", seconds=20.0)[1]
    assert np.abs(samples).max() <= 10 ** (-1 / 20) + 1e-3


def test_what_is_no_texture_is_refused_and_nothing_is_written(folder: Path) -> None:
    (folder / "empty.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"dog\.wav: is made of single events"):
        made(folder, like=folder / "dog.wav")
    with pytest.raises(InputError, match=r"mute\.wav: is silent"):
        made(folder, like=folder / "mute.wav")
    with pytest.raises(MediaError, match="is empty"):
        made(folder, like=folder / "empty.wav")
    with pytest.raises(OutputError, match="is the input itself"):
        made(folder, out=folder / "rain.wav")
    assert not (folder / "out.wav").exists()


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"seconds": 0.0}, "seconds: must lie from 1 to 10800, got 0"),
        ({"seconds": 10801.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"width": 1.5}, "width"),
        ({"out": Path("o.txt")}, "out: a name that ends in .wav"),
        ({"text": "rain"}, "either `like` or `text`"),
        ({"like": None}, "either `like` or `text`"),
        ({"like": None, "text": "rain"}, "library: is needed"),
    ],
)
def test_requests_check_themselves(wishes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        GenerateAmbienceRequest(**{"out": Path("o.wav"), "like": Path("a.wav"), **wishes})  # type: ignore[arg-type]


class Shelf:
    """A finder that finds the same files for all words."""

    def __init__(self, folder: Path, *names: str) -> None:
        source = Source("", licence="CC BY 4.0", credit="Ann")
        sounds = [Sound(name, str(folder), 5.0, "sfx", source=source) for name in names]
        self.hits = tuple(Hit(sound, 0.0, 5.0, 0.9, ("heard as Rain",)) for sound in sounds)

    def search(self, query: Query, k: int, *, kind: str) -> tuple[Hit, ...]:
        assert kind == "sfx"
        return self.hits[:k]


def test_words_find_the_first_texture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = {"like": None, "text": "rain", "library": folder, "seconds": 3.0}
    monkeypatch.setattr(job, "finder_of", lambda *_: (Shelf(folder, "dog.wav", "gone.wav", "rain.wav"), None))
    result, samples = made(folder, **wishes)
    assert (result.sound, result.licence, result.credit) == ("rain.wav", "CC BY 4.0", "Ann")
    assert result.why == ("heard as Rain",)
    assert samples.shape[1] == 3 * RATE_HZ
    monkeypatch.setattr(job, "finder_of", lambda *_: (Shelf(folder, "dog.wav"), None))
    with pytest.raises(InputError, match="none of the best 8 sounds for 'rain' goes on"):
        made(folder, **wishes)
    monkeypatch.undo()
    with pytest.raises(LibraryError):
        made(folder, **wishes)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".m4a"])
def test_the_command_writes_what_the_name_says(folder: Path, suffix: str) -> None:
    out = folder / f"o{suffix}"
    asked = [
        "generate",
        "ambience",
        "--like",
        str(folder / "rain.wav"),
        "-s",
        "4",
        "-o",
        str(out),
        "--seed",
        "7",
        "--json",
    ]
    result = runner.invoke(app, asked, catch_exceptions=False)
    row = json.loads(result.stdout.splitlines()[-1])
    assert (row["path"], row["seconds"], row["seed"]) == (str(out), 4.0, 7)
    assert read_audio(out).duration_s == pytest.approx(4.0, abs=0.06)
