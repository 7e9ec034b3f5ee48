"""`storysound train` and `storysound build`: settings as words, and who is told how far a recipe is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from storysound.app.cli import streams
from storysound.errors import UsageError
from storysound.progress import Progress, Watch

if TYPE_CHECKING:
    from storysound.encode.pool import Models

Settings = TypeVar("Settings")


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="What to train: sos; a wrong name lists all.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, train nothing.")] = False,
) -> None:
    """Train a model, or go on with a run: the same command with the same out= continues where it stopped.

    Example: storysound train ears data=shards out=runs/ears steps=60000
    """
    from storysound.research import recipes

    training = recipes.of_name(recipes.TRAININGS, recipe)
    if show:
        list_settings(training.recipe)
        return
    chosen = parsed(training.recipe, settings)
    with watched() as watch:
        best = training.run(chosen, models(), watch)
    from storysound.train.loop import speaks

    if speaks():
        streams.line(f"{chosen.out}/best.safetensors: {best:.3f}")


def build(
    recipe: Annotated[str, typer.Argument(metavar="SET", help="What to build, such as mmva; a wrong name lists all.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, build nothing.")] = False,
) -> None:
    """Make a data set to train on out of tables and media that are there; the media stay where they are.

    Example: storysound build mmva pictures=norms.csv@1:7 music=deam.csv@1:9 out=set
    """
    from storysound.research import recipes

    builder = recipes.of_name(recipes.BUILDERS, recipe)
    if show:
        list_settings(builder.recipe)
        return
    chosen = parsed(builder.recipe, settings)
    with watched() as watch:
        builder.run(chosen, models(), watch)
    streams.line(str(chosen.out))


def list_settings(kind: type) -> None:
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
