"""The Python face: a session owns the models and whatever else is dear to load, and runs jobs with them.

Imports nothing heavy by itself: what a job needs is imported when it is first asked for.
"""

import threading
import types
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from storysound.config import load_profile
from storysound.errors import UsageError
from storysound.library.tables import check_library
from storysound.progress import Progress, Stop, Watch

if TYPE_CHECKING:
    from storysound.encode.pool import Models
    from storysound.jobs.annotate.request import AnnotateRequest, AnnotateResult
    from storysound.jobs.compose.request import ComposeRequest, ComposeResult
    from storysound.jobs.edit.request import EditRequest, EditResult
    from storysound.jobs.export import ExportRequest, ExportResult
    from storysound.jobs.find.request import FindRequest, FindResult
    from storysound.jobs.fit.request import FitRequest, FitResult
    from storysound.jobs.generate.request import (
        GenerateAmbienceRequest,
        GenerateAmbienceResult,
        GenerateImageRequest,
        GenerateImageResult,
        GenerateMusicRequest,
        GenerateMusicResult,
        GenerateSoundRequest,
        GenerateSoundResult,
        GenerateVideoRequest,
        GenerateVideoResult,
    )
    from storysound.jobs.gloss.request import GlossRequest, GlossResult
    from storysound.jobs.index.request import IndexResult
    from storysound.jobs.ingest.request import IngestRequest, IngestResult
    from storysound.jobs.learn.request import LearnRequest, LearnResult
    from storysound.jobs.listen.request import ListenRequest, ListenResult
    from storysound.jobs.models import ModelsRequest, ModelsResult
    from storysound.jobs.mood.request import MoodRequest, MoodResult
    from storysound.jobs.plan.request import PlanRequest, PlanResult, ReplanRequest
    from storysound.jobs.render.request import RenderRequest, RenderResult
    from storysound.jobs.score.request import ScoreRequest, ScoreResult
    from storysound.jobs.spectrogram import SpectrogramRequest, SpectrogramResult
    from storysound.jobs.split_speech.request import SplitSpeechRequest, SplitSpeechResult
    from storysound.jobs.stats import StatsRequest, StatsResult
    from storysound.jobs.story_words import StoryWordsRequest, StoryWordsResult
    from storysound.jobs.summarize.request import SummarizeRequest, SummarizeResult
    from storysound.match.query import Hit, Query
    from storysound.story import Kind
    from storysound.weights.resolver import LicencePolicy

Request = TypeVar("Request")
Result = TypeVar("Result")
Report = Callable[[Progress], None]
Place = str | Path


