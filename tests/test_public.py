"""The public names: complete, typed, and light to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import storysound


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", storysound.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert getattr(storysound, name).__doc__
    assert name in dir(storysound)


def test_what_types_see_is_what_there_is() -> None:
    tree = ast.parse(Path(storysound.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname: f"{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"storysound.{place}" for name, place in storysound._PLACE_OF.items()}
    assert sorted(seen) == storysound.__all__


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = storysound.nope


def test_importing_brings_the_standard_library_alone() -> None:
    """So that it is quick: 30 ms here, where torch alone takes seconds."""
    script = """if True:
        import sys
        before = set(sys.modules)
        import storysound
        roots = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(roots - sys.stdlib_module_names))
    """
    assert run(script) == "['storysound']"


def test_requests_need_no_torch() -> None:
    names = [name for name in storysound.__all__ if name.endswith("Request")]
    script = f"import sys, storysound as s; [getattr(s, n) for n in {names!r}]; s.Query; print('torch' in sys.modules)"
    assert run(script) == "False"
