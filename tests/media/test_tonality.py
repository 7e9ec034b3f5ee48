import numpy as np
import pytest
from media_making import noise, tone

from storysound.media.audio import Waveform
from storysound.media.tonality import _NAMES, chroma, key

RATE_HZ = 44100


def chord(notes: list[int], duration_s: float = 0.8, cents: float = 0) -> np.ndarray:
    """MIDI notes with three overtones each, softly struck."""
    time = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    samples = np.zeros(len(time))
    for note in notes:
        hz = 440 * 2 ** ((note - 69 + cents / 100) / 12)
        samples += sum(np.sin(2 * np.pi * hz * k * time) / k**2 for k in (1, 2, 3, 4))
    return (0.1 * samples * np.exp(-time * 2)).astype(np.float32)


def cadence(tonic: int, minor: bool, cents: float = 0) -> Waveform:
    """I IV V I (in minor: i iv V i)."""
    third = 3 if minor else 4
    degrees = [(0, third), (5, third), (7, 4), (0, third)]
    chords = [chord([tonic + 48 + d, tonic + 48 + d + t, tonic + 48 + d + 7], cents=cents) for d, t in degrees]
    return Waveform(np.concatenate(chords * 2)[None], RATE_HZ)


@pytest.mark.parametrize(("tonic", "name"), list(enumerate(_NAMES)))
def test_cadences(tonic: int, name: str) -> None:
    assert key(cadence(tonic, minor=False))[0] == f"{name} major"
    assert key(cadence(tonic, minor=True))[0] == f"{name} minor"


def test_of_keys_with_the_same_notes_the_end_and_the_bass_decide() -> None:
    """A minor, F, C and G are as much of C major as of A minor."""
    chords = {"Am": [45, 57, 60, 64], "F": [41, 57, 60, 65], "C": [48, 55, 60, 64], "G": [43, 55, 59, 62]}
    for names, expected in ((("Am", "F", "C", "G"), "A minor"), (("C", "G", "Am", "F"), "C major")):
        played = [chord(chords[name]) for name in (*names * 3, names[0], names[0], names[0])]
        assert key(Waveform(np.concatenate(played)[None], RATE_HZ))[0] == expected


@pytest.mark.parametrize("cents", [-35, 30])
def test_an_orchestra_tuned_its_own_way(cents: float) -> None:
    assert key(cadence(2, minor=False, cents=cents))[0] == "D major"


def test_chroma_of_one_note() -> None:
    found = chroma(Waveform(tone(440, 2, RATE_HZ).samples, RATE_HZ))
    assert found.shape[1] == 12
    assert (found[1:-1].argmax(axis=1) == 9).all()
    assert found[1:-1].max() == pytest.approx(1)


def test_what_is_not_tonal_has_no_key() -> None:
    for wave in (noise(4, RATE_HZ), Waveform(np.zeros((1, RATE_HZ), np.float32), RATE_HZ), noise(0.01, RATE_HZ)):
        name, confidence = key(wave)
        assert name == ""
        assert 0 <= confidence < 0.6
