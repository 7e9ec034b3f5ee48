"""Claims: what a captioner says is seen or heard, one thing at a time, with what speaks for it.

Sentences are made of claims, and it is claims that are checked: a sentence can be half right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from storysound.story import Span

Sense = Literal["video", "audio"]


@dataclass(frozen=True)
class Claim:
    """That a thing is seen, or a sound heard, in a clip.

    `label`: as the model calls it; `words`: how a sentence does, "tabby cat"; `spans`: when, in order, on the clip's
    clock. `score` in [0, 1]: the captioner's own; `by`: its name and revision. `evidence`: numbers the check goes by,
    by name. `support` in [0, 1]: how probable the check finds the claim; None where it wasn't asked. `kept`: whether it
    may be told; `doubtful`: only as something that may be.
    """

    sense: Sense
    label: str
    words: str
    spans: tuple[Span, ...]
    score: float
    by: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    support: float | None = None
    kept: bool = True
    doubtful: bool = False

    @property
    def span(self) -> Span:
        """From its first beginning to its last end."""
        return Span(self.spans[0].start_s, max(span.end_s for span in self.spans))

    @property
    def total_s(self) -> float:
        """How long in all."""
        return sum(span.duration_s for span in self.spans)


def to_row(claim: Claim) -> dict[str, Any]:
    """A claim as plain values, for a table or another process."""
    return vars(claim) | {
        "spans": [vars(span) for span in claim.spans],
        "evidence": [{"name": name, "value": value} for name, value in sorted(claim.evidence.items())],
    }


def of_row(row: Mapping[str, Any]) -> Claim:
    """The claim that `to_row` wrote."""
    spans = tuple(Span(**span) for span in row["spans"])
    evidence = {each["name"]: each["value"] for each in row["evidence"]}
    return Claim(**{**row, "spans": spans, "evidence": evidence})


def merged(spans: Iterable[Span], gap_s: float = 1e-3) -> tuple[Span, ...]:
    """Spans in order, those that touch or lie less than `gap_s` apart joined.

    >>> merged([Span(0, 2), Span(4, 5), Span(2, 3)])
    (Span(start_s=0, end_s=3), Span(start_s=4, end_s=5))
    """
    out: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        if out and span.start_s - out[-1].end_s <= gap_s:
            out[-1] = Span(out[-1].start_s, max(out[-1].end_s, span.end_s))
        else:
            out.append(span)
    return tuple(out)


def kept(claims: Iterable[Claim], sense: Sense) -> list[Claim]:
    """Those of one sense that may be told, by when they begin."""
    return sorted((c for c in claims if c.sense == sense and c.kept), key=lambda c: (c.span.start_s, -c.score, c.label))
