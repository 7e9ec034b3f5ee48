"""METEOR and SPICE: caption metrics that are programs in Java, run as they were published.

METEOR 1.5 (Denkowski and Lavie 2014) comes by `storysound models pull captions`; SPICE 1.0 (Anderson et al. 2016) needs
models of Stanford that no package index has. Neither is ever fetched by itself.
"""

import contextlib
import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from storysound.errors import MissingModelError
from storysound.weights.resolver import Resolver

Tokens = list[str]

_SPICE_PARTS = ("spice-1.0.jar", "lib/stanford-corenlp-3.6.0.jar", "lib/stanford-corenlp-3.6.0-models.jar")


class Judge(Protocol):
    """A caption metric of its own: its name, the score of the whole set and of each caption."""

    name: str

    def scores(self, candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, list[float]]:
        """Of tokenised captions and their references. Raises MissingModelError where the program fails."""
        ...


def meteor(weights: Resolver | None = None) -> "Meteor":
    """METEOR of the weight cache. Raises MissingModelError that says what is missing: Java, or its files."""
    weights = weights or Resolver(offline=True)
    return Meteor(java(), weights.path("meteor"), weights.path("meteor.paraphrases"))


def java() -> str:
    """The Java of this machine. Raises MissingModelError."""
    found = shutil.which("java")
    if not found:
        raise MissingModelError("METEOR and SPICE need Java: install a runtime, such as the package default-jre")
    return found


class Meteor:
    """METEOR 1.5 for English: matches of words, stems, synonyms and paraphrases, and how they are scattered."""

    name = "METEOR"

    def __init__(self, runtime: str, jar: Path, paraphrases: Path) -> None:
        """The program and its table; it takes 2 GB of memory."""
        options = ["-", "-", "-stdio", "-l", "en", "-norm", "-a", str(paraphrases)]
        self._command = [runtime, "-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", str(jar), *options]

    def scores(self, candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, list[float]]:
        """One run of the program: statistics of each caption, then the scores of each and of their sums."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8") as run:
            assert run.stdin is not None
            assert run.stdout is not None
            assert run.stderr is not None
            try:
                statistics = [
                    _asked(run.stdin, run.stdout, "SCORE", *map(_bare, wanted), _bare(told))
                    for told, wanted in zip(candidates, references, strict=True)
                ]
                each = [float(_asked(run.stdin, run.stdout, "EVAL", *statistics))]
                each += [float(run.stdout.readline()) for _ in candidates]
            except (OSError, ValueError) as error:
                run.kill()
                with contextlib.suppress(OSError):  # what was still to be written
                    run.stdin.close()
                raise MissingModelError(f"METEOR failed: {run.stderr.read().strip()[-300:] or error}") from error
            run.stdin.close()
            run.kill()
        return each[-1], each[:-1]


def _asked(stdin: IO[str], stdout: IO[str], *words: str) -> str:
    stdin.write(" ||| ".join(words) + "\n")
    stdin.flush()
    return stdout.readline().strip()


def _bare(tokens: Tokens) -> str:
    return " ".join(tokens).replace("|||", "")


class Spice:
    """SPICE 1.0: F of the objects, attributes and relations that a parser reads out of both texts."""

    name = "SPICE"

    def __init__(self, folder: Path, runtime: str | None = None) -> None:
        """`folder`: spice-1.0.jar with its `lib`. Raises MissingModelError that says which file is missing."""
        missing = [part for part in _SPICE_PARTS if not (folder / part).is_file()]
        if missing:
            raise MissingModelError(
                f"SPICE: {folder} lacks {', '.join(missing)} (unpack the folder spice of the package pycocoevalcap, "
                "and put both jars of Stanford CoreNLP 3.6.0 into its lib)"
            )
        self._folder, self._java = folder, runtime or java()

    def scores(self, candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, list[float]]:
        """One run of the program over a file; it takes 8 GB of memory. A caption without content has no score: 0."""
        rows = [
            {"image_id": i, "test": " ".join(told), "refs": [" ".join(text) for text in wanted]}
            for i, (told, wanted) in enumerate(zip(candidates, references, strict=True))
        ]
        with tempfile.TemporaryDirectory() as scratch:
            given, answer = Path(scratch) / "captions.json", Path(scratch) / "scores.json"
            given.write_text(json.dumps(rows), "utf-8")
            options = [str(given), "-out", str(answer), "-subset", "-silent"]
            command = [self._java, "-Xmx8G", "-jar", _SPICE_PARTS[0], *options]
            run = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
            if run.returncode or not answer.exists():
                raise MissingModelError(f"SPICE failed: {run.stderr.strip()[-300:]}")
            found: list[dict[str, Any]] = json.loads(answer.read_text("utf-8"))
        by_item = {row["image_id"]: _number(row["scores"]["All"]["f"]) for row in found}
        each = [by_item[i] for i in range(len(rows))]
        known = [score for score in each if not math.isnan(score)]
        return (sum(known) / len(known) if known else 0.0), [0.0 if math.isnan(score) else score for score in each]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
