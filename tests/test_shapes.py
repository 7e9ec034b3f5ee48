"""Whoever takes an array says of which shape: in the docstring of the function, or of the class that it makes.

Counted over every function and method, private ones too, that has an argument of an array type (numpy's, torch's, or
an alias of one). A shape is written as in "[n d]", axes by one word each.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "storysound"
ARRAYS = {"NDArray", "ndarray", "ArrayLike", "Tensor"}
SHAPE = re.compile(
    r"\[(?:\.\.\.? )?[A-Za-z0-9Σ∞…][A-Za-z0-9_ .,·+*/×−'′…Σ()|-]*\]|\bscalar\b|\bof any shape\b|\bsame shape\b"
)
NUMBERS = re.compile(r"\[[-−0-9.,e ]*,[-−0-9.,e ]*\]")  # "[0, 1]": a range, no shape
LEAST = 0.95

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(node: ast.AST) -> set[str]:
    """All names in an expression, those in annotations that are strings too."""
    names: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Attribute):
            names.add(each.attr)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            names |= set(re.findall(r"\w+", each.value))
    return names


@cache
def aliases() -> frozenset[str]:
    """Names that modules give to array types."""
    found: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.Name | ast.BinOp):
                target = node.targets[0]
                if isinstance(target, ast.Name) and named(node.value) & ARRAYS and target.id[0].isupper():
                    found.add(target.id)
    return frozenset(found)


def functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, Function, str]]:
    """Functions with their dotted names, and what their class says of what it is made from."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            said = ast.get_docstring(node) or ""
            for name, function, _ in functions(node, f"{owner}{node.name}."):
                yield name, function, said
        elif isinstance(node, Function):
            yield f"{owner}{node.name}", node, ""


def takes_arrays(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    types = ARRAYS | aliases()
    return any(each.annotation is not None and named(each.annotation) & types for each in arguments)


def has_shape(docstring: str) -> bool:
    """Whether its prose has one: what an example gives, and a range, may look like a shape."""
    prose = re.sub(r"^ *>>>.*?(?:\n\s*\n|\Z)", "", docstring, flags=re.DOTALL | re.MULTILINE)
    return bool(SHAPE.search(NUMBERS.sub("", prose)))


def says_shapes(function: Function, said_by_class: str) -> bool:
    return has_shape(ast.get_docstring(function) or "") or (
        function.name in ("__init__", "__call__", "forward") and has_shape(said_by_class)
    )


def counted() -> tuple[list[str], list[str]]:
    """Functions that say shapes, and those that don't."""
    says: list[str] = []
    silent: list[str] = []
    for file in sorted(SOURCE.rglob("*.py")):
        for name, function, said in functions(ast.parse(file.read_text("utf-8"))):
            if takes_arrays(function):
                place = f"{file.relative_to(SOURCE)}:{function.lineno} {name}"
                (says if says_shapes(function, said) else silent).append(place)
    return says, silent


def test_whoever_takes_an_array_says_its_shape() -> None:
    says, silent = counted()
    share = len(says) / (len(says) + len(silent))
    assert share >= LEAST, f"{share:.1%} of {len(says) + len(silent)} say shapes; silent are\n" + "\n".join(silent)


def test_the_count_sees_what_it_should() -> None:
    tree = ast.parse(
        "def f(x: NDArray[np.float32]) -> None:\n    '''Of [n d].'''\n"
        "def g(x: 'Sequence[Tensor]') -> None:\n    '''No shape.'''\n"
        "def h(x: int) -> None: ...\n"
        "def i(x: Tensor) -> None:\n    '''Of [.. d].'''\n"
        "def j(x: Tensor) -> None:\n    '''In [0, 1].\n\n    >>> j(x).tolist()\n    [2]\n    '''\n"
    )
    found = [(name, takes_arrays(f), says_shapes(f, "")) for name, f, _ in functions(tree)]
    assert found == [
        ("f", True, True),
        ("g", True, False),
        ("h", False, False),
        ("i", True, True),
        ("j", True, False),
    ]
