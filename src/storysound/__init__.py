"""Storysound: give it a story, get its sound.

    import storysound as ss

    session = ss.Session()
    session.score(ss.ScoreRequest("clip.mp4", library="library", out="scored.mp4"))

Nothing heavy is imported before a name below is first used; docs/PYTHON.md tells how they go together.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storysound.errors import InputError as InputError
    from storysound.errors import LibraryError as LibraryError
    from storysound.errors import MediaError as MediaError
    from storysound.errors import MissingModelError as MissingModelError
    from storysound.errors import OutputError as OutputError
    from storysound.errors import StorysoundError as StorysoundError
    from storysound.errors import UsageError as UsageError
    from storysound.jobs.annotate.request import AnnotateConfig as AnnotateConfig
    from storysound.jobs.annotate.request import AnnotateRequest as AnnotateRequest
    from storysound.jobs.annotate.request import AnnotateResult as AnnotateResult
    from storysound.jobs.compose.request import ComposedScene as ComposedScene
    from storysound.jobs.compose.request import ComposeRequest as ComposeRequest
    from storysound.jobs.compose.request import ComposeResult as ComposeResult
    from storysound.jobs.edit.request import EditRequest as EditRequest
    from storysound.jobs.edit.request import EditResult as EditResult
    from storysound.jobs.export import ExportRequest as ExportRequest
    from storysound.jobs.export import ExportResult as ExportResult
    from storysound.jobs.find.request import FindRequest as FindRequest
    from storysound.jobs.find.request import FindResult as FindResult
    from storysound.jobs.fit.request import FitHit as FitHit
    from storysound.jobs.fit.request import FitJump as FitJump
    from storysound.jobs.fit.request import FitPart as FitPart
    from storysound.jobs.fit.request import FitRequest as FitRequest
    from storysound.jobs.fit.request import FitResult as FitResult
    from storysound.jobs.generate.request import GenerateAmbienceRequest as GenerateAmbienceRequest
    from storysound.jobs.generate.request import GenerateAmbienceResult as GenerateAmbienceResult
    from storysound.jobs.generate.request import GenerateImageRequest as GenerateImageRequest
    from storysound.jobs.generate.request import GenerateImageResult as GenerateImageResult
    from storysound.jobs.generate.request import GenerateMusicRequest as GenerateMusicRequest
    from storysound.jobs.generate.request import GenerateMusicResult as GenerateMusicResult
    from storysound.jobs.generate.request import GenerateSoundRequest as GenerateSoundRequest
    from storysound.jobs.generate.request import GenerateSoundResult as GenerateSoundResult
    from storysound.jobs.generate.request import GenerateVideoRequest as GenerateVideoRequest
    from storysound.jobs.generate.request import GenerateVideoResult as GenerateVideoResult
    from storysound.jobs.generate.request import SoundShare as SoundShare
    from storysound.jobs.gloss.request import GlossRequest as GlossRequest
    from storysound.jobs.gloss.request import GlossResult as GlossResult
    from storysound.jobs.index.request import IndexResult as IndexResult
    from storysound.jobs.ingest.request import IngestRequest as IngestRequest
    from storysound.jobs.ingest.request import IngestResult as IngestResult
    from storysound.jobs.learn.request import LearnRequest as LearnRequest
    from storysound.jobs.learn.request import LearnResult as LearnResult
    from storysound.jobs.listen.request import ListenRequest as ListenRequest
    from storysound.jobs.listen.request import ListenResult as ListenResult
    from storysound.jobs.models import ModelsRequest as ModelsRequest
    from storysound.jobs.models import ModelsResult as ModelsResult
    from storysound.jobs.mood.request import MoodRequest as MoodRequest
    from storysound.jobs.mood.request import MoodResult as MoodResult
    from storysound.jobs.plan.request import PlanRequest as PlanRequest
    from storysound.jobs.plan.request import PlanResult as PlanResult
    from storysound.jobs.plan.request import ReplanRequest as ReplanRequest
    from storysound.jobs.render.request import RenderRequest as RenderRequest
    from storysound.jobs.render.request import RenderResult as RenderResult
    from storysound.jobs.score.request import ScoreRequest as ScoreRequest
    from storysound.jobs.score.request import ScoreResult as ScoreResult
    from storysound.jobs.spectrogram import SpectrogramRequest as SpectrogramRequest
    from storysound.jobs.spectrogram import SpectrogramResult as SpectrogramResult
    from storysound.jobs.split_speech.request import SplitSpeechRequest as SplitSpeechRequest
    from storysound.jobs.split_speech.request import SplitSpeechResult as SplitSpeechResult
    from storysound.jobs.stats import StatsRequest as StatsRequest
    from storysound.jobs.stats import StatsResult as StatsResult
    from storysound.jobs.story_words import StoryWordsRequest as StoryWordsRequest
    from storysound.jobs.story_words import StoryWordsResult as StoryWordsResult
    from storysound.jobs.summarize.request import SummarizeRequest as SummarizeRequest
    from storysound.jobs.summarize.request import SummarizeResult as SummarizeResult
    from storysound.jobs.summarize.request import SummaryShot as SummaryShot
    from storysound.match.query import Hit as Hit
    from storysound.match.query import Query as Query
    from storysound.progress import Cancelled as Cancelled
    from storysound.progress import Progress as Progress
    from storysound.progress import Stop as Stop
    from storysound.session import Session as Session
    from storysound.session import find as find
    from storysound.session import index as index
    from storysound.session import listen as listen
    from storysound.session import mood as mood
    from storysound.session import score as score
    from storysound.story import Event as Event
    from storysound.story import Mood as Mood
    from storysound.story import MoodMoment as MoodMoment
    from storysound.story import Sound as Sound
    from storysound.story import Span as Span
    from storysound.story import Story as Story

__version__ = "0.1.0"

# Where each public name lives; tests/test_public.py holds it to the imports above.
_PLACES = {
    "errors": "InputError LibraryError MediaError MissingModelError OutputError StorysoundError UsageError",
    "jobs.annotate.request": "AnnotateConfig AnnotateRequest AnnotateResult",
    "jobs.compose.request": "ComposeRequest ComposeResult ComposedScene",
    "jobs.edit.request": "EditRequest EditResult",
    "jobs.export": "ExportRequest ExportResult",
    "jobs.find.request": "FindRequest FindResult",
    "jobs.fit.request": "FitHit FitJump FitPart FitRequest FitResult",
    "jobs.generate.request": "GenerateAmbienceRequest GenerateAmbienceResult GenerateImageRequest GenerateImageResult "
    "GenerateMusicRequest GenerateMusicResult GenerateSoundRequest GenerateSoundResult GenerateVideoRequest "
    "GenerateVideoResult SoundShare",
    "jobs.gloss.request": "GlossRequest GlossResult",
    "jobs.index.request": "IndexResult",
    "jobs.ingest.request": "IngestRequest IngestResult",
    "jobs.learn.request": "LearnRequest LearnResult",
    "jobs.listen.request": "ListenRequest ListenResult",
    "jobs.models": "ModelsRequest ModelsResult",
    "jobs.mood.request": "MoodRequest MoodResult",
    "jobs.plan.request": "PlanRequest PlanResult ReplanRequest",
    "jobs.render.request": "RenderRequest RenderResult",
    "jobs.score.request": "ScoreRequest ScoreResult",
    "jobs.spectrogram": "SpectrogramRequest SpectrogramResult",
    "jobs.split_speech.request": "SplitSpeechRequest SplitSpeechResult",
    "jobs.stats": "StatsRequest StatsResult",
    "jobs.story_words": "StoryWordsRequest StoryWordsResult",
    "jobs.summarize.request": "SummarizeRequest SummarizeResult SummaryShot",
    "match.query": "Hit Query",
    "progress": "Cancelled Progress Stop",
    "session": "Session find index listen mood score",
    "story": "Event Mood MoodMoment Sound Span Story",
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}

__all__ = sorted(_PLACE_OF)


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'storysound' has no attribute {name!r}")
    value = getattr(import_module(f"storysound.{_PLACE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACE_OF])
