"""What tests hand to trainings and evaluations: models that are nowhere, and somebody who listens."""

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.progress import Progress, Watch
from storysound.weights.resolver import Resolver


def models_of(weights: Resolver | None = None) -> Models:
    """By default without any weights."""
    return Models(load_profile("embedded"), weights or Resolver(offline=True))


def listening(lines: list[str]) -> Watch:
    """Appends what is said to `lines`."""

    def report(now: Progress) -> None:
        if now.line:
            lines.append(now.line)

    return Watch(report)
