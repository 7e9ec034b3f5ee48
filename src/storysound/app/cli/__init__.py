"""The command line. Commands import their jobs when they run, so that --help imports no torch."""

import sys

import typer

from storysound.app.cli import find, index, models, score, split_speech
from storysound.errors import StorysoundError

app = typer.Typer(help="Give it a story, get its sound.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(index.index)
app.command()(find.find)
app.command()(score.score)
app.command("split-speech")(split_speech.split_speech)
app.add_typer(models.app, name="models")


@app.callback()
def _root() -> None:
    """Give it a story, get its sound."""


def main() -> None:
    """Runs a command; errors become one line on stderr and their exit code."""
    try:
        app()
    except StorysoundError as error:
        colour = "\033[31m{}\033[0m" if sys.stderr.isatty() else "{}"
        sys.stderr.write(colour.format(f"error: {error}") + "\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
