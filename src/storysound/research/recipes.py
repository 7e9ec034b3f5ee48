"""All trainings, evaluations and builders of data sets, in three tables; nothing that they need is loaded here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.metrics.table import Row, in_order
from storysound.progress import Watch
from storysound.research.bgtai import settings as bgtai
from storysound.research.bgtai.langue2gloss import settings as langue2gloss
from storysound.research.ears.settings import EarsTraining
from storysound.research.mac import settings as mac
from storysound.research.mmva import settings as mmva
from storysound.research.paper import TableLayout, published
from storysound.research.sos import settings as sos
from storysound.research.sos.generator import settings as sosgen
from storysound.research.sos.generator.flow_settings import BranchTraining, FlowTraining
from storysound.research.soundimage import settings as soundimage
from storysound.research.tavg import settings as tavg
from storysound.research.tavg.small import settings as small


class FolderSettings(Protocol):
    """Settings of what makes a folder."""

    @property
    def out(self) -> Path:
        """The folder."""


Settings = TypeVar("Settings")
Making = TypeVar("Making", bound=FolderSettings)


class MissingSettingsError(UsageError):
    """Settings without a default were not given."""


@dataclass(frozen=True)
class Training(Generic[Making]):
    """What trains a model into the folder `out`, or goes on with it; `run` gives the best figure."""

    name: str
    recipe: type[Making]
    run: Callable[[Making, Models, Watch], float]


@dataclass(frozen=True)
class Evaluation(Generic[Settings]):
    """What judges; `layout` says how, and beside which published figures, its rows are shown."""

    name: str
    recipe: type[Settings]
    run: Callable[[Settings, Models, Watch], list[Row]]
    layout: TableLayout


@dataclass(frozen=True)
class Builder(Generic[Making]):
    """What makes a data set in the folder `out`."""

    name: str
    recipe: type[Making]
    run: Callable[[Making, Models, Watch], object]


def _train_bgtai(recipe: bgtai.BgtaiTraining, models: Models, watch: Watch) -> float:
    from storysound.research.bgtai.train import train

    return train(recipe, models, watch)


def _train_caption(recipe: langue2gloss.GlossTraining, models: Models, watch: Watch) -> float:
    from storysound.research.bgtai.langue2gloss.train import train

    return train(recipe, "caption", models, watch)


def _train_ears(recipe: EarsTraining, models: Models, watch: Watch) -> float:
    from storysound.research.ears.train import train

    return train(recipe, models, watch)


def _train_gloss(recipe: langue2gloss.GlossTraining, models: Models, watch: Watch) -> float:
    from storysound.research.bgtai.langue2gloss.train import train

    return train(recipe, "gloss", models, watch)


def _train_mac(recipe: mac.MacTraining, models: Models, watch: Watch) -> float:
    from storysound.research.mac.train import train

    return train(recipe, models, watch)


def _train_mmva(recipe: mmva.MmvaTraining, models: Models, watch: Watch) -> float:
    from storysound.research.mmva.train import train

    return train(recipe, models, watch)


def _train_sos(recipe: sos.SosTraining, models: Models, watch: Watch) -> float:
    from storysound.research.sos.train import train

    return train(recipe, models, watch)


def _train_sosgen(recipe: sosgen.SosgenTraining, models: Models, watch: Watch) -> float:
    from storysound.research.sos.generator.train import train

    return train(recipe, models, watch)


def _train_sosgen_flow(recipe: FlowTraining, models: Models, watch: Watch) -> float:
    from storysound.research.sos.generator.flow import train

    return train(recipe, models, watch)


def _train_sosgen_pictures(recipe: BranchTraining, models: Models, watch: Watch) -> float:
    from storysound.research.sos.generator.branch import train

    return train(recipe, models, watch)


def _train_soundimage(recipe: soundimage.SoundImageTraining, models: Models, watch: Watch) -> float:
    from storysound.research.soundimage.train import train

    return train(recipe, models, watch)


def _train_tav(recipe: tavg.TavTraining, models: Models, watch: Watch) -> float:
    from storysound.research.tavg.train import train

    return train(recipe, models, watch)


def _train_tav_judges(recipe: small.JudgeTraining, models: Models, watch: Watch) -> float:
    from storysound.research.tavg.small.train_judges import train

    return train(recipe, models, watch)


def _train_tav_small(recipe: small.SmallTavTraining, models: Models, watch: Watch) -> float:
    from storysound.research.tavg.small.train import train

    return train(recipe, models, watch)


def _judge_bgtai(recipe: bgtai.BgtaiEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _compare_bgtai(recipe: bgtai.BgtaiAblation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.ablation import evaluate

    return evaluate(recipe, models, watch)


def _judge_caption(recipe: langue2gloss.CaptionEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.langue2gloss.evaluate_caption import evaluate

    return evaluate(recipe, models, watch)


def _judge_classification(recipe: bgtai.ClassificationEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.classification import evaluate

    return evaluate(recipe, models, watch)


def _judge_cross_modal(recipe: bgtai.CrossModalEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.cross_modal import evaluate

    return evaluate(recipe, models, watch)


def _judge_events(recipe: bgtai.EventEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.events import evaluate

    return evaluate(recipe, models, watch)


def _judge_gloss(recipe: langue2gloss.GlossEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.bgtai.langue2gloss.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_mac(recipe: mac.MacEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.mac.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _compare_mac(recipe: mac.MacAblation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.mac.ablation import evaluate

    return evaluate(recipe, models, watch)


def _judge_mmva(recipe: mmva.MmvaEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.mmva.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_pictures(recipe: soundimage.PictureEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.soundimage.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_sos(recipe: sos.SosEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.sos.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_sosgen(recipe: sosgen.SosgenEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.sos.generator.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_tav_small(recipe: small.SmallTavEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.tavg.small.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _compare_tav_small(recipe: small.SmallTavAblation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.tavg.small.ablation import evaluate

    return evaluate(recipe, models, watch)


def _judge_tavg(recipe: tavg.TavgEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.tavg.evaluate import evaluate

    return evaluate(recipe, models, watch)


def _judge_tvsum(recipe: mmva.TvsumEvaluation, models: Models, watch: Watch) -> list[Row]:
    from storysound.research.mmva.tvsum import evaluate

    return evaluate(recipe, models, watch)


def _build_mmva(recipe: mmva.MmvaBuild, models: Models, watch: Watch) -> object:
    from storysound.research.mmva.build import build

    return build(recipe, models, watch)


TRAININGS: tuple[Training[Any], ...] = (
    Training("bgtai", bgtai.BgtaiTraining, _train_bgtai),
    Training("caption", langue2gloss.GlossTraining, _train_caption),
    Training("ears", EarsTraining, _train_ears),
    Training("langue2gloss", langue2gloss.GlossTraining, _train_gloss),
    Training("mac", mac.MacTraining, _train_mac),
    Training("mmva", mmva.MmvaTraining, _train_mmva),
    Training("sos", sos.SosTraining, _train_sos),
    Training("sosgen", sosgen.SosgenTraining, _train_sosgen),
    Training("sosgen-flow", FlowTraining, _train_sosgen_flow),
    Training("sosgen-pictures", BranchTraining, _train_sosgen_pictures),
    Training("soundimage", soundimage.SoundImageTraining, _train_soundimage),
    Training("tav", tavg.TavTraining, _train_tav),
    Training("tav-judges", small.JudgeTraining, _train_tav_judges),
    Training("tav-small", small.SmallTavTraining, _train_tav_small),
)
EVALUATIONS: tuple[Evaluation[Any], ...] = (
    Evaluation("bgtai", bgtai.BgtaiEvaluation, _judge_bgtai, bgtai.BGTAI_TABLE),
    Evaluation("bgtai_ablation", bgtai.BgtaiAblation, _compare_bgtai, bgtai.BGTAI_ABLATION_TABLE),
    Evaluation("caption", langue2gloss.CaptionEvaluation, _judge_caption, langue2gloss.CAPTION_TABLE),
    Evaluation("classification", bgtai.ClassificationEvaluation, _judge_classification, bgtai.CLASSIFICATION_TABLE),
    Evaluation("cross_modal", bgtai.CrossModalEvaluation, _judge_cross_modal, bgtai.CROSS_MODAL_TABLE),
    Evaluation("events", bgtai.EventEvaluation, _judge_events, bgtai.EVENTS_TABLE),
    Evaluation("langue2gloss", langue2gloss.GlossEvaluation, _judge_gloss, langue2gloss.GLOSS_TABLE),
    Evaluation("mac", mac.MacEvaluation, _judge_mac, mac.MAC_TABLE),
    Evaluation("mac_ablation", mac.MacAblation, _compare_mac, mac.MAC_ABLATION_TABLE),
    Evaluation("mmva", mmva.MmvaEvaluation, _judge_mmva, mmva.MMVA_TABLE),
    Evaluation("pictures", soundimage.PictureEvaluation, _judge_pictures, soundimage.PICTURE_TABLE),
    Evaluation("sos", sos.SosEvaluation, _judge_sos, sos.SOS_TABLE),
    Evaluation("sosgen", sosgen.SosgenEvaluation, _judge_sosgen, sosgen.SOSGEN_TABLE),
    Evaluation("tav_small", small.SmallTavEvaluation, _judge_tav_small, small.SMALL_TABLE),
    Evaluation("tav_small_ablation", small.SmallTavAblation, _compare_tav_small, small.SMALL_TABLE),
    Evaluation("tavg", tavg.TavgEvaluation, _judge_tavg, tavg.TAVG_TABLE),
    Evaluation("tvsum", mmva.TvsumEvaluation, _judge_tvsum, mmva.TVSUM_TABLE),
)
BUILDERS: tuple[Builder[Any], ...] = (Builder("mmva", mmva.MmvaBuild, _build_mmva),)


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=_HasName)


def of_name(table: Sequence[Entry], name: str) -> Entry:
    """The entry of a table. Raises UsageError for a name that none has."""
    known: Mapping[str, Entry] = {entry.name: entry for entry in table}
    if name not in known:
        raise UsageError(f"no recipe {name!r}: there are {', '.join(sorted(known))}")
    return known[name]


def beside_published(evaluation: Evaluation[Any], measured: Sequence[Row]) -> list[Row]:
    """Measured rows with those that the paper published of the same tasks, task by task."""
    from storysound.research.pages import PAPERS

    layout = evaluation.layout
    judged = {row.task for row in measured}
    others = published(PAPERS[layout.paper].published, layout.tables, layout.tasks)
    return in_order([*measured, *(row for row in others if row.task in judged)], layout.tasks)


def settings(kind: type[Settings], given: Sequence[str]) -> Settings:
    """A recipe of the dataclass `kind` from `key=value` words.

    Raises UsageError that says what is wrong, MissingSettingsError where some aren't given.
    """
    known, types = {field.name: field for field in _fields(kind)}, get_type_hints(kind)
    values: dict[str, Any] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            raise UsageError(f"{word!r} is no setting: give key=value, with a key of {', '.join(known)}")
        values[key] = _value(types[key], key, value)
    missing = [name for name, field in known.items() if name not in values and field.default is MISSING]
    if missing:
        raise MissingSettingsError(f"give {' '.join(f'{name}=…' for name in missing)}")
    try:
        return kind(**values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def shown(kind: type) -> list[tuple[str, str]]:
    """Every key of a recipe with its default, "" where it has to be given or may be left out."""
    defaults = {field.name: field.default for field in _fields(kind)}
    return [(name, "" if default in (MISSING, None) else str(default)) for name, default in defaults.items()]


def _fields(kind: Any) -> "tuple[Field[Any], ...]":
    return fields(kind)


def _value(kind: Any, key: str, text: str) -> Any:
    """What a word means for a field of type `kind`."""
    if NoneType in get_args(kind):
        return _value(get_args(kind)[0], key, text) if text else None
    if get_origin(kind) is Literal:  # the recipe says what is wrong with another
        return text
    if kind is Path:
        return Path(text).expanduser()
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise UsageError(f"{key}: give true or false, got {text!r}")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{key}: needs {kind.__name__}, got {text!r}") from None
