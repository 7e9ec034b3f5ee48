"""Ranks the sounds of a library by text, pictures, a video, a sound, a mood, or any mix.

What a query says in each modality is brought to the label spaces the library was heard in (`encode.gloss`), becomes
evidence (`match.first_stage`), and is fused. One `Finder` keeps library and encoders for any number of queries.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import MoodReader
from storysound.annotate.picture_claims import IMAGENET, Things, things_named
from storysound.annotate.picture_words import class_words
from storysound.encode import gloss, lemmas
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoding, Head
from storysound.encode.labels import remembered_vectors, text_vectors
from storysound.encode.pool import Models
from storysound.encode.spaces import Recogniser, space_of, spaces_of, vocabulary
from storysound.encode.wording import parse_query, sentences
from storysound.errors import LibraryError
from storysound.jobs.find.moments import Moments, for_seen, pointed_at, told
from storysound.jobs.find.story_music import StoryMusic
from storysound.library import tastes
from storysound.library.search import Index, top_k
from storysound.library.store import Library
from storysound.match.chance import chance
from storysound.match.first_stage import (
    Evidence,
    Hearing,
    Verdict,
    above,
    from_logits,
    mood_closeness,
    probabilities,
    to_score,
    usual,
)
from storysound.match.names import NameIndex, spellings, spoken_name
from storysound.match.query import Hit, Query
from storysound.match.story_words import Mention, StoryWords, of_library
from storysound.match.taste import WEIGHT, Taste, asked, fit
from storysound.media.arrays import Floats, Ints, Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.media.video import iter_frames
from storysound.story import Kind, Mood, Span

log = logging.getLogger(__name__)

NAME_WEIGHT, NEAR_WEIGHT = 3.0, 1.0  # of words in common with a sound's name, of its nearness in meaning
UNWANTED = 1.0  # of what must not be heard, beside what is said
MOOD_WEIGHT = 1.0  # of a mood that was asked for; where music is looked for, of that of words and pictures too
SEEN_IN_MUSIC = 0.25  # of what pictures show where music is looked for, which rarely sounds like lions or lamps
NEAR_MOOD = 0.25  # farther ones are no reason, however far the others are
SEEN = 2  # things that are seen in a reason
LIKE_WEIGHT = 1.0  # of a sound's likeness to the query's sound
FRAMES = 8  # looked at in a query's video
SIDE_PX = 320  # of those frames; the picture encoders look at 260
STORY, TASTE = "story", "taste"  # sources of evidence that is weighed beside all else
OWN_TRACKS = 0.5  # share of a taste's tracks that a library has to have, else it was learned for another one


@dataclass(frozen=True)
class HeadHearing:
    """What one head of an encoder, `ear`, heard in a library."""

    ear: str
    labels: tuple[str, ...]
    head: Head
    hearing: Hearing
    clear: Callable[[int], Floats]  # how sure each class is heard in a segment [c], in [0, 1]

    @cached_property
    def usual(self) -> tuple[Floats, Floats]:
        """Mean and deviation of each segment's rating over the head's own classes, each asked for by its words."""
        space = self.hearing.space
        return self.hearing.usual(space.weights(space.vectors))


class Finder:
    """A library in memory with the encoders of a profile, ready for queries."""

    def __init__(self, library: Path, models: Models) -> None:
        """Loads the library; encoders follow when a query needs them. Raises LibraryError, MissingModelError."""
        self._store = Library.open(library)
        self._models = models
        self._spaces = spaces_of(models)
        self.index = Index.load(self._store)
        self.columns = self._columns_of_scores()
        self._moments = Moments(self.index)
        self._mood_reader = MoodReader(models)
        self._translations: dict[int, Floats] = {}
        self._turned: dict[str, Floats] = {}
        self._usuals: dict[int | str, tuple[Floats, Floats]] = {}
        self._is_taught = True

    def untaught(self) -> "Finder":
        """The same without the taste that was learned for the library."""
        other = copy.copy(self)
        other._is_taught = False
        return other

    def reading(self, words: StoryWords) -> "Finder":
        """The same by another table of story words than the library's own."""
        other = copy.copy(self)
        other._story = self._story_music(words)
        return other

    def search(
        self, query: Query, k: int = 10, *, kind: Literal[Kind, "any"] = "any", ignore_names: bool = False
    ) -> tuple[Hit, ...]:
        """The k best sounds, best first; of one kind or of any.

        `ignore_names`: judge by what is heard alone, never by names or tags. Raises MediaError where one of the
        query's files can't be read, InputError for a fault in the library's own table of story words.
        """
        evidence = _weighed(list(self._evidence(query, ignore_names, for_music=kind == "music")))
        sound_among = np.full(len(self._kinds), True) if kind == "any" else self._kinds == kind
        if not sound_among.any():
            return ()
        among = sound_among[self.index.sound_of]
        verdict = Verdict(evidence, among)
        best, segments = self.index.best_segments(to_score(verdict.scores))
        ranked = top_k(np.where(sound_among, best, -1), min(k, int(sound_among.sum())))
        has_chance = query.audio is None and query.mood is None
        sounds = int(sound_among.sum()) if has_chance else None
        return tuple(self._hit(int(i), int(segments[i]), float(best[i]), verdict, sounds) for i in ranked)

    def _hit(self, sound: int, at: int, score: float, verdict: Verdict, sounds: int | None) -> Hit:
        """A sound found by its segment `at`, among so many `sounds`; None where no chance can be told."""
        segment = Span(float(self.index.start_s[at]), float(self.index.end_s[at]))
        events = verdict.events(at)
        moment = pointed_at(events[0] if events else None, segment)
        found, why = self.index.sounds[sound], verdict.reasons(at)
        likely = None
        if sounds is not None and found.kind != "music":
            heard, named = events[0].score if events else 0.0, verdict.highest("name", at)
            likely = round(chance(verdict.by_ear(at), sounds, heard, named), 3)
        return Hit(found, moment.start_s, min(moment.end_s, found.duration_s), round(score, 6), why, events, likely)

    def _evidence(self, query: Query, ignore_names: bool, for_music: bool) -> Iterator[Evidence]:
        """Everything the query's parts say of the segments."""
        seen_weight = SEEN_IN_MUSIC if for_music else 1.0
        pictures = pictures_of(query)
        tones: list[Mood] = []
        meaning: Floats | None = None
        text = parse_query(query.text)
        if text.wanted:
            said = sentences(text.wanted)
            read = self._models.text.encode(said)
            parts = np.concatenate([text.embedding for text in read])
            meaning = parts.mean(axis=0)
            tones += [self._mood_of_texts(said, read)] if for_music else []
            yield from self._by_text(said, parts)
            if not ignore_names:
                yield from self._by_name(spellings(text.wanted), parts, 1.0)
            if for_music and (mentions := self._story.mentions(text.wanted)):
                yield self._by_story(mentions)
        if text.unwanted:
            yield from self._by_unwanted(text_vectors(self._models.text, text.unwanted))
        if pictures:
            seen = [*query.seen, *self._models.picture.encode(pictures[len(query.seen) :])]
            tones += [self._mood_of_pictures(pictures, seen)] if for_music else []
            scores = self._seen.scores(seen)
            yield from self._by_pictures(scores, seen_weight, self._words_for(seen, scores))
            yield from self._by_looks(scores, seen, seen_weight)
            if not ignore_names:
                shown = gloss.vector(scores.mean(axis=0), self._seen.space)[None]
                yield from self._by_name({}, shown, seen_weight)
        if query.audio is not None:
            yield from self._by_sound(query.audio)
        tone = query.mood
        if tone is None and tones:
            tone = moods.as_mood(np.array([(one.valence, one.arousal) for one in tones], np.float32))
        if tone is not None:
            yield self._by_mood(tone)
        if for_music and (meaning is not None or tone is not None) and self._is_taught and self._taste is not None:
            yield self._by_taste(self._taste, asked(meaning, tone, self._models.text.dim))

    def _mood_of_texts(self, texts: Sequence[str], read: Sequence[Encoding]) -> Mood:
        """Texts are read again only where the profile's reader is not the one that moods need."""
        known = self._models.text.name == moods.READER
        return moods.as_mood(moods.of_texts(read) if known else self._mood_reader.texts(texts))

    def _mood_of_pictures(self, pictures: Sequence[Pixels], seen: Sequence[Encoding]) -> Mood:
        """Likewise pictures, each uint8 [h w 3]."""
        known = self._models.picture.name == moods.EYES
        return moods.as_mood(moods.of_pictures(seen) if known else self._mood_reader.pictures(pictures))

    def _by_text(self, said: Sequence[str], parts: Floats) -> Iterator[Evidence]:
        """Sentences, and what the profile reads in them [p d]: each asks the label spaces; wishes are averaged."""
        for column, weight in self._asked:
            wish = column.hearing.space.weights(parts, self._models.text.traits.temperature).mean(axis=0)
            rated = column.hearing.rate_above(wish, column.usual)
            yield self._by_classes("said", column, wish, rated, weight)
        for name in self._embeddings:
            traits = self._models.traits(name)
            reader = self._spaces.reader(traits.space)
            if reader is not None:
                asked_for = parts if reader is self._models.text else text_vectors(reader, said)
                near = asked_for.mean(axis=0) @ self._points(name)
                yield Evidence("near", near, traits.near, lambda at: "sounds near in meaning")

    def _by_unwanted(self, parts: Floats) -> Iterator[Evidence]:
        """What must not be heard [p d]: the less of it the better; being without it is no reason to be found."""
        for column, weight in self._asked:
            rated = column.hearing.rate(column.hearing.space.weights(parts).mean(axis=0))
            yield Evidence("unwanted", -rated, UNWANTED * weight, lambda at: "")

    def _words_for(self, seen: Sequence[Encoding], scores: Floats) -> str:
        """What is likely seen in frames, of which the encoder says `seen` and `scores` [f c]; nobody looks closely."""
        if self._things is None:
            return ", ".join(gloss.words(scores.mean(axis=0), self._seen.space.labels, SEEN))
        classes = np.stack([frame.scores[IMAGENET][0] for frame in seen])
        return ", ".join(class_words(classes, self._things, SEEN))

    def _by_pictures(self, scores: Floats, weight: float, seen: str) -> Iterator[Evidence]:
        """Class probabilities of frames [f c]: what is seen asks for what it sounds like, through the text space.

        Some hear in the classes that are seen; there the detour only lets neighbours stand in for each other. `seen`:
        what is seen, in words.
        """
        for number, column in enumerate(self.columns):
            if column.head.seen:
                wish = np.mean([gloss.translate(frame, self._seen_as(number)) for frame in scores], axis=0)
                same = column.labels == self._seen.space.labels
                rated = column.hearing.rate(wish) if same else column.hearing.rate_above(wish, self._usual(number))
                yield self._by_classes("seen", column, wish, rated, weight * column.head.seen, seen)

    def _by_looks(self, scores: Floats, seen: Sequence[Encoding], weight: float) -> Iterator[Evidence]:
        """Nearness of what is seen to sounds whose embeddings lie where those of the pictures lie.

        Those that lie where words lie are asked by the words for `scores` [f c] of the frames.
        """
        for name in self._embeddings:
            traits = self._models.traits(name)
            if traits.space and traits.space == space_of(self._models.picture):
                looks = np.concatenate([frame.embedding for frame in seen])
                near = looks.mean(axis=0) @ self._points(name)
            elif (reader := self._spaces.reader(traits.space)) is not None:
                words = self._spaces.words("seen", self._seen.space.labels, self._seen.wordings, reader)
                shown = gloss.vector(scores.mean(axis=0), words)
                near = above(shown @ self._points(name), self._usually_near(name, words.vectors))
            else:
                continue
            yield Evidence("near", near, weight * traits.near, lambda at: "sounds near to what is seen")

    def _by_classes(
        self, source: str, column: HeadHearing, wish: Floats, rated: Floats, weight: float, seen: str = ""
    ) -> Evidence:
        """Ratings [n] by what is wished [c] of a label space's classes; events that were kept tell the moments.

        `seen`: what is seen that asks for it, in words.
        """
        verb = "goes with the sight of" if column.head.sights else "heard as"
        shared = column.hearing.shared(wish)

        def reason(at: int) -> str:
            classes = shared(at, column.clear(at))
            return f"{for_seen(seen)}{verb} {', '.join(classes)}" if classes else ""

        if not column.head.moments:
            return Evidence(source, rated, weight, reason)
        events = cache(partial(self._moments.meant, wish, column.labels))
        return Evidence(source, rated, weight, lambda at: told(events(at), seen) or reason(at), events)

    def _seen_as(self, number: int) -> Floats:
        """What each class that can be seen asks of a column of the library: [c c']."""
        if number not in self._translations:
            self._translations[number] = self.columns[number].hearing.space.weights(self._seen.space.vectors)
        return self._translations[number]

    def _usual(self, number: int) -> tuple[Floats, Floats]:
        """Mean and deviation of each segment's rating over all classes that can be seen: [n], [n]."""
        if number not in self._usuals:
            self._usuals[number] = self.columns[number].hearing.usual(self._seen_as(number))
        return self._usuals[number]

    def _usually_near(self, name: str, vectors: Floats) -> tuple[Floats, Floats]:
        """The same of the nearness of each segment's embedding to all classes that can be seen [c d]."""
        if name not in self._usuals:
            self._usuals[name] = usual(vectors, self._points(name))
        return self._usuals[name]

    def _points(self, name: str) -> Floats:
        """Embeddings of the segments [d n]: the nearness of all to one point takes half the time so."""
        if name not in self._turned:
            self._turned[name] = np.ascontiguousarray(self.index.matrix(name).T)
        return self._turned[name]

    def _by_name(self, query: Mapping[str, str], parts: Floats, weight: float) -> Iterator[Evidence]:
        """Words in common, and nearness of meaning of `parts` [p d], between the query and names of the sounds.

        `query`: its words, and how each is written in it.
        """
        names, vectors = self._names
        sound_of = self.index.sound_of
        near = (parts @ vectors.T).max(axis=0)
        weight_near = weight * NEAR_WEIGHT
        yield Evidence("near", near[sound_of], weight_near, lambda at: "name near in meaning", of_name=True)

        def shared(at: int) -> str:
            found = names.common(tuple(query), int(sound_of[at]))
            return "named " + ", ".join(query[word] for word in found) if found else ""

        if query:
            yield Evidence("name", names.rate(tuple(query))[sound_of], weight * NAME_WEIGHT, shared, of_name=True)

    def _by_sound(self, audio: str | Path | Waveform) -> Iterator[Evidence]:
        """Likeness to a given sound: cosine of embeddings, freed of what all sounds of the library share."""
        wave = audio if isinstance(audio, Waveform) else read_audio(audio, channels=1)
        if not self._embeddings:
            wanted = ", ".join(self._models.profile.audio)
            raise LibraryError(
                self._store.folder, f"wasn't heard by {wanted}", "index the sounds anew with this profile"
            )
        for name in self._embeddings:
            given = self._models.encoder(name).encode([wave.mono()])[0].embedding.mean(axis=0)
            rows = self.index.matrix(name)
            mean = rows.mean(axis=0)
            rows, given = rows - mean, given - mean
            norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(given)
            likeness = rows @ given / np.maximum(norms, 1e-9)
            yield Evidence(f"{name}:like", likeness, LIKE_WEIGHT, lambda at: "sounds like the given sound")

    def _by_mood(self, mood: Mood) -> Evidence:
        """Nearness of each sound's mood."""
        closeness = mood_closeness(mood, *self._moods)[self.index.sound_of]

        def told_of(at: int) -> str:
            if -closeness[at] > NEAR_MOOD:
                return ""
            own = self.index.sounds[int(self.index.sound_of[at])].mood
            return f"mood {-closeness[at]:.2f} away: valence {own.valence:.2f}, arousal {own.arousal:.2f}"

        return Evidence("mood", closeness, MOOD_WEIGHT, told_of)

    def _by_taste(self, taste: Taste, scene: Floats) -> Evidence:
        """What the owner would choose for a scene that asks [f], by what they chose before; weighed beside all else."""
        rated = taste.among(scene, self._taste_places)
        sound_of = self.index.sound_of

        def told_of(at: int) -> str:
            own = int(sound_of[at])
            place = int(self._taste_places[own])
            usual = float(taste.prior[place]) if place < len(taste.prior) else taste.unknown
            return "chosen for scenes like this" if rated[own] > usual else "often chosen"

        return Evidence(TASTE, rated[sound_of], WEIGHT, told_of)

    def _by_story(self, mentions: Sequence[Mention]) -> Evidence:
        """What the things that a text speaks of ask of music; weighed beside all else."""
        rated, sound_of = self._story.rated(mentions).astype(np.float32), self.index.sound_of

        def told_of(at: int) -> str:
            return self._story.reason(mentions, int(sound_of[at]))

        return Evidence(STORY, rated[sound_of], self._story.weight(mentions), told_of)

    @cached_property
    def _story(self) -> StoryMusic:
        """What words of stories ask of the library's music: as the library's own table has it, else as ours."""
        return self._story_music(of_library(self._store.folder))

    def _story_music(self, words: StoryWords) -> StoryMusic:
        return StoryMusic(self.index, words, self._models.get("lemmas", lemmas.load).of)

    @cached_property
    def _taste(self) -> Taste | None:
        """The taste that was learned for the library; None where there is none that may be used."""
        folder = self._store.folder
        try:
            kept = tastes.read(folder)
        except LibraryError as error:
            log.warning("%s: searching without it", error)
            return None
        if kept is None or kept.judgement is None or not kept.judgement.used:
            return None
        own = {choice.sha256 for choice in kept.choices}
        if len(own & set(self._contents)) < OWN_TRACKS * len(own):
            log.warning("%s was learned for another library, searching without it", folder / tastes.FILE)
            return None
        if kept.reader != tastes.reader_of(self._models):
            log.warning("%s was learned with %s: learn again; searching without it", folder / tastes.FILE, kept.reader)
            return None
        return fit(kept.gathered())

    @cached_property
    def _taste_places(self) -> Ints:
        """Where each sound stands among the tracks of the taste: [s]."""
        return self._taste.places(self._contents) if self._taste else np.zeros(0, np.int64)

    @property
    def _contents(self) -> list[str]:
        """The sha256 of each sound's content."""
        return [sound.source.sha256 for sound in self.index.sounds]

    @cached_property
    def _asked(self) -> list[tuple[HeadHearing, float]]:
        """Heads that are asked for what is said, and what each counts; all of them where nothing else knows words."""
        found = [(column, column.head.said) for column in self.columns if column.head.said]
        speak = any(self._spaces.reader(self._models.traits(name).space) for name in self._embeddings)
        return found if found or speak else [(column, 1.0) for column in self.columns]

    def _columns_of_scores(self) -> list[HeadHearing]:
        """What was heard in the library in classes that count, by whichever encoders made it."""
        columns = []
        for column in self.index:
            name, _, space = column.partition(".")
            if not space or space.endswith("^max"):
                continue
            head, labels = self._models.traits(name).head(space), tuple(self.index.labels[column])
            if head.said or head.seen:
                heard, clear = self._heard(column, head)
                hearing = Hearing(self._spaces.classes(space, labels, head), heard)
                columns.append(HeadHearing(name, labels, head, hearing, clear))
        return columns

    def _heard(self, column: str, head: Head) -> tuple[Floats, Callable[[int], Floats]]:
        """Scores of a column's segments by class [c n], and how sure each class is heard in one of them [c]."""
        mean = self.index.matrix(column)
        if head.logits:
            heard = from_logits(mean)
            return heard, lambda at: heard[:, at]
        peak = self.index.matrix(f"{column}^max")
        return probabilities(mean, peak), lambda at: peak[at]

    @cached_property
    def _things(self) -> Things | None:
        """What the classes of pictures are, where the profile's encoder names those of ILSVRC 2012."""
        return things_named(self._models.picture.labels)

    @cached_property
    def _embeddings(self) -> list[str]:
        """Encoders of the profile whose embeddings the library has."""
        return [name for name in self._models.profile.audio if name in self.index]

    @cached_property
    def _seen(self) -> Recogniser:
        """What the profile's encoder of pictures recognises; of one that names nothing, what the library may hold."""
        columns = [(column.labels, column.head) for column in self.columns]
        return Recogniser(self._models.picture, self._models, lambda: vocabulary(columns))

    @cached_property
    def _names(self) -> tuple[NameIndex, Floats]:
        names = [spoken_name(sound) or "sound" for sound in self.index.sounds]
        collection = f"names-{self._store.folder.name}"
        return NameIndex(names), remembered_vectors(collection, names, self._models.text, self._models.weights.cache)

    @cached_property
    def _kinds(self) -> NDArray[np.str_]:
        return np.array([sound.kind for sound in self.index.sounds])

    @cached_property
    def _moods(self) -> tuple[Floats, Floats]:
        valence, arousal = np.array([[s.mood.valence, s.mood.arousal] for s in self.index.sounds], np.float32).T
        return valence, arousal


def _weighed(evidence: list[Evidence]) -> list[Evidence]:
    """Evidence whose weights are all on one scale: that of story words, then that of a taste, is beside all others."""
    for source in (STORY, TASTE):
        others = float(np.sqrt(sum(one.weight**2 for one in evidence if one.source not in (source, TASTE))))
        evidence = [replace(one, weight=others * one.weight) if one.source == source else one for one in evidence]
    return [one for one in evidence if one.weight > 0]


def pictures_of(query: Query) -> list[Pixels]:
    """The query's pictures, and frames spread over its video."""
    pictures = [i if isinstance(i, np.ndarray) else read_image(i, max_side=SIDE_PX) for i in query.images]
    if query.video is not None:
        frames = [frame.rgb for frame in iter_frames(query.video, every_s=0.5, max_side=SIDE_PX)]
        spread = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
        pictures += [frames[i] for i in spread]
    return pictures
