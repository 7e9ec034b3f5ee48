"""Whether a clip has music, and what is left when it is taken out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from storysound.encode.encoder import Encoding
from storysound.jobs.own_sound import OwnSound, audible, listen, music_spans, without_music
from storysound.media.audio import Waveform
from storysound.story import Event, Span

RATE = 48_000


class Ear:
    """Hears music in whatever has energy at 440 Hz."""

    name, revision, modality, dim = "ear", "1", "audio", 1
    labels = {"ucs78": ("RAIN", "MUSICAL")}  # noqa: RUF012

    def encode(self, items: list[Waveform]) -> list[Encoding]:
        out = []
        for wave in items:
            x = wave.samples[0]
            t = np.arange(len(x)) / wave.rate_hz
            share = abs(np.exp(-2j * np.pi * 440 * t) @ x) / len(x)
            music = float(share > 0.02)
            out.append(Encoding(np.zeros((1, 1), np.float32), {"ucs78": np.array([[1 - music, music]], np.float32)}))
        return out


def tone(seconds: float, hz: float, level: float = 0.2) -> NDArray[np.float32]:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.tile(wave.astype(np.float32), (2, 1))


def without_440(wave: Waveform) -> Waveform:
    """A separator whose "speech" is everything but 440 Hz: gives the 440-Hz part as background."""
    spectrum = np.fft.rfft(wave.samples, axis=1)
    hz = np.fft.rfftfreq(wave.samples.shape[1], 1 / wave.rate_hz)
    spectrum[:, np.abs(hz - 440) > 20] = 0
    return Waveform(np.fft.irfft(spectrum, wave.samples.shape[1], axis=1).astype(np.float32), wave.rate_hz)


def test_music_is_found_window_by_window_and_under_speech() -> None:
    half = np.concatenate([tone(10, 440), tone(10, 900)], axis=1)
    spans = music_spans(Waveform(half, RATE), (), {"ear": Ear()}, lambda wave: wave)  # type: ignore[dict-item]
    assert spans == (Span(0.0, 10.0),)
    asked: list[float] = []

    def background(wave: Waveform) -> Waveform:
        asked.append(wave.duration_s)
        return Waveform(tone(wave.duration_s, 440)[:1], RATE)

    spans = music_spans(Waveform(half, RATE), (Span(12, 18),), {"ear": Ear()}, background)  # type: ignore[dict-item]
    assert spans == (Span(0.0, 10.0), Span(10.0, 20.0))
    assert asked == [10.0]


def test_a_soft_passage_between_music_is_music() -> None:
    class Halfway(Ear):
        def encode(self, items: list[Waveform]) -> list[Encoding]:
            scores = [0.1, 0.9, 0.1, 0.0, 0.1]  # the least for this space is .15
            return [Encoding(np.zeros((1, 1), np.float32), {"ucs78": np.array([[0, s]], np.float32)}) for s in scores]

    spans = music_spans(Waveform(tone(50, 440), RATE), (), {"ear": Halfway()}, lambda wave: wave)  # type: ignore[dict-item]
    assert spans == (Span(0, 10), Span(10, 20), Span(20, 30))


def test_ears_that_cannot_tell_say_so(caplog: pytest.LogCaptureFixture) -> None:
    deaf = Ear()
    deaf.labels = {"birds": ("robin",)}  # type: ignore[dict-item]
    assert music_spans(Waveform(tone(3, 440), RATE), (), {"ear": deaf}, lambda wave: wave) == ()  # type: ignore[dict-item]
    assert "no encoder of this profile" in caplog.text


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_asks_no_model(level: float) -> None:
    def fail(*_: object) -> tuple[Span, ...]:
        raise AssertionError("a model was asked")

    assert listen(Waveform(tone(3, 440, level), RATE), fail, fail) == OwnSound(None)
    assert listen(None, fail, fail) == OwnSound(None)


def test_what_is_heard_about_then() -> None:
    own = OwnSound(None, events=(Event(2, 3, "Bark", 0.8), Event(0, 9, "Speech", 0.9)))
    assert own.has(["Dog"], Span(3.5, 4))
    assert own.has(["Bark"], Span(1.1, 1.2))
    assert not own.has(["Bark"], Span(4.1, 5))
    assert not own.has(["Cat", "Rain"], Span(2, 3))
    assert not own.has([], Span(2, 3))


def test_share_of_music_decides() -> None:
    wave = Waveform(tone(10, 440), RATE)
    assert listen(wave, lambda _: (), lambda *_: (Span(0, 5),)).has_music
    assert not listen(wave, lambda _: (), lambda *_: (Span(0, 3),)).has_music


def test_only_speech_is_left_where_music_was_and_the_rest_is_untouched() -> None:
    speech, music = tone(20, 200), tone(20, 440)
    speech[:, : 4 * RATE] = 0
    speech[:, 7 * RATE : 12 * RATE] = 0
    music[:, 10 * RATE :] = 0
    own = OwnSound(Waveform(speech + music, RATE), (Span(4, 7), Span(12, 20)), (Span(0, 10),), 20.0)
    left = without_music(own, without_440)
    assert left is not None
    np.testing.assert_array_equal(left.samples[:, 10 * RATE :], (speech + music)[:, 10 * RATE :])
    assert np.abs(left.samples[:, : 3 * RATE]).max() == 0
    assert np.abs(left.samples[:, 8 * RATE : 9 * RATE]).max() == 0
    words = slice(round(4.5 * RATE), round(6.5 * RATE))
    np.testing.assert_allclose(left.samples[:, words], speech[:, words], atol=0.01)
    assert np.abs(np.diff(left.samples[:, : 10 * RATE])).max() < 1.05 * np.abs(np.diff(speech)).max()


def test_music_alone_leaves_nothing() -> None:
    own = OwnSound(Waveform(tone(10, 440), RATE), (), (Span(0, 10),), 10.0)
    assert without_music(own, without_440) is None


def test_audible_shots() -> None:
    wave = Waveform(np.concatenate([tone(2, 440), tone(2, 440, 1e-4)], axis=1), RATE)
    assert audible(wave, [Span(0, 2), Span(2, 4), Span(4, 5)]) == [True, False, False]
    assert audible(None, [Span(0, 2)]) == [False]
