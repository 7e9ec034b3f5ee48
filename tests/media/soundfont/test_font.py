"""SoundFonts as files: SF2 and SF3 read the same, and what is wrong in one is said."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest

from media.soundfont.font_making import Recording, Voicing, Zone, font_bytes, simple_font, sine
from storysound.errors import MediaError
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.zones import Zones

TONE = Recording(sine(440), loop=(10_000, 20_000), correction=-7, rate=32_000, key=61)


@pytest.mark.parametrize("vorbis", [False, True])
def test_tables_and_samples_are_read_as_they_were_written(tmp_path: Path, vorbis: bool) -> None:
    font = SoundFont(simple_font(tmp_path / "one.sf", TONE, vorbis=vorbis))
    (preset,) = font.presets
    assert (preset.name, preset.bank, preset.program) == ("tone", 0, 0)
    sample = font.sample(0)
    assert (sample.rate_hz, sample.key, sample.correction_cents) == (32_000, 61, -7)
    assert (sample.loop_start, sample.loop_end) == (10_000, 20_000)
    samples = font.samples(0)
    assert samples.shape == (44_100,)
    np.testing.assert_allclose(samples[100:-100], TONE.samples[100:-100], atol=0.02 if vorbis else 2**-15)
    assert np.array_equal(font.samples(0, most=5000), samples[:5000])


@pytest.mark.parametrize("vorbis", [False, True])
def test_a_zone_moves_the_ends_and_the_loop_of_its_sample(tmp_path: Path, vorbis: bool) -> None:
    font = SoundFont(simple_font(tmp_path / "one.sf", TONE, vorbis=vorbis))
    moved = (100, -200, 30, 40)
    assert np.array_equal(font.samples(0, moved), font.samples(0)[100:-200])
    assert np.array_equal(font.samples(0, moved, 50), font.samples(0)[100:150])
    sample = font.sample(0, moved)
    assert (sample.loop_start, sample.loop_end) == (9930, 19_940)


def test_chunks_of_odd_length_are_found_with_their_padding_and_without(tmp_path: Path) -> None:
    whole = font_bytes([TONE], [[Zone(0)]], [Voicing([Zone(0)])], vorbis=True)
    at = whole.index(b"smpl")
    size = struct.unpack_from("<I", whole, at + 4)[0]
    odd = whole[: at + 8 + size] + b"x" * (1 - size % 2)  # an odd number of bytes of samples
    odd = odd[: at + 4] + struct.pack("<I", size + 1 - size % 2) + odd[at + 8 :]
    for padding in (b"", b"\0"):
        middle = odd[whole.index(b"LIST", 20 + 8) + 8 :] + padding
        rest = whole[at + 8 + size :]
        head = whole[12 : whole.index(b"LIST", 20 + 8)]
        path = tmp_path / "odd.sf3"
        body = b"sfbk" + head + b"LIST" + struct.pack("<I", len(middle)) + middle + rest
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
        assert len(SoundFont(path).samples(0)) == 44_100


def _bad(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        SoundFont(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_no_font_is_said(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"can't be read: No such file .*give an SF2 or SF3 file"):
        SoundFont(tmp_path / "missing.sf2")
    with pytest.raises(MediaError, match="can't be read"):
        SoundFont(tmp_path)
    whole = simple_font(tmp_path / "one.sf2", TONE).read_bytes()
    assert "is empty" in _bad(tmp_path / "bad", b"")
    assert "is no SoundFont" in _bad(tmp_path / "bad", b"RIFF\4\0\0\0WAVE")
    assert "is no SoundFont" in _bad(tmp_path / "bad", b"x")
    assert "cut short" in _bad(tmp_path / "bad", whole[: len(whole) // 2])
    assert "has no table phdr" in _bad(tmp_path / "bad", whole[: whole.index(b"pdta") - 8])
    for table in (b"phdr", b"pbag", b"inst", b"ibag", b"shdr"):
        assert table.decode() in _bad(tmp_path / "bad", whole.replace(table, b"xxxx"))


def test_tables_that_point_nowhere_are_said(tmp_path: Path) -> None:
    whole = bytearray(simple_font(tmp_path / "one.sf2", TONE).read_bytes())
    for table, offset in ((b"phdr", 24), (b"inst", 20)):
        broken = bytearray(whole)
        struct.pack_into("<H", broken, broken.index(table) + 8 + offset, 60_000)
        assert "points past" in _bad(tmp_path / "bad", bytes(broken))


def test_every_cut_gives_an_error_of_ours_or_a_font(tmp_path: Path) -> None:
    """No crash of another kind, wherever a file ends."""
    whole = simple_font(tmp_path / "one.sf2", Recording(sine(440, 0.01))).read_bytes()
    for length in range(0, len(whole) - 1, 7):
        _bad(tmp_path / "cut", whole[:length])


@pytest.mark.parametrize(("vorbis", "least"), [(False, 100), (True, 1)])  # pages of Ogg are summed up, and refused
def test_damaged_bytes_give_an_error_of_ours_or_samples(tmp_path: Path, vorbis: bool, least: int) -> None:
    whole = simple_font(tmp_path / "one.sf", Recording(sine(440, 0.02), loop=(50, 90)), vorbis=vorbis).read_bytes()
    rng, path, read = np.random.default_rng(0), tmp_path / "bad.sf", 0
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(12, len(whole), 3):
            broken[place] = rng.integers(256)
        path.write_bytes(broken)
        try:
            font = SoundFont(path)
            for preset in font.presets:
                for voice in Zones(font).voices(preset, 60, 100):
                    assert font.samples(voice.tone.sample, voice.tone.moved).ndim == 1
                    read += 1
        except MediaError:
            continue
    assert read >= least


def test_samples_outside_the_file_and_of_sound_cards_are_said(tmp_path: Path) -> None:
    font = SoundFont(simple_font(tmp_path / "rom.sf2", Recording(sine(440), kind=0x8001)))
    with pytest.raises(MediaError, match="memory of a sound card"):
        font.samples(0)
    whole = bytearray(simple_font(tmp_path / "one.sf2", TONE).read_bytes())
    struct.pack_into("<I", whole, whole.index(b"shdr") + 8 + 24, 2**31)
    (tmp_path / "far.sf2").write_bytes(whole)
    with pytest.raises(MediaError, match="lies outside the samples"):
        SoundFont(tmp_path / "far.sf2").samples(0)
    packed = bytearray(simple_font(tmp_path / "one.sf3", TONE, vorbis=True).read_bytes())
    at = packed.index(b"OggS")
    packed[at : at + 4] = b"xxxx"
    (tmp_path / "noise.sf3").write_bytes(packed)
    with pytest.raises(MediaError, match="can't be decoded"):
        SoundFont(tmp_path / "noise.sf3").samples(0)


def test_ten_thousand_presets_are_opened_at_once(tmp_path: Path) -> None:
    presets = [Voicing([Zone(0)], program=n % 128, bank=n // 128) for n in range(10_000)]
    (tmp_path / "many.sf2").write_bytes(font_bytes([Recording(sine(440, 0.01))], [[Zone(0)]], presets))
    begun = time.process_time()
    font = SoundFont(tmp_path / "many.sf2")
    voices = Zones(font).voices(font.presets[9_999], 60, 100)
    assert (len(font.presets), len(voices)) == (10_000, 1)
    assert time.process_time() - begun < 5
