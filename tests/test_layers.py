"""A room imports only rooms of lower rows (docs/DESIGN.md lists the rows), lazy imports included."""

import ast
from pathlib import Path

import pytest

ROWS = [
    ["story", "errors", "config", "progress", "weights"],
    ["media", "nn", "metrics"],
    ["losses", "encode"],
    ["ingest", "annotate", "match", "generate", "compose", "cue"],
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


# --- faces of jobs, and the size of rooms


def strange_parts_of_jobs(file: Path) -> set[str]:
    """Modules of other jobs that a job imports beside their face: of a folder, `request` and the file named as it."""
    own = file.relative_to(SOURCE / "jobs").parts[0].removesuffix(".py")
    strange: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[:2] == ["storysound", "jobs"] and len(parts) > 3 and parts[2] != own:
                strange |= {name} if parts[3] not in ("request", parts[2]) else set()
    return strange


@pytest.mark.parametrize("file", sorted((SOURCE / "jobs").rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_job_imports_other_jobs_by_their_face(file: Path) -> None:
    assert not strange_parts_of_jobs(file)


def test_only_app_imports_research() -> None:
    importing = {room_of(file) for file in FILES if "research" in imported_rooms(file.read_text())}
    assert importing <= {"app", "research"}


def test_no_folder_is_an_attic() -> None:
    for folder in {file.parent for file in FILES}:
        count = len(list(folder.glob("*.py")))
        assert count <= (36 if folder.name == "encode" else 22), f"{folder.relative_to(SOURCE)} has {count} files"


def test_no_room_holds_more_than_its_share() -> None:
    lines = dict.fromkeys(ROW, 0)
    for file in FILES:
        lines[room_of(file)] += len(file.read_text().splitlines())
    total = sum(lines.values())
    largest = max(lines, key=lambda room: lines[room])
    assert lines[largest] <= 0.18 * total, f"{largest} has {lines[largest] / total:.1%} of {total} lines"
