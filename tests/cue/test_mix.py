"""Stems block by block: what they hold, what they leave alone, and that a cue changes nothing outside its span."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mix_making import SPEECH, cue, mixed, noise, score_of, sound, talk

from storysound.cue.duck import CHUNK
from storysound.cue.levels import LOUDNESS, Levels, loudness_target
from storysound.cue.limiter import AFTER, AHEAD, BEFORE, BEHIND, CELL, cuts_db, gain_of
from storysound.cue.mix import Mixer, bed_lufs, layer_lufs, protected, spread_of, stems, wanted_lufs
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Cue, Layer
from storysound.errors import UsageError
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.layouts import STEREO
from storysound.media.levels import loudest_db
from storysound.media.loudness import REACH, integrated_lufs, true_peak_dbtp
from storysound.media.recording import Recording, of_wave
from storysound.story import Span

LEVELS = Levels(master_db=0.0)
LOUD = Levels(master_db=9.0)
N = 16 * RATE_HZ
SURROUND = ("FL", "FR", "FC", "LFE", "SL", "SR")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="module")
def cues(folder: Path) -> list[Cue]:
    """Beds that meet, one under another, and an effect; loud enough to need a limiter under the voice."""
    one, two = sound(folder, "one.wav", noise(14, 0.1, 2)), sound(folder, "two.wav", noise(9, 0.1, 3))
    bang = sound(
        folder, "bang.wav", noise(1.5, 0.4, 4) * np.linspace(1, 0, round(1.5 * RATE_HZ), dtype=np.float32) ** 4
    )
    return [
        cue("music-1", one, 0.5, 8.2, fades_s=(0.3, 1.0)),
        cue("music-2", two, 7.3, 15.0, fades_s=(0.5, 1.0)),
        cue("ambience-1", two, 3.0, 9.0, layer="ambience", gain_db=-6, fades_s=(0.008, 0.008)),
        cue("spot-1", bang, 6.5, 8.0, layer="spot", gain_db=6, fades_s=(0.008, 0.05)),
    ]


@pytest.fixture(scope="module")
def original() -> Recording:
    """A voice, and two bangs away from it."""
    samples = talk(16, level=0.06).read(0, N)
    for at_s in (7.8, 14.0):
        a = round(at_s * RATE_HZ)
        samples[:, a : a + 4800] += np.float32(1.2) * np.exp(-np.arange(4800) / 700).astype(np.float32)
    return of_wave(Waveform(samples, RATE_HZ))


@pytest.fixture(scope="module")
def loud(cues: list[Cue], original: Recording) -> dict[str, Samples]:
    """The mix far into the ceiling, so that the limiter works everywhere."""
    return mixed(original, cues, LOUD, N)


# ---- the promise: what is outside a cue's span stays as it is, to the bit


def changes(before: dict[str, Samples], after: dict[str, Samples]) -> dict[str, tuple[int, int]]:
    """First and one beyond the last sample that differ, of stems that do."""
    found = {}
    for name, samples in before.items():
        differs = np.flatnonzero((samples != after[name]).any(axis=0))
        if differs.size:
            found[name] = (int(differs[0]), int(differs[-1]) + 1)
    return found


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("edit", ["louder", "muted", "swapped", "faded", "moved", "trimmed"])
def test_an_edit_changes_no_sample_outside_its_cue(
    number: int, edit: str, cues: list[Cue], original: Recording, loud: dict[str, Samples], folder: Path
) -> None:
    one = cues[number]
    other = {
        "louder": [replace(one, gain_db=one.gain_db + 12)],
        "muted": [],
        "swapped": [replace(one, sound=sound(folder, "other.wav", noise(14, 0.2, 9)))],
        "faded": [replace(one, fade_in_s=0.1, fade_out_s=0.2)],
        "moved": [cue(one.id, one.sound, one.start_s + 0.37, one.end_s + 0.37, layer=one.layer, gain_db=one.gain_db)],
        "trimmed": [cue(one.id, one.sound, one.start_s + 0.2, one.end_s - 0.5, layer=one.layer, gain_db=one.gain_db)],
    }[edit]
    after = mixed(original, cues[:number] + other + cues[number + 1 :], LOUD, N)
    start = min(round(c.start_s * RATE_HZ) for c in [one, *other])
    end = max(round(c.end_s * RATE_HZ) for c in [one, *other])
    changed = changes(loud, after)
    assert "mix" in changed
    assert "dialogue" not in changed
    for first, beyond in changed.values():
        assert start <= first < beyond <= end


def test_the_limiter_worked_in_that_test(cues: list[Cue], original: Recording) -> None:
    mixer = Mixer(score_of(cues, SPEECH, LOUD, N), original)
    for chunk in range(mixer.chunks):
        mixer.stems(chunk)
    assert mixer.original_cut_db > 3
    assert mixer.added_cut_db > 3


def test_a_mixer_and_its_sounds_go_when_nobody_needs_them(cues: list[Cue], original: Recording) -> None:
    """Nothing in it refers to itself: no collector has to look through all that there is."""
    gc.disable()
    try:
        mixer = Mixer(score_of(cues, SPEECH, LOUD, N), original)
        mixer.stems(2)
        ((_, player), *_) = mixer._players.at(2 * CHUNK, 3 * CHUNK)
        gone = [weakref.ref(mixer), weakref.ref(player)]
        del mixer, player
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


def test_the_same_settings_give_the_same_samples_from_any_chunk_on(cues: list[Cue], original: Recording) -> None:
    whole = mixed(original, cues, LEVELS, N)
    again = mixed(original, list(reversed(cues)), LEVELS, N)
    mixer = Mixer(score_of(cues, SPEECH, LEVELS, N), original)
    for name in whole:
        np.testing.assert_array_equal(whole[name], again[name])
    for chunk in (9, 14):
        part = mixer.stems(chunk)
        np.testing.assert_array_equal(part.sum, whole["mix"][:, chunk * CHUNK : (chunk + 1) * CHUNK])


# ---- what the stems hold


def test_the_voice_gets_one_gain_and_the_bed_gives_way(cues: list[Cue], original: Recording) -> None:
    levels = replace(LEVELS, master_db=6.0)
    mix = mixed(original, cues, levels, N)
    gain = np.float32(10 ** (6 / 20))
    for span in SPEECH:
        words = slice(round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ))
        np.testing.assert_array_equal(mix["dialogue"][:, words], original.read(words.start, words.stop) * gain)
    assert true_peak_dbtp(original.cut(7.7, 8.0)) + 6 > levels.mix_ceiling_dbtp
    assert true_peak_dbtp(Waveform(mix["mix"], RATE_HZ)) <= levels.ceiling_dbtp
    assert np.abs(mix["mix"]).max() <= 10 ** (levels.mix_ceiling_dbtp / 20) + 1e-6
    np.testing.assert_array_equal(mix["mix"], mix["dialogue"] + mix["music"] + mix["ambience"] + mix["effects"])


def test_stems_without_voice_or_ceiling_are_the_cues_themselves(cues: list[Cue]) -> None:
    levels = replace(LEVELS, master_db=-20.0)
    mix = mixed(None, cues, levels, N, ())
    for name, ids in (("music", (0, 1)), ("ambience", (2,)), ("effects", (3,))):
        expected = np.zeros((2, N), np.float32)
        for i in ids:
            one = cues[i]
            at = round(one.start_s * RATE_HZ)
            samples = read_whole(one)
            player = CuePlayer(samples, one.pieces, fade_in_s=one.fade_in_s, fade_out_s=one.fade_out_s)
            played = player.whole() * np.float32(10 ** ((one.gain_db - 20) / 20))
            expected[:, at : at + played.shape[1]] += played
        np.testing.assert_allclose(mix[name], expected, atol=1e-6)
    assert not mix["dialogue"].any()


def read_whole(one: Cue) -> Waveform:
    return read_audio(Path(one.sound.root) / one.sound.path)


@pytest.mark.parametrize("length", [1, 100, CHUNK, CHUNK + 1, 2 * RATE_HZ])
def test_stems_are_as_long_as_the_film(length: int, cues: list[Cue], original: Recording) -> None:
    for sound_of_film in (None, original, of_wave(original.cut(0, 0.5))):
        parts = list(stems(score_of(cues, SPEECH, LEVELS, length), sound_of_film))
        assert [part.start for part in parts] == list(range(0, length, CHUNK))
        assert sum(part.sum.shape[1] for part in parts) == length
        assert all(np.isfinite(part.sum).all() for part in parts)


def test_a_tail_beyond_the_end_is_cut_without_a_click(folder: Path) -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)[None]
    ringing = cue("spot-1", sound(folder, "tone.wav", 0.5 * tone), 0.5, 2.5, layer="spot")
    effects = mixed(None, [ringing], LEVELS, RATE_HZ, ())["effects"]
    assert np.abs(effects[:, -1]).max() < 1e-3
    assert np.abs(effects[:, -2000:]).max() > 0.4


# ---- loudspeakers


def test_added_sound_goes_left_and_right_and_a_little_to_the_sides(folder: Path) -> None:
    stereo = noise(4, 0.05, 1)
    one = cue("music-1", sound(folder, "st.wav", stereo), 0, 4, fades_s=(0.0, 0.0))
    samples = np.zeros((6, 4 * RATE_HZ), np.float32)
    samples[2] = noise(4, 0.05, 8)[0]
    film = of_wave(Waveform(samples, RATE_HZ, SURROUND))
    mix = mixed(film, [one], LEVELS, 4 * RATE_HZ, (), SURROUND)
    np.testing.assert_allclose(mix["music"][:2], stereo, atol=1e-6)
    assert not mix["music"][2:4].any()
    np.testing.assert_allclose(mix["music"][4:], stereo * 10 ** (-9 / 20), atol=1e-6)
    np.testing.assert_array_equal(mix["dialogue"], samples)
    eight = spread_of(("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"))
    assert (eight[4:] ** 2).sum() == pytest.approx(2 * 10 ** (-9 / 10))
    mono = mixed(of_wave(Waveform(samples[2:3], RATE_HZ, ("FC",))), [one], LEVELS, 4 * RATE_HZ, (), ("FC",))
    np.testing.assert_allclose(mono["music"][0], np.sqrt(0.5) * stereo.sum(axis=0), atol=1e-6)
    as_stereo = mixed(of_wave(Waveform(samples[2:3], RATE_HZ, ("FC",))), [], LEVELS, 4 * RATE_HZ, ())
    np.testing.assert_array_equal(as_stereo["dialogue"], samples[[2, 2]])


def test_the_centre_is_the_voice_that_the_dip_goes_by(folder: Path) -> None:
    """Loud sides with a silent centre hide no words: the dip is as deep as without them."""
    samples = np.zeros((6, 16 * RATE_HZ), np.float32)
    samples[2] = talk(16).read(0, N)[0]
    one = [cue("music-1", sound(folder, "bed.wav", noise(15, 0.03, 1)), 0, 15)]
    levels = replace(LEVELS, master_db=-20.0)
    quiet = mixed(of_wave(Waveform(samples, RATE_HZ, SURROUND)), one, levels, N, SPEECH, SURROUND)["music"]
    samples[4:] = noise(16, 0.2, 6)
    loud = mixed(of_wave(Waveform(samples, RATE_HZ, SURROUND)), one, levels, N, SPEECH, SURROUND)["music"]
    np.testing.assert_array_equal(quiet, loud)


# ---- the limiter


@pytest.mark.parametrize("seed", range(8))
def test_a_peak_is_under_the_ceiling_and_moves_nothing_out_of_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, at = CHUNK, int(rng.integers(4000, CHUNK - 4000))
    fixed, moving = noise(n / RATE_HZ, 0.02, seed), noise(n / RATE_HZ, 0.05, seed + 50)
    moving[:, at : at + 3] += rng.uniform(1, 4) * rng.choice([-1, 1])
    fixed[0, at - 1] = 0.7
    padded = [np.pad(x, ((0, 0), (REACH, REACH))) for x in (fixed, moving)]
    cut = cuts_db(*padded, 0.8)
    assert cut is not None
    gain = gain_of(np.concatenate([np.zeros(AFTER), cut, np.zeros(BEFORE)]))
    assert gain.shape == (n,)
    assert true_peak_dbtp(Waveform(fixed + moving * gain, RATE_HZ)) <= 20 * np.log10(0.8) + 0.05
    moved = np.flatnonzero(gain < 1)
    assert at - AHEAD <= moved[0] < at
    assert at < moved[-1] <= at + 3 + BEHIND
    assert np.abs(np.diff(gain)).max() < 0.02
    assert cuts_db(padded[0], padded[1] * 0.01, 0.8) is None


def test_cells_from_which_the_gain_would_reach_speech_are_protected() -> None:
    levels = Levels(lead_s=0.0)
    span = Span(100_000 / RATE_HZ, 120_000 / RATE_HZ)
    of_chunk = protected([span], levels)
    cells = np.concatenate([of_chunk(chunk) for chunk in range(6)])
    marked = np.flatnonzero(cells) * CELL
    assert marked[0] == pytest.approx(100_000 - BEHIND, abs=2 * CELL)
    assert marked[-1] == pytest.approx(120_000 + AHEAD, abs=2 * CELL)
    assert np.diff(marked).max() == CELL
    assert not protected((), levels)(0).any()


# ---- levels


def test_bed_follows_what_is_there() -> None:
    loud, faint = (Waveform(noise(5, level), RATE_HZ) for level in (0.1, 1e-4))
    assert bed_lufs(of_wave(loud), (), LEVELS, STEREO) == pytest.approx(
        integrated_lufs(loud) - LEVELS.bed_under_sound_lu
    )
    assert bed_lufs(of_wave(faint), (), LEVELS, STEREO) == LEVELS.faint_lufs - LEVELS.bed_under_sound_lu
    assert bed_lufs(of_wave(loud), [Span(1, 2)], LEVELS, STEREO) == pytest.approx(integrated_lufs(loud) - 4, abs=0.2)
    assert bed_lufs(None, (), LEVELS, STEREO) == LEVELS.target_lufs


def test_layers_have_their_places() -> None:
    def wanted(layer: Layer, arousal: float = 0.5, *, soft: bool = False) -> float:
        return wanted_lufs(layer, -20.0, LEVELS, arousal=arousal, soft=soft)

    assert wanted("music") - wanted("ambience") == pytest.approx(-LEVELS.ambience_lu)
    assert wanted("music", 1.0) - wanted("music", 0.0) == pytest.approx(4.0)
    assert wanted("spot") - wanted("spot", soft=True) == pytest.approx(LEVELS.spot_lu - LEVELS.soft_spot_lu)
    music, hit = noise(5, 0.1), noise(0.1, 0.3)
    assert layer_lufs(music, "music") == integrated_lufs(Waveform(music, RATE_HZ)) != layer_lufs(music, "spot")
    assert layer_lufs(hit, "music") == layer_lufs(hit, "spot") == loudest_db(hit, RATE_HZ)
    assert layer_lufs(np.zeros_like(hit), "spot") == -np.inf


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("duck_db", -1.0), ("ceiling_dbtp", 0.0), ("target_lufs", 3.0), ("release_s", 0.0), ("master_db", float("nan")),
        ("music_db", "loud"), ("hold_s", True), ("anchor", "song"), ("open_pause_s", 0.5), ("deepest_dip_db", 1.0),
    ],
)  # fmt: skip
def test_levels_name_the_field_that_is_wrong(field: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=field):
        Levels(**{field: wrong})  # type: ignore[arg-type]


def test_loudness_has_names() -> None:
    assert [(t.lufs, t.dbtp) for t in LOUDNESS.values()] == [(-27, -2), (-23, -1), (-14, -1), (-16, -1)]
    assert loudness_target("ebu") == LOUDNESS["ebu"]
    assert loudness_target("-20.5").lufs == -20.5
    for wrong in ("loud", "nan", "3", "-90", ""):
        with pytest.raises(UsageError, match="film, ebu, youtube, podcast or a number"):
            loudness_target(wrong)


def test_what_makes_no_mix_is_refused(original: Recording) -> None:
    with pytest.raises(ValueError, match="master_db"):
        list(stems(score_of([], (), Levels(), N), original))
    other = of_wave(Waveform(noise(1, 0.1), 44_100))
    with pytest.raises(ValueError, match="44100"):
        list(stems(score_of([], (), LEVELS, N), other))
    with pytest.raises(ValueError, match="FR"):
        list(stems(score_of([], (), LEVELS, N, SURROUND), original))
