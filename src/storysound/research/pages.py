"""What `storysound papers` tells, and docs/PAPERS.md: each paper's equations, where they live, and its errata.

storysound papers > docs/PAPERS.md
"""

from collections.abc import Mapping

from storysound.errors import UsageError
from storysound.research.bgtai import about as bgtai
from storysound.research.mac import about as mac
from storysound.research.mmva import about as mmva
from storysound.research.paper import Erratum, Paper
from storysound.research.sos import about as sos
from storysound.research.tavg import about as tavg

PAPERS: Mapping[str, Paper] = {
    "bgtai": bgtai.PAPER, "mac": mac.PAPER, "mmva": mmva.PAPER, "sos": sos.PAPER, "tavg": tavg.PAPER
}  # fmt: skip
_HEAD = """# The papers, equation by equation

Made by `storysound papers > docs/PAPERS.md` from `about.py` of each paper's folder in `src/storysound/research`,
where recipes and published figures stand too.
"""


def names() -> tuple[str, ...]:
    """Keys of all papers, in alphabetical order."""
    return tuple(PAPERS)


def page() -> str:
    """All papers, as Markdown."""
    return "\n".join([_HEAD, *(section(name) for name in names())])


def section(name: str) -> str:
    """One paper, as Markdown. Raises UsageError for a key that isn't one."""
    if name not in names():
        raise UsageError(f"no paper {name!r}: there are {', '.join(names())}")
    paper = PAPERS[name]
    equations = [f"| {number} | {_link(where)} |" for number, where in paper.equations.items()]
    return "\n".join([
        f"## {name}: {paper.citation.title}", "", str(paper.citation), "",
        "| equation | code |", "|---|---|", *equations, "",
        "| erratum | printed, or silent | our reading | code |", "|---|---|---|---|", *map(_row, paper.errata), "",
    ])  # fmt: skip


def _row(erratum: Erratum) -> str:
    cells = (str(erratum.number), _cell(erratum.printed), _cell(erratum.reading), _link(erratum.where))
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _link(where: str) -> str:
    """A dotted path as a link to its file.

    >>> _link("storysound.match.sos.similarity")
    '[match.sos.similarity](../src/storysound/match/sos.py)'
    """
    module = where.rpartition(".")[0]
    return f"[{where.removeprefix('storysound.')}](../src/{module.replace('.', '/')}.py)"
