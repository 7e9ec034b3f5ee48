from pathlib import Path

import numpy as np
import pytest
from media_making import HEIC
from PIL import Image, PngImagePlugin

from storysound.errors import MediaError
from storysound.media import image as module
from storysound.media.image import read_image


def gradient(width: int = 60, height: int = 40) -> np.ndarray:
    """Red grows to the right, green downwards."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, width)[None]
    picture[..., 1] = np.linspace(0, 255, height)[:, None]
    return picture


def test_lossless_is_exact(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gradient())


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "gif", "tiff"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(gradient()).save(tmp_path / f"a.{suffix}")
    found = read_image(tmp_path / f"a.{suffix}").astype(int)
    assert found.shape == (40, 60, 3)
    assert np.abs(found - gradient()).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("max_side", [None, 10])
def test_orientation_is_applied(tmp_path: Path, orientation: int, max_side: int | None) -> None:
    """Stored so that turning by the EXIF tag must give the gradient back."""
    back = {2: [0], 3: [1], 4: [6], 5: [5], 6: [2], 7: [3], 8: [4]}
    undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
    assert orientation == 1 or orientation in back
    stored = Image.fromarray(gradient())
    stored = stored if undo is None else stored.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = read_image(tmp_path / "a.jpg", max_side=max_side).astype(int)
    assert found.shape == ((40, 60, 3) if max_side is None else (7, 10, 3))
    assert found[0, -1, 0] > 200
    assert found[0, 0, 0] < 60
    assert found[-1, 0, 1] > 200


def test_deep_grey_is_scaled_not_cut(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(found[..., 0], deep / 257, atol=0.51)
    floats = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    Image.fromarray(floats).save(tmp_path / "a.tiff")
    np.testing.assert_allclose(read_image(tmp_path / "a.tiff")[..., 1], floats * 255, atol=0.51)


def test_palette_cmyk_grey_and_bits(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    red.convert("P").save(tmp_path / "p.png")
    red.convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    Image.new("L", (8, 8), 77).save(tmp_path / "l.png")
    Image.new("1", (8, 8), 1).save(tmp_path / "1.png")
    assert read_image(tmp_path / "p.png")[0, 0].tolist() == [255, 0, 0]
    np.testing.assert_allclose(read_image(tmp_path / "c.jpg")[4, 4], [254, 0, 0], atol=6)
    assert read_image(tmp_path / "l.png")[0, 0].tolist() == [77] * 3
    assert read_image(tmp_path / "1.png")[0, 0].tolist() == [255] * 3


def test_transparency_lies_over_a_ground_it_can_be_seen_on(tmp_path: Path) -> None:
    dark = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    dark.putpixel((3, 3), (20, 30, 40, 255))
    dark.save(tmp_path / "dark.png")
    light = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    light.putpixel((3, 3), (255, 255, 255, 255))
    light.save(tmp_path / "light.png")
    found = read_image(tmp_path / "dark.png")
    assert found[0, 0].tolist() == [255] * 3
    assert found[3, 3].tolist() == [20, 30, 40]
    found = read_image(tmp_path / "light.png")
    assert found[0, 0].tolist() == [0] * 3
    assert found[3, 3].tolist() == [255] * 3
    key = Image.new("P", (4, 4), 0)
    key.putpalette([10, 20, 30, 200, 0, 0])
    key.putpixel((0, 0), 1)
    key.save(tmp_path / "key.png", transparency=0)
    assert read_image(tmp_path / "key.png")[2, 2].tolist() == [255] * 3


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_20000_pixel_picture(tmp_path: Path, suffix: str) -> None:
    wide = np.zeros((600, 20000), np.uint8)
    wide[:, 10000:] = 255
    Image.fromarray(wide).convert("RGB").save(tmp_path / f"a.{suffix}")
    found = read_image(tmp_path / f"a.{suffix}", max_side=1000)
    assert found.shape == (30, 1000, 3)
    assert found[15, 400, 0] < 5
    assert found[15, 600, 0] > 250


def test_more_than_the_limit_is_scaled_down_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(gradient(300, 200)).save(tmp_path / "a.png")
    monkeypatch.setattr(module, "_WHOLE_PIXELS", 15_000)
    assert read_image(tmp_path / "a.png").shape == (100, 150, 3)
    monkeypatch.setattr(module, "MAX_PIXELS", 50_000)
    with pytest.raises(MediaError, match="million pixels"):
        read_image(tmp_path / "a.png")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A tiny file whose header claims 60,000 × 60,000."""
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = (60000).to_bytes(4) * 2
    data[29:33] = PngImagePlugin._crc32(bytes(data[12:29])).to_bytes(4)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(MediaError, match="million pixels"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif"])
def test_cut_short(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"can't be (decoded|read)"):
        read_image(path)


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello " * 50)
    for name, fault in [("empty.png", "is empty"), ("text.png", "not a picture"), ("no.png", "does not exist")]:
        with pytest.raises(MediaError, match=fault):
            read_image(tmp_path / name)


def test_heic_is_read_as_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(HEIC)
    rgb = read_image(tmp_path / "a.heic")
    assert rgb.shape == (64, 32, 3)
    assert rgb[8, 16].tolist() == pytest.approx([200, 0, 0], abs=8)
    assert rgb[56, 16].tolist() == pytest.approx([0, 0, 200], abs=8)
    assert read_image(tmp_path / "a.heic", max_side=16).shape == (16, 8, 3)
    (tmp_path / "cut.heic").write_bytes(HEIC[:450])
    with pytest.raises(MediaError, match="can't be decoded"):
        read_image(tmp_path / "cut.heic")
