"""One decode of a story's clips: what is seen, and sound of exactly the same length."""

from pathlib import Path

import numpy as np
import pytest

from ingest_fakes import BLUE, GREEN, GREY, RATE_HZ, RED, film
from storysound.errors import MediaError
from storysound.ingest import look as looking
from storysound.ingest.look import LookConfig, Part, decode_parts
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import from_jpeg


def colours(pictures: tuple[tuple[float, bytes], ...]) -> list[int]:
    """The strongest channel of each picture."""
    return [int(from_jpeg(jpeg)[30:].mean(axis=(0, 1)).argmax()) for _, jpeg in pictures]


def loudness(wave: Waveform, start_s: float, end_s: float) -> float:
    return float(np.abs(wave.cut(start_s, end_s).samples).mean())


def test_shots_pictures_and_sound_of_one_clip(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(RED, 2.0), (GREEN, 1.5), (BLUE, 1.5)])
    seen = decode_parts([Part(str(path))])
    assert seen.duration_s == pytest.approx(5.0)
    assert [shot.start_s for shot in seen.shots] == pytest.approx([0.0, 2.0, 3.5])
    assert [time_s for time_s, _ in seen.pictures] == pytest.approx(np.arange(10) / 2)
    assert colours(seen.pictures) == [0] * 4 + [1] * 3 + [2] * 3
    assert from_jpeg(seen.pictures[0][1]).shape == (48, 64, 3)
    assert (seen.audio.rate_hz, seen.audio.samples.shape) == (RATE_HZ, (1, 5 * RATE_HZ))
    assert seen.faults == ()


@pytest.mark.parametrize(("sound_s", "whole_s"), [(1.3, 2.0), (2.3, 2.0), (3.7, 3.7)])
def test_sound_is_cut_or_followed_by_silence_to_the_sample(tmp_path: Path, sound_s: float, whole_s: float) -> None:
    """Sound that goes on for long holds the last picture; of a little more the rest is cut."""
    path = film(tmp_path / "a.mp4", [(RED, 2.0)], sound_s=sound_s)
    seen = decode_parts([Part(str(path))])
    assert seen.audio.samples.shape[1] == round(seen.duration_s * RATE_HZ) == round(whole_s * RATE_HZ)
    assert (loudness(seen.audio, 1.6, 2.0) < 0.01) == (sound_s < 1.6)


def test_clips_are_joined_without_drift(tmp_path: Path) -> None:
    """Each begins at the sample its time says, and a change of clip is a change of shot."""
    lengths = (0.7, 1.1, 0.9)
    paths = [
        film(tmp_path / f"{i}.mp4", [(RED if i % 2 else BLUE, s)], hz=300 + 200 * i) for i, s in enumerate(lengths)
    ]
    seen = decode_parts([Part(str(path)) for path in paths])
    assert [number for number, _ in seen.parts] == [0, 1, 2]
    starts = [span.start_s for _, span in seen.parts]
    assert starts == pytest.approx([0.0, 0.7, 1.8])
    assert [shot.start_s for shot in seen.shots] == pytest.approx(starts)
    assert seen.audio.samples.shape[1] == round(2.7 * RATE_HZ)
    for path, (_, span) in zip(paths, seen.parts, strict=True):
        own = read_audio(path).samples[:, : round(span.duration_s * RATE_HZ)]
        at = round(span.start_s * RATE_HZ)
        assert np.array_equal(seen.audio.samples[:, at : at + own.shape[1]], own)


def test_a_stretch_of_a_video(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(RED, 2.0), (GREEN, 2.0), (BLUE, 2.0)])
    seen = decode_parts([Part(str(path), 1.0, 4.7)])
    assert seen.duration_s == pytest.approx(3.7)
    assert colours(seen.pictures) == [0, 0, 1, 1, 1, 1, 2, 2]
    assert [shot.start_s for shot in seen.shots] == pytest.approx([0.0, 1.0, 3.0], abs=0.11)
    assert seen.audio.samples.shape[1] == round(3.7 * RATE_HZ)
    assert decode_parts([Part(str(path), 5.0, 99.0)]).duration_s == pytest.approx(1.0)
    with pytest.raises(MediaError, match=r"ends at 6.0 s, before the clip at 7.0 s begins"):
        decode_parts([Part(str(path), 7.0)])


def test_a_broken_part_is_left_out_and_a_silent_one_is_silent(tmp_path: Path) -> None:
    good = film(tmp_path / "good.mp4", [(RED, 1.0)])
    film(tmp_path / "mute.mp4", [(BLUE, 1.0)], hz=None)
    (tmp_path / "broken.mp4").write_bytes(good.read_bytes()[:300])
    seen = decode_parts([Part(str(tmp_path / name)) for name in ("broken.mp4", "mute.mp4", "good.mp4")])
    assert [number for number, _ in seen.parts] == [1, 2]
    assert seen.duration_s == pytest.approx(2.0)
    assert loudness(seen.audio, 0.0, 1.0) == 0
    assert loudness(seen.audio, 1.2, 1.8) > 0.1
    assert [Path(fault.split(":")[0]).name for fault in seen.faults] == ["broken.mp4", "mute.mp4"]


def test_nothing_to_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute = Part(str(film(tmp_path / "mute.mp4", [(BLUE, 1.0)], hz=None)))
    with pytest.raises(MediaError, match="has no audio stream"):
        decode_parts([mute])
    with pytest.raises(MediaError, match=r"gone\.mp4: does not exist"):
        decode_parts([Part(str(tmp_path / "gone.mp4"))])
    monkeypatch.setattr(looking, "LONGEST_S", 1.5)
    with pytest.raises(MediaError, match="is a story of"):
        decode_parts([mute, mute])


def test_long_stories_are_sampled_more_sparsely(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(GREY, 4.0)])
    assert len(decode_parts([Part(str(path))], LookConfig(frames_per_s=10)).pictures) == 40
    assert len(decode_parts([Part(str(path))], LookConfig(frames_per_s=10, most_frames=8)).pictures) == 8
    assert from_jpeg(decode_parts([Part(str(path))], LookConfig(side_px=32)).pictures[0][1]).shape == (24, 32, 3)


@pytest.mark.parametrize("wrong", [{"frames_per_s": 0}, {"frames_per_s": 11}, {"most_frames": 0}, {"side_px": 8}])
def test_config_is_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LookConfig(**wrong)  # type: ignore[arg-type]
