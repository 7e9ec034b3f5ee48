"""Networks of the model hub, run by the library transformers: configuration and weights of the resolver, nothing else.

A model `m` is the files `m/config.json`, `m/model.safetensors` and, for words, `m/tokenizer.json`. No repository's code
is executed, no pickle, and nothing is fetched but through the resolver.
"""

import hashlib
import logging
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from storysound.errors import InputError, MissingModelError
from storysound.weights.resolver import Resolver

_PARTS = ("config.json", "model.safetensors", "tokenizer.json")


def transformers() -> Any:
    """The library, silent. Raises MissingModelError where the extra [hub] is not installed."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing phones home
    try:
        library = import_module("transformers")
    except ImportError as error:
        raise MissingModelError(
            f"the hub's models need {error.name}: pip install 'storysound[hub]'; the profile embedded works without it"
        ) from error
    # It tells of every weight a part of a model leaves out; what is missing is an error here.
    logging.getLogger("transformers").setLevel(logging.ERROR)
    library.utils.logging.disable_progress_bar()
    return library


def revision(weights: Resolver, model: str) -> str:
    """Changes with any of the model's files. Raises as `Resolver.path`."""
    names = [name for part in _PARTS if (name := f"{model}/{part}") in weights.entries]
    return hashlib.sha256("+".join(weights.revision(name) for name in names).encode()).hexdigest()[:12]


def config(weights: Resolver, model: str, kind: str) -> Any:
    """The configuration a network of the class `kind` is built by.

    Raises MissingModelError, and InputError for a config.json of another architecture.
    """
    library, file = transformers(), weights.path(f"{model}/config.json")
    try:
        return getattr(library, kind).config_class.from_pretrained(file)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(file, f"is no configuration of {kind}: {first}", _again(model)) from error


def network(weights: Resolver, model: str, kind: str, settings: Any = None, **options: Any) -> Any:
    """A network of the class `kind`, ready to be run. `settings`: its configuration where it isn't config.json's own.

    Raises MissingModelError, and InputError for weights that are damaged or not all there.
    """
    settings = settings or config(weights, model, kind)
    file = weights.path(f"{model}/model.safetensors")
    made = getattr(transformers(), kind)
    try:
        loaded, report = made.from_pretrained(
            None, config=settings, state_dict=_state(file), output_loading_info=True, **options
        )
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise InputError(file, f"holds no weights of {kind}: {first}", _again(model)) from error
    if missing := sorted(report["missing_keys"]):
        raise InputError(file, f"lacks {len(missing)} weights of {kind}, {missing[0]} among them", _again(model))
    return loaded.eval().requires_grad_(False)


def _state(file: Path) -> Mapping[str, Any]:
    """Weights in single precision, whatever they are stored in."""
    return {name: value.float() if value.is_floating_point() else value for name, value in load_file(file).items()}


def tokenizer(weights: Resolver, model: str, longest: int) -> Tokenizer:
    """Its tokenizer, which keeps the first tokens of a longer text: `longest` with those that begin and end one.

    Raises MissingModelError, and InputError for a damaged file.
    """
    file = weights.path(f"{model}/tokenizer.json")
    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing finer
        raise InputError(file, f"is no tokenizer: {error}", _again(model)) from error
    found.no_padding()
    found.enable_truncation(longest)
    return found


def _again(model: str) -> str:
    return f"fetch it again: storysound models pull {model}/config.json {model}/model.safetensors"
