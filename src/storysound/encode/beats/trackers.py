"""Who finds the beats and bars of music, by name."""

from typing import TYPE_CHECKING, Literal, get_args

from storysound.encode.pool import Models
from storysound.errors import UsageError

if TYPE_CHECKING:
    from storysound.media import rhythm

TrackerName = Literal["own", "beatnet"]


def check_tracker(name: str) -> None:
    """Raises UsageError for none that is known."""
    if name not in get_args(TrackerName):
        raise UsageError(f"must be {' or '.join(get_args(TrackerName))}, got {name!r}", field="beats")


def tracker(name: TrackerName, models: Models) -> "rhythm.Tracker":
    """Who has that name. Raises MissingModelError where its weights can't be had."""
    if name == "own":
        from storysound.media import rhythm  # and scipy with it

        return rhythm.bars
    from storysound.encode.beats import beatnet  # and torch with it

    return models.get(beatnet.BeatNet.name, beatnet.load).bars
