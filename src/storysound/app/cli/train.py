"""`storysound train`."""

from typing import Annotated

import typer

from storysound.app.cli import streams


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="What to train: ears, sos.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, train nothing.")] = False,
) -> None:
    """Train a model, or go on with a run: the same command with the same out= continues where it stopped.

    Example: storysound train ears data=shards out=runs/ears steps=60000
    """
    from storysound.research import recipes
    from storysound.weights.resolver import Resolver

    module = recipes.module_of(recipe)
    if show:
        for key, value in recipes.shown(module.Recipe):
            streams.line(f"{key}={value}")
        return
    chosen = recipes.settings(module.Recipe, settings or [])
    best = module.train(chosen, Resolver(offline=True), streams.tell)
    if recipes.speaks():
        streams.line(f"{chosen.out}/best.safetensors: {best:.3f}")
