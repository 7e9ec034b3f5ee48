"""The whole job over films of many loudspeakers and of one: who gets what of the music, and what form is kept."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jobs import score_fakes
from jobs.score_fakes import Shelf, make_models, score, voice
from storysound.cue.mix import SURROUND_DB
from storysound.jobs.score.request import ScoreResult
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import read_audio
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.probe import probe
from storysound.story import Sound, Span

sounds = score_fakes.sounds  # fixture

SPEECH = (Span(2.0, 3.5),)
SECONDS = 5.0
PLACES = {"5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"), "7.1": ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")}


def talking(channels: int) -> Samples:
    """A voice in the centre, or in all there is of one or two; in the others a faint hiss of their own."""
    samples = (1e-4 * np.random.default_rng(2).standard_normal((channels, round(SECONDS * RATE_HZ)))).astype(np.float32)
    samples[2 if channels > 2 else 0 :: channels] += voice(SECONDS, SPEECH).samples[0]
    return samples


def film(path: Path, layout: str, codec: str) -> Path:
    """A red film with a voice in a layout."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=20)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream(codec, rate=RATE_HZ, layout=layout)
        if codec == "flac":
            audio.format = av.AudioFormat("s32")
        for index in range(round(SECONDS * 20)):
            picture = np.full((48, 64, 3), 20, np.uint8)
            picture[:, :, 0] = 200
            picture[20:30, index % 50 : index % 50 + 10] = 255
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = index, Fraction(1, 20)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        samples = talking(av.AudioLayout(layout).nb_channels)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        resampler = av.AudioResampler(audio.format.name, layout, RATE_HZ, audio.frame_size or 4096)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(audio.encode(piece))
        out.mux(audio.encode(None))
    return path


def scored(story: Path, out: Path, sounds: list[Sound], **asked: str) -> ScoreResult:
    result = score(Shelf(sounds, ("red",)), make_models(speech=SPEECH), story, out, stems=out.parent / "stems", **asked)
    assert any(cue.layer == "music" for cue in result.score.cues)
    return result


@pytest.mark.parametrize(
    ("layout", "codec", "suffix"),
    [("5.1", "flac", ".mkv"), ("7.1", "flac", ".mkv"), ("5.1", "aac", ".mp4"), ("7.1", "aac", ".mp4"),
     ("5.1", "pcm_s24le", ".mov")],
)  # fmt: skip
def test_music_goes_to_the_front_and_a_little_to_the_surrounds(
    layout: str, codec: str, suffix: str, sounds: list[Sound], tmp_path: Path
) -> None:
    out = tmp_path / f"out{suffix}"
    result = scored(film(tmp_path / f"in{suffix}", layout, codec), out, sounds)
    names = PLACES[layout]
    assert result.score.layout == names
    music = dict(zip(names, read_audio(tmp_path / "stems" / "music.wav").samples, strict=True))
    pairs = 1 if layout == "5.1" else 2
    share = 10 ** (SURROUND_DB / 20) / np.sqrt(pairs)  # of all surrounds together
    assert np.abs(music["FL"]).max() > 0.01
    for name in names[4:]:
        np.testing.assert_allclose(music[name], share * music["FL" if name.endswith("L") else "FR"], atol=1e-6)
    assert not music["FC"].any()
    assert not music["LFE"].any()

    delivered = read_audio(out)
    assert delivered.layout == names
    info = probe(out).audio
    assert info is not None
    assert (info.codec, info.channels) == (codec, len(names))
    assert integrated_lufs(delivered) == pytest.approx(-16, abs=0.3)
    assert true_peak_dbtp(delivered) <= -1.0
    if codec != "aac":  # nothing is lost: the file is the sum of the stems, the centre the voice alone
        dialogue = read_audio(tmp_path / "stems" / "dialogue.wav").samples
        np.testing.assert_allclose(delivered.samples[2], dialogue[2], atol=2 * 2**-23)


def test_a_mono_film_stays_mono_or_becomes_stereo_as_asked(sounds: list[Sound], tmp_path: Path) -> None:
    story = film(tmp_path / "in.mov", "mono", "pcm_s24le")
    own = scored(story, tmp_path / "own.mov", sounds)
    one = read_audio(tmp_path / "own.mov")
    wide = scored(story, tmp_path / "wide.mov", sounds, layout="stereo")
    two = read_audio(tmp_path / "wide.mov")
    assert (len(own.score.layout), one.channels) == (1, 1)
    assert (wide.score.layout, two.channels) == (("FL", "FR"), 2)
    dialogue = read_audio(tmp_path / "stems" / "dialogue.wav").samples
    np.testing.assert_array_equal(dialogue[0], dialogue[1])
    for wave in (one, two):
        assert integrated_lufs(wave) == pytest.approx(-16, abs=0.3)
    # The bed lies as far below the voice in both.
    beds = [next(cue for cue in each.score.cues if cue.layer == "music") for each in (own, wide)]
    voices = [integrated_lufs(wave.cut(2.0, 3.5)) for wave in (one, two)]
    assert voices[0] == pytest.approx(voices[1], abs=0.5)
    assert beds[1].gain_db == pytest.approx(beds[0].gain_db + 3.0, abs=0.2)  # two loudspeakers for one
    for path in ("own.mov", "wide.mov"):
        info = probe(tmp_path / path).audio
        assert info is not None
        assert info.codec == "pcm_s24le"
