"""`storysound annotate`."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli.streams import json_line, tell
from storysound.errors import InputError, UsageError
from storysound.jobs.annotate.published import TABLE_1, beside

if TYPE_CHECKING:
    from storysound.jobs.annotate.request import AnnotateResult


class Unsupported(enum.StrEnum):
    """What becomes of claims that too little speaks for."""

    drop = "drop"
    mark = "mark"
    keep = "keep"


def annotate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA|VIDEO...", readable=False, help="Videos, folders of them, data sets of `storysound ingest`."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", readable=False, help="Where captions go; made if need be.")
    ],
    hub: Annotated[
        bool,
        typer.Option("--hub", help="Captioners of the hub (Florence-2, Whisper Audio Captioning) tell; unchecked."),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            readable=False,
            help="Only clips of a table (id, start, caption) over one folder of media.",
        ),
    ] = None,
    clip_s: Annotated[float, typer.Option(help="Length of the clips that are described, in seconds; 0: whole.")] = 10.0,
    unsupported: Annotated[
        Unsupported, typer.Option(help="What too little speaks for is left out, told as doubtful, or told.")
    ] = Unsupported.drop,
    rewrite: Annotated[
        str,
        typer.Option(
            metavar="URL|local",
            help="Have captions rephrased and merged by a model behind an OpenAI-compatible endpoint (its key in "
            "STORYSOUND_LLM_KEY), or by one of the hub on this machine; by rule otherwise.",
        ),
    ] = "",
    model: Annotated[str, typer.Option(help="The endpoint's model.")] = "",
    timeout_s: Annotated[float, typer.Option(help="For a whole answer of the endpoint.")] = 120.0,
    at_once: Annotated[int, typer.Option(help="Questions under way at a time.")] = 4,
    per_minute: Annotated[float, typer.Option(help="Questions begun in a minute; 0: no limit.")] = 0.0,
    requests: Annotated[int, typer.Option(help="Budget of requests for this run; 0: no limit.")] = 0,
    tokens: Annotated[int, typer.Option(help="Budget of tokens for this run; 0: no limit.")] = 0,
    prompt_price: Annotated[float, typer.Option(help="Of a million tokens of questions, to say what it costs.")] = 0.0,
    answer_price: Annotated[float, typer.Option(help="Of a million tokens of answers.")] = 0.0,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and what it would cost.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Processes that look and listen; 0 is one per core.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Clips per commit: so many a crash can cost.")] = 16,
    engine: Annotated[
        str, typer.Option(metavar="native|ray|ray://HOST:PORT", help="Where clips are looked at: here, or on Ray.")
    ] = "native",
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Describe what is seen and heard in videos, clip by clip, in checked sentences; goes on where it was interrupted.

    Example: storysound annotate clips/ -o captions
    """
    from storysound.annotate.endpoint import Limits
    from storysound.app.cli.process import one_thread, usable_cores
    from storysound.app.cli.progress import shown
    from storysound.jobs.annotate.request import AnnotateConfig, AnnotateRequest, RewriteConfig
    from storysound.session import Session

    if model and rewrite in ("", "local"):
        raise UsageError("is of an endpoint: name that too", field="model")
    limits = Limits(at_once, per_minute, requests, tokens)
    endpoint = "" if rewrite == "local" else rewrite
    rewriting = RewriteConfig(endpoint, model, timeout_s, 200, limits, prompt_price, answer_price) if rewrite else None

    request = AnnotateRequest(
        inputs=tuple(inputs),
        out=out,
        config=AnnotateConfig(clip_s, unsupported="keep" if hub else unsupported.value, by_hub=hub),
        table=table,
        rewriting=rewriting,
        dry=dry,
        jobs=jobs or usable_cores(),
        engine="" if engine == "native" else engine,
        batch=batch,
    )
    with Session(profile) as session, one_thread(), shown("annotate") as watch:
        result = session.annotate(request, watch=watch)
    show(result, out, as_json)
    if not (result.present or result.left):
        named = ", ".join(str(path) for path in inputs)
        raise InputError(named, "no clip could be described", "give videos or data sets")


def show(result: "AnnotateResult", out: Path, as_json: bool) -> None:
    """What was skipped and what else to know, then a summary and Table 1's columns: JSON lines on stdout, or words."""
    found = result.stats
    if as_json:
        for path, reason in result.skipped:
            json_line({"skipped": path, "reason": reason})
        for note in result.notes:
            json_line({"note": note})
        counts = {name: getattr(result, name) for name in ("added", "unchanged", "left", "claims", "dropped")}
        more = {"skipped": len(result.skipped), "duration_s": round(result.duration_s, 3)}
        tables = {"table1": vars(found), "published": [vars(row) for row in TABLE_1]}
        json_line({"output": str(out), **counts, **more, "cost": vars(result.cost), **tables})
        return
    for path, reason in result.skipped:
        tell(f"skipped {path}: {reason}")
    for note in result.notes:
        tell(f"note: {note}")
    words = [f"{result.added} clips described", f"{result.unchanged} were already"]
    words += [f"{len(result.skipped)} skipped"] if result.skipped else []
    words += [f"{result.left} to be described"] if result.left else []
    words += [f"{result.dropped} of {result.claims} claims dropped"] if result.claims else []
    tell(f"{out}: {', '.join(words)}")
    cost = result.cost
    if cost.requests:
        tell(
            f"{cost.requests} requests, {cost.refused} refused, {cost.prompt_tokens} + {cost.answer_tokens} tokens, "
            f"price {cost.price:.4f}"
        )
    tell(
        f"{found.clips} clips, {found.hours:.2f} h, {found.sentences:.2f} sentences, {found.words:.2f} words a clip; "
        f"pictures described in {found.with_video:.0%}, sound in {found.with_audio:.0%}"
    )
    tell(beside())
