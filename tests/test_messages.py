"""What the library says is of fields: flags are the command line's, and stand in no other message."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "storysound"
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHERS = {  # flags of other programs
    "weights/catalogue.py": {"--no-deps", "--revision"},
    "weights/index.py": {"--disable-pip-version-check", "--find-links"},
}


def flags_in(source: str) -> set[str]:
    """Words that begin with two dashes, in any string of a module."""
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return {flag for text in strings if isinstance(text, str) for flag in FLAG.findall(text)}


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "cli" not in path.relative_to(SOURCE).parts]


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_message_speaks_in_flags(file: Path) -> None:
    assert flags_in(file.read_text("utf-8")) <= OTHERS.get(str(file.relative_to(SOURCE)), set())


def test_the_rule_sees_what_it_forbids() -> None:
    assert flags_in('raise E(f"--mix {x}: no", "a -- b", "x--y", "pip --no-deps")') == {"--mix", "--no-deps"}
