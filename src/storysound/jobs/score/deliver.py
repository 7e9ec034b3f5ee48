"""Film, cue sheets and page of a score: all are there in the end, or none is."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from storysound.cue.master import Mastered
from storysound.cue.rendered import Attention
from storysound.cue.score import Loudness, Score
from storysound.cue.sheet import write_json
from storysound.cue.tables import write_csv
from storysound.cue.timeline import write_otio
from storysound.draw.report import write_report
from storysound.errors import MediaError, OutputError
from storysound.ingest.footage import Footage
from storysound.jobs.score.request import ScoreRequest
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import atomic, check_target
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.mux import container_for, mux_copy
from storysound.media.probe import probe
from storysound.media.slideshow import render_slideshow
from storysound.progress import Watch
from storysound.story import MoodCurve

LOUDEST_DBTP = -1.0  # of the delivered sound, as it decodes
DELIVERED = 4  # things done to deliver: reasons, film, loudness, sheets
WIDE, TALL = (1280, 720), (720, 1280)  # of slideshows


@dataclass(frozen=True)
class Mix:
    """The finished sound, stereo at RATE_HZ, and how it came to its level."""

    wave: Waveform
    added: Waveform  # what was laid under the original, as it is in the mix
    mastered: Mastered


@dataclass(frozen=True)
class Page:
    """What the page shows beside the score."""

    footage: Footage
    mixed: Mix
    original: Waveform | None  # what of the clip's own sound is in the mix
    attention: Mapping[str, Attention]  # by cue id


def check_targets(request: ScoreRequest) -> dict[str, Path]:
    """Where everything goes, by kind; tells mistakes before any work is done.

    Raises MediaError for a story that is no video and no folder, OutputError.
    """
    info = None if request.story.is_dir() else probe(request.story)
    if info is not None and info.is_still:
        raise MediaError(request.story, "is a picture, a video is wanted", "put it into a folder, and give that")
    files = {"video": request.out} | _sheets(request.out, request.report)
    for file in files.values():
        check_target(file, request.story)
    container_for(request.out, info.video.codec if info and info.video else "h264")
    return files


def _sheets(out: Path, report: Path | None) -> dict[str, Path]:
    """Where sheets and page go: into their own folder, or beside the video under its name."""
    if report:
        names = {"json": "cues.json", "csv": "cues.csv", "otio": "timeline.otio", "report": "report.html"}
        return {kind: report / name for kind, name in names.items()}
    names = {"json": ".cues.json", "csv": ".cues.csv", "otio": ".otio", "report": ".report.html"}
    return {kind: out.with_name(out.stem + name) for kind, name in names.items()}


def deliver(score: Score, page: Page, files: Mapping[str, Path], watch: Watch) -> Score:
    """Writes everything; the score with what was measured on the sound as it decodes. Raises OutputError."""
    story = page.footage.story
    with together(files) as parts:
        watch.at(1, DELIVERED, "film")
        write_film(page.footage, page.mixed.wave, parts["video"])
        watch.at(2, DELIVERED, "loudness")
        delivered = read_audio(parts["video"])
        levels = Loudness(
            lufs=integrated_lufs(delivered),
            dbtp=true_peak_dbtp(delivered),
            ducking_db=page.mixed.mastered.ducking.ducking_db,
        )
        score = replace(score, loudness=levels)
        watch.at(3, DELIVERED, "sheets and page")
        write_json(score, parts["json"])
        write_csv(score, parts["csv"])
        shown = Path(story.video) if story.video else files["video"]
        has_audio = page.original is not None
        write_otio(score, parts["otio"], video=shown, scored=files["video"], has_audio=has_audio)
        _write_page(score, page, parts["report"], files["video"])
        watch.at(DELIVERED, DELIVERED)
    return score


@contextmanager
def together(files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Temporary names for files that replace their targets all together at the end, or not at all.

    Raises OutputError that names the target.
    """
    parts: dict[str, Path] = {}
    made: dict[Path, int] = {}
    new_folders = [folder for folder in {path.parent for path in files.values()} if not folder.exists()]
    try:
        with ExitStack() as stack:
            parts.update({kind: stack.enter_context(atomic(path)) for kind, path in files.items()})
            yield parts
            made = {files[kind]: part.stat().st_ino for kind, part in parts.items()}
    except BaseException as error:
        for path, inode in made.items():  # of those that stand in their places already
            with suppress(OSError):
                if path.stat().st_ino == inode:
                    path.unlink()
        for folder in new_folders:
            with suppress(OSError):
                folder.rmdir()
        target = {str(part): files[kind] for kind, part in parts.items()}
        if isinstance(error, OutputError) and error.path in target:
            raise OutputError(target[error.path], error.fault, error.do) from error
        raise


def write_film(footage: Footage, wave: Waveform, out: Path) -> None:
    """The story's pictures, or a slideshow of them, with the new sound."""
    story = footage.story
    if story.video:
        mux_copy(story.video, wave, out, ceiling_dbtp=LOUDEST_DBTP)
        return
    portrait = np.median([own[0].shape[0] / own[0].shape[1] for own in footage.pictures]) > 1
    stills = [frame.uri for frame in story.frames]
    lengths_s = [shot.duration_s for shot in story.shots]
    render_slideshow(stills, lengths_s, wave, out, size=TALL if portrait else WIDE, ceiling_dbtp=LOUDEST_DBTP)


def _write_page(score: Score, page: Page, out_html: Path, video: Path) -> None:
    pictures = [picture for own in page.footage.pictures for picture in own]
    write_report(
        score,
        out_html,
        thumbnails=list(zip(page.footage.times_s, pictures, strict=True)),
        waveforms={"mix": page.mixed.wave, "original": page.original, "added": page.mixed.added},
        attention=page.attention,
        moods={**page.footage.story.moods, "music": _music_moods(score)},
        video=video,
    )


def _music_moods(score: Score) -> MoodCurve:
    """The mood of the music that is laid, over time; where beds cross, the next one's from the middle on."""
    beds = sorted((cue for cue in score.cues if cue.layer == "music"), key=lambda cue: cue.start_s)
    edges = [[cue.start_s, cue.end_s] for cue in beds]
    for before, after in pairwise(edges):
        if after[0] < before[1]:
            before[1] = after[0] = (before[1] + after[0]) / 2
    moods = [cue.sound.mood for cue in beds]
    return tuple((at_s, m.valence, m.arousal) for own, m in zip(edges, moods, strict=True) for at_s in own)
