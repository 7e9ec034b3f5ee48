"""What was made last, of at most so many bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from storysound.media.arrays import Samples

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by name; forgets the one that was longest not asked for."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, name: Hashable) -> Value | None:
        """The value, or None where it was never made or is forgotten."""
        if name not in self._values:
            return None
        self._values.move_to_end(name)
        return self._values[name][0]

    def put(self, name: Hashable, value: Value, size: int) -> Value:
        """The value, which is held from now on in place of an older one; `size`: its bytes."""
        self._bytes += size - self._values.pop(name, (value, 0))[1]
        self._values[name] = (value, size)
        while self._bytes > self._most and len(self._values) > 1:
            self._bytes -= self._values.popitem(last=False)[1][1]
        return value


class Beginnings:
    """Arrays by name that are asked for up to some length, and made longer when more is asked for."""

    def __init__(self, most_bytes: int, step: int) -> None:
        """`step`: they are made as long as a multiple of this, so that few are made twice."""
        self._held: Recent[tuple[Samples, int]] = Recent(most_bytes)
        self._step = step

    def take(self, name: Hashable, n: int, make: Callable[[int], Samples]) -> Samples:
        """The first samples [n], or all there are; `make` gives as many as it is asked for, each always the same."""
        held = self._held.get(name)
        if held is None or held[1] < n:
            asked = -(-n // self._step) * self._step
            array = make(asked)
            held = self._held.put(name, (array, asked), array.nbytes)
        return held[0][:n]
