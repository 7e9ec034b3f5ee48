"""What `find` is asked for, and what comes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.errors import UsageError
from storysound.match.query import Hit, Query
from storysound.story import Kind

RERANKS = ("sos", "mac")


@dataclass(frozen=True)
class FindRequest:
    """Queries that a library shall answer."""

    library: Path  # made by `index`
    queries: tuple[Query, ...]
    k: int = 10  # results of each query
    kind: Literal[Kind, "any"] = "any"  # which sounds are candidates
    ignore_names: bool = False  # judges by sound alone, never by names or tags
    taste: bool = True  # goes by what the library learned of its owner's choices of music
    rerank: str = "none"  # sos=FILE or mac=FILE: a trained model that judges the best again

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"must be 1 or more, got {self.k}", field="k")
        if self.kind not in (*get_args(Kind), "any"):
            raise UsageError(f"must be music, sfx or any, got {self.kind!r}", field="kind")
        check_rerank(self.rerank)


@dataclass(frozen=True)
class FindResult:
    """What was found, query by query, the best first."""

    hits: tuple[tuple[Hit, ...], ...]


def check_rerank(rerank: str) -> None:
    """Raises UsageError for what names no model that judges again."""
    name, _, file = rerank.partition("=")
    ways = ", ".join(f"{model}=FILE" for model in RERANKS)
    if name not in (*RERANKS, "none"):
        raise UsageError(f"{rerank!r} is unknown: none, or {ways} with a trained model's weights", field="rerank")
    if name != "none" and not file:
        raise UsageError(
            f"no trained model ships: make one with `storysound train {name}`, and give {name}=FILE", field="rerank"
        )
