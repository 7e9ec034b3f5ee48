"""One sound file to what the library keeps of it: numbers about the whole, and vectors per stretch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound import progress
from storysound.annotate.hearing import ear_among, events_in
from storysound.annotate.sound import SoundJudge
from storysound.encode.encoder import Encoder, Encoding, ticks
from storysound.errors import MediaError
from storysound.library.blocks import read_blocks
from storysound.library.store import Segments, Shape
from storysound.media import rhythm, tonality
from storysound.media.audio import Waveform, resample
from storysound.media.expression import stretch
from storysound.media.loudness import momentary_lufs, peaks_db, true_peak_dbtp
from storysound.media.probe import probe
from storysound.story import Event, Sound, Span

REVISION = "5"  # of everything here; raise it when the same file would get other numbers
RATE_HZ = 44_100  # of the mono sound that encoders, tempo and key are given; levels are measured at the file's rate
WINDOW_S = 10.0
SHORTEST_REST_S = 5.0  # a shorter rest joins the window before it
BLOCK_S = 20 * WINDOW_S  # longer files are read in blocks of this, so that memory stays bounded
SHORTEST_S = 0.01
_SHORTEST_HEARD_S = 0.1  # encoders get shorter clicks with silence after them
_SHORTEST_LOUD_S = 0.4  # as does the loudness meter: its blocks are this long
_SILENT_DBTP = -70.0  # the noise of a codec around digital silence stays below
_SILENT, _SILENT_DO = "contains only silence", "nothing could ever match it"
_GATE_LUFS, _GATE_LU = -70.0, -10.0  # BS.1770-4, absolute and relative


@dataclass(frozen=True)
class Analysis:
    """What was heard in a file. `sound` has no name, tags or source yet: `tags` are the file's own."""

    sound: Sound
    tags: Mapping[str, str]
    segments: Segments


def shape_of(encoders: Mapping[str, Encoder[Waveform]]) -> Shape:
    """What a segments table made with these encoders holds."""
    revisions = {"analysis": REVISION} | {name: encoder.revision for name, encoder in encoders.items()}
    labels = {
        f"{name}.{space}{pooled}": tuple(classes)
        for name, encoder in encoders.items()
        for space, classes in encoder.labels.items()
        for pooled in ("", "^max")
    }
    return Shape(revisions, labels)


def windows(duration_s: float) -> list[Span]:
    """Stretches of ten seconds that cover a sound; a rest under five seconds lengthens the last one.

    >>> [(span.start_s, span.end_s) for span in windows(24.0)]
    [(0.0, 10.0), (10.0, 24.0)]
    """
    count = max(1, math.floor(duration_s / WINDOW_S))
    starts = [i * WINDOW_S for i in range(count)]
    if duration_s - count * WINDOW_S >= SHORTEST_REST_S:
        starts.append(count * WINDOW_S)
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], duration_s], strict=True)]


def analyse(file: str | Path, encoders: Mapping[str, Encoder[Waveform]], judge: SoundJudge) -> Analysis:
    """Hears a sound file, or the sound of a video, from beginning to end; each stretch of it is decoded once.

    `judge` is of the same encoders. Where none of them tells what is heard when, no events are found.
    Raises MediaError for a file that can't be decoded, is shorter than 10 ms, or contains only silence; Cancelled.
    """
    ear = ear_among(encoders)
    tags = probe(file).tags
    measures = _measures_of(file, encoders)
    if max(float(levels.max()) for levels in measures.peaks) < _SILENT_DBTP:  # an effects channel alone isn't heard
        raise MediaError(file, _SILENT, _SILENT_DO)
    spectrogram, peaks = rhythm.analyse(measures.loudest), tonality.analyse(measures.loudest)
    loudness_lufs = _gated(np.concatenate(measures.loudness))
    encodings = {name: _joined(parts, measures.duration_s) for name, parts in measures.encodings.items()}
    progress.check()
    kind = judge.kind(measures.duration_s, encodings)
    levels_db = np.concatenate(measures.peaks)
    events = events_in(encodings[ear.name], ear, levels_db, measures.duration_s) if ear else ()
    sound = Sound(
        path="",
        root="",
        duration_s=measures.duration_s,
        kind=kind,
        loudness_lufs=loudness_lufs,
        true_peak_dbtp=measures.peak_dbtp,
        tempo_bpm=rhythm.tempo_bpm(spectrogram),
        key=tonality.key(peaks)[0],
        mood=judge.mood(kind, encodings, measures.judged),
    )
    return Analysis(sound, tags, measures.segments(events))


def _measures_of(file: str | Path, encoders: Mapping[str, Encoder[Waveform]]) -> "_Measures":
    """All that has to be known of the samples, so that none of them is held afterwards but the loudest block."""
    measures = _Measures(encoders)
    for block in read_blocks(file, BLOCK_S, rest_s=SHORTEST_REST_S):
        if block.is_last and block.start_s == 0:
            _check_worth(file, block.wave if block.wave.channels <= 2 else block.wave.stereo())
        measures.add(block.wave, block.start_s)
    return measures


def _check_worth(file: str | Path, wave: Waveform) -> None:
    """Spares the encoders what nobody could use."""
    if wave.duration_s < SHORTEST_S:
        raise MediaError(file, f"is only {1000 * wave.duration_s:.2g} ms long", "give at least 10 ms of sound")
    if np.abs(wave.samples).max() < 10 ** (_SILENT_DBTP / 20):
        raise MediaError(file, _SILENT, _SILENT_DO)


