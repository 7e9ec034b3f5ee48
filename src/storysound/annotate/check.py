"""The check: how probable a claim is by what speaks for it, and what becomes of one that too little speaks for.

TAVGBench has none. Ours is a logistic regression on a claim's evidence, one for what is seen and one for what is heard,
fitted and measured on made clips of known content (`benchmarks/quality/annotate.py`; `check.toml` says on what).
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Literal

import numpy as np

from storysound.annotate.claims import Claim, Sense

Unsupported = Literal["drop", "mark", "keep"]


@dataclass(frozen=True)
class Check:
    """Of the claims of one encoder. `weights`: of each number of the evidence; `least`: support a claim has to have."""

    encoder: str
    bias: float
    weights: Mapping[str, float]
    least: float

    def support(self, evidence: Mapping[str, float]) -> float:
        """How probable a claim with this evidence is, in [0, 1]. Raises KeyError where a number is missing.

        >>> Check("eyes", -1.0, {"clear": 0.5}, 0.5).support({"clear": 2.0, "held": 7.0})
        0.5
        """
        total = self.bias + sum(weight * evidence[name] for name, weight in self.weights.items())
        return round(float(1 / (1 + np.exp(-total))), 4)


@dataclass(frozen=True)
class Checks:
    """The checks of both senses, and what names them."""

    of: Mapping[Sense, Check]
    revision: str

    def known(self, sense: Sense, encoder: str) -> bool:
        """Whether the claims of an encoder were measured."""
        return self.of[sense].encoder == encoder


@cache
def shipped() -> Checks:
    """The measured ones."""
    data = (files("storysound") / "annotate" / "check.toml").read_bytes()
    table = tomllib.loads(data.decode())
    senses: tuple[Sense, ...] = ("video", "audio")
    return Checks({sense: Check(**table[sense]) for sense in senses}, sha256(data).hexdigest()[:12])


def checked(claims: Iterable[Claim], checks: Checks, unsupported: Unsupported) -> list[Claim]:
    """Claims with their support; of those with too little, `unsupported` says whether they are still told.

    "mark" tells them as doubtful, "keep" tells them as all others. Claims that have evidence for no check, as those of
    a captioner of the hub, are as they were.
    """
    out = []
    for claim in claims:
        check = checks.of[claim.sense]
        if not check.weights.keys() <= claim.evidence.keys():
            out.append(claim)
            continue
        support = check.support(claim.evidence)
        enough = support >= check.least
        out.append(
            replace(
                claim,
                support=support,
                kept=enough or unsupported != "drop",
                doubtful=not enough and unsupported == "mark",
            )
        )
    return out
