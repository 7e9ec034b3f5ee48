"""Which licence a file of a Debian package has: machine-readable copyright files (DEP-5), read by their patterns.

A package of the corpus mixes licences; only files that are CC0, CC BY or in the public domain may be learned from.
"""

import fnmatch
import re
from dataclasses import dataclass

FREE = re.compile(r"^(cc-?0\b.*|cc-?by(-[1-4]\.\d|-[1-4])?(\+|-us|-int)?|public[- ]domain.*|pd)$", re.IGNORECASE)


@dataclass(frozen=True)
class Stanza:
    """One paragraph of a copyright file: which files, whose, under which licence."""

    patterns: tuple[str, ...]
    holder: str
    licence: str


def stanzas(text: str) -> list[Stanza]:
    r"""All `Files:` paragraphs of a copyright file, in order; of two that match a file the later one counts.

    >>> stanzas("Files: a/*.ogg\n b.wav\nCopyright: 2020 Ann\nLicense: CC0-1.0\n")[0]
    Stanza(patterns=('a/*.ogg', 'b.wav'), holder='2020 Ann', licence='CC0-1.0')
    """
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if match := re.match(r"^([A-Za-z-]+):[ \t]*(.*)", line):
                name = match[1].lower()
                fields[name] = match[2]
            elif name:
                fields[name] += "\n" + line.strip()
        if "files" in fields and "license" in fields:
            licence = fields["license"].splitlines()[0].strip() if fields["license"].strip() else ""
            holder = "; ".join(fields.get("copyright", "").split("\n"))
            found.append(Stanza(tuple(fields["files"].split()), holder.strip("; "), licence))
    return found


def stanza_of(path: str, known: list[Stanza]) -> Stanza | None:
    """The paragraph about a file, by its path in the package: patterns are those of the source tree, so that any tail
    of the path may match them, and a pattern without wildcards matches by its file name too.
    """
    parts = path.lstrip("./").split("/")
    tails = ["/".join(parts[i:]) for i in range(len(parts))]
    found = None
    for stanza in known:
        for pattern in stanza.patterns:
            plain = pattern.lstrip("./").replace("\\ ", " ")
            named = "*" not in plain and "?" not in plain and plain.rpartition("/")[2] == parts[-1]
            if named or (plain == "*" or any(fnmatch.fnmatchcase(tail, plain) for tail in tails)):
                found = stanza
                break
    return found


def is_free(licence: str) -> bool:
    """Whether each of the licences that hold together, or one of those to choose from, is CC0, CC BY or none needed.

    >>> [is_free(name) for name in ("CC0-1.0", "CC-BY-3.0 or GPL-2", "CC-BY-SA-3.0", "CC-BY-3.0 and GPL-2+")]
    [True, True, False, False]
    """
    chosen = re.split(r"\s+or\s+|\s*\|\s*", licence, flags=re.IGNORECASE)
    return any(all(FREE.match(part.strip(" ,")) for part in re.split(r"\s+and\s+|,\s*", one)) for one in chosen)
