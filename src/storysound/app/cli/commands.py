"""All commands. They import their jobs when they run, so that --help imports no torch."""

import re
import sys
from typing import Any

import typer

from storysound.app.cli import (
    annotate,
    compose,
    cue,
    data_sets,
    evaluate,
    find,
    generate,
    gloss,
    index,
    ingest,
    listen,
    models,
    mood,
    process,
    score,
    sounds,
    streams,
    summarize,
    train,
)
from storysound.errors import InputError, StorysoundError, UsageError

app = typer.Typer(help="Give it a story, get its sound.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(index.index)
app.command()(find.find)
app.command()(score.score)
app.command()(score.plan)
app.command()(score.render)
app.command(context_settings=cue.SETTINGS)(cue.cue)
app.command()(cue.schema)
app.command()(summarize.summarize)
app.command()(index.learn)
app.command()(listen.listen)
app.command()(mood.mood)
app.command()(gloss.gloss)
app.command("story-words")(gloss.story_words)
app.command(cls=ingest.Command)(ingest.ingest)
app.command()(annotate.annotate)
app.command()(data_sets.stats)
app.command()(data_sets.export)
app.command()(sounds.spectrogram)
app.command("split-speech")(sounds.split_speech)
app.command()(sounds.fit)
app.command()(train.build)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.add_typer(generate.app, name="generate")
app.add_typer(compose.app, name="compose")
app.command()(evaluate.papers)
app.add_typer(models.app, name="models")


@app.callback()
def _root() -> None:
    """Give it a story, get its sound."""


def run() -> None:
    """Runs a command; whatever goes wrong becomes one line on stderr and an exit code."""
    streams.prepare()
    process.prepare()
    process.leave(_outcome())


_OPTION_OF = {  # fields of requests whose option is called otherwise
    "rewriting": "rewrite", "endpoint": "rewrite",
    "effects_gain_db": "effects_gain", "file": "files", "gain_db": "gain", "images": "image", "joining": "join_clips",
    "map": "soundmap", "music_gain_db": "music_gain", "side_px": "side", "source": "sources",
    "voice_peaks_db": "voice_peaks", "length_s": "length", "hits_s": "hit", "hits": "hit",
    "start_s": "start", "end_s": "end",
}  # fmt: skip


def in_flags(error: StorysoundError, command: Any) -> str:
    """What is wrong, in the words of the command line: for each field that the error names, the flag of the command.

    Fields are what the error is about, and what stands in backticks in its text.
    """
    options = {p.name: _flag_of(p) for p in command.params}

    def flag(field: str) -> str:
        head = field.partition(".")[0]
        return options.get(_OPTION_OF.get(head, head)) or options.get(head) or ""

    field = error.field if isinstance(error, UsageError) else ""
    text = error.fault if isinstance(error, UsageError) else str(error)
    text = re.sub(r"`(\w+)`", lambda found: flag(found[1]) or found[0], text)
    return f"{flag(field) or field}: {text}" if field else text


def _flag_of(option: Any) -> str:
    """How the user calls an option, or an argument."""
    names = [name for name in option.opts if name.startswith("-")]
    return next((name for name in names if name.startswith("--")), names[0] if names else str(option.name).upper())


def _invoked() -> Any:
    """The command that the words of the command line name."""
    command: Any = typer.main.get_command(app)
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word)
        if command is None or not hasattr(command, "commands"):
            break
    return command or typer.main.get_command(app)


def _advised(error: typer.TyperException) -> str:
    """What is wrong with the command line, and where to read how it is meant; empty when the help was shown instead."""
    text = error.format_message().replace("Value error, ", "")
    context: typer.Context | None = getattr(error, "ctx", None)
    return f"{text} (see: {context.command_path} --help)" if text and context else text


def _outcome() -> int:
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except StorysoundError as error:
        return streams.fail(in_flags(error, _invoked()), error.exit_code)
    except typer.TyperException as error:  # of the command line itself
        return streams.fail(_advised(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except (BrokenPipeError, SystemExit) as end:  # typer and rich end with 1 where nobody reads on: no fault of ours
        streams.drop_output()
        code = getattr(end, "code", 1)
        return code if isinstance(code, int) and code > 1 else 0
    except OSError as error:
        streams.drop_output()
        name = error.filename if isinstance(error.filename, str) else "the system"
        return streams.fail(f"{name}: {error.strerror or error} (check the name and the disk)", InputError.exit_code)
    except MemoryError:
        return streams.fail("there is not enough memory (close other programs, or give shorter files)", 1)
    except Exception as error:
        return streams.fail_unforeseen(error)
