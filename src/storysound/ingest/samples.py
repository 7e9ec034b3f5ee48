"""The sound that a story brings, in the form in which it is cut and mixed."""

from pathlib import Path

from storysound.errors import MediaError
from storysound.media.audio import Waveform, read_audio
from storysound.media.samples import RATE_HZ


def read_samples(path: Path) -> tuple[Waveform | None, str]:
    """The sound of a file, stereo at RATE_HZ, and "": or None and why it is left out, where it can't be decoded."""
    try:
        return read_audio(path, rate_hz=RATE_HZ, channels=2), ""
    except MediaError as error:
        return None, f"its own sound is left out: {error}"
