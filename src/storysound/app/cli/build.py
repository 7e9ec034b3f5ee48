"""`storysound build`."""

from typing import Annotated

import typer

from storysound.app.cli import recipes as words
from storysound.app.cli import streams


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
        words.show(builder.recipe)
        return
    chosen = words.parsed(builder.recipe, settings)
    with words.watched() as watch:
        builder.run(chosen, words.models(), watch)
    streams.line(str(chosen.out))