class _Measures:
    """What is measured of a sound, block by block."""

    def __init__(self, encoders: Mapping[str, Encoder[Waveform]]) -> None:
        self.encoders = encoders
        self.encodings: dict[str, list[tuple[float, Encoding]]] = {name: [] for name in encoders}  # where each begins
        self.peaks: list[NDArray[np.float32]] = []  # of each tenth of a second, dBFS
        self.vectors: dict[str, list[NDArray[np.float16]]] = {}
        self.loudness: list[NDArray[np.float64]] = []  # momentary curves, ten values a second
        self.spans: list[Span] = []
        self.span_loudness: list[float] = []
        self.peak_dbtp = -math.inf
        self.duration_s = 0.0
        self.loudest = Waveform(np.zeros((1, 1), np.float32), RATE_HZ)  # the block tempo and key are taken from
        self.judged = self.loudest  # what the mood of music is judged by
        self._most = -math.inf

    def add(self, wave: Waveform, start_s: float) -> None:
        """The sound from `start_s` on, of which all before was added: measured by its loudspeakers, heard in one."""
        self.duration_s = start_s + wave.duration_s
        self.peak_dbtp = max(self.peak_dbtp, true_peak_dbtp(wave))
        curve = momentary_lufs(_padded(wave, _SHORTEST_LOUD_S))
        if wave.channels == 1:
            curve = curve + 10 * math.log10(2)  # a mono file is played from both loudspeakers
        self.loudness.append(curve)
        progress.check()
        spans = windows(wave.duration_s)
        self.spans += [Span(start_s + span.start_s, start_s + span.end_s) for span in spans]
        self.span_loudness += [_gated(_during(span, curve)) for span in spans]
        mono = resample(wave.mono(), RATE_HZ)
        self.peaks.append(peaks_db(mono))
        if self._most == -math.inf:  # the first block that isn't silent
            self.judged = stretch(mono)
        if _gated(curve) >= self._most:
            self._most, self.loudest = _gated(curve), mono
        for name, encoder in self.encoders.items():
            progress.check()
            (encoding,) = encoder.encode([_padded(mono, _SHORTEST_HEARD_S)])
            self.encodings[name].append((start_s, encoding))
            for column, rows in _pooled(name, encoding, spans).items():
                self.vectors.setdefault(column, []).append(rows)

    def segments(self, events: tuple[Event, ...]) -> Segments:
        """What was added, as rows of the library."""
        return Segments(
            np.array([span.start_s for span in self.spans]),
            np.array([span.end_s for span in self.spans]),
            np.array(self.span_loudness, np.float32),
            {column: np.concatenate(blocks) for column, blocks in self.vectors.items()},
            events,
        )


def _padded(wave: Waveform, shortest_s: float) -> Waveform:
    """The wave with silence after it, to the length that is needed at least."""
    missing = math.ceil(shortest_s * wave.rate_hz) - wave.samples.shape[1]
    return wave if missing <= 0 else Waveform(np.pad(wave.samples, ((0, 0), (0, missing))), wave.rate_hz)


def _gated(curve: NDArray[np.float64]) -> float:
    """Integrated loudness of a momentary curve (BS.1770-4, Eq. 7); -inf where nothing passes the gates."""
    loud = curve[curve > _GATE_LUFS]
    if not loud.size:
        return -math.inf
    gate = _mean_lufs(loud) + _GATE_LU
    return _mean_lufs(loud[loud > gate])


def _mean_lufs(curve: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (curve / 10))))


def _during(span: Span, curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of a momentary curve that begin in the span; the last one where none does."""
    part = curve[round(10 * span.start_s) : round(10 * span.end_s)]
    return part if part.size else curve[-1:]


def _pooled(name: str, encoding: Encoding, spans: list[Span]) -> dict[str, NDArray[np.float16]]:
    """Columns of one encoder, [span d] each: means over the rows that begin in a span, of scores also the maxima."""
    bounds = [_rows(span, len(encoding.embedding), encoding.step_s) for span in spans]
    columns = {name: np.stack([encoding.embedding[a:b].mean(axis=0) for a, b in bounds])}
    for space, scores in encoding.scores.items():
        columns[f"{name}.{space}"] = np.stack([scores[a:b].mean(axis=0) for a, b in bounds])
        columns[f"{name}.{space}^max"] = np.stack([scores[a:b].max(axis=0) for a, b in bounds])
    most = float(np.finfo(np.float16).max)
    return {column: np.clip(rows, -most, most).astype(np.float16) for column, rows in columns.items()}


def _rows(span: Span, count: int, step_s: float) -> tuple[int, int]:
    """First row and end of the rows of a span, at least one."""
    if step_s == 0:
        return 0, count
    first = min(math.ceil(span.start_s / step_s - 1e-6), count - 1)
    return first, max(first + 1, min(count, math.ceil(span.end_s / step_s - 1e-6)))


def _joined(parts: list[tuple[float, Encoding]], duration_s: float) -> Encoding:
    """The encodings of successive blocks as one, on the clock of the sound: blocks are no whole numbers of steps."""
    first = parts[0][1]
    if len(parts) == 1 or first.step_s == 0:
        return first
    ends = [start_s for start_s, _ in parts[1:]] + [duration_s]
    rows = [
        (part, ticks(len(part.embedding), part.step_s, start_s, start_s, end_s))
        for (start_s, part), end_s in zip(parts, ends, strict=True)
    ]
    spaces = {space: np.concatenate([part.scores[space][own] for part, own in rows]) for space in first.scores}
    return Encoding(np.concatenate([part.embedding[own] for part, own in rows]), spaces, first.step_s)
