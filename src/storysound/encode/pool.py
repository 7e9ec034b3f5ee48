"""The models of a session: each is loaded once, when it is first needed, and belongs to nobody else."""

import ctypes
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from storysound.config import Profile
from storysound.encode import encoder
from storysound.encode.encoder import Encoder, Traits
from storysound.weights.resolver import Resolver

Model = TypeVar("Model")


def give_back() -> None:
    """Gives memory that was needed for a moment back to the system; glibc would hold on to it."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


class Models:
    """Loaded models by name; safe to use from several threads, which share them."""

    def __init__(self, profile: Profile, weights: Resolver) -> None:
        """Nothing is loaded yet. `profile` says which encoders stand for text, pictures and sound."""
        self.profile, self.weights = profile, weights
        self.loads: Counter[str] = Counter()  # how often each was loaded; 1 is right
        self._models: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Lets a worker process have models of its own, of the same profile: it gets none that are loaded."""
        return type(self), (self.profile, self.weights)

    def get(self, name: str, load: Callable[[Resolver], Model]) -> Model:
        """The model of this name, made by `load` when nobody asked for it before. Raises what `load` raises."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._models:
                self._models[name] = load(self.weights)
                give_back()
                self.loads[name] += 1
            return cast(Model, self._models[name])

    def encoder(self, name: str) -> Encoder[Any]:
        """The encoder of the file `encode/<name>.py`. Raises MissingModelError where its weights can't be had."""
        return self.get(name, lambda weights: encoder.load(name, weights))

    def traits(self, name: str) -> Traits:
        """What can be known of an encoder without loading it; the defaults for one that isn't here."""
        return self._models[name].traits if name in self._models else encoder.traits_of(name)

    @property
    def text(self) -> Encoder[str]:
        """The profile's encoder of texts."""
        return self.encoder(self.profile.text)

    @property
    def picture(self) -> Encoder[Any]:
        """The profile's encoder of pictures."""
        return self.encoder(self.profile.picture)

    @property
    def audio(self) -> Mapping[str, Encoder[Any]]:
        """The profile's encoders of sound, by name and in its order."""
        return {name: self.encoder(name) for name in self.profile.audio}

    def close(self) -> None:
        """Lets go of all models; asked for again, they are loaded again."""
        with self._lock:
            self._models.clear()
            self._locks.clear()
