"""Speech from background: NSNet2's gain, refined by our own `voice_mask`, applied to the mixture.

background = mask x mixture and speech = mixture - background, so that both always add up to what was given. Two
channels are split as middle and side: dialogue mostly stands in the middle, and the side then stays untouched.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from storysound.encode import nsnet2, voice_mask
from storysound.encode.nsnet2 import NSNet2
from storysound.encode.voice_mask import BINS, COARSE, FFT, HOP, RATE_HZ, VoiceMask
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.layouts import resampled
from storysound.media.recording import Recording, of_wave, recorded
from storysound.progress import interruptible, unless_stopped
from storysound.weights.resolver import Resolver

_BLOCK_S, _LEAD_S, _FADE_S = 60, 15, 1  # at a time; before it, so that NSNet2's memory has settled; across a seam
_SILENT = 1e-8  # mean power below which there is nothing to split


class Separator:
    """Splits sounds of any rate and number of channels."""

    name = "separator"

    def __init__(self, speech: NSNet2, network: VoiceMask, revision: str) -> None:
        """`network` refines what `speech` says."""
        self.revision = revision
        self._speech, self._network = speech, network.eval()
        self._window = torch.hann_window(FFT)

    def split(self, wave: Waveform) -> tuple[Waveform, Waveform]:
        """(background, speech), both of the rate, channels and exact length of `wave`; their sum is `wave`."""
        speech = np.concatenate(list(self._voices(of_wave(wave))), axis=1)
        return Waveform(wave.samples - speech, wave.rate_hz), Waveform(speech, wave.rate_hz)

    def background(self, sound: Recording) -> Iterator[Samples]:
        """What `split` leaves of hours of sound, in blocks [c n] that follow each other."""
        start = 0
        for voice in self._voices(sound):
            end = start + voice.shape[1]
            yield sound.read(start, end) - voice
            start = end

    def _voices(self, sound: Recording) -> Iterator[Samples]:
        """The speech in a sound, in blocks [c n] as long as it in all."""
        if sound.rate_hz == RATE_HZ:
            yield from self._voices_at_48k(sound)
            return
        length = max(1, round(sound.length * RATE_HZ / sound.rate_hz))
        blocks = (block for _, block in sound.blocks())
        at_48k = recorded(resampled(blocks, sound.rate_hz, RATE_HZ, length), RATE_HZ, sound.layout)
        yield from resampled(self._voices_at_48k(at_48k), RATE_HZ, sound.rate_hz, sound.length)

    def _voices_at_48k(self, sound: Recording) -> Iterator[Samples]:
        """The speech in a sound at 48 kHz, a minute at a time."""
        block, lead, fade = (RATE_HZ * seconds for seconds in (_BLOCK_S, _LEAD_S, _FADE_S))
        rest = np.zeros((sound.channels, 0), np.float32)  # the block before reaches one fade into this one
        for start in unless_stopped(range(0, sound.length, block)):
            first = max(0, start - lead)
            samples = sound.read(first, min(start + block + fade, sound.length))
            found = self._voice_of_channels(samples)[:, start - first :]
            width = rest.shape[1]
            found[:, :width] *= np.linspace(0, 1, width, dtype=np.float32)
            found[:, :width] += rest * np.linspace(1, 0, width, dtype=np.float32)
            rest = found[:, block:]
            yield found[:, :block]

    def _voice_of_channels(self, samples: Samples) -> Samples:
        """The speech in samples [c n] of a block: [c n]."""
        if len(samples) != 2:
            return np.stack([self._voice_of_block(channel) for channel in samples])
        middle, side = (
            self._voice_of_block(part) for part in ((samples[0] + samples[1]) / 2, (samples[0] - samples[1]) / 2)
        )
        return np.stack([middle + side, middle - side])

    @torch.inference_mode()
    def _voice_of_block(self, samples: Samples) -> Samples:
        """The speech in samples [n] of a block: [n]."""
        if float(np.mean(samples**2)) < _SILENT:
            return np.zeros_like(samples)
        tensor = torch.from_numpy(np.ascontiguousarray(samples))
        spectrum = torch.stft(
            tensor, FFT, HOP, window=self._window, center=True, pad_mode="constant", return_complex=True
        ).T
        gain = torch.from_numpy(interruptible(lambda: self._speech.gain(samples)))
        keep = interruptible(lambda: self._mask(spectrum, gain))
        voice = (1 - keep) * spectrum
        return torch.istft(voice.T, FFT, HOP, window=self._window, center=True, length=samples.size).numpy()

    @torch.inference_mode()
    def _mask(self, spectrum: Tensor, gain: Tensor) -> Tensor:
        """Background gain [t 2049] of a spectrum [t 2049] and NSNet2's gain [t' 513], of twice as many frames."""
        near = voice_mask.beside(gain, len(spectrum))
        power = (spectrum.real**2 + spectrum.imag**2)[:, :BINS]
        refined = self._network(power[None], near[None, :, :COARSE])[0]
        high = 1 - voice_mask.spread(voice_mask.smooth(near[:, COARSE - 1 :]))
        return torch.cat([refined, high, high[:, -1:]], dim=1)


def load(weights: Resolver) -> Separator:
    """The separator. Raises MissingModelError where NSNet2 can't be had."""
    speech, (network, sha) = nsnet2.load(weights), voice_mask.shipped()
    return Separator(speech, network, f"{speech.revision}-{sha}")
