"""`storysound find`: ranks the sounds of a library by text, pictures, a video, a sound, a mood, or any mix.

What a query says in each modality is brought to the label spaces the library was heard in (`encode.gloss`), becomes
evidence (`match.first_stage`), and is fused. One `Finder` keeps library and encoders for any number of queries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import Feeling
from storysound.annotate.hearing import SPACE as EVENTS
from storysound.config import Profile
from storysound.encode import encoder, gloss
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder, Encoding
from storysound.encode.labels import LabelSpace, label_space, remembered_vectors, text_vectors
from storysound.encode.wording import asked, in_words, sentences
from storysound.jobs.find.moments import Moments, pointed_at, told
from storysound.library.search import Index, top_k
from storysound.library.store import Library
from storysound.match.first_stage import (
    Evidence,
    Hearing,
    Verdict,
    from_logits,
    mood_closeness,
    probabilities,
    to_score,
)
from storysound.match.names import NameIndex, spoken_name, words
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.media.video import iter_frames
from storysound.story import Event, Kind, Mood, Sound, Span
from storysound.weights.resolver import Resolver

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# How much each label space counts for words and for pictures, chosen on benchmarks/quality/quality.py
# (docs/RESULTS.md).
SAID_WEIGHT = {"audioset": 1.0, "ucs78": 0.2, "ucs79": 0.2, "ucs69": 0.2, "imagenet": 0.3, "places": 0.2}
SEEN_WEIGHT = {"audioset": 1.0, "imagenet": 1.0}
IN_TEXT_SPACE = {"ears": "minilm"}  # audio encoders whose embeddings lie in the space of a text encoder
NEAR_HEARD = 0.4  # weight of a sound's nearness to the words there: it answers to words that no class has
LOGITS = frozenset({"imagenet", "places"})  # SoundNet's heads are logits, see encode/soundnet.py
NAME_WEIGHT, NEAR_WEIGHT = 3.0, 1.0  # of words in common with a sound's name, of its nearness in meaning
UNWANTED = 1.0  # of what must not be heard, beside what is said
MOOD_WEIGHT = 1.0  # of a mood that was asked for
# Where only music is looked for: the mood that the query's words and pictures carry counts, and what the pictures show
# counts less, for music rarely sounds like lions or lamps.
TONE_WEIGHT, SEEN_IN_MUSIC = 0.5, 0.25
LIKE_WEIGHT = 1.0  # of a sound's likeness to the query's sound
FRAMES = 8  # looked at in a query's video
SIDE_PX = 320  # of those frames; the picture encoders look at 260


@dataclass(frozen=True)
class Query:
    """What is looked for; every part may be missing, not all of them.

    Pictures and sounds are files or arrays already at hand (uint8 [h w 3]; `Waveform`).
    """

    id: str = ""
    text: str = ""
    images: tuple[str | Path | Pixels, ...] = ()
    video: str | Path | None = None
    audio: str | Path | Waveform | None = None
    mood: Mood | None = None


@dataclass(frozen=True)
class Hit:
    """A sound that fits: its best moment, a score in (0, 1) where 0.5 is the library's average, and the reasons."""

    sound: Sound
    start_s: float
    end_s: float
    score: float
    why: tuple[str, ...]
    events: tuple[Event, ...] = ()  # heard there and meant, best first


