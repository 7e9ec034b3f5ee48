"""`--rerank`: which model, if any, judges again what a search found."""

from pathlib import Path
from typing import TYPE_CHECKING

from storysound.config import Profile
from storysound.errors import UsageError
from storysound.jobs.find import Finder
from storysound.weights import Resolver

if TYPE_CHECKING:
    from storysound.jobs.sos_ranker import Ranker, Reranked


def finder_of(
    library: str | Path, profile: Profile, weights: Resolver, choice: str = "none"
) -> "tuple[Finder | Reranked, Ranker | None]":
    """What searches a library, and the model that judges again: `choice` is none, or sos=FILE.

    Raises UsageError for another choice, InputError for a file that is no trained model, LibraryError.
    """
    name, _, file = choice.partition("=")
    if choice == "none":
        return Finder(library, profile, weights), None
    if name != "sos":
        raise UsageError(f"--rerank {choice}: give none, or sos=FILE with the weights of a trained model")
    if not file:
        raise UsageError("--rerank sos: no trained model ships; make one with storysound train sos, and give sos=FILE")
    from storysound.jobs.sos_ranker import Ranker, Reranked  # a plain search needs none of it
    from storysound.jobs.sos_trained import load_trained

    ranker = Ranker(load_trained(Path(file).expanduser(), weights))
    return Reranked(Finder(library, profile, weights), ranker), ranker
