"""Which model, if any, judges again what a search found."""

from pathlib import Path
from typing import TYPE_CHECKING

from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.jobs.find.find import Finder

if TYPE_CHECKING:
    from storysound.jobs.find.reranked import Reranked
    from storysound.trained.sos_ranker import Ranker

MODELS = ("sos", "mac")


def finder_of(library: Path, models: Models, rerank: str = "none") -> "tuple[Finder | Reranked, Ranker | None]":
    """What searches a library, and the model that judges again where it can say why, which MAC can't.

    `rerank` is none, sos=FILE or mac=FILE. Raises UsageError for another one and for a model that finds no sounds,
    InputError for a file that is no trained model, LibraryError.
    """
    name, _, file = rerank.partition("=")
    if rerank == "none":
        return Finder(library, models), None
    if name not in MODELS:
        ways = ", ".join(f"{model}=FILE" for model in MODELS)
        raise UsageError(f"rerank={rerank!r}: give none, or {ways} with the weights of a trained model")
    if not file:
        raise UsageError(
            f"rerank={name!r}: no trained model ships; make one with storysound train {name}, and give {name}=FILE"
        )
    from storysound.jobs.find.reranked import Reranked
    from storysound.trained import mac as mac_trained
    from storysound.trained import mac_ranker, sos_ranker
    from storysound.trained import sos as sos_trained  # a plain search needs none of them

    path = Path(file).expanduser()
    if name == "mac":
        judge = mac_ranker.Ranker(mac_trained.load_trained(path, models.weights))
        return Reranked(Finder(library, models), judge), None
    ranker = sos_ranker.Ranker(sos_trained.load_trained(path, models.weights))
    return Reranked(Finder(library, models), ranker), ranker
