"""What a spectrogram picture is made by: Riffusion's parameters (Forsgren and Martiros 2022), from sound to bands.

A picture shows amplitudes of mel bands, of time to the right and of frequency upwards, the loudest black.
"""

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse

from storysound.media.arrays import Floats, Pixels, Samples
from storysound.media.spectrogram import LogMel, Stft, power_blocks

UNKNOWN_PEAK = 30e6 / 32768  # Riffusion's, of whole numbers of 16 bits, for pictures that don't say theirs
_MOST = 1 << 20  # of anything that a picture says of itself


@dataclass(frozen=True)
class SpectrogramForm:
    """Parameters of pictures; the defaults are Riffusion's. Bands are of height 1, on O'Shaughnessy's mel scale."""

    rate_hz: int = 44_100
    step_ms: int = 10  # from one column to the next
    window_ms: int = 100
    padded_ms: int = 400  # length of the transform
    bands: int = 512  # rows
    lowest_hz: float = 0.0
    highest_hz: float = 10_000.0
    power: float = 0.25  # of the amplitudes, so that soft ones can be seen
    channels: int = 1

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in fields(self)]
        whole = all(0 <= value <= _MOST for value in values) and self.step_ms * self.rate_hz >= 1000
        ordered = self.step_ms <= self.window_ms <= self.padded_ms <= 10_000
        band = self.lowest_hz < self.highest_hz <= self.rate_hz / 2
        if not (whole and ordered and band) or self.channels not in (1, 2) or self.bands < 1 or self.power <= 0:
            raise ValueError(f"no spectrogram can be made by {self}")

    @cached_property
    def analysis(self) -> LogMel:
        """How bands are measured; no logarithm is taken of them."""
        padded, step, window = (int(ms / 1000 * self.rate_hz) for ms in (self.padded_ms, self.step_ms, self.window_ms))
        stft = Stft(padded, step, window)
        return LogMel(self.rate_hz, stft, self.bands, self.lowest_hz, self.highest_hz, power=1)

    @property
    def hop(self) -> int:
        """Samples from one column to the next."""
        return self.analysis.stft.hop_length

    def columns(self, seconds: float) -> int:
        """Columns of a sound of so many seconds.

        >>> SpectrogramForm().columns(5.12)
        513
        """
        return self.analysis.stft.frames(round(seconds * self.rate_hz))

    def samples(self, columns: int) -> int:
        """Samples of a sound of so many columns, where nobody knows better."""
        return max(1, columns - 1) * self.hop


def amplitudes(samples: Samples, form: SpectrogramForm) -> Floats:
    """Amplitudes [c t b] of the bands of sound [c n] at the form's rate; a sine of height 1 has half its window."""
    levels = np.empty((len(samples), form.analysis.stft.frames(samples.shape[1]), form.bands), np.float32)
    filters = sparse_filters(form.analysis)
    for block, powers in power_blocks(samples, form.analysis.stft):
        for channel, magnitudes in zip(levels, np.sqrt(powers), strict=True):
            channel[block] = (filters @ magnitudes.T).T
    return levels


@lru_cache(maxsize=4)
def sparse_filters(bands: LogMel) -> Any:
    """The filters [b f] as a sparse matrix: most of each is nothing."""
    return scipy.sparse.csr_array(bands.filters())


def pixels(levels: Floats, form: SpectrogramForm, peak: float) -> Pixels:
    """Amplitudes [c t b] -> the picture uint8 [b t 3]: of one channel in grey, of two in green and blue.

    `peak` is what is black; what is louder is black too. Values are rounded: Riffusion cuts fractions off.
    """
    values = 255 - _shades(levels, form, peak)
    if form.channels == 1:
        return np.repeat(values[0].T[::-1, :, None], 3, axis=2)
    green, blue = (channel.T[::-1] for channel in values)
    return np.stack([np.zeros_like(green), green, blue], axis=-1)


def _shades(levels: Floats, form: SpectrogramForm, peak: float) -> Pixels:
    """Amplitudes [c t b] from 0, which is silence, to 255."""
    shares = np.clip(levels / np.float32(peak if peak > 0 else 1.0), 0, 1) ** np.float32(form.power)
    return np.asarray(np.rint(255 * shares), np.uint8)


def from_pixels(picture: Pixels, form: SpectrogramForm, peak: float) -> Floats:
    """Amplitudes [c t b] that a picture uint8 [b t 3] shows; black is `peak`. Raises ValueError for other heights.

    >>> form = SpectrogramForm(bands=2)
    >>> from_pixels(np.full((2, 3, 3), 127, np.uint8), form, 1.0)[0, 0, 0].round(4)
    np.float32(0.0635)
    """
    if picture.shape[0] != form.bands:
        raise ValueError(f"a picture of {form.bands} bands is as many pixels high, got {picture.shape[0]}")
    shown = picture[..., :1] if form.channels == 1 else picture[..., 1:]
    table = (np.linspace(1, 0, 256, dtype=np.float32) ** np.float32(1 / form.power)) * np.float32(peak)
    return np.ascontiguousarray(table[shown[::-1]].transpose(2, 1, 0))


def is_stereo(picture: Pixels) -> bool:
    """Whether a picture [b t 3] that doesn't say so shows two channels: they leave red empty."""
    return not picture[..., 0].any() and bool(picture.any())
