"""The report page: everything a film editor wants to know about a cue sheet, in one file that asks for nothing outside.

Positions are computed here and drawn by the template with plain HTML and SVG, so the page reads without scripts,
prints, and zooms without redrawing. Scripts only add the zoom, the playhead, the copy buttons, and going on from one
sound to the other where they are compared.
"""

import logging
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
from numpy.typing import NDArray

from storysound.cue.handoff.timecode import timecode
from storysound.cue.rendered import Attention
from storysound.cue.score import Cue, Scene, Score
from storysound.draw import report_facts as told
from storysound.draw import shapes as draw
from storysound.draw.excerpts import Excerpt, sound_uri
from storysound.match.chance import in_words
from storysound.media.files import atomic
from storysound.media.levels import STEP_S
from storysound.progress import check
from storysound.story import MoodCurve

log = logging.getLogger(__name__)

Thumbnails = Sequence[tuple[float, NDArray[np.uint8]]]
"""(story time, picture uint8 [h w 3]) in time order."""
_MODALITIES = ("pictures", "sound", "words", "scenes", "music")
_MAX_THUMBS = 240  # about 1.5 MB of page
_MAX_MAP_ROWS = 12  # thumbnails beside an attention map
_MAX_EDITS = 30  # shown, the last first


def write_report(
    score: Score,
    out_html: Path,
    *,
    thumbnails: Thumbnails = (),
    waveforms: Mapping[str, NDArray[np.float32]] | None = None,
    attention: Mapping[str, Attention] | None = None,
    moods: Mapping[str, MoodCurve] | None = None,
    excerpts: Sequence[Excerpt] = (),
    video: str | Path | None = None,
    sheet: Path = Path("cues.json"),
    out: Path = Path("scored.mp4"),
) -> None:
    """Writes the page for `score` to `out_html`, whole or not at all.

    `thumbnails`: times and pictures uint8 [h w 3]. `waveforms` has the peaks [t] of "original", "added" and "mix" in
    steps of `media.levels`; missing ones are left out. `attention` is by cue id. `moods` maps "pictures", "sound",
    "words", "scenes" and "music" to their moods over time, on one scale. `excerpts` are embedded. `video` is linked
    relatively and shown as player. The commands that change the film speak of its `sheet` and of `out`. Raises
    OutputError when the page can't be written.
    """
    view = _View(score, _pick(thumbnails), attention or {}, shlex.quote(draw.shown(sheet.name)))
    page = _template().render(
        score=score,
        title=draw.shown(score.title) or "Untitled",
        video=_link(video, out_html),
        facts=told.facts(score),
        loudness=told.loudness(score),
        ducking=told.ducking(score),
        faulty=told.faulty(score),
        excerpts=[view.excerpt(excerpt) for excerpt in excerpts],
        sheet=view.sheet,
        out=shlex.quote(draw.shown(out.name)),
        bans=[shlex.quote(draw.shown(path)) for path in score.bans],
        edits=[draw.shown(edit.command) for edit in score.edits[: -_MAX_EDITS - 1 : -1]],
        thumbs=view.thumbs(),
        ticks=view.ticks(),
        strip=view.strip(),
        scenes=[view.scene(i, scene) for i, scene in enumerate(score.scenes)],
        kept=[
            (key, label, [view.scale.box(span.start_s, span.end_s) for span in spans])
            for key, label, spans in (("speech", "Speech", score.speech), ("own", "Own music", score.own_music))
            if spans
        ],
        waves=view.waves(waveforms or {}),
        layers=view.layers(),
        moods=view.moods(moods or {}),
        cues=[view.card(cue) for cue in view.cues],
        sounds=told.sounds(view.cues),
        credits=told.credits_text(score, view.cues),
    )
    with atomic(out_html) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
    log.debug("report of %d cues, %d KB", len(score.cues), len(page) // 1024)


@cache
def _template() -> jinja2.Template:
    """The page, compiled once; everything put into it is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["clock"] = draw.clock
    environment.filters["in_words"] = in_words
    environment.filters["shown"] = draw.shown
    environment.filters["signed"] = told.signed
    return environment.get_template("report.html.j2")


def _pick(thumbnails: Thumbnails) -> list[tuple[float, NDArray[np.uint8]]]:
    """At most 240 pictures uint8 [h w 3] with their times, spread evenly."""
    ordered = sorted(thumbnails, key=lambda item: item[0])
    if len(ordered) <= _MAX_THUMBS:
        return ordered
    return [ordered[i] for i in np.linspace(0, len(ordered) - 1, _MAX_THUMBS).round().astype(int)]


def _link(video: str | Path | None, out_html: Path) -> str:
    """Relative link from the page to the video; empty for none."""
    if video is None:
        return ""
    relative = os.path.relpath(Path(video).absolute(), Path(out_html).absolute().parent)
    return quote(Path(relative).as_posix(), errors="surrogateescape")


@dataclass
class _View:
    """A score with what is needed to place its parts on the page."""

    score: Score
    thumbnails: list[tuple[float, NDArray[np.uint8]]]
    attention: Mapping[str, Attention]
    sheet: str  # its name as a shell takes it

    def __post_init__(self) -> None:
        self.scale = draw.TimeAxis(self.score.duration_s)
        self.verdicts = {verdict.cue: verdict for verdict in self.score.verdicts}
        self.cues = sorted(self.score.cues, key=lambda cue: (cue.start_s, list(told.LAYERS).index(cue.layer), cue.id))

    def thumbs(self) -> list[tuple[float, str]]:
        """Time and small picture of each thumbnail."""
        shown = []
        for time_s, rgb in self.thumbnails:
            check()
            shown.append((round(time_s, 3), draw.thumbnail(rgb)))
        return shown

    def ticks(self) -> list[tuple[float, str]]:
        """Position and label of the ruler's marks."""
        step_s = draw.tick_step_s(self.score.duration_s)
        count = int(self.score.duration_s / step_s + 1e-6) + 1
        labels = (draw.clock(i * step_s) for i in range(count))
        return [
            (self.scale.at(i * step_s), label if step_s < 1 else label[:-2])
            for i, label in enumerate(labels)
            if i * step_s < 0.985 * self.score.duration_s or i == 0
        ]

    def nearest(self, time_s: float) -> int | None:
        """Number of the thumbnail nearest in time."""
        if not self.thumbnails:
            return None
        return min(range(len(self.thumbnails)), key=lambda i: abs(self.thumbnails[i][0] - time_s))

    def strip(self) -> list[dict[str, Any]]:
        """The film strip: each shot, split evenly among the thumbnails that fall into it."""
        shots = [shot for scene in self.score.scenes for shot in scene.shots]
        tiles = []
        for number, shot in enumerate(shots, 1):
            inside = [i for i, (time_s, _) in enumerate(self.thumbnails) if shot.start_s <= time_s < shot.end_s]
            fallback = self.nearest((shot.start_s + shot.end_s) / 2)
            numbers: list[int | None] = [*inside] or [fallback]
            width = shot.duration_s / len(numbers)
            for k, thumb in enumerate(numbers):
                start_s = shot.start_s + k * width
                label = f"Shot {number}, {draw.clock(shot.start_s)} to {draw.clock(shot.end_s)}"
                box = self.scale.box(start_s, start_s + width)
                tiles.append({"box": box, "thumb": thumb, "first": k == 0, "label": label})
        return tiles

    def scene(self, index: int, scene: Scene) -> dict[str, Any]:
        """One scene: its place, picture and mood."""
        return {
            "number": index + 1,
            "box": self.scale.box(scene.start_s, scene.end_s),
            "span": f"{draw.clock(scene.start_s)} – {draw.clock(scene.end_s)}",
            "start_s": scene.start_s,
            "gloss": draw.shown(scene.gloss),
            "look": draw.shown(scene.look),
            "text": scene.text.strip(),
            "mood": scene.mood,
            "shots": len(scene.shots),
            "thumb": self.nearest((scene.start_s + scene.end_s) / 2),
            "cues": [
                cue
                for cue in self.cues
                if cue.meant.start_s < scene.end_s - 0.05 and cue.meant.end_s > scene.start_s + 0.05
            ],
        }

    def waves(self, waveforms: Mapping[str, NDArray[np.float32]]) -> list[dict[str, Any]]:
        """Envelopes on one common scale, so that heights compare."""
        names = {"original": "Original", "added": "Added", "mix": "Result"}
        found = {
            name: draw.peaks(waveforms[name], STEP_S, self.score.duration_s) for name in names if name in waveforms
        }
        top = max((float(values.max()) for values in found.values()), default=0.0)
        return [
            {"key": name, "label": names[name], "columns": len(values), "path": draw.wave_path(values, top)}
            for name, values in found.items()
        ]

    def layers(self) -> list[dict[str, Any]]:
        """The cue tracks that have cues, each with its bars spread over lanes."""
        rows = []
        for layer, label in told.LAYERS.items():
            cues = [cue for cue in self.cues if cue.layer == layer]
            if cues:
                lane = draw.lanes([(cue.start_s, cue.end_s) for cue in cues])
                bars = [self._bar(cue, k) for cue, k in zip(cues, lane, strict=True)]
                rows.append({"key": layer, "label": label, "bars": bars, "lanes": max(lane) + 1})
        return rows

    def _bar(self, cue: Cue, lane: int) -> dict[str, Any]:
        """One cue on its track."""
        rise, fall = draw.fade_edges(cue.duration_s, cue.fade_in_s, cue.fade_out_s)
        return {
            "cue": cue,
            "name": told.name_of(cue.sound),
            "box": self.scale.box(cue.start_s, cue.end_s),
            "lane": lane,
            "rise": rise,
            "fall": fall,
            "when": f"{draw.clock(cue.start_s)} to {draw.clock(cue.end_s)}",
        }

    def moods(self, curves: Mapping[str, MoodCurve]) -> list[dict[str, Any]]:
        """Valence and arousal, each with a line per modality; none where there are no points."""
        clean = {
            name: sorted((p for p in points if all(math.isfinite(value) for value in p)), key=lambda point: point[0])
            for name, points in curves.items()
        }
        names = [name for name in _MODALITIES if clean.get(name)]
        return [
            {"axis": axis, "lines": [(name, self._line([(p[0], p[k]) for p in clean[name]])) for name in names]}
            for k, axis in ((1, "Valence"), (2, "Arousal"))
            if names
        ]

    def _line(self, points: Sequence[tuple[float, float]]) -> str:
        """Path of values over time."""
        return draw.curve_path([(time_s, min(max(value, 0.0), 1.0)) for time_s, value in points], self.score.duration_s)

    def excerpt(self, excerpt: Excerpt) -> dict[str, Any]:
        """A moment to compare, its sounds as they are embedded."""
        check()
        parts = (("Original", excerpt.original), ("Added", excerpt.added), ("Result", excerpt.result))
        return {
            "label": draw.shown(excerpt.label),
            "start_s": excerpt.start_s,
            "sounds": [(name, sound_uri(wave) if wave else "") for name, wave in parts],
        }

    def card(self, cue: Cue) -> dict[str, Any]:
        """Everything about one cue."""
        sound = cue.sound
        source = draw.TimeAxis(max(sound.duration_s, *(piece.out_s for piece in cue.pieces), 1e-3))
        return {
            "cue": cue,
            "layer": told.LAYERS[cue.layer],
            "name": told.name_of(sound),
            "when": f"{draw.clock(cue.start_s)} – {draw.clock(cue.end_s)}",
            "timecode": f"{timecode(cue.start_s, self.score.fps)} – {timecode(cue.end_s, self.score.fps)}",
            "gain": f"{told.signed(cue.gain_db)} dB",
            "tempo": f"{sound.tempo_bpm:.0f} BPM" if sound.tempo_bpm else "",
            "level": told.level(sound.loudness_lufs, "LUFS"),
            "pieces": [
                {"box": source.box(piece.in_s, piece.out_s), "label": f"{piece.in_s:.1f}–{piece.out_s:.1f} s"}
                for piece in cue.pieces
            ],
            "source_s": draw.clock(sound.duration_s),
            "page": told.page_of(sound),
            "scores": self._scores(cue),
            "measured": told.measured(cue, self.verdicts.get(cue.id)),
            "faults": self.score.faults.get(cue.id, ()),
            "id": shlex.quote(draw.shown(cue.id)),
            "banned": cue.sound.path in self.score.bans,
            "sound": shlex.quote(draw.shown(cue.sound.path)),
            "map": self._map(cue),
        }

    def _scores(self, cue: Cue) -> list[dict[str, Any]]:
        """The chosen sound and the runners-up as bars from zero, or from the lowest where one is negative."""
        rows = [(cue.sound.path, cue.score), *((other.path, other.score) for other in cue.runners_up)]
        floor = min((0.0, *(score for _, score in rows)))
        span = max(score for _, score in rows) - floor
        return [
            {
                "name": told.name_of(cue.sound) if number == 0 else draw.shown(path.rsplit("/", 1)[-1]),
                "path": draw.shown(path),
                "quoted": shlex.quote(draw.shown(path)),
                "score": score,
                "chosen": number == 0,
                "width": 100 * (score - floor) / span if span > 0 else 0,
            }
            for number, (path, score) in enumerate(rows)
        ]

    def _map(self, cue: Cue) -> dict[str, Any] | None:
        """The frame × sound map of a cue, with its best moment named; None where there is none."""
        attention = self.attention.get(cue.id)
        if attention is None:
            return None
        values, frames_s, steps_s = np.asarray(attention.values, np.float64), attention.frames_s, attention.steps_s
        if values.ndim != 2 or values.size == 0:
            return None
        rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MAX_MAP_ROWS)).round().astype(int))
        shown = np.stack([part.mean(axis=0) for part in np.array_split(values, len(rows))])
        frame, step = divmod(int(np.argmax(np.nan_to_num(values, nan=-np.inf))), values.shape[1])
        start_s, end_s = (float(steps_s[0]), float(steps_s[-1])) if len(steps_s) else (0.0, cue.sound.duration_s)
        return {
            "image": draw.heatmap(shown),
            "rows": [{"thumb": self.nearest(float(frames_s[i])), "when": draw.clock(float(frames_s[i]))} for i in rows],
            "ticks": [draw.clock(start_s + (end_s - start_s) * k / 4) for k in range(5)],
            "best": f"{draw.clock(float(frames_s[frame]))} of the picture meets "
            f"{draw.clock(float(steps_s[step]) if len(steps_s) else 0.0)} of the sound",
        }
