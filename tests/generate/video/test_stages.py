"""Pipelines of several makers (TAVGBench, section 5.2): who is asked for what, and what they can't do together."""

from collections.abc import Set
from pathlib import Path

import numpy as np
import pytest
import torch

from generate_fakes import no_network  # noqa: F401
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.generate.maker import Condition, Conditions
from storysound.generate.video import animatediff, ltx2
from storysound.generate.video.maker import (
    STAGES,
    VIDEO,
    AudibleClip,
    SilentClip,
    Stages,
    heard_words,
    load,
    pipeline_of,
    timed,
)
from storysound.generate.video.tavdiffusion import TavMaker
from storysound.media.audio import Waveform
from video_fakes import RATE_HZ, save_animatediff, save_ltx2, save_tav, tiny_tav

CPU = torch.device("cpu")


class FakePictures:
    usual_s, longest_s = 1.0, 3.0

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float]] = []

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        self.asked.append((text, seed, seconds))
        frames = np.stack([np.full((4, 6, 3), level, np.uint8) for level in range(round(seconds * 4))])
        return SilentClip(frames, 4.0)


class FakeSounds:
    longest_s = 10.0

    def __init__(self, *takes: Condition) -> None:
        self.takes: Set[Condition] = frozenset(takes)
        self.asked: list[Conditions] = []

    def make(self, conditions: Conditions) -> Waveform:
        self.asked.append(conditions)
        return Waveform(np.ones((1, round(conditions.seconds * 100)), np.float32), 100)


def deaf(sound: Waveform) -> str:
    raise AssertionError


def seen_alike(one: SilentClip | AudibleClip, other: SilentClip | AudibleClip) -> bool:
    """But for a rounding of the same."""
    return bool(np.abs(one.frames.astype(int) - other.frames.astype(int)).max() <= 1)


def heard_alike(one: AudibleClip, other: AudibleClip) -> bool:
    return bool(np.allclose(one.sound.samples, other.sound.samples, rtol=0, atol=1e-4))


def test_each_of_the_text_alone() -> None:
    pictures, sounds = FakePictures(), FakeSounds("text", "pictures")
    clip = pipeline_of(pictures, sounds, None, deaf).make("rain", 3, 2.0)
    assert pictures.asked == [("rain", 3, 2.0)]
    (asked,) = sounds.asked
    assert (asked.text, asked.seed, asked.seconds, asked.pictures) == ("rain", 3, 2.0, ())
    assert (len(clip.frames), clip.frames_per_s, clip.sound.duration_s) == (8, 4.0, 2.0)


def test_sound_of_the_pictures_knows_no_text() -> None:
    pictures, sounds = FakePictures(), FakeSounds("text", "pictures")
    pipeline_of(pictures, sounds, "pictures-first", deaf).make("rain", 3, 2.0)
    (asked,) = sounds.asked
    assert asked.text == ""
    shown = [(each.at_s, int(each.rgb[0, 0, 0])) for each in asked.pictures]
    assert shown == [(0.0, 0), (0.5, 2), (1.0, 4), (1.5, 6)]


def test_pictures_of_the_sound_know_what_is_heard_alone() -> None:
    pictures, sounds = FakePictures(), FakeSounds("text")
    heard: list[Waveform] = []

    def words(sound: Waveform) -> str:
        heard.append(sound)
        return "dog"

    clip = pipeline_of(pictures, sounds, "sound-first", words).make("rain", 3, 2.0)
    assert pictures.asked == [("dog", 3, 2.0)]
    assert sounds.asked[0].text == "rain"
    assert heard[0].duration_s == clip.sound.duration_s == 2.0


def test_whole_frames_may_be_longer_than_a_sound_can_be() -> None:
    pictures, sounds = FakePictures(), FakeSounds("text")
    sounds.longest_s = 1.9
    pictures.pictures = lambda *_: SilentClip(np.zeros((8, 4, 6, 3), np.uint8), 4.0)  # type: ignore[method-assign]
    clip = pipeline_of(pictures, sounds, "apart", deaf).make("rain", 0, 1.9)
    assert (len(clip.frames), clip.sound.duration_s) == (8, 1.9)


def test_few_pictures_stand_for_a_clip() -> None:
    assert [shown.at_s for shown in timed(SilentClip(np.zeros((3, 2, 2, 3), np.uint8), 30.0))] == [0.0]
    long = timed(SilentClip(np.zeros((100, 2, 2, 3), np.uint8), 10.0))
    assert [shown.at_s for shown in long] == [i / 2 for i in range(20)]


def test_a_clip_is_cut_to_whole_frames() -> None:
    clip = AudibleClip(np.zeros((8, 2, 2, 3), np.uint8), 4.0, Waveform(np.zeros((1, 200), np.float32), 100))
    assert (len(clip.cut(0.6).frames), clip.cut(0.6).sound.duration_s) == (3, 0.75)
    assert len(clip.cut(0.01).frames) == 1
    assert len(clip.cut(9.0).frames) == 8


