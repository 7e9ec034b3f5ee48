"""Attention that a processor computes in single precision, where autocast computes all around it in bfloat16.

Going back through fused attention in bfloat16 takes a processor several times as long as in single precision; products
and convolutions are what bfloat16 makes faster.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_ATTENTION = (F.scaled_dot_product_attention, F.multi_head_attention_forward)


class SingleAttention(TorchFunctionMode):
    """Within it and autocast, a processor computes attention, and gives it, in single precision."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What `func` gives."""
        given = kwargs or {}
        if func not in _ATTENTION or not torch.is_autocast_enabled("cpu") or args[0].device.type != "cpu":
            return func(*args, **given)
        queries, keys, values, *rest = args
        with torch.autocast("cpu", enabled=False):
            return func(queries.float(), keys.float(), values.float(), *rest, **given)
