"""Long sound, block by block, so that memory stays bounded however long a file is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storysound import progress
from storysound.errors import MediaError
from storysound.media.audio import Waveform, read_audio


@dataclass(frozen=True)
class Block:
    """A stretch of a sound file that begins at `start_s`; no block follows the last one."""

    start_s: float
    wave: Waveform
    is_last: bool


def read_blocks(
    path: str | Path, block_s: float, *, rest_s: float = 0.0, rate_hz: int | None = None, channels: int | None = None
) -> Iterator[Block]:
    """The first sound stream of a file in blocks of `block_s`, the last shorter; a rest under `rest_s` lengthens it.

    Each block is as `read_audio` gives it, and so are the errors. Raises Cancelled between blocks.
    """
    start_s, is_last = 0.0, False
    while not is_last:
        progress.check()
        end_s = start_s + block_s + rest_s
        try:
            wave = read_audio(path, rate_hz=rate_hz, channels=channels, start_s=start_s, end_s=end_s)
        except MediaError:
            if not start_s:
                raise
            return  # the file ends where the block before it does
        is_last = wave.duration_s < block_s + rest_s
        yield Block(start_s, wave if is_last else wave.cut(0, block_s), is_last)
        start_s += block_s
