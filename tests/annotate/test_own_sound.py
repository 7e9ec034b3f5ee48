"""Whether a clip has music, and what is left when it is taken out."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storysound.annotate import hearing
from storysound.annotate.own_sound import OwnSound, audible, listen, music_spans, without_music
from storysound.encode.encoder import Encoding, Head, Traits
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.recording import Recording, of_wave
from storysound.story import Event, Span

RATE = 48_000


class Ear:
    """Hears music in each second in which most of the energy lies at 440 Hz."""

    name, revision, modality, dim = "ear", "1", "audio", 1
    labels = {"ucs78": ("RAIN", "MUSICAL")}  # noqa: RUF012
    traits = Traits(heads={"ucs78": Head(music="MUSICAL", music_from=0.15)})

    def encode(self, items: list[Waveform]) -> list[Encoding]:
        return [self.hear(wave) for wave in items]

    def hear(self, wave: Waveform) -> Encoding:
        music = []
        for start in range(0, wave.samples.shape[1], wave.rate_hz):
            x = wave.samples[0, start : start + wave.rate_hz].astype(np.float64)
            share = 2 * abs(np.exp(-2j * np.pi * 440 * np.arange(len(x)) / wave.rate_hz) @ x) ** 2 / len(x)
            music.append(float(share > 0.5 * max(float(x @ x), 1e-9)))
        scores = np.stack([1 - np.array(music), music], axis=1).astype(np.float32)
        return Encoding(np.zeros((len(music), 1), np.float32), {"ucs78": scores}, 1.0)


def tone(seconds: float, hz: float, level: float = 0.2) -> NDArray[np.float32]:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.tile(wave.astype(np.float32), (2, 1))


def sound(samples: Samples) -> Recording:
    return of_wave(Waveform(samples, RATE))


def without_440(part: Recording) -> Iterator[Samples]:
    """A separator whose "speech" is everything but 440 Hz: gives the 440-Hz part as background."""
    spectrum = np.fft.rfft(part.cut().samples, axis=1)
    hz = np.fft.rfftfreq(part.length, 1 / part.rate_hz)
    spectrum[:, np.abs(hz - 440) > 20] = 0
    background = np.fft.irfft(spectrum, part.length, axis=1).astype(np.float32)
    yield background[:, : part.length // 3]
    yield background[:, part.length // 3 :]


def all_of_it(part: Recording) -> Iterator[Samples]:
    yield part.cut().samples


def spans_of(*parts: NDArray[np.float32], speech: tuple[Span, ...] = (), **more: Any) -> list[tuple[float, float]]:
    """Where music is heard in sounds one after the other; smoothing makes it longer by a second."""
    whole = sound(np.concatenate(parts, axis=1))
    found = music_spans(whole, speech, {"ear": more.get("ear", Ear())}, more.get("background", all_of_it))  # type: ignore[dict-item]
    return [pytest.approx((span.start_s, span.end_s), abs=1.01) for span in found]


def test_music_is_found_where_it_plays() -> None:
    assert spans_of(tone(13, 440), tone(12, 900)) == [(0, 13)]
    assert spans_of(tone(7, 900), tone(16, 440), tone(12, 900)) == [(7, 23)]
    assert spans_of(tone(5, 900)) == []


def test_pauses_belong_to_music_and_jingles_are_none() -> None:
    assert spans_of(tone(8, 440), tone(3, 900), tone(8, 440)) == [(0, 19)]
    assert spans_of(tone(8, 440), tone(9, 900), tone(8, 440)) == [(0, 8), (17, 25)]
    assert spans_of(tone(12, 900), tone(1, 440), tone(12, 900)) == []
    assert spans_of(tone(2, 440)) == [(0, 2)]  # the whole of a short clip


def test_soft_music_is_found_under_speech() -> None:
    """A tenth of the voice; the ear only hears it when the voice is gone."""
    voice, music = tone(20, 900), tone(20, 440, 0.02)
    asked: list[float] = []

    def background(part: Recording) -> Iterator[Samples]:
        asked.append(part.duration_s)
        return without_440(part)

    assert spans_of(voice + music) == []
    assert spans_of(voice + music, speech=(Span(2, 18),), background=background) == [(0, 20)]
    assert asked == [20.0]
    assert spans_of(voice + music, speech=(Span(12, 18),), background=without_440) == [(7, 20)]
    traces = tone(20, 440, 0.01)  # what a separator leaves of a voice alone
    assert spans_of(voice + traces, speech=(Span(2, 18),), background=without_440) == []


@pytest.mark.parametrize("before_s", [0.0, 4.0, 17.0, 124.0])
def test_the_same_footage_gets_the_same_answer(before_s: float) -> None:
    """Soft music under speech, and a break in it, wherever they stand in a film of whatever length."""
    quiet = tone(14, 900, 0.05)
    footage = np.concatenate([quiet, tone(14, 900) + tone(14, 440, 0.02), quiet, tone(9, 440, 0.05), quiet], axis=1)
    film = np.concatenate([tone(before_s, 900, 0.05), footage], axis=1)
    spoken = (Span(before_s + 14, before_s + 28),)
    found = spans_of(film, speech=spoken, background=without_440)
    assert found == [(before_s + 14, before_s + 28), (before_s + 42, before_s + 51)]


def test_hours_are_heard_as_minutes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of eight seconds as in one, in 5.1 as in stereo."""
    parts = tone(7, 900), tone(16, 440), tone(12, 900), tone(9, 440)
    assert spans_of(*parts) == [(7, 23), (35, 44)]
    monkeypatch.setattr(hearing, "PIECE_S", 8.0)
    monkeypatch.setattr(hearing, "CONTEXT_S", 2.0)
    assert spans_of(*parts) == [(7, 23), (35, 44)]
    surround = [np.concatenate([part, np.zeros((4, part.shape[1]), np.float32)]) for part in parts]
    assert spans_of(*surround) == [(7, 23), (35, 44)]


