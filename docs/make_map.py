"""Writes the map of docs/DESIGN.md anew: every file of src/storysound with what its docstring says first.

python docs/make_map.py
"""

import ast
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SOURCE = DOCS.parent / "src" / "storysound"
BEGIN, END = "<!-- map: made by docs/make_map.py -->", "<!-- end of the map -->"


def said(file: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split())
    sentence = re.match(r".*?\.(?=\s|$)", text)
    return (sentence.group() if sentence else text).rstrip(".:;")


def made() -> str:
    """A list for each folder, its files in alphabetical order."""
    parts = []
    folders = sorted({file.parent for file in SOURCE.rglob("*.py")})
    for folder in folders:
        inner = folder.relative_to(SOURCE).as_posix()
        heading = f"**{inner}/** {said(folder / '__init__.py')}" if inner != "." else "**storysound/**"
        files = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
        parts.append("\n".join([heading, "", *(f"- `{file.stem}` {said(file)}" for file in files), ""]))
    return "\n".join(parts)


def page() -> str:
    """docs/DESIGN.md with the map as it is now."""
    text = (DOCS / "DESIGN.md").read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{made()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    new = page()
    (DOCS / "DESIGN.md").write_text(new, "utf-8")