class Session:
    """Models and caches for any number of jobs, one after the other or in several threads at once.

    Every method runs a job in the thread that calls it. `watch` is called there with each `Progress`; it may end the
    job by raising. A `stop` that is set, from any thread, ends it within two seconds with `Cancelled`: what was
    finished is there, nothing is half written. Jobs raise the errors of `storysound.errors`. In a request, a string is
    taken for a path wherever a path is wanted, and "~" is the user's home.
    """

    def __init__(
        self,
        profile: Place = "embedded",
        *,
        licence_policy: "LicencePolicy" = "any",
        cache: Place | None = None,
        offline: bool = True,
        models: Place | None = None,
    ) -> None:
        """Loads nothing yet.

        `profile`: which encoders do the work, by name, or a TOML file. `licence_policy`: "commercial" refuses weights
        that may not be sold. `cache`: where weights lie, by default the user's cache. `offline`: weights that are
        missing are told of and not fetched. `models`: a folder of hub models of one's own. Raises UsageError and
        InputError.
        """
        from storysound.encode.pool import Models
        from storysound.weights.resolver import Resolver

        known = load_profile(str(profile))
        folders = [None if place is None else Path(place).expanduser() for place in (cache, models)]
        weights = Resolver(folders[0], offline=offline, licence_policy=licence_policy, models=folders[1])
        self._models: Models | None = Models(known, weights)
        self._lock = threading.Lock()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of everything; jobs that still run in other threads end undisturbed, new ones raise UsageError."""
        with self._lock:
            models, self._models = self._models, None
        if models is not None:
            models.weights.close()

    @property
    def models(self) -> "Models":
        """What is loaded, for work that no job does. Raises UsageError once the session is closed."""
        with self._lock:
            if self._models is None:
                raise UsageError("this session is closed: open another one")
            return self._models

    def _run(
        self,
        run: "Callable[[Request, Models, Watch], Result]",
        request: Request,
        watch: Report | None,
        stop: Stop | None,
    ) -> Result:
        models = self.models
        with Watch(watch, stop) as watching:
            watching.check()
            return run(with_paths(request), models, watching)

    def index(
        self,
        folders: Iterable[Place],
        to: Place,
        *,
        jobs: int = 1,
        engine: str = "",
        forget: bool = False,
        watch: Report | None = None,
        stop: Stop | None = None,
    ) -> "IndexResult":
        """Adds the sounds of folders to the library `to`, or refreshes it; what is analysed when it ends is kept.

        `jobs`: processes that analyse; more than one need `if __name__ == "__main__"` in the program that calls.
        `engine`: "" is this machine, "ray" or "ray://host:port" a cluster. `forget`: sounds whose files are gone leave
        the library, also those of other folders.
        """
        from storysound.jobs.index.index import run
        from storysound.jobs.index.request import IndexRequest

        folders = [folders] if isinstance(folders, str | Path) else folders
        request = IndexRequest(
            tuple(Path(folder) for folder in folders), library=Path(to), jobs=jobs, engine=engine, forget=forget
        )
        return self._run(run, request, watch, stop)

    def find(
        self,
        library: Place,
        query: "Query",
        *,
        k: int = 10,
        kind: "Literal[Kind, 'any']" = "any",
        ignore_names: bool = False,
        taste: bool = True,
        rerank: str = "none",
        watch: Report | None = None,
        stop: Stop | None = None,
    ) -> "tuple[Hit, ...]":
        """The k sounds of a library that fit a query best, best first."""
        from storysound.jobs.find.request import FindRequest

        request = FindRequest(
            Path(library), (query,), k=k, kind=kind, ignore_names=ignore_names, taste=taste, rerank=rerank
        )
        return self.find_all(request, watch=watch, stop=stop).hits[0]

    def find_all(
        self, request: "FindRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "FindResult":
        """Several queries at once, answered in their order."""
        _check(request.library)
        from storysound.jobs.find.find import run

        return self._run(run, request, watch, stop)

    def learn(self, request: "LearnRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "LearnResult":
        """Teaches a library what its owner chose for finished films, and in sheets."""
        _check(request.library)
        from storysound.jobs.learn.learn import run

        return self._run(run, request, watch, stop)

    def score(self, request: "ScoreRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "ScoreResult":
        """Gives a video, or a folder of pictures with a text, its sound."""
        _check(request.library)
        from storysound.jobs.score.score import run

        return self._run(run, request, watch, stop)

    def plan(self, request: "PlanRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "PlanResult":
        """Plans the sound of a story into a cue sheet."""
        _check(request.library)
        from storysound.jobs.plan.plan import run

        return self._run(run, request, watch, stop)

    def replan(
        self, request: "ReplanRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "PlanResult":
        """Plans what isn't locked in a cue sheet anew."""
        from storysound.jobs.plan.plan import run_again

        return self._run(run_again, request, watch, stop)

    def edit(self, request: "EditRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "EditResult":
        """Edits a cue sheet in its place."""
        from storysound.jobs.edit.edit import run

        return self._run(run, request, watch, stop)

    def render(
        self, request: "RenderRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "RenderResult":
        """Makes film, stems and hand-off of a cue sheet; loads no model."""
        from storysound.jobs.render.render import run

        return self._run(run, request, watch, stop)

    def listen(
        self, request: "ListenRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "ListenResult":
        """What is heard when in a sound or video."""
        from storysound.jobs.listen.listen import run

        return self._run(run, request, watch, stop)

    def mood(self, request: "MoodRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "MoodResult":
        """Valence and arousal of a picture, sound, text or video."""
        from storysound.jobs.mood.mood import run

        return self._run(run, request, watch, stop)

    def gloss(self, request: "GlossRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "GlossResult":
        """What a text or a sound is about, in bare words."""
        from storysound.jobs.gloss.gloss import run

        return self._run(run, request, watch, stop)

    def story_words(
        self, request: "StoryWordsRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "StoryWordsResult":
        """What the words of a story ask of music."""
        from storysound.jobs.story_words import run

        return self._run(run, request, watch, stop)

    def summarize(
        self, request: "SummarizeRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "SummarizeResult":
        """Cuts a video to its most exciting shots."""
        from storysound.jobs.summarize.summarize import run

        return self._run(run, request, watch, stop)

    def compose(
        self, request: "ComposeRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "ComposeResult":
        """Composes music to scenes with moods and cuts, or to those of a story, and writes it."""
        from storysound.jobs.compose.compose import run

        return self._run(run, request, watch, stop)

    def fit(self, request: "FitRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "FitResult":
        """Makes a track exactly as long as it is wanted, by jumps that aren't heard."""
        from storysound.jobs.fit.fit import run

        return self._run(run, request, watch, stop)

    def spectrogram(
        self, request: "SpectrogramRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "SpectrogramResult":
        """A sound as a picture of its spectrum, or such a picture as sound."""
        from storysound.jobs.spectrogram import run

        return self._run(run, request, watch, stop)

    def split_speech(
        self, request: "SplitSpeechRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "SplitSpeechResult":
        """Takes the speech out of a sound or video."""
        from storysound.jobs.split_speech.split_speech import run

        return self._run(run, request, watch, stop)

    def ingest(
        self, request: "IngestRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "IngestResult":
        """Makes a data set of stories from videos; stories that are done when it ends are kept."""
        from storysound.jobs.ingest.ingest import run

        return self._run(run, request, watch, stop)

    def annotate(
        self, request: "AnnotateRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "AnnotateResult":
        """Describes what is seen and heard in videos and data sets; clips that are done when it ends are kept."""
        from storysound.jobs.annotate.annotate import run

        return self._run(run, request, watch, stop)

    def stats(self, request: "StatsRequest", *, watch: Report | None = None, stop: Stop | None = None) -> "StatsResult":
        """What a data set holds."""
        from storysound.jobs.stats import run

        return self._run(run, request, watch, stop)

    def export(
        self, request: "ExportRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "ExportResult":
        """Writes a data set in a form that other programs read."""
        from storysound.jobs.export import run

        return self._run(run, request, watch, stop)

    def generate_music(
        self, request: "GenerateMusicRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "GenerateMusicResult":
        """Music that feels like pictures, a text or a mood."""
        from storysound.jobs.generate.music import run

        return self._run(run, request, watch, stop)

    def generate_image(
        self, request: "GenerateImageRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "GenerateImageResult":
        """The picture that a sound calls up."""
        from storysound.jobs.generate.image import run

        return self._run(run, request, watch, stop)

    def generate_sound(
        self, request: "GenerateSoundRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "GenerateSoundResult":
        """A sound made of words, pictures, or both by a model."""
        from storysound.jobs.generate.sound import run

        return self._run(run, request, watch, stop)

    def generate_video(
        self, request: "GenerateVideoRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "GenerateVideoResult":
        """Video with sound made of words; clips of a folder that are whole when it ends are kept."""
        from storysound.jobs.generate.video import run

        return self._run(run, request, watch, stop)

    def generate_ambience(
        self, request: "GenerateAmbienceRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "GenerateAmbienceResult":
        """Ambience of any length out of a recording of it."""
        _check(request.library)
        from storysound.jobs.generate.ambience import run

        return self._run(run, request, watch, stop)

    def weights(
        self, request: "ModelsRequest", *, watch: Report | None = None, stop: Stop | None = None
    ) -> "ModelsResult":
        """Lists, fetches or checks weights; fetching goes online."""
        from storysound.jobs.models import run

        return self._run(run, request, watch, stop)


def index(folders: Iterable[Place], to: Place, *, profile: Place = "embedded", **how: Any) -> "IndexResult":
    """`Session.index`, with a session of its own; `how` as there."""
    with Session(profile) as session:
        return session.index(folders, to, **how)


def find(library: Place, query: "Query", *, profile: Place = "embedded", **how: Any) -> "tuple[Hit, ...]":
    """`Session.find`, with a session of its own; `how` as there."""
    with Session(profile) as session:
        return session.find(library, query, **how)


def score(
    story: Place,
    *,
    library: Place | None = None,
    out: Place,
    profile: Place = "embedded",
    watch: Report | None = None,
    stop: Stop | None = None,
    **more: Any,
) -> "ScoreResult":
    """`Session.score`, with a session of its own; `more`: the other fields of a ScoreRequest."""
    from storysound.jobs.score.request import ScoreRequest

    request = ScoreRequest(Path(story), None if library is None else Path(library), Path(out), **more)
    with Session(profile) as session:
        return session.score(request, watch=watch, stop=stop)


def listen(file: Place, *, profile: Place = "embedded", **more: Any) -> "ListenResult":
    """`Session.listen`, with a session of its own; `more`: the other fields of a ListenRequest."""
    from storysound.jobs.listen.request import ListenRequest

    request = ListenRequest(Path(file), **more)
    with Session(profile) as session:
        return session.listen(request)


def mood(file: Place, *, profile: Place = "embedded", **more: Any) -> "MoodResult":
    """`Session.mood`, with a session of its own; `more`: the other fields of a MoodRequest."""
    from storysound.jobs.mood.request import MoodRequest

    request = MoodRequest(Path(file), **more)
    with Session(profile) as session:
        return session.mood(request)


def _check(library: Path | None) -> None:
    """Raises LibraryError for a wrong name, before anything is loaded."""
    if library is not None:
        check_library(Path(library).expanduser())


def with_paths(request: Request) -> Request:
    """A request whose strings are paths where its fields are to be paths, in place of what "~" stands for."""
    changed = {
        field.name: _path_in(getattr(request, field.name), _hints(cast(Any, type(request)))[field.name])
        for field in fields(cast(Any, request))
    }
    return cast(Request, replace(cast(Any, request), **changed))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _path_in(value: Any, hint: Any) -> Any:
    if hint is Path:
        return Path(value).expanduser() if isinstance(value, str | Path) else value
    if get_origin(hint) in (Union, types.UnionType):
        return value if str in get_args(hint) or Path not in get_args(hint) else _path_in(value, Path)
    if get_origin(hint) is tuple and get_args(hint)[-1] is ... and isinstance(value, list | tuple):
        return tuple(_path_in(one, get_args(hint)[0]) for one in value)
    return value
