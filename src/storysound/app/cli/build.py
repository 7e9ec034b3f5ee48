"""`storysound build`."""

from typing import Annotated

import typer

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
    from storysound.weights.resolver import Resolver

    module = recipes.module_of(recipe, recipes.BUILD)
    if show:
        for key, value in recipes.shown(module.Recipe):
            streams.line(f"{key}={value}")
        return
    chosen = recipes.settings(module.Recipe, settings or [])
    module.build(chosen, Resolver(offline=True), streams.tell)
    streams.line(str(chosen.out))
