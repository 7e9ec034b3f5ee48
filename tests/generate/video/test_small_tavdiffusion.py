"""The small TAVDiffusion: its file, its clips, and its words."""

from pathlib import Path

import numpy as np
import pytest

from storysound.errors import MissingModelError, UsageError
from storysound.generate.video.maker import AudibleMaker
from storysound.generate.video.small import (
    FILE,
    FRAMES,
    RATE_HZ,
    SECONDS,
    SIDE,
    SmallMaker,
    SmallTav,
    SmallTavConfig,
    StreamsShape,
    made,
    noise_of,
    read_small,
)  # fmt: skip
from storysound.generate.video.worded import Sampling, WordedStreams
from storysound.nn.tavdiffusion import TavConfig
from storysound.progress import Cancelled
from video_fakes import tiny_small

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")


FEW = Sampling("any", 2, 3.0, 2.0)


@pytest.fixture(scope="module", params=["unets", "streams"])
def tiny(request: pytest.FixtureRequest) -> SmallTav:
    return tiny_small(StreamsShape(width=16, blocks=2, patch=2) if request.param == "streams" else None)


def test_a_clip_is_as_long_and_as_large_as_it_says_and_the_same_for_the_same_seed(tiny: SmallTav) -> None:
    clip = SmallMaker(tiny, FEW).make("A ball bounces.", 3, 2.0, "together")
    assert clip.frames.shape == (FRAMES, SIDE, SIDE, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.frames_per_s * SECONDS == FRAMES
    assert clip.sound.samples.shape == (1, SECONDS * RATE_HZ)
    again, other = (SmallMaker(tiny, FEW).make("A ball bounces.", seed, 2.0, "together") for seed in (3, 4))
    np.testing.assert_array_equal(clip.frames, again.frames)
    assert (clip.frames != other.frames).any()


def test_clips_of_several_texts_are_those_of_each_alone(tiny: SmallTav) -> None:
    texts, seeds = ["a ball", "bounces"], [5, 6]
    frames, mels = made(tiny, texts, seeds, lambda: None, FEW)
    for number in range(2):
        alone = made(tiny, texts[number : number + 1], seeds[number : number + 1], lambda: None, FEW)
        torch.testing.assert_close(frames[number], alone[0][0], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(mels[number], alone[1][0], atol=1e-3, rtol=1e-3)


def test_what_is_saved_is_read_again(tiny: SmallTav, tmp_path: Path) -> None:
    tiny.save(tmp_path)
    read = read_small(tmp_path)
    assert read.config == tiny.config
    assert read.lexicon == tiny.lexicon
    assert not any(weight.requires_grad for weight in read.worded.parameters())
    for name, value in tiny.worded.state_dict().items():
        torch.testing.assert_close(read.worded.state_dict()[name], value.half().float())


def test_a_file_of_something_else_is_refused(tiny: SmallTav, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="can't be loaded as a small TAVDiffusion"):
        read_small(tmp_path)
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(MissingModelError, match=FILE):
        read_small(tmp_path)


def test_a_text_without_a_known_word_is_refused_with_those_that_are(tiny: SmallTav) -> None:
    with pytest.raises(UsageError, match="it knows a, ball, bounces"):
        SmallMaker(tiny).make("Regen", 0, 2.0, "together")


def test_making_can_be_stopped(tiny: SmallTav) -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        made(tiny, ["a ball"], [0], stop)


def test_the_number_of_streams_tokens_and_their_seconds_are_those_of_latents() -> None:
    parts = tiny_small(StreamsShape(width=16, blocks=2, patch=2))
    assert isinstance(parts.worded, WordedStreams)
    audio, video = (torch.stack([part]) for part in noise_of(parts.config, 0))
    tokens = parts.worded.tokens(audio, video)
    assert tokens.audio.shape == (1, 26, 32)  # 8 x 8 log-mel frames and bands a patch, 4 numbers each
    assert tokens.video.shape == (1, 64, 16)  # of 16 pairs of frames 2 x 2 patches of 2 x 2 x 4
    assert tokens.places[25, 0].item() == pytest.approx(2.08 - 0.04)
    assert tokens.places[-1].tolist() == pytest.approx([2 - 1 / 16, 0.75, 0.75])


def test_frames_that_dont_make_a_clip_are_refused() -> None:
    with pytest.raises(ValueError, match="clips have 32 frames"):
        SmallTavConfig(TavConfig(frames=8, heads=2))


def test_shorter_clips_are_its_beginning_and_halves_can_be_made_in_stages(tiny: SmallTav) -> None:
    maker = SmallMaker(tiny, FEW)
    clip, short = (maker.make("a ball", 1, seconds, "together") for seconds in (2.0, 0.5))
    np.testing.assert_array_equal(short.frames, clip.frames[:8])
    assert short.sound.samples.shape == (1, RATE_HZ // 2)
    np.testing.assert_array_equal(maker.pictures("a ball", 1, 2.0).frames, clip.frames)
    first = maker.make("a ball", 1, 2.0, "pictures-first")
    np.testing.assert_array_equal(first.frames, clip.frames)
    assert (first.sound.samples != clip.sound.samples).any()
    assert isinstance(maker, AudibleMaker)
