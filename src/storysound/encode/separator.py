"""Speech from background: NSNet2's gain, refined by our own `voice_mask`, applied to the mixture.

background = mask x mixture and speech = mixture - background, so that both always add up to what was given. Two
channels are split as middle and side: dialogue mostly stands in the middle, and the side then stays untouched.
"""

import numpy as np
import torch
from torch import Tensor

from storysound.encode import nsnet2, voice_mask
from storysound.encode.nsnet2 import NSNet2
from storysound.encode.voice_mask import BINS, COARSE, FFT, HOP, RATE_HZ, VoiceMask
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, resample
from storysound.progress import check, interruptible
from storysound.weights.resolver import Resolver

_BLOCK_S, _LEAD_S, _FADE_S = 120, 15, 1  # at a time; before it, so that NSNet2's memory has settled; across a seam
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
        at_48k = resample(wave, RATE_HZ).samples
        if wave.channels == 2:
            middle, side = (self._voice(part) for part in ((at_48k[0] + at_48k[1]) / 2, (at_48k[0] - at_48k[1]) / 2))
            voice = np.stack([middle + side, middle - side])
        else:
            voice = np.stack([self._voice(channel) for channel in at_48k])
        back = resample(Waveform(voice, RATE_HZ), wave.rate_hz).samples
        speech = np.zeros_like(wave.samples)
        length = min(back.shape[1], speech.shape[1])
        speech[:, :length] = back[:, :length]
        return Waveform(wave.samples - speech, wave.rate_hz), Waveform(speech, wave.rate_hz)

    def _voice(self, samples: Samples) -> Samples:
        """The speech in [n] samples at 48 kHz, two minutes at a time."""
        block, lead, fade = (RATE_HZ * seconds for seconds in (_BLOCK_S, _LEAD_S, _FADE_S))
        voice = np.zeros_like(samples)
        for start in range(0, samples.size, block):
            check()
            first = max(0, start - lead)
            found = self._voice_of_block(samples[first : start + block + fade])[start - first :]
            if start:  # the block before reached one fade into this one
                width = min(fade, found.size)
                found[:width] *= np.linspace(0, 1, width, dtype=np.float32)
                voice[start : start + width] *= np.linspace(1, 0, width, dtype=np.float32)
            voice[start : start + found.size] += found
        return voice

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
