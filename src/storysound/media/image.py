"""Picture files to arrays."""

import io
import logging
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from storysound.errors import MediaError
from storysound.media.arrays import Pixels
from storysound.media.files import atomic, check_readable, fault_of

log = logging.getLogger(__name__)

MAX_PIXELS = 500_000_000  # 22,000 × 22,000; beyond this a picture is taken for a decompression bomb
_WHOLE_PIXELS = 25_000_000  # larger pictures are brought down even when no max_side is asked for
_PILLOW_LIMIT = threading.Lock()  # held while Pillow's own limit, a global, is lifted
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def read_image(path: str | Path, *, max_side: int | None = None) -> NDArray[np.uint8]:
    """A picture as uint8 RGB [h w 3], upright (EXIF orientation applied), the longer side at most `max_side`.

    Transparent parts are laid over white, or over black where the picture itself is nearly white. Pictures of more
    than 25 million pixels come scaled down to that. Of animations and multi-page files the first picture is read.
    Raises MediaError: missing, empty, no picture, cut short, or more than 500 million pixels.
    """
    if max_side is not None and max_side < 1:
        raise ValueError(f"max_side must be positive, got {max_side}")
    with _decoding(path) as image:
        return _decode(image, path, max_side)


@dataclass(frozen=True)
class Drawing:
    """A picture whose pixels mean something: RGB [h w 3]; what its file says by keywords and EXIF tags."""

    rgb: Pixels
    texts: Mapping[str, str]
    exif: Mapping[int, Any]


def read_drawing(path: str | Path) -> Drawing:
    """A picture of 8 bits as it is stored, neither turned nor scaled.

    Raises MediaError as `read_image`, and for pictures of other depths, which would have to be changed.
    """
    with _decoding(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path)
        if image.mode not in ("L", "P", "RGB", "RGBA"):
            raise MediaError(path, f"has pixels of another kind ({image.mode})", "save it as RGB of 8 bits")
        texts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
        return Drawing(np.array(image.convert("RGB"), np.uint8), texts, dict(image.getexif()))


@contextmanager
def _decoding(path: str | Path) -> Iterator[Image.Image]:
    """An image to decode in the block; whatever Pillow raises of it becomes MediaError."""
    file = check_readable(path)
    try:
        with _opened(file) as image:
            yield image
    except UnidentifiedImageError as error:
        raise MediaError(path, "is not a picture that can be read", "convert it to JPEG or PNG") from error
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaError(path, "needs more memory than there is", "scale it down first") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
        # Pillow's readers raise all of these on damaged files.
        fault = f"can't be decoded: {fault_of(error)}"
        raise MediaError(path, fault, "it is damaged or cut short; download or export it again") from error


def _opened(file: Path) -> Image.Image:
    """An image of which nothing is decoded yet. Our own limit stands in for Pillow's, which is less than half of it."""
    _with_heic()
    with _PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@cache
def _with_heic() -> None:
    """Has Pillow read HEIC too."""
    import pi_heif

    pi_heif.register_heif_opener()


def _too_large(path: str | Path) -> MediaError:
    return MediaError(path, f"has more than {MAX_PIXELS // 1_000_000} million pixels", "scale it down first")


def _decode(image: Image.Image, path: str | Path, max_side: int | None) -> NDArray[np.uint8]:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(path)
    side = min(max_side or max(image.size), _largest_side(image.size))
    scale = side / max(image.size)
    if scale < 1:
        # JPEG is then decoded at 1/2, 1/4 or 1/8, whichever is still as large as wanted.
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
    # The largest pictures are thinned by whole factors first, in their own mode: memory for colours comes after.
    factor = max(image.size) // side
    small: Image.Image = image.reduce(factor) if factor > 1 and image.mode in ("L", "RGB", "CMYK", "LA") else image
    upright = _to_rgb(ImageOps.exif_transpose(small) if small is image else _turned(image, small))
    if max(upright.size) > side:
        scale = side / max(upright.size)
        size = max(1, round(upright.width * scale)), max(1, round(upright.height * scale))
        upright = upright.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.array(upright, np.uint8)