def test_faint_noise_is_not_brought_up() -> None:
    assert spans_of(tone(20, 440, 1e-5)) == []


def test_a_soft_passage_between_music_is_music() -> None:
    class Halfway(Ear):
        def hear(self, wave: Waveform) -> Encoding:
            level = np.maximum.reduceat(np.abs(wave.samples[0]), np.arange(0, wave.samples.shape[1], wave.rate_hz))
            scores = np.where(level > 0.1, 0.9, 0.1)  # the least for this space is .15
            return Encoding(np.zeros((len(level), 1), np.float32), {"ucs78": np.stack([0 * scores, scores], 1)}, 1.0)

    loud, soft = tone(6, 440), tone(10, 440, 0.01)
    assert spans_of(soft, loud, soft, ear=Halfway()) == [(0, 26)]


def test_ears_that_cannot_tell_say_so(caplog: pytest.LogCaptureFixture) -> None:
    deaf = Ear()
    deaf.labels = {"birds": ("robin",)}  # type: ignore[dict-item]
    assert music_spans(sound(tone(3, 440)), (), {"ear": deaf}, all_of_it) == ()  # type: ignore[dict-item]
    assert "no encoder of this profile" in caplog.text


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_asks_no_model(level: float) -> None:
    def fail(*_: object) -> tuple[Span, ...]:
        raise AssertionError("a model was asked")

    assert listen(sound(tone(3, 440, level)), fail, fail) == OwnSound(None)
    assert listen(None, fail, fail) == OwnSound(None)


def test_what_is_heard_about_then() -> None:
    own = OwnSound(None, events=(Event(2, 3, "Bark", 0.8), Event(0, 9, "Speech", 0.9)))
    assert own.has(["Dog"], Span(3.5, 4))
    assert own.has(["Bark"], Span(1.1, 1.2))
    assert not own.has(["Bark"], Span(4.1, 5))
    assert not own.has(["Cat", "Rain"], Span(2, 3))
    assert not own.has([], Span(2, 3))


def test_music_that_a_bed_masks_does_not_count() -> None:
    samples = np.concatenate([tone(10, 440, 0.001), tone(10, 440, 0.1), tone(10, 440, 0.001)], axis=1)
    soft, loud = Span(0, 10), Span(10, 20)
    own = OwnSound(sound(samples), (), (soft, loud), 30.0)
    assert own.fights_with(-16) == (loud,)
    assert own.fights_with(-60) == (soft, loud)
    # The voice lends it no loudness, and where there is nothing but voice nobody knows.
    spoken = replace(own, music=(Span(5, 20), Span(12, 18)), speech=(Span(9, 20),))
    assert spoken.fights_with(-16) == (Span(12, 18),)
    assert OwnSound(None).fights_with(-16) == ()


def test_share_of_music_decides() -> None:
    wave = sound(tone(10, 440))
    assert listen(wave, lambda _: (), lambda *_: (Span(0, 5),)).has_music
    assert not listen(wave, lambda _: (), lambda *_: (Span(0, 3),)).has_music


def test_only_speech_is_left_where_music_was_and_the_rest_is_untouched() -> None:
    speech, music = tone(20, 200), tone(20, 440)
    speech[:, : 4 * RATE] = 0
    speech[:, 7 * RATE : 12 * RATE] = 0
    music[:, 10 * RATE :] = 0
    own = OwnSound(sound(speech + music), (Span(4, 7), Span(12, 20)), (Span(0, 10),), 20.0)
    left = without_music(own, without_440)
    assert left is not None
    samples = left.cut().samples
    np.testing.assert_array_equal(samples[:, 10 * RATE :], (speech + music)[:, 10 * RATE :])
    assert np.abs(samples[:, : 3 * RATE]).max() == 0
    assert np.abs(samples[:, 8 * RATE : 9 * RATE]).max() == 0
    words = slice(round(4.5 * RATE), round(6.5 * RATE))
    np.testing.assert_allclose(samples[:, words], speech[:, words], atol=0.01)
    assert np.abs(np.diff(samples[:, : 10 * RATE])).max() < 1.05 * np.abs(np.diff(speech)).max()


def test_music_alone_leaves_nothing() -> None:
    own = OwnSound(sound(tone(10, 440)), (), (Span(0, 10),), 10.0)
    assert without_music(own, without_440) is None


def test_audible_shots() -> None:
    wave = sound(np.concatenate([tone(2, 440), tone(2, 440, 1e-4)], axis=1))
    assert audible(wave, [Span(0, 2), Span(2, 4), Span(4, 5)]) == [True, False, False]
    assert audible(None, [Span(0, 2)]) == [False]