@pytest.mark.parametrize("stages", ["together", "pictures-first", "sound-first", "apart"])
def test_what_makers_cant_do_is_told(stages: Stages) -> None:
    silent, words_alone, eyes_alone = FakePictures(), FakeSounds("text"), FakeSounds("pictures")
    with pytest.raises(UsageError, match=r"sound: .* needs a model of sound as well: alone this one can do none"):
        pipeline_of(silent, None, stages, deaf)
    bad = words_alone if stages == "pictures-first" else eyes_alone
    match = "no part in what is made together" if stages == "together" else "needs a model that makes sound of"
    with pytest.raises(UsageError, match=match):
        pipeline_of(silent, bad, stages, deaf)


@pytest.mark.parametrize("seconds", [0.0, 3.1, float("nan")])
def test_lengths_that_cant_be_made(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"seconds: the models make up to 3 s at once.*a film of several shots"):
        pipeline_of(FakePictures(), FakeSounds("text"), None, deaf).make("rain", 0, seconds)


@pytest.mark.models
def test_ears_put_a_sound_into_words(models: Models) -> None:
    noise = np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32)
    said = heard_words(models)(Waveform(0.1 * noise, 16_000))
    assert said
    assert 1 <= len(said.split(", ")) <= 3


class TestTavDiffusion:
    @pytest.fixture(autouse=True)
    def _needed(self, no_network: None) -> None:  # noqa: F811
        pytest.importorskip("diffusers")

    @pytest.fixture
    def made(self, tmp_path: Path) -> dict[Stages, AudibleClip]:
        maker = TavMaker(tiny_tav(tmp_path), steps=2)
        assert maker.alone == set(STAGES)
        return {stages: maker.make("rain", 3, 1.0, stages) for stages in STAGES}

    def test_halves_are_sampled_apart(self, made: dict[Stages, AudibleClip]) -> None:
        together = made["together"]
        for stages, clip in made.items():
            assert clip.frames.shape == together.frames.shape
            assert clip.sound.samples.shape == together.sound.samples.shape
            assert seen_alike(clip, together) == (stages != "sound-first")
            assert heard_alike(clip, together) == (stages in ("together", "sound-first"))
        assert not heard_alike(made["apart"], made["pictures-first"])

    def test_the_second_half_hangs_on_the_first_alone(self, tmp_path: Path) -> None:
        """Its seed is the same, its text is none: what differs comes of the pictures."""
        parts = tiny_tav(tmp_path)
        one, other = (parts.make(text, 3, lambda: None, 2, stages="pictures-first") for text in ("rain", "a dog"))
        assert not seen_alike(one, other)
        assert not heard_alike(one, other)

    def test_a_folder_is_a_maker(self, models: Models, tmp_path: Path) -> None:
        maker = load(VIDEO["tavdiffusion"], save_tav(tmp_path / "tav", tmp_path), CPU, models)
        assert isinstance(maker, TavMaker)
        assert (maker.usual_s, maker.longest_s) == (1.0, 1.0)
        maker._steps = 2
        whole = maker.make("rain", 1, 1.0, "together")
        assert seen_alike(maker.pictures("rain", 1, 0.5), whole.cut(0.5))


class TestHub:
    @pytest.fixture(autouse=True)
    def _needed(self, no_network: None) -> None:  # noqa: F811
        pytest.importorskip("diffusers")

    def test_animatediff(self, models: Models, tmp_path: Path) -> None:
        maker = load(VIDEO["animatediff"], save_animatediff(tmp_path / "ad"), CPU, models)
        assert isinstance(maker, animatediff.AnimateDiff)
        assert (maker.usual_s, maker.longest_s) == (2.0, 2.0)
        small = animatediff.AnimateDiff(maker._pipeline, steps=2, side_px=16)
        clip = small.pictures("rain", 0, 0.3)
        assert (clip.frames.shape, clip.frames.dtype, clip.frames_per_s) == ((3, 16, 16, 3), np.uint8, 8.0)
        assert clip.frames.std(axis=0).mean() > 1  # it moves
        assert seen_alike(small.pictures("rain", 0, 0.3), clip)
        assert not seen_alike(small.pictures("rain", 1, 0.3), clip)
        assert not seen_alike(small.pictures("a dog", 0, 0.3), clip)

    def test_ltx2(self, models: Models, tmp_path: Path) -> None:
        maker = load(VIDEO["ltx-2"], save_ltx2(tmp_path / "ltx"), CPU, models)
        assert isinstance(maker, ltx2.Ltx2)
        small = ltx2.Ltx2(maker._pipeline, steps=2, width=64, height=32)
        clip = small.make("rain", 0, 0.25, "together")
        assert clip.frames.shape == (6, 32, 64, 3)
        assert (clip.sound.rate_hz, clip.sound.channels) == (RATE_HZ, 2)
        assert clip.sound.duration_s == pytest.approx(0.25, abs=0.03)
        assert seen_alike(small.pictures("rain", 0, 0.25), clip)
        assert not heard_alike(small.make("rain", 1, 0.25, "together"), clip)
        assert not seen_alike(small.make("falls", 0, 0.25, "together"), clip)

    @pytest.mark.parametrize("name", list(VIDEO))
    def test_folders_that_hold_something_else_are_told(self, models: Models, tmp_path: Path, name: str) -> None:
        with pytest.raises(MissingModelError, match="can't be loaded as"):
            load(VIDEO[name], tmp_path, CPU, models)
        with pytest.raises(MissingModelError, match="is no folder"):
            load(VIDEO[name], tmp_path / "missing", CPU, models)