def _turned(original: Image.Image, small: Image.Image) -> Image.Image:
    """`small` turned upright by the orientation that `original` states."""
    small.info.update({name: original.info[name] for name in ("exif", "xmp") if name in original.info})
    return ImageOps.exif_transpose(small)


def _largest_side(size: tuple[int, int]) -> int:
    """The longer side of a picture brought to the pixel limit; its own when it is within."""
    pixels = size[0] * size[1]
    return max(size) if pixels <= _WHOLE_PIXELS else int(max(size) * math.sqrt(_WHOLE_PIXELS / pixels))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to 8-bit RGB: 16-bit grey scaled, palettes resolved, transparency laid over a plain ground."""
    if image.mode in _GREY_16:
        return Image.fromarray(_grey_to_8_bit(np.asarray(image), image.mode)).convert("RGB")
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return _flatten(image.convert("RGBA"))
    return image.convert("RGB")


def _grey_to_8_bit(values: NDArray[np.generic], mode: str) -> NDArray[np.uint8]:
    """16-bit grey [h w] by its full range; 32-bit and float pictures, whose range is free, by the range they use."""
    grey = values.astype(np.float64)
    if mode.startswith("I;16") or (mode == "I" and grey.min() >= 0 and 255 < grey.max() <= 65535):
        return np.asarray(np.round(grey / 257), np.uint8)
    finite = grey[np.isfinite(grey)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if low >= 0 and high <= 1 and mode == "F":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    scaled = np.nan_to_num((grey - low) * (255 / max(high - low, 1e-12)), nan=0.0, posinf=255.0, neginf=0.0)
    return np.asarray(np.clip(np.round(scaled), 0, 255), np.uint8)


def _flatten(image: Image.Image) -> Image.Image:
    """Lays an RGBA picture over white, or over black where its visible parts are so bright that white hides them."""
    alpha = np.asarray(image.getchannel("A"), np.float32)
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    weight = float(alpha.sum())
    bright = weight > 0 and float((grey * alpha).sum()) / weight > 235 and float(alpha.mean()) < 250
    ground = Image.new("RGBA", image.size, (0, 0, 0, 255) if bright else (255, 255, 255, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def to_jpeg(rgb: NDArray[np.uint8], quality: int = 92) -> bytes:
    """A picture uint8 [h w 3] as JPEG."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return out.getvalue()


class Jpegs(Sequence[Pixels]):
    """Pictures uint8 [h w 3] held as JPEG; each is decoded when it is asked for."""

    def __init__(self, files: Sequence[bytes]) -> None:
        self.files = tuple(files)

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, place: int) -> Pixels: ...

    @overload
    def __getitem__(self, place: slice) -> "Jpegs": ...

    def __getitem__(self, place: int | slice) -> "Pixels | Jpegs":
        return Jpegs(self.files[place]) if isinstance(place, slice) else from_jpeg(self.files[place])


def write_png(
    path: str | Path,
    rgb: NDArray[np.uint8],
    texts: Mapping[str, str] = MappingProxyType({}),
    exif: Mapping[int, Any] = MappingProxyType({}),
) -> None:
    """Writes a picture uint8 [h w 3] or grey [h w], in place of what was there, or nothing at all. Raises OutputError.

    `texts`: what the file says of itself, by the keywords of PNG (Description, Software, Copyright); `exif`: numbers,
    by the tags of EXIF.
    """
    said = PngInfo()
    for keyword, text in texts.items():
        said.add_itxt(keyword, text)
    with atomic(path) as temporary:
        image = Image.fromarray(rgb)
        tags = image.getexif()
        tags.update(exif)
        image.save(temporary, "PNG", pnginfo=said, exif=tags)


def from_jpeg(data: bytes) -> NDArray[np.uint8]:
    """The picture uint8 [h w 3] of `to_jpeg`."""
    return np.asarray(Image.open(io.BytesIO(data)))
