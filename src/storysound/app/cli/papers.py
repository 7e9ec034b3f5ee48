"""`storysound papers`."""

from typing import Annotated

import typer

from storysound.app.cli import streams


def papers(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One paper, such as sos; all of them without.")] = "",
) -> None:
    """Say where each equation of the papers lives in the code, and how what they leave open is read; as Markdown.

    Example: storysound papers sos
    """
    from storysound.research import pages

    for line in (pages.section(name) if name else pages.page()).splitlines():
        streams.line(line)
