"""Pages that are made from the code are those of the code as it stands."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_map_is_of_the_code_as_it_stands() -> None:
    made = runpy.run_path(str(DOCS / "make_map.py"))
    assert made["page"]() == (DOCS / "DESIGN.md").read_text("utf-8"), "run: python docs/make_map.py"


def test_the_page_of_formats_is_of_the_code_as_it_stands() -> None:
    made = runpy.run_path(str(DOCS / "make_formats.py"))
    assert made["page"]() == (DOCS / "FORMATS.md").read_text("utf-8"), "run: python docs/make_formats.py"
