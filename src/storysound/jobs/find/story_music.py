"""What the words of a story ask of the tracks of a library, by the table `match/story_words`."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from storysound.library.search import Index
from storysound.match.story_words import LEVELS, Concept, Lemma, Mention, StoryWords, in_words, spoken
from storysound.media.arrays import Doubles, Floats, standardise
from storysound.story import Sound

HEARD_SHARE = 0.5  # of what a concept asks to be heard, beside its levels
CLEAR = 0.3  # deviations above the library from which on what is asked is said to be there
REASONS, ASKED = 2, 4  # concepts in a reason, and things asked of each
_FLOOR = 1e-3  # of a class's mean probability
_USUAL_BPM = 100.0  # of a sound without a tempo
_SILENT_LUFS = -60.0


class StoryMusic:
    """The music of a library, measured as the table asks; everything is made when it is first needed."""

    def __init__(self, index: Index, words: StoryWords, lemma: Lemma) -> None:
        self._index, self.words, self._lemma = index, words, lemma

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """What a text speaks of."""
        return self.words.mentions(text, self._lemma)

    def weight(self, mentions: Sequence[Mention]) -> float:
        """Of what a text asks, beside all else: the more things it speaks of the less each of them says."""
        return self.words.weight * float(np.sqrt(sum(each.share**2 for each in mentions)))

    def rated(self, mentions: Sequence[Mention]) -> Doubles:
        """How well each sound is what the mentioned concepts ask for: [s]; only music can be compared."""
        return np.asarray(np.sum([each.share * self._rated(each.concept) for each in mentions], axis=0), np.float64)

    def reason(self, mentions: Sequence[Mention], sound: int) -> str:
        """What the concepts ask for and a sound has: "battle (siege): wild, drums"; "" where it has nothing."""
        told: list[str] = []
        for each in sorted(mentions, key=lambda one: (-one.share * self._rated(one.concept)[sound], one.concept.name)):
            there = self._there(each.concept, sound)[:ASKED]
            if there and len(told) < REASONS and self._rated(each.concept)[sound] > 0:
                words = [word for word in each.words if word != each.concept.name][:1]
                told.append(f"{each.concept.name}{f' ({words[0]})' if words else ''}: {', '.join(there)}")
        return "; ".join(told)

    def _there(self, concept: Concept, sound: int) -> list[str]:
        has = [
            in_words(level, value)
            for level, value in concept.levels.items()
            if value and np.sign(value) * self._levels[level][sound] >= CLEAR
        ]
        return has + [spoken(name) for name in concept.heard if self._measures[name][sound] >= CLEAR]

    def _rated(self, concept: Concept) -> Doubles:
        """[s]."""
        if concept.name not in self._ratings:
            rated = np.zeros(len(self._index.sounds))
            for level, value in concept.levels.items():
                rated += value * self._levels[level]
            if concept.heard:
                rated += HEARD_SHARE * np.mean([self._measures[name] for name in concept.heard], axis=0)
            self._ratings[concept.name] = rated
        return self._ratings[concept.name]

    @cached_property
    def _ratings(self) -> dict[str, Doubles]:
        return {}

    @cached_property
    def _levels(self) -> Mapping[str, Doubles]:
        """[s] by level, in deviations over the music of the library."""
        asked = {level: self.words.levels.get(level, {}) for level in LEVELS}
        sums = {level: sum(w * self._measures[name] for name, w in parts.items()) for level, parts in asked.items()}
        return {
            level: self._deviations(np.broadcast_to(total, len(self._index.sounds))) for level, total in sums.items()
        }

    @cached_property
    def _measures(self) -> Mapping[str, Doubles]:
        """[s] by name of what is measured or heard, in deviations over the music of the library."""
        index = self._index
        sounds = index.sounds
        measured = {
            "arousal": [sound.mood.arousal for sound in sounds],
            "valence": [sound.mood.valence for sound in sounds],
            "tempo": [float(np.log2(sound.tempo_bpm or _USUAL_BPM)) for sound in sounds],
            "major": [_majorness(sound) for sound in sounds],
            "range": [float(np.std(np.maximum(part, _SILENT_LUFS))) for part in self._parts(index.loudness_lufs)],
        }
        heard = {name: self._heard({*each.classes, *each.tags}) for name, each in self.words.heard.items()}
        return {name: self._deviations(np.array(values)) for name, values in measured.items()} | heard

    def _heard(self, wanted: set[str]) -> Doubles:
        """How clearly classes are heard, each counting alike: [s]; 0 of those that nobody listened for."""
        found = [row for label, rows in self._columns.items() if label in wanted for row in rows]
        return self._deviations(np.mean(found, axis=0)) if found else np.zeros(len(self._index.sounds))

    @cached_property
    def _columns(self) -> Mapping[str, list[Doubles]]:
        """By class or tag, what each encoder of probabilities heard of it: [s] in deviations."""
        every = self.words.heard.values()
        named = {
            "audioset": {label for each in every for label in each.classes},
            "msd": {label for each in every for label in each.tags},
        }
        columns: dict[str, list[Doubles]] = {}
        for column in self._index:
            labels = self._index.labels.get(column, ())
            own = [at for at, label in enumerate(labels) if label in named.get(column.partition(".")[2], ())]
            if not own:
                continue
            means = np.stack([part.mean(axis=0) for part in self._parts(self._index.matrix(column)[:, own])])
            for at, mean in zip(own, means.T, strict=True):
                columns.setdefault(labels[at], []).append(self._deviations(np.log(np.maximum(mean, 0) + _FLOOR)))
        return columns

    def _parts(self, rows: Floats) -> list[Floats]:
        """What [n ...] of segments holds of each sound."""
        return np.split(rows, self._index.first[1:-1])

    def _deviations(self, values: Doubles) -> Doubles:
        """[s] in deviations over the music of the library; 0 where all of it is alike."""
        return standardise(values.astype(np.float64), self._is_music if self._is_music.any() else None)

    @cached_property
    def _is_music(self) -> NDArray[np.bool_]:
        """[s]."""
        return np.array([sound.kind == "music" for sound in self._index.sounds])


def _majorness(sound: Sound) -> float:
    """1 for a major key, -1 for a minor one, 0 for a sound without."""
    return 1.0 if sound.key.endswith("major") else -1.0 if sound.key.endswith("minor") else 0.0
