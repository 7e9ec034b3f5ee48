"""Many stories into one folder: what each becomes there, and which are done already."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from storysound.cue.references import is_unchanged
from storysound.cue.sheet import read_json
from storysound.errors import InputError
from storysound.jobs.render.render import sheets_of
from storysound.jobs.score.request import ScoreRequest
from storysound.media.film.containers import CONTAINERS
from storysound.media.film.sound_files import SOUND_SUFFIXES

FILM, SOUND = ".mp4", ".m4a"


def outputs(stories: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each story with the file it becomes in the folder: of its own kind, and no two of one name."""
    taken: set[str] = set()
    for story in stories:
        name, suffix = (story.name, FILM) if story.is_dir() else (story.stem, story.suffix.lower())
        if suffix not in (*CONTAINERS, *SOUND_SUFFIXES):
            suffix = SOUND if suffix == ".txt" else FILM
        stem, number = name, 2
        while f"{stem}{suffix}".casefold() in taken:
            stem, number = f"{name}-{number}", number + 1
        taken.add(f"{stem}{suffix}".casefold())
        yield story, folder / f"{stem}{suffix}"


def is_done(request: ScoreRequest) -> bool:
    """Whether the story was scored to there already with the same wishes, and is what it was then."""
    if not request.out.exists():
        return False
    try:
        score = read_json(sheets_of(request.out, request.report)["json"])
    except InputError:
        return False
    same = score.wishes == request.wishes(score.wishes.profile) and score.bans == request.avoid
    return same and score.story is not None and is_unchanged(score.story)
