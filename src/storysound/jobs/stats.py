"""What a data set holds, as the paper tells it of its own (Table 1 and Figure 3)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storysound.draw.histograms import Panel, draw
from storysound.encode.pool import Models
from storysound.library.dataset import Dataset
from storysound.media.files import atomic, check_target
from storysound.progress import Watch

# Sound of Story, Table 1: another data set, for comparison. Its pages give 150, 215 and 129.5 s as mean length
# (erratum 7): 984 hours by 27,354 stories are 129.5 s.
PUBLISHED: Mapping[str, Any] = {
    "name": "Sound of Story (published, another data set)",
    "audio_type": "speech-decoupled audio",
    "stories": 27354,
    "images_per_story": 19.6,
    "audio_hours": 984.0,
    "words_per_story": 88.0,
    "text_type": "Description",
}
FIGURE = "figure3"


@dataclass(frozen=True)
class StatsRequest:
    """A data set that shall be counted."""

    data: Path
    plots: Path | None = None  # a folder where the distributions are drawn, as SVG and PNG


@dataclass(frozen=True)
class Table1:
    """The row of the paper's Table 1 for a data set; means over `stories`, the number of stories (n)."""

    name: str
    audio_type: str
    stories: int
    images_per_story: float
    audio_hours: float
    words_per_story: float
    text_type: str


@dataclass(frozen=True)
class Distribution:
    """One panel of Figure 3 in numbers, over n stories; `sd` is that of the stories."""

    what: str  # images, duration_s, words
    of: str  # all stories, or those of single clips, or of joined clips
    n: int
    mean: float
    sd: float
    min: float
    p25: float
    median: float
    p75: float
    max: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class StoryCounts:
    """What one story holds."""

    id: str
    duration_s: float
    images: int
    words: int
    slices: int
    clips: int
    licence: str
    uri: str


@dataclass(frozen=True)
class StatsResult:
    """All that is told of a data set."""

    table1: Table1
    distributions: tuple[Distribution, ...]
    slices: int
    slice_hours: float
    without_text: int
    licences: tuple[tuple[str, int], ...]  # by number of stories
    stories: tuple[StoryCounts, ...]


def run(request: StatsRequest, models: Models, watch: Watch) -> StatsResult:
    """Counts what is there, and draws Figure 3 where it is wanted. Raises LibraryError, OutputError."""
    plots = request.plots
    targets = [] if plots is None else [plots / f"{FIGURE}{suffix}" for suffix in (".svg", ".png")]
    for target in targets:
        check_target(target)
    dataset = Dataset.open(request.data)
    rows = dataset.rows(("id", "text", "duration_s", "frame_times_s", "slices", "parts", "licence", "uri"))
    found = summarise(rows, dataset.folder.name)
    with ExitStack() as whole:  # both drawings appear, or neither
        for done, target in enumerate(targets):
            watch.at(done, len(targets), target.name)
            picture = draw([_panel(each) for each in found.distributions], target.suffix)
            whole.enter_context(atomic(target)).write_bytes(picture)
    return found


def summarise(rows: Sequence[Mapping[str, Any]], name: str) -> StatsResult:
    """Statistics of rows of a data set; means of none are 0."""
    images = [len(row["frame_times_s"]) for row in rows]
    lengths_s = [row["duration_s"] for row in rows]
    words = [len(row["text"].split()) for row in rows]
    joined = [len(row["parts"]) > 1 for row in rows]
    text_type = "Description" if any(words) else "-"
    table1 = Table1(
        name, "speech-decoupled audio", len(rows), _mean(images), sum(lengths_s) / 3600, _mean(words), text_type
    )
    distributions = [_distribution("images", "all", images), _distribution("duration_s", "all", lengths_s)]
    for of, wanted in (("single clips", False), ("joined clips", True)):
        own = [count for count, is_joined in zip(words, joined, strict=True) if is_joined == wanted]
        if own:
            distributions.append(_distribution("words", of, own))
    parts = [part for row in rows for part in row["slices"]]
    licences = Counter(row["licence"] or "not stated" for row in rows).most_common()
    stories = tuple(
        StoryCounts(
            row["id"], row["duration_s"], image, word, len(row["slices"]), len(row["parts"]), row["licence"], row["uri"]
        )
        for row, image, word in zip(rows, images, words, strict=True)
    )
    seconds = sum(part["end_s"] - part["start_s"] for part in parts)
    return StatsResult(
        table1, tuple(distributions), len(parts), seconds / 3600, words.count(0), tuple(licences), stories
    )


def as_rows(found: StatsResult) -> list[dict[str, Any]]:
    """JSON lines: the table, the figure, the rest, and a line per story."""
    rows = [{"type": "table1", **asdict(found.table1)}, {"type": "published", **PUBLISHED}]
    for each in found.distributions:
        numbers = asdict(each)
        numbers.pop("values")
        rows.append({"type": "distribution", **numbers})
    rows.append({"type": "slices", "n": found.slices, "hours": found.slice_hours})
    rows.append({"type": "rights", "stories_by_licence": dict(found.licences), "without_text": found.without_text})
    return rows + [{"type": "story", **asdict(story)} for story in found.stories]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _distribution(what: str, of: str, values: Sequence[float]) -> Distribution:
    if not values:
        return Distribution(what, of, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ())
    low, first, middle, third, high = (float(each) for each in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    spread = float(np.std(values))
    return Distribution(what, of, len(values), _mean(values), spread, low, first, middle, third, high, tuple(values))


_TITLES = {"images": "Images per story", "duration_s": "Duration of the background", "words": "Words per story"}
_AXES = {"images": "images", "duration_s": "seconds", "words": "words"}


def _panel(found: Distribution) -> Panel:
    title = _TITLES[found.what] + ("" if found.of == "all" else f", {found.of}")
    return Panel(title, _AXES[found.what], found.values, found.mean, found.median, found.what != "duration_s")
