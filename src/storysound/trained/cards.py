"""What lies beside the weights of a model that was trained here: a card that says what it was made with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from storysound.config import Profile, load_profile
from storysound.errors import InputError
from storysound.media.files import atomic
from storysound.train.plan import CHECKPOINT

CARD = "model.json"


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class Card(_Dataclass, Protocol):
    """What all cards say."""

    @property
    def model(self) -> Any:
        """Configuration of the network."""

    @property
    def profile(self) -> str:
        """Whose encoders' features it learned from."""

    @property
    def encoders(self) -> str:
        """Their revisions."""


class Readers(Protocol):
    """The encoders of a profile, as a model reads with them."""

    def revision(self) -> str:
        """Changes whenever they would say something else."""
        ...


Kind = TypeVar("Kind", bound=Card)
Network = TypeVar("Network", bound=nn.Module)
Encoders = TypeVar("Encoders", bound=Readers)
Config = TypeVar("Config")


@dataclass(frozen=True)
class StoryCard(Generic[Config]):
    """Of a network that learned from the features of stories."""

    model: Config
    profile: str  # whose encoders' features it learned from
    encoders: str  # their revisions
    crop_s: float  # of sound
    held_out: float  # share of the groups it did not learn from
    data: str  # name of the data it did learn from


def write_card(run: Path, card: _Dataclass) -> None:
    """Beside the weights of a run that begins, or goes on.

    Raises OutputError, and InputError where the run in this folder is of another card, which it keeps.
    """
    told = json.dumps(asdict(card), indent=1)
    if (run / CHECKPOINT).exists() and (run / CARD).exists():
        kept, now = json.loads((run / CARD).read_text("utf-8")), json.loads(told)
        if differing := sorted(key for key in {*kept, *now} if kept.get(key) != now.get(key)):
            fault = f"holds a run with other settings: {', '.join(differing)}"
            raise InputError(run, fault, "give the same ones, or another folder with out=")
    with atomic(run / CARD) as partial:
        partial.write_text(told, "utf-8")


def load_model(
    weights_file: Path,
    task: str,
    card: type[Kind],
    config: type[Any],
    network: Callable[[Any], Network],
    encoders: Callable[[Profile], Encoders],
) -> tuple[Network, Kind, Encoders]:
    """A model of `storysound train TASK`, ready to judge, its card, and the encoders whose features it knows.

    `weights_file`: `best.safetensors`, beside it a card of the dataclass `card`, whose field `model` is of the
    dataclass `config`. Raises InputError where weights or card are missing, damaged, of another model, or of features
    that the encoders give no more.
    """
    again = f"train it again with: storysound train {task} data=… out=…"
    told = _read_card(weights_file, card, config, again)
    made = with_weights(network(told.model), weights_file, task, again)
    readers = encoders(load_profile(told.profile))
    if readers.revision() != told.encoders:
        raise InputError(weights_file, "learned from features of other encoders than there are now", again)
    return made, told, readers


def _read_card(weights_file: Path, kind: type[Kind], config: type[Any], again: str) -> Kind:
    file = weights_file.parent / CARD
    try:
        table = json.loads(file.read_text("utf-8"))
        known = {field.name for field in fields(kind)}
        if not isinstance(table, dict) or table.keys() != known:
            raise ValueError(f"a card has {', '.join(sorted(known))}")
        return kind(**{**table, "model": config(**_tuples(table["model"]))})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(file, f"can't be read as the card of a model: {why}", again) from error


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples, and a frozen configuration no lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def with_weights(network: Network, weights_file: Path, task: str, again: str) -> Network:
    """The network with the weights of `best.safetensors`, ready to judge.

    Raises InputError where they are missing, damaged, or of another model.
    """
    try:
        network.load_state_dict(load_file(weights_file))
    except FileNotFoundError:
        do = f"give the best.safetensors of a run of: storysound train {task}"
        raise InputError(weights_file, "isn't there", do) from None
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(weights_file, f"holds no weights of this model: {first}", again) from error
    return network.eval().requires_grad_(False)
