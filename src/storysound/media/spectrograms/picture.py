"""Spectrogram pictures as files: PNG that say how they were made, in our words and in Riffusion's EXIF tags."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from storysound.errors import MediaError
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform
from storysound.media.image import read_drawing, write_png
from storysound.media.spectrograms.form import UNKNOWN_PEAK, SpectrogramForm, amplitudes, from_pixels, is_stereo, pixels

log = logging.getLogger(__name__)

KEYWORD = "Spectrogram"  # of PNG's texts
_WHOLE = 32768  # Riffusion's samples are whole numbers of 16 bits
_EXIF = {  # Riffusion's tags
    "rate_hz": 11000, "channels": 11005, "step_ms": 11010, "window_ms": 11020, "padded_ms": 11030, "bands": 11040,
    "lowest_hz": 11050, "highest_hz": 11060, "power": 11070,
}  # fmt: skip
_EXIF_PEAK = 11080


@dataclass(frozen=True)
class SpectrogramPicture:
    """A picture uint8 [b t 3]; `peak` is the amplitude that is black, None where nobody knows, as of what is drawn.

    `samples`: of the sound, 0 where nobody knows.
    """

    rgb: Pixels
    form: SpectrogramForm
    peak: float | None
    samples: int = 0

    def amplitudes(self) -> Floats:
        """Of the bands: [c t b]."""
        return from_pixels(self.rgb, self.form, UNKNOWN_PEAK if self.peak is None else self.peak)

    @property
    def length(self) -> int:
        """Samples of the sound."""
        return self.samples or self.form.samples(self.rgb.shape[1])


def picture_of(wave: Waveform, form: SpectrogramForm) -> SpectrogramPicture:
    """The picture of a sound that has the rate and the channels of the form, or ValueError."""
    if (wave.rate_hz, wave.channels) != (form.rate_hz, form.channels):
        raise ValueError(f"needs {form.channels} channels at {form.rate_hz} Hz, got {wave.channels}, {wave.rate_hz} Hz")
    levels = amplitudes(wave.samples, form)
    peak = float(levels.max())
    return SpectrogramPicture(pixels(levels, form, peak), form, peak, wave.samples.shape[1])


def write_picture(
    path: str | Path, picture: SpectrogramPicture, texts: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Writes a PNG, in grey where it has one channel: Riffusion reads that too. Raises OutputError."""
    form, peak = picture.form, picture.peak
    own = json.dumps({**asdict(form), "peak": peak, "samples": picture.samples})
    exif: dict[int, Any] = {tag: getattr(form, name) for name, tag in _EXIF.items()}
    exif = {tag: int(value) if float(value).is_integer() else float(value) for tag, value in exif.items()}
    exif[_EXIF["channels"]] = form.channels == 2
    if peak is not None:
        exif[_EXIF_PEAK] = float(peak * _WHOLE)
    rgb = picture.rgb if form.channels == 2 else picture.rgb[..., 0]
    write_png(path, rgb, {KEYWORD: own, "Software": "Storysound", **texts}, exif)


def read_picture(path: str | Path) -> SpectrogramPicture:
    """A spectrogram that says how it was made, or one that is taken for Riffusion's, with a line in the log.

    Raises MediaError as `media.image.read_drawing`, and where what it says of itself can't be.
    """
    drawing = read_drawing(path)
    try:
        if KEYWORD in drawing.texts:
            known = _own(drawing.texts[KEYWORD])
        elif _EXIF["rate_hz"] in drawing.exif:
            known = _riffusions(drawing.exif)
        else:
            log.warning("%s: does not say how it was made: taken for a spectrogram of Riffusion's", path)
            known = {"bands": drawing.rgb.shape[0], "channels": 2 if is_stereo(drawing.rgb) else 1}
        peak, samples = known.pop("peak", None), known.pop("samples", 0)
        if (peak is not None and not 0 <= peak < float("inf")) or not 0 <= samples <= 1 << 40:
            raise ValueError(f"peak {peak}, {samples} samples")
        form = SpectrogramForm(**known)
        if drawing.rgb.shape[0] != form.bands:
            raise ValueError(f"{form.bands} bands, in a picture that is {drawing.rgb.shape[0]} pixels high")
        whole = form.analysis.stft.frames(samples) == drawing.rgb.shape[1]  # else it was cut, or put together
        return SpectrogramPicture(drawing.rgb, form, peak, samples if whole else 0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        fault = f"says of itself what no spectrogram can be made by: {error}"
        raise MediaError(path, fault, f"save it without its text {KEYWORD} and its EXIF tags") from error


def _own(text: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(text)
    wanted = {field.name for field in fields(SpectrogramForm)} | {"peak", "samples"}
    if known.keys() != wanted:
        raise ValueError(f"{KEYWORD} needs {', '.join(sorted(wanted))}")
    return known


def _riffusions(exif: Mapping[int, Any]) -> dict[str, Any]:
    known = {name: exif[tag] for name, tag in _EXIF.items() if tag in exif}
    known["channels"] = 2 if known.get("channels") else 1
    if _EXIF_PEAK in exif:
        known["peak"] = float(exif[_EXIF_PEAK]) / _WHOLE
    return {
        name: float(value) if name in ("power", "highest_hz", "lowest_hz") else value for name, value in known.items()
    }
