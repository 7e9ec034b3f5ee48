"""What `storysound train`, `evaluate` and `build` share: settings as words, and who is told how far it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from storysound.app.cli import streams
from storysound.errors import UsageError
from storysound.progress import Progress, Watch

if TYPE_CHECKING:
    from storysound.encode.pool import Models

Settings = TypeVar("Settings")


def show(kind: type) -> None:
    """Lists the settings of a recipe with their defaults."""
    from storysound.research import recipes

    for key, value in recipes.shown(kind):
        streams.line(f"{key}={value}")


def parsed(kind: type[Settings], given: Sequence[str] | None) -> Settings:
    """A recipe of words `key=value`. Raises UsageError that says what is wrong or missing."""
    from storysound.research import recipes

    try:
        return recipes.settings(kind, given or [])
    except recipes.MissingSettingsError as error:
        raise UsageError(f"{error} (all settings and their defaults: --show)") from None


def models() -> "Models":
    """Nothing is loaded yet; recipes name their profile themselves."""
    from storysound.config import load_profile
    from storysound.encode.pool import Models
    from storysound.weights.resolver import Resolver

    return Models(load_profile("embedded"), Resolver(offline=True))


@contextmanager
def watched() -> Iterator[Watch]:
    """What a recipe reports to: lines go to stderr."""

    def report(now: Progress) -> None:
        if now.line:
            streams.tell(now.line)

    with Watch(report) as watch:
        yield watch
