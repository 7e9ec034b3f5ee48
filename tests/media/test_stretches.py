"""Only what lies about a peak is encoded again; it decodes as if all had been."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from media_making import limited, noise

from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.film import soundtrack as encoding
from storysound.media.film.form import Form
from storysound.media.film.gain import CELL, Gain
from storysound.media.film.gain import REACH as CUT_REACH
from storysound.media.film.packets import Decoder, PacketStore
from storysound.media.film.soundtrack import Soundtrack
from storysound.media.film.stretches import OTHERS_LEAD, Remade, Stretch, stretches
from storysound.media.loudness import true_peak_dbtp
from storysound.media.recording import of_wave
from storysound.progress import Cancelled, Stop, Watch

RATE_HZ = 48_000
_AFTER = {0: (0, 1), 1: (2,), 2: (2, 3), 3: (0, 1)}  # windows that may follow each (ISO/IEC 14496-3, 4.6.11)


def drums(seconds: float, seed: int = 0, every_s: float = 4.0) -> Waveform:
    """Blows to one side over a steady noise, limited to -1 dBTP, as a master is."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 0.05, (2, round(seconds * RATE_HZ)))
    shape = np.exp(-np.arange(2000) / 300)
    for start in np.arange(RATE_HZ, samples.shape[1] - 2000, round(every_s * RATE_HZ)):
        samples[:, start : start + 2000] += 1.2 * shape
    return limited(Waveform(samples.astype(np.float32), RATE_HZ), -1.0)


def form(encoder: str) -> Form:
    return Form(encoder, "stereo", bit_rate=192_000)


@dataclass
class Kept:
    """What is decoded."""

    parts: list[Samples] = field(default_factory=list)

    def add(self, samples: Samples) -> None:
        self.parts.append(samples)

    def add_before(self, samples: Samples) -> None:
        pass


def decoded(form: Form, packets: list, skip: int | None = None) -> Samples:
    kept = Kept()
    decoder = Decoder(form, form.context(), kept, skip)
    decoder.take([*packets, None])
    return np.concatenate(kept.parts, axis=1)


def places_of(track: Soundtrack, made: list[tuple[Stretch, Remade]]) -> set[int]:
    return {number for place, _ in made for number in place.packets(len(track._store))}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Stretch, Remade]]:
    """Stretches that are encoded again, with what became of them."""
    found: list[tuple[Stretch, Remade]] = []
    plain = encoding.encoded_again

    def noted(place: Stretch, **others: object) -> Remade:
        remade = plain(place, **others)
        found.append((place, remade))
        return remade

    monkeypatch.setattr(encoding, "encoded_again", noted)
    return found


def windows(packet: bytes) -> int | None:
    """The sequence of windows of the first channel of a stereo packet of AAC; None where another element leads."""
    bits = int.from_bytes(packet[:4])
    if bits >> 29 != 1:
        return None
    at = 8 if bits >> 24 & 1 else 16  # a common window, or a gain first
    return bits >> (32 - at - 3) & 3


