"""How AudioSet's classes hang together, as people see it: which are special cases of which, and of what family.

The tree is our own (`audioset_tree.txt`), written from the names of the classes.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SETTING = "setting"  # the family of classes that say where something was recorded


@dataclass(frozen=True)
class Families:
    """`family`: class -> its family. `below`: class -> every class that is a special case of it."""

    family: dict[str, str]
    below: dict[str, frozenset[str]]

    def akin(self, one: str, other: str) -> bool:
        """Whether two classes are one, or one a special case of the other."""
        return one == other or one in self.below.get(other, ()) or other in self.below.get(one, ())


def parse(text: str) -> Families:
    r"""A tree of indented names under [families]; a name may stand several times.

    >>> tree = parse("[animals]\nDog\n  Bark\n[home]\nDoor")
    >>> tree.family["Bark"], sorted(tree.below["Dog"])
    ('animals', ['Bark'])
    """
    family: dict[str, str] = {}
    children: dict[str, set[str]] = {}
    current, above = "", [""]
    for line in text.splitlines():
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        if name.startswith("["):
            current = name.strip("[]")
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        family.setdefault(name, current)
        children.setdefault(name, set())
        if depth:
            children[above[depth - 1]].add(name)
    return Families(family, {name: frozenset(_all_below(name, children) - {name}) for name in children})


def _all_below(name: str, children: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = children[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


@cache
def audioset() -> Families:
    """The shipped tree of AudioSet's classes."""
    return parse((files("storysound") / "annotate" / "audioset_tree.txt").read_text("utf-8"))
