"""`storysound train`."""

from typing import Annotated

import typer

from storysound.app.cli import recipes as words
from storysound.app.cli import streams


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
        words.show(training.recipe)
        return
    chosen = words.parsed(training.recipe, settings)
    with words.watched() as watch:
        best = training.run(chosen, words.models(), watch)
    from storysound.train.loop import speaks

    if speaks():
        streams.line(f"{chosen.out}/best.safetensors: {best:.3f}")