@pytest.mark.parametrize(("encoder", "seed"), [("aac", 0), ("aac", 1), ("libopus", 0), ("libmp3lame", 0)])
def test_long_sound_is_encoded_about_its_peaks_alone(
    encoder: str, seed: int, made: list[tuple[Stretch, Remade]], monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = drums(30.0, seed, every_s=2.0)
    monkeypatch.setattr(encoding, "_MANY", 1.0)  # no higher bit rate
    encoded = 0
    plain = Form.frame

    def counted(self: Form, samples: Samples, start: int) -> object:
        nonlocal encoded
        encoded += samples.shape[1]
        return plain(self, samples, start)

    monkeypatch.setattr(Form, "frame", counted)
    length = wave.samples.shape[1]
    track = Soundtrack(of_wave(wave), length, form(encoder), -1.0)
    assert track.delivered.dbtp <= -1.0
    assert track.delivered.stretches == len(made) > 0
    assert track.delivered.rounds <= 4  # of the loudness, of a stretch that comes out otherwise in the whole
    assert encoded < (track.delivered.rounds + 1) * length
    whole = decoded(track._form, list(track._store))
    assert true_peak_dbtp(Waveform(whole, RATE_HZ)) == pytest.approx(track.delivered.dbtp, abs=0.01)


def test_packets_outside_of_stretches_stay_and_seams_are_as_near_to_the_sound(
    made: list[tuple[Stretch, Remade]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[bytes] = []
    plain = Soundtrack._mended

    def noted(self: Soundtrack, *found: object) -> object:
        before[:] = [bytes(packet) for packet in self._store]
        return plain(self, *found)

    monkeypatch.setattr(Soundtrack, "_mended", noted)
    monkeypatch.setattr(encoding, "_MANY", 1.0)
    wave = drums(30.0, every_s=2.0)
    track = Soundtrack(of_wave(wave), wave.samples.shape[1], form("aac"), -1.0)
    inside = places_of(track, made)
    packets = list(track._store)
    changed = {number for number, packet in enumerate(packets) if bytes(packet) != before[number]}
    assert changed
    assert changed <= inside

    sound = np.concatenate([block for _, block in track._blocks(RATE_HZ)], axis=1)
    error = np.square(decoded(track._form, packets)[:, : sound.shape[1]] - sound)
    frames = error[:, : error.shape[1] // 1024 * 1024].reshape(2, -1, 1024).mean(axis=(0, 2))
    seams = sorted({frame for place, _ in made for n in [place.packets(len(packets))] for frame in (n[0] - 1, n[-1])})
    near = [frames[max(0, seam - 12) : seam + 12] for seam in seams]
    worse_db = 10 * np.log10([frames[seam] / np.median(around) for seam, around in zip(seams, near, strict=True)])
    assert np.median(worse_db) < 1.0
    assert worse_db.max() < 6.0  # two windows that don't fit leave 20 to 50

    kinds = [windows(bytes(packet)) for packet in packets]
    for seam in seams:
        one, other = kinds[seam], kinds[seam + 1]
        assert one is None or other is None or other in _AFTER[one]


def test_aac_decodes_the_same_from_any_packet_on() -> None:
    """Nothing is drawn by chance in the decoder, as it is where noise is substituted."""
    wave = noise(6.0, RATE_HZ, 2, 0.6)
    for coder in ("fast", "twoloop"):
        own = Form("aac", "stereo", bit_rate=128_000, aac_coder=coder)
        track = Soundtrack(of_wave(wave), wave.samples.shape[1], own, None)
        packets = list(track._store)
        whole, part = decoded(own, packets), decoded(own, packets[100:], 1024)
        np.testing.assert_array_equal(part, whole[:, 100 * 1024 :])


@pytest.mark.parametrize(("encoder", "frame", "unlike_db"), [("libmp3lame", 1152, -100.0), ("libopus", 960, -10.0)])
def test_a_piece_of_other_codecs_decodes_like_the_whole(encoder: str, frame: int, unlike_db: float) -> None:
    """`unlike_db`: how they differ, by what both lack of the sound."""
    wave, own = drums(12.0), form(encoder)
    whole = decoded(own, list(Soundtrack(of_wave(wave), wave.samples.shape[1], own, None)._store))
    for first in (90, 200):
        start, end = (first - OTHERS_LEAD) * frame, (first + 30) * frame
        piece = Soundtrack(of_wave(Waveform(wave.samples[:, start:end], RATE_HZ)), end - start, own, None)
        part = decoded(own, list(piece._store))[:, OTHERS_LEAD * frame : (OTHERS_LEAD + 20) * frame]
        same = whole[:, first * frame : (first + 20) * frame]
        lacking = np.square(same - wave.samples[:, first * frame : (first + 20) * frame]).mean()
        assert np.square(part - same).mean() <= 10 ** (unlike_db / 10) * lacking


def test_the_same_sound_gives_the_same_packets(made: list[tuple[Stretch, Remade]]) -> None:
    wave = drums(20.0)
    first, second = (Soundtrack(of_wave(wave), wave.samples.shape[1], form("aac"), -1.0) for _ in range(2))
    assert made
    assert [bytes(packet) for packet in first._store] == [bytes(packet) for packet in second._store]


def test_a_job_that_is_stopped_ends_amid_the_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, begun = Stop(), []
    plain = encoding.encoded_again

    def stopped(place: Stretch, **others: object) -> Remade:
        begun.append(place)
        stop.set()
        return plain(place, **others)

    monkeypatch.setattr(encoding, "encoded_again", stopped)
    monkeypatch.setattr(encoding, "_MANY", 1.0)
    wave = drums(30.0, every_s=1.0)
    with Watch(stop=stop), pytest.raises(Cancelled):
        Soundtrack(of_wave(wave), wave.samples.shape[1], form("aac"), -1.0)
    assert 0 < len(begun) < 10


def test_cells_near_each_other_are_one_stretch_and_soft_ones_none() -> None:
    cells = {100: -0.5, 130: -1.05, 1000: -1.05, 2000: -0.9, 2500: -0.2}
    found = list(stretches(cells, -1.0, 1024, RATE_HZ))
    assert [sorted(one.cells) for one in found] == [[100, 130], [2000], [2500]]
    for one in found:
        assert one.first * 1024 <= (min(one.cells) - CUT_REACH) * CELL
        assert (one.last + 1) * 1024 >= (max(one.cells) + CUT_REACH + 1) * CELL


def test_a_cut_changes_nothing_beyond_its_reach_and_is_the_same_in_any_block() -> None:
    length = 100 * CELL
    gain, plain = Gain(length), np.ones((1, length), np.float32)
    for cell in (0, 40, 99):
        gain.cut(cell, 3.0)
    whole = gain.apply(plain, 0)
    parts = [gain.apply(plain[:, start : start + 777], start) for start in range(0, length, 777)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-6)
    changed = np.flatnonzero(whole[0] < 1.0) // CELL
    assert set(changed) <= {cell for at in (0, 40, 99) for cell in range(at - CUT_REACH, at + CUT_REACH + 1)}
    assert whole[0, 40 * CELL : 41 * CELL].max() == pytest.approx(10 ** (-3 / 20), abs=1e-3)


def test_packets_can_take_the_place_of_others() -> None:
    wave, own = noise(2.0, RATE_HZ, 2, 0.3), form("aac")
    track = Soundtrack(of_wave(wave), wave.samples.shape[1], own, None)
    store = PacketStore()
    for packet in track._store:
        store.append(packet)
    store.replace(3, b"other")
    for number, (old, new) in enumerate(zip(track._store, store, strict=True)):
        assert bytes(new) == (b"other" if number == 3 else bytes(old))
        assert (new.pts, new.duration, new.time_base) == (old.pts, old.duration, old.time_base)
