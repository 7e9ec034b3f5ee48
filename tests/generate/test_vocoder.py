"""Vocoders behind one protocol, the model in miniature and, where its weights are here, whole."""

import numpy as np
import pytest
import torch

from media.media_making import noise
from rounding import assert_alike
from storysound.errors import MissingModelError
from storysound.generate import vocoder
from storysound.generate.hifigan import MEL, HifiGanVocoder
from storysound.generate.vocoder import GriffinLim, Vocoder, spoken
from storysound.media.spectrogram import log_mel
from storysound.media.spectrograms.form import SpectrogramForm, amplitudes
from storysound.nn.hifigan import HifiGan, HifiGanConfig
from storysound.weights.resolver import Resolver

FORM = SpectrogramForm(22_050, 10, 40, 40, 128, 0.0, 9000.0, channels=2)


@pytest.mark.parametrize("made", [GriffinLim(2), HifiGanVocoder(HifiGan(HifiGanConfig.tiny()))])
@pytest.mark.parametrize("length", [1, 700, 11_111])
def test_the_length_is_exact_and_the_sound_the_same(made: Vocoder, length: int) -> None:
    levels = amplitudes(noise(0.6, 22_050, 2).samples[:, :length], FORM)
    sound = spoken(made, levels, FORM, length)
    assert sound.samples.shape == (2, length)
    assert sound.rate_hz == 22_050
    assert_alike(spoken(made, levels, FORM, length).samples, sound.samples)


def test_pieces_are_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    made = HifiGanVocoder(HifiGan(HifiGanConfig.tiny()))
    sound = noise(1.0, 22_050).samples
    whole = np.concatenate(list(made._made(sound)), axis=1)
    monkeypatch.setattr("storysound.generate.hifigan._CHUNK", 30)
    pieces = list(made._made(sound))
    assert len(pieces) == 3
    assert_alike(np.concatenate(pieces, axis=1), whole)


def test_missing_weights_are_told(tmp_path: object) -> None:
    with pytest.raises(MissingModelError, match="hifigan"):
        vocoder.load("hifigan", Resolver(tmp_path, offline=True))  # type: ignore[arg-type]
    assert vocoder.load("griffin-lim", Resolver(tmp_path, offline=True)) == GriffinLim()  # type: ignore[arg-type]


@pytest.mark.models
def test_the_universal_model_speaks_what_it_hears(weights: Resolver) -> None:
    try:
        made = vocoder.load("hifigan", weights)
    except MissingModelError:
        pytest.skip("storysound models pull vocoders")
    wave = noise(0.7, 22_050)
    heard = log_mel(wave.samples[0], MEL)
    (sound,) = made._made(wave.samples)  # type: ignore[attr-defined]
    assert np.abs(log_mel(sound[0], MEL) - heard).mean() < 0.5  # of silence it would be 10