class Finder:
    """A library in memory with the encoders of a profile, ready for queries."""

    def __init__(self, library: str | Path, profile: Profile, weights: Resolver) -> None:
        """Loads the library; encoders follow when a query needs them. Raises LibraryError, MissingModelError."""
        self._store = Library.open(library)
        self._profile = profile
        self._weights = weights
        self.index = Index.load(self._store)
        self.hearings = {space: self._hearing(space, column) for space, column in self._columns().items()}
        self._moments = Moments(self.index)
        self._translations: dict[str, Floats] = {}
        self._usuals: dict[str, tuple[Floats, Floats]] = {}

    def search(
        self, query: Query, k: int = 10, *, kind: Literal[Kind, "any"] = "any", ignore_names: bool = False
    ) -> tuple[Hit, ...]:
        """The k best sounds, best first; of one kind or of any.

        `ignore_names`: judge by what is heard alone, never by names or tags. Raises ValueError for an empty query,
        MediaError where one of its files can't be read.
        """
        evidence = list(self._evidence(query, ignore_names, for_music=kind == "music"))
        sound_among = np.full(len(self._kinds), True) if kind == "any" else self._kinds == kind
        if not sound_among.any():
            return ()
        among = sound_among[self.index.sound_of]
        verdict = Verdict(evidence, among)
        best, segments = self.index.best_segments(to_score(verdict.scores))
        ranked = top_k(np.where(sound_among, best, -1), min(k, int(sound_among.sum())))
        return tuple(self._hit(int(i), int(segments[i]), float(best[i]), verdict) for i in ranked)

    def _hit(self, sound: int, at: int, score: float, verdict: Verdict) -> Hit:
        """A sound found by its segment `at`."""
        segment = Span(float(self.index.start_s[at]), float(self.index.end_s[at]))
        events = verdict.events(at)
        moment = pointed_at(events[0] if events else None, segment)
        found, why = self.index.sounds[sound], verdict.reasons(at)
        return Hit(found, moment.start_s, min(moment.end_s, found.duration_s), round(score, 6), why, events)

    def _evidence(self, query: Query, ignore_names: bool, for_music: bool) -> Iterator[Evidence]:
        """Everything the query's parts say of the segments."""
        seen_weight = SEEN_IN_MUSIC if for_music else 1.0
        pictures = pictures_of(query)
        tones: list[Mood] = []
        text = asked(query.text)
        if text.wanted:
            said = sentences(text.wanted)
            read = self._text.encode(said)
            parts = np.concatenate([text.embedding for text in read])
            tones += [self._mood_of_texts(said, read)] if for_music else []
            yield from self._by_text(parts)
            if not ignore_names:
                yield from self._by_name(words(text.wanted), parts, 1.0)
        if text.unwanted:
            yield from self._by_unwanted(text_vectors(self._text, text.unwanted))
        if pictures:
            seen = self._picture.encode(pictures)
            tones += [self._mood_of_pictures(pictures, seen)] if for_music else []
            scores = np.concatenate([e.scores["imagenet"] for e in seen])
            yield from self._by_pictures(scores, seen_weight)
            if not ignore_names:
                shown = gloss.vector(scores.mean(axis=0), self._seen_space)[None]
                yield from self._by_name((), shown, seen_weight)
        if query.audio is not None:
            yield from self._by_sound(query.audio)
        if query.mood is not None:
            yield self._by_mood(query.mood, MOOD_WEIGHT)
        elif tones:
            tone = moods.as_mood(np.array([(tone.valence, tone.arousal) for tone in tones], np.float32))
            yield self._by_mood(tone, TONE_WEIGHT)

    def _mood_of_texts(self, texts: Sequence[str], read: Sequence[Encoding]) -> Mood:
        """Texts are read again only where the profile's reader is not the one that moods need."""
        known = self._profile.text == moods.READER
        return moods.as_mood(moods.of_texts(read) if known else self._feeling.texts(texts))

    def _mood_of_pictures(self, pictures: Sequence[Pixels], seen: Sequence[Encoding]) -> Mood:
        """Likewise pictures."""
        known = self._profile.picture == moods.EYES
        return moods.as_mood(moods.of_pictures(seen) if known else self._feeling.pictures(pictures))

    def _by_text(self, parts: Floats) -> Iterator[Evidence]:
        """Sentences [p d]: each asks the label spaces; their wishes are averaged."""
        for space, hearing in self.hearings.items():
            wish = hearing.space.weights(parts).mean(axis=0)
            yield self._by_classes("said", space, wish, hearing.rate(wish), SAID_WEIGHT[space])
        for name, text in IN_TEXT_SPACE.items():
            if name in self.index and name in self._profile.audio and self._profile.text == text:
                near = (self.index.matrix(name) @ parts.T).mean(axis=1)
                yield Evidence("near", near, NEAR_HEARD, lambda at: "sounds near in meaning")

    def _by_unwanted(self, parts: Floats) -> Iterator[Evidence]:
        """What must not be heard [p d]: the less of it the better; being without it is no reason to be found."""
        for space, hearing in self.hearings.items():
            rated = hearing.rate(hearing.space.weights(parts).mean(axis=0))
            yield Evidence("unwanted", -rated, UNWANTED * SAID_WEIGHT[space], lambda at: "")

    def _by_pictures(self, scores: Floats, weight: float) -> Iterator[Evidence]:
        """Class probabilities of frames [f 1000]: what is seen asks for what it sounds like, through the text space.

        SoundNet hears in the classes that are seen; there the detour only lets neighbours stand in for each other.
        """
        for space in SEEN_WEIGHT.keys() & self.hearings.keys():
            hearing = self.hearings[space]
            wish = np.mean([gloss.translate(frame, self._seen_as(space)) for frame in scores], axis=0)
            rated = hearing.rate(wish) if space == "imagenet" else hearing.rate_above(wish, self._usual(space))
            yield self._by_classes("seen", space, wish, rated, weight * SEEN_WEIGHT[space])

    def _by_classes(self, source: str, space: str, wish: Floats, rated: Floats, weight: float) -> Evidence:
        """Ratings by what is wished of a label space's classes; where events were kept they say what is heard when."""
        hearing = self.hearings[space]
        if space != EVENTS:
            return Evidence(source, rated, weight, partial(hearing.reason, wish))
        events = partial(self._moments.meant, wish, hearing.space.labels)
        return Evidence(source, rated, weight, lambda at: told(events(at)) or hearing.reason(wish, at), events)

    def _seen_as(self, space: str) -> Floats:
        """What each class of the picture encoder asks of a space of the library: [1000 c]."""
        if space not in self._translations:
            self._translations[space] = self.hearings[space].space.weights(self._seen_space.vectors)
        return self._translations[space]

    def _usual(self, space: str) -> tuple[Floats, Floats]:
        """Mean and deviation of each segment's rating over all classes that can be seen."""
        if space not in self._usuals:
            self._usuals[space] = self.hearings[space].usual(self._seen_as(space))
        return self._usuals[space]

    def _by_name(self, query: Sequence[str], parts: Floats, weight: float) -> Iterator[Evidence]:
        """Words in common, and nearness in meaning, between the query and the names and tags of the sounds."""
        names, vectors = self._names
        sound_of = self.index.sound_of
        near = (parts @ vectors.T).max(axis=0)
        yield Evidence("near", near[sound_of], weight * NEAR_WEIGHT, lambda at: "name near in meaning")

        def shared(at: int) -> str:
            found = names.common(query, int(sound_of[at]))
            return "named " + ", ".join(found) if found else ""

        if query:
            yield Evidence("name", names.rate(query)[sound_of], weight * NAME_WEIGHT, shared)

    def _by_sound(self, audio: str | Path | Waveform) -> Iterator[Evidence]:
        """Likeness to a given sound: cosine of embeddings, freed of what all sounds of the library share."""
        wave = audio if isinstance(audio, Waveform) else read_audio(audio, channels=1)
        for name in self._profile.audio:
            given = encoder.load(name, self._weights).encode([wave.mono()])[0].embedding.mean(axis=0)
            rows = self.index.matrix(name)
            mean = rows.mean(axis=0)
            rows, given = rows - mean, given - mean
            norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(given)
            yield Evidence(
                f"{name}:like",
                rows @ given / np.maximum(norms, 1e-9),
                LIKE_WEIGHT,
                lambda at: "sounds like the given sound",
            )

    def _by_mood(self, mood: Mood, weight: float) -> Evidence:
        """Nearness of each sound's mood."""
        closeness = mood_closeness(mood, *self._moods)[self.index.sound_of]

        def told_of(at: int) -> str:
            own = self.index.sounds[int(self.index.sound_of[at])].mood
            return f"mood {-closeness[at]:.2f} away: valence {own.valence:.2f}, arousal {own.arousal:.2f}"

        return Evidence("mood", closeness, weight, told_of)

    def _columns(self) -> dict[str, str]:
        """Label spaces of the library that searching knows -> their column of mean scores."""
        columns = {name.split(".", 1)[1]: name for name in self.index if "." in name and not name.endswith("^max")}
        return {space: columns[space] for space in SAID_WEIGHT if space in columns}

    def _hearing(self, space: str, column: str) -> Hearing:
        labels = self.index.labels[column]
        named = label_space(space, labels, in_words(space, labels), self._text, self._weights.cache)
        mean = self.index.matrix(column)
        heard = from_logits(mean) if space in LOGITS else probabilities(mean, self.index.matrix(f"{column}^max"))
        return Hearing(named, heard)

    @cached_property
    def _feeling(self) -> Feeling:
        return Feeling(self._weights)

    @cached_property
    def _text(self) -> Encoder[str]:
        return encoder.load(self._profile.text, self._weights)

    @cached_property
    def _picture(self) -> Encoder[Pixels]:
        return encoder.load(self._profile.picture, self._weights)

    @cached_property
    def _seen_space(self) -> LabelSpace:
        labels = self._picture.labels["imagenet"]
        return label_space("imagenet", labels, in_words("imagenet", labels), self._text, self._weights.cache)

    @cached_property
    def _names(self) -> tuple[NameIndex, Floats]:
        names = [spoken_name(sound) or "sound" for sound in self.index.sounds]
        collection = f"names-{self._store.folder.name}"
        return NameIndex(names), remembered_vectors(collection, names, self._text, self._weights.cache)

    @cached_property
    def _kinds(self) -> NDArray[np.str_]:
        return np.array([sound.kind for sound in self.index.sounds])

    @cached_property
    def _moods(self) -> tuple[Floats, Floats]:
        valence, arousal = np.array([[s.mood.valence, s.mood.arousal] for s in self.index.sounds], np.float32).T
        return valence, arousal


def pictures_of(query: Query) -> list[Pixels]:
    """The query's pictures, and frames spread over its video."""
    pictures = [i if isinstance(i, np.ndarray) else read_image(i, max_side=SIDE_PX) for i in query.images]
    if query.video is not None:
        frames = [frame.rgb for frame in iter_frames(query.video, every_s=0.5, max_side=SIDE_PX)]
        spread = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
        pictures += [frames[i] for i in spread]
    return pictures
