"""What encoders do to pictures before they look at them: one alone, or the frames of a video in stretches."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from storysound.encode.encoder import Encoding
from storysound.media.arrays import Floats, Pixels
from storysound.progress import unless_stopped

Seen = TypeVar("Seen")
IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures
_LONGEST = 4  # sides of the square that a picture is cut to before it is scaled: the rest would be cut off anyway


def square(picture: Pixels, side: int, how: Image.Resampling, scaled: int | None = None) -> Floats:
    """Colours [side side 3] in [0, 1] of the middle of a picture uint8 [h w 3], scaled to its shorter side.

    That becomes `scaled` where it is given, at least `side`, else `side`.
    """
    height, width = picture.shape[:2]
    room = _LONGEST * min(height, width)
    top, left = max(0, (height - room) // 2), max(0, (width - room) // 2)
    picture = np.ascontiguousarray(picture[top : top + room, left : left + room])
    height, width = picture.shape[:2]
    short = scaled or side
    scale = short / min(height, width)
    size = (short if width <= height else int(width * scale), short if height <= width else int(height * scale))
    whole = np.asarray(Image.fromarray(picture).resize(size, how), np.float32)
    top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
    return np.asarray(whole[top : top + side, left : left + side] / 255, np.float32)


@torch.inference_mode()
def each_alone(pictures: Sequence[Pixels], look: Callable[[Pixels], Seen]) -> list[Seen]:
    """What is seen in each picture, each looked at alone so that none depends on its neighbours.

    Raises ValueError for anything but non-empty uint8 [h w 3]; Cancelled.
    """
    for item in pictures:
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or not item.size:
            raise ValueError(f"a picture is uint8 [h w 3] with a pixel at least, got {item.dtype} {item.shape}")
    return [look(item) for item in unless_stopped(pictures)]


@torch.inference_mode()
def each_video_alone(videos: Sequence[Pixels], look: Callable[[Pixels], Encoding]) -> list[Encoding]:
    """One encoding a video, each run alone so that none depends on its neighbours.

    Raises ValueError for anything but non-empty uint8 [f h w 3]; Cancelled.
    """
    for item in videos:
        if item.dtype != np.uint8 or item.ndim != 4 or item.shape[3] != 3 or not item.size:
            raise ValueError(f"a video is uint8 [f h w 3] with a pixel at least, got {item.dtype} {item.shape}")
    return [look(item) for item in unless_stopped(videos)]


def stretches(frames: Pixels, count: int) -> list[Pixels]:
    """Stretches [count h w 3] of frames [f h w 3], one after another; the last picture stands to the end of the last.

    >>> [part[:, 0, 0, 0].tolist() for part in stretches(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), 3)]
    [[0, 1, 2], [3, 4, 4]]
    """
    whole = np.concatenate([frames, np.repeat(frames[-1:], -len(frames) % count, axis=0)])
    return np.split(whole, len(whole) // count)


def prepared(frames: Pixels, side: int, scaled: int | None = None) -> Tensor:
    """Frames uint8 [f h w 3] -> [f 3 side side], as `square` (bilinear), normalised as ImageNet's."""
    mean, spread = (np.array(numbers, np.float32) for numbers in (IMAGENET_MEAN, IMAGENET_SPREAD))
    colours = [(square(rgb, side, Image.Resampling.BILINEAR, scaled) - mean) / spread for rgb in frames]
    return torch.from_numpy(np.stack(colours)).permute(0, 3, 1, 2).contiguous()


def mean_of(frames: Pixels, count: int, look: Callable[[Pixels], Tensor]) -> Encoding:
    """The mean of the vectors [d] that `look` gives of stretches [count h w 3] of frames [f h w 3]."""
    rows = [look(part) for part in unless_stopped(stretches(frames, count))]
    return Encoding(torch.stack(rows).mean(0)[None].float().numpy())
