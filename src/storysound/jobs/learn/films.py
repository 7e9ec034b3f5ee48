"""Which tracks of a library play in a finished film: by fingerprints, under voices and effects.

Fingerprints are pairs of spectral peaks (Wang 2003, "An industrial-strength audio search algorithm"), by the library
audiolocate. Of a large library only those tracks are tried whose stored vectors are near to what the film sounds like.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from audiolocate import AudioFingerprint

from storysound.cue.score import Scene
from storysound.encode.encoder import Encoder
from storysound.errors import InputError, MediaError
from storysound.library.search import Index
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.recording import Recording
from storysound.progress import Watch
from storysound.story import Sound

WINDOW_S = 15.0  # of the film, looked for by itself
LEAST_S = 5.0
MOST_TRIED = 60  # tracks of a library
LEAST_HITS = 12  # pairs of peaks that a window and a track must share at one offset
_FINGERPRINT = AudioFingerprint()


def heard_in(
    sound: Recording,
    scenes: Sequence[Scene],
    index: Index,
    tracks: Mapping[str, Sound],
    ear: tuple[str, Encoder[Waveform]],
    watch: Watch,
) -> dict[int, str]:
    """Of scenes, by number, the track that plays in most of each, by the sha256 of its content.

    `tracks` may be any of the library's; `ear`: an encoder whose vectors it has. Files that are gone aren't found.
    """
    windows = [(number, wave) for number, scene in enumerate(scenes) for wave in _windows(sound, scene)]
    if not windows:
        return {}
    tried = _likeliest([wave for _, wave in windows], index, tracks, ear)
    prints = [_print(wave) for _, wave in windows]
    hits = np.zeros((len(windows), len(tried)))
    for at, key in enumerate(tried):
        watch.at(at, len(tried), "tracks")
        file = Path(tracks[key].root) / tracks[key].path
        try:
            track = _print(read_audio(file, channels=1))
        except (MediaError, InputError):
            continue
        for row, window in enumerate(prints):
            found = _FINGERPRINT.match(track, window)
            if found.is_match and found.match_count >= LEAST_HITS:
                hits[row, at] = found.match_count
    best: dict[int, dict[str, int]] = {}
    for (number, _), counts in zip(windows, hits, strict=True):
        if counts.any():
            key = tried[int(counts.argmax())]
            votes = best.setdefault(number, {})
            votes[key] = votes.get(key, 0) + 1
    return {number: max(votes, key=lambda key: votes[key]) for number, votes in best.items()}


def _windows(sound: Recording, scene: Scene) -> list[Waveform]:
    """A scene's sound, cut into windows; what is left at its end joins the last one."""
    count = max(1, int((scene.end_s - scene.start_s) / WINDOW_S))
    edges = [*(scene.start_s + WINDOW_S * i for i in range(count)), scene.end_s]
    parts = [sound.cut(a, b).mono() for a, b in pairwise(edges) if b - a >= LEAST_S]
    return [part for part in parts if part.samples.any()]


def _print(wave: Waveform) -> dict[int, list[int]]:
    hashes: dict[int, list[int]] = _FINGERPRINT.fingerprint_audio(resample(wave, _FINGERPRINT.sr).samples[0])[0]
    return hashes


def _likeliest(
    windows: Sequence[Waveform], index: Index, tracks: Mapping[str, Sound], ear: tuple[str, Encoder[Waveform]]
) -> list[str]:
    """All tracks of a small library; of a large one those nearest to any window, in the ear's space."""
    if len(tracks) <= MOST_TRIED:
        return list(tracks)
    name, encoder = ear
    heard = np.stack([encoder.encode([wave])[0].embedding.mean(axis=0) for wave in windows])
    rows = index.matrix(name)
    mean = rows.mean(axis=0)
    rows, heard = rows - mean, heard - mean
    near = (heard / np.linalg.norm(heard, axis=1, keepdims=True)) @ (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    ).T
    of_sound = np.maximum.reduceat(near.max(axis=0), index.first[:-1])
    known = {sound.source.sha256: at for at, sound in enumerate(index.sounds)}
    return sorted(tracks, key=lambda key: -float(of_sound[known[key]]))[:MOST_TRIED]
