"""A room imports only rooms of lower rows (docs/DESIGN.md lists the rows), lazy imports included."""

import ast
from pathlib import Path

import pytest

ROWS = [
    ["story", "errors", "config", "progress", "weights"],
    ["media", "nn", "metrics"],
    ["losses", "encode"],
    ["ingest", "annotate", "match", "generate", "cue"],
    ["library", "train", "engine"],
    ["trained", "draw"],
    ["jobs"],
    ["research", "session"],
    ["app"],
]
SOURCE = Path(__file__).parents[1] / "src" / "storysound"
ROW = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).with_suffix("").parts[0]


def imported_rooms(source: str) -> set[str]:
    """Rooms of storysound that a module imports, wherever in the file the import stands."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import on line {node.lineno}: name the room"
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("storysound.") and name.count(".")}
    return rooms & ROW.keys()


def violations(room: str, imported: set[str]) -> set[str]:
    """Rooms that `room` may not import; row 0 is one house, every other room stands alone on its row."""
    return {other for other in imported if other != room and ROW[other] >= ROW[room] and (ROW[other] or ROW[room])}


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(file: Path) -> None:
    room = room_of(file)
    assert room in ROW, f"{room} is in no row of the design"
    assert not violations(room, imported_rooms(file.read_text()))


def test_the_rule_catches_what_it_forbids() -> None:
    lazy = "def f():\n    from storysound.jobs import find\n    from storysound.cue.mix import duck\n"
    assert imported_rooms(lazy) == {"jobs", "cue"}
    assert violations("match", {"jobs", "cue", "match", "encode"}) == {"jobs", "cue"}


def test_rows_above_and_below_zero() -> None:
    assert violations("errors", {"story"}) == set()
    assert violations("errors", {"media"}) == {"media"}
