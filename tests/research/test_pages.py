"""The page of all papers is the one in docs, and everything it links to is there."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.errors import UsageError
from storysound.research import pages

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_in_docs_is_what_the_command_prints() -> None:
    """Else: storysound papers > docs/PAPERS.md."""
    assert CliRunner().invoke(app, ["papers"]).stdout == (DOCS / "PAPERS.md").read_text("utf-8")


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\((\.\./[^)]*)\)", pages.page())
    assert len(links) > 40
    assert not [link for link in links if not (DOCS / link).is_file()]


@pytest.mark.parametrize("name", pages.names())
def test_one_paper_alone(name: str) -> None:
    said = CliRunner().invoke(app, ["papers", name]).stdout
    assert said.startswith(f"## {name}: ")
    assert "| 1 |" in said


def test_what_is_no_paper() -> None:
    with pytest.raises(UsageError, match="there are bgtai, mac, mmva, sos, tavg"):
        pages.section("pages")
