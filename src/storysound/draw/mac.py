"""MAC's figures 3 and 4 for one's own data: what co-attention and each expert are worth, drawn as SVG or PNG."""

from collections.abc import Sequence

from storysound.draw import recalls as recall_plot
from storysound.metrics.table import Row


def draw(rows: Sequence[Row], task: str, suffix: str) -> bytes:
    """Recalls of one task by variant, in three panels; the content of an .svg or .png file.

    Rows of other tasks and of no known variant are left out.
    """
    known = {row.model: row for row in rows if row.task == task}
    only = [name for name in known if name.startswith("only ")]
    less = [name for name in known if name.startswith("without ") and name != "without co-attention"]
    panels = [
        ("co-attention", {"with": "MAC", "without": "without co-attention"}),
        ("one expert alone", {name.removeprefix("only "): name for name in only}),
        ("all experts but one", {"all": "MAC", **{name.removeprefix("without "): name for name in less}}),
    ]
    drawn = [(title, {label: known[name] for label, name in bars.items()}) for title, bars in panels if bars]
    heading = f"{task}: recall in per cent, n = {known['MAC'].n} held-out queries"
    return recall_plot.draw(heading, drawn, suffix)
