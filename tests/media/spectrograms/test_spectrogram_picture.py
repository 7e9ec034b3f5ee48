"""Spectrogram pictures as files: what they say of themselves, in our words and in Riffusion's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from media.media_making import noise
from storysound.errors import MediaError
from storysound.media.image import write_png
from storysound.media.spectrograms.form import UNKNOWN_PEAK, SpectrogramForm
from storysound.media.spectrograms.picture import KEYWORD, picture_of, read_picture, write_picture

FORM = SpectrogramForm(4000, 10, 50, 100, 40, 0.0, 1500.0)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_picture_is_read_as_it_was_written(tmp_path: Path, channels: int) -> None:
    form = replace(FORM, channels=channels, power=0.3)
    picture = picture_of(noise(1.037, 4000, channels), form)
    write_picture(tmp_path / "a.png", picture, {"Description": "noise"})
    again = read_picture(tmp_path / "a.png")
    assert np.array_equal(again.rgb, picture.rgb)
    assert (again.form, again.peak, again.samples, again.length) == (form, picture.peak, 4148, 4148)
    np.testing.assert_array_equal(again.amplitudes(), picture.amplitudes())
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == ("L" if channels == 1 else "RGB")
        assert image.info["Description"] == "noise"


def test_riffusion_finds_its_tags(tmp_path: Path) -> None:
    picture = picture_of(noise(0.5, 44_100, 2), SpectrogramForm(channels=2))
    write_picture(tmp_path / "a.png", picture)
    with Image.open(tmp_path / "a.png") as image:
        tags = image.getexif()
        assert [tags[tag] for tag in (11000, 11010, 11020, 11030, 11040, 11050, 11060)] == [
            44100, 10, 100, 400, 512, 0, 10000,
        ]  # fmt: skip
        assert bool(tags[11005]) is True
        assert tags[11070] == 0.25
        assert float(tags[11080]) == pytest.approx(picture.peak * 32768, rel=1e-6)


def saved_by_riffusion(path: Path, rgb: np.ndarray, **other: Any) -> Path:
    """As its command line does."""
    image = Image.fromarray(rgb)
    tags = {11000: 8000, 11005: False, 11010: 10, 11020: 50, 11030: 100, 11040: 40, 11050: 0, 11060: 3000, 11070: 0.25}
    image.getexif().update(({**tags, 11080: 65536.0} | other).items())
    image.save(path, exif=image.getexif(), format="PNG")
    return path


def test_riffusions_pictures_are_read(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (40, 30, 1), np.uint8).repeat(3, axis=2)
    found = read_picture(saved_by_riffusion(tmp_path / "r.png", rgb))
    assert found.form == SpectrogramForm(8000, 10, 50, 100, 40, 0.0, 3000.0)
    assert (found.peak, found.samples, found.length) == (2.0, 0, 29 * 80)
    assert np.array_equal(found.rgb, rgb)


def test_a_picture_without_words_is_taken_for_riffusions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (512, 9, 3), np.uint8)
    write_png(tmp_path / "grey.png", rgb[..., 0])
    found = read_picture(tmp_path / "grey.png")
    assert found.form == SpectrogramForm()
    assert found.peak is None
    assert found.amplitudes().max() == pytest.approx(UNKNOWN_PEAK)
    assert "does not say how it was made" in caplog.text
    rgb[..., 0] = 0
    write_png(tmp_path / "two.png", rgb)
    assert read_picture(tmp_path / "two.png").form.channels == 2


def test_a_picture_that_was_cut_does_not_go_by_its_length(tmp_path: Path) -> None:
    picture = picture_of(noise(1.0, 4000), FORM)
    write_picture(tmp_path / "a.png", replace(picture, rgb=picture.rgb[:, :50]))
    assert read_picture(tmp_path / "a.png").length == 49 * 40


@pytest.mark.parametrize(
    "said",
    [
        "no JSON", "[]", "{}", {"bands": 41}, {"rate_hz": 0}, {"rate_hz": "fast"}, {"peak": -1}, {"peak": float("nan")},
        {"samples": -5}, {"bands": 10**9}, {"power": None}, {"channels": 7}, {"extra": 1},
    ],
)  # fmt: skip
def test_lies_are_told(tmp_path: Path, said: Any) -> None:
    picture = picture_of(noise(0.2, 4000), FORM)
    write_picture(tmp_path / "a.png", picture)
    with Image.open(tmp_path / "a.png") as image:
        own = json.loads(image.info[KEYWORD])
    text = said if isinstance(said, str) else json.dumps({**own, **said})
    write_png(tmp_path / "b.png", picture.rgb, {KEYWORD: text})
    with pytest.raises(MediaError, match="says of itself"):
        read_picture(tmp_path / "b.png")
    odd = saved_by_riffusion(tmp_path / "c.png", picture.rgb, **{}) if said == "{}" else None
    if odd is not None:
        image = Image.open(odd)
        image.getexif()[11040] = 99
        image.save(odd, exif=image.getexif(), format="PNG")
        with pytest.raises(MediaError, match="99 bands"):
            read_picture(odd)


def test_other_depths_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 5), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(MediaError, match="another kind"):
        read_picture(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="4000 Hz"):
        picture_of(noise(0.2, 8000), FORM)
