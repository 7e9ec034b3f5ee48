"""`storysound evaluate tav-small`: clips made of held-out texts of the made world, judged by networks of our own.

The texts are of combinations that no training has seen. "Pairs": how often a picture's own sound is judged to belong to
it more than another's, any or one of the same kind of thing; p of the first by Wilcoxon's test. "In step": contacts
that are seen and heard within 80 ms, of those seen, of those heard, and of both (F1, the harmonic mean); by chance with
the sound of another clip of the kind. "None seen": clips whose text tells of impacts, in which none is seen; "as many
as told": those in which as many are seen as their text tells of. "Text": how often the right
text fits better than another clip's. Beside what is made stand real clips, the same through the
autoencoders (the best that can be made), and what an untaught network makes. Distances are Fréchet's, of the judges'
features, over that of two halves of real clips.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import wilcoxon
from torch import Tensor

from storysound.encode.pool import Models
from storysound.generate.maker import WEIGHTS
from storysound.generate.video import small
from storysound.generate.video.small import SmallTav, read_small, untaught
from storysound.generate.video.worded import Sampling
from storysound.media.arrays import Doubles, Floats
from storysound.metrics.bootstrap import interval
from storysound.metrics.frechet import frechet_distance
from storysound.metrics.table import Row
from storysound.progress import Watch, check
from storysound.research.tavg.small import judges as judging
from storysound.research.tavg.small.codes import mels_of
from storysound.research.tavg.small.judges import Judges, contacts, fit_of, matched, read_judges
from storysound.research.tavg.small.settings import SMALL_TASK, SmallTavEvaluation, SmallTavJudging
from storysound.research.tavg.world.clips import MadeClip, made_clip
from storysound.research.tavg.world.combinations import FIELDS, Combination

FIRST = 2_000_000  # seed: nobody learns from these clips
AT_ONCE = 15  # clips


def seen_share(counts: Doubles) -> float:
    """Of numbers of contacts that agree, are seen, and are heard [3]: those that agree of those seen (recall)."""
    return float(counts[0] / max(1, counts[1]))


def heard_share(counts: Doubles) -> float:
    """Those that agree of those heard (precision); `counts` [3] as of `seen_share`."""
    return float(counts[0] / max(1, counts[2]))


def both_share(counts: Doubles) -> float:
    """The harmonic mean of both shares (F1); `counts` [3] as of `seen_share`.

    >>> both_share(np.array([2.0, 4.0, 2.0])) == 2 * 0.5 * 1.0 / 1.5
    True
    """
    return float(2 * counts[0] / max(1, counts[1] + counts[2]))


AGREEMENTS: Mapping[str, Callable[[Doubles], float]] = {
    "in_step": seen_share, "in_step_heard": heard_share, "in_step_both": both_share,
}  # fmt: skip


@dataclass(frozen=True)
class JudgedClips:
    """What judges say of n clips made of the same texts, in their order."""

    seen: tuple[Doubles, ...]  # times of contacts, of each
    heard: tuple[Doubles, ...]
    along_seen: Tensor  # [n d u], from which pairs are judged
    along_heard: Tensor
    features_seen: Floats  # [n d]
    features_heard: Floats
    shows: dict[str, Tensor]  # logits of values of each field [n v]


def texts_of(recipe: SmallTavJudging) -> list[MadeClip]:
    """Clips of the part that is asked for: of their texts others are made, to which they are the real ones."""
    return [made_clip(recipe.part, FIRST + recipe.seed * recipe.clips + number) for number in range(recipe.clips)]


@torch.inference_mode()
def judged(
    network: Judges, clips: Callable[[int, int], tuple[Tensor, Tensor]], recipe: SmallTavJudging, watch: Watch
) -> JudgedClips:
    """`clips` gives frames [b f 3 h w] and log-mel frames [b t m] of those from one number to another."""
    found, along = [], []
    for start in range(0, recipe.clips, AT_ONCE):
        check()
        watch.at(start, recipe.clips, "clips")
        frames, mels = clips(start, min(start + AT_ONCE, recipe.clips))
        found.append(network(frames, mels))
        along.append((network.look(frames), network.listen(mels)))
    seen, heard = (
        tuple(contacts(row, recipe.least) for row in torch.cat([getattr(each, name) for each in found]).numpy())
        for name in ("seen", "heard")
    )
    return JudgedClips(
        seen, heard, torch.cat([one for one, _ in along]), torch.cat([one for _, one in along]),
        torch.cat([each.features_seen for each in found]).numpy(),
        torch.cat([each.features_heard for each in found]).numpy(),
        {name: torch.cat([each.shows[name] for each in found]) for name in FIELDS},
    )  # fmt: skip


def real(clips: Sequence[MadeClip], parts: SmallTav | None = None) -> Callable[[int, int], tuple[Tensor, Tensor]]:
    """Clips as they are or, with `parts`, as its autoencoders keep them."""

    def some(start: int, end: int) -> tuple[Tensor, Tensor]:
        chosen = clips[start:end]
        if parts is not None:
            audio, video = parts.latents([clip.frames for clip in chosen], [mels_of(clip) for clip in chosen])
            return parts.frames.decode(video), parts.sounds.decode(audio.permute(0, 2, 3, 1))
        frames = torch.from_numpy(np.stack([clip.frames for clip in chosen])).permute(0, 1, 4, 2, 3).float()
        return frames / 127.5 - 1, torch.from_numpy(np.stack([mels_of(clip) for clip in chosen]))

    return some


def made(
    clips: Sequence[MadeClip], parts: SmallTav, recipe: SmallTavJudging
) -> Callable[[int, int], tuple[Tensor, Tensor]]:
    """What a network makes of the texts of clips."""
    sampling = sampling_of(parts, recipe)

    def some(start: int, end: int) -> tuple[Tensor, Tensor]:
        texts, seeds = [clip.text for clip in clips[start:end]], range(start, end)
        return small.made(parts, texts, seeds, check, sampling)

    return some


def sampling_of(parts: SmallTav, recipe: SmallTavJudging) -> Sampling:
    """The network's own but for what the recipe says."""
    return parts.worded.usual.changed(recipe.sampling_steps, recipe.guidance, recipe.mutual)


def row_of(
    name: str, found: JudgedClips, others: JudgedClips, halves: tuple[float, float], network: Judges,
    clips: Sequence[MadeClip], recipe: SmallTavJudging, sampling: Sampling,
) -> Row:  # fmt: skip
    """All figures of clips, beside real ones of `others`; `halves`: distances of two halves of real ones."""
    combinations = [clip.scene.combination for clip in clips]
    dice = np.random.default_rng(recipe.seed)
    shuffled, alike = shuffles([each.kind for each in combinations], dice)
    own = pairs(network, found, np.arange(len(clips)))
    foreign, near = pairs(network, found, shuffled), pairs(network, found, alike)
    asked, counts = (np.array([len(times) for times in each]) for each in ([c.impacts_s for c in clips], found.seen))
    told = asked > 0
    right = fit_of(found.shows, combinations).numpy()
    wrong = fit_of(found.shows, [combinations[i] for i in wrong_texts(combinations, dice)]).numpy()
    values = judging.numbers_of(combinations)
    each: dict[str, Doubles] = {
        "harmony": above(own, foreign), "harmony_alike": above(own, near)[told], "text": above(right, wrong),
        "unseen": (counts == 0)[told] * 1.0, "counted": (counts == asked)[told] * 1.0,
        **{name: (found.shows[name].argmax(1) == values[name]).numpy().astype(np.float64) for name in FIELDS},
    }  # fmt: skip
    figures = {key: float(rows.mean()) for key, rows in each.items()}
    spread = {key: mean_interval(rows, recipe) for key, rows in each.items()}
    for end, order in (("", np.arange(len(clips))), ("_chance", alike)):
        for key, of in AGREEMENTS.items():
            figures[key + end], spread[key + end] = in_step(found, order, told, recipe, of)
    if (own != foreign).any():
        figures["p"] = float(wilcoxon(own, foreign, alternative="greater").pvalue)
    figures["fvd"] = frechet_distance(found.features_seen, others.features_seen) / halves[0]
    figures["fad"] = frechet_distance(found.features_heard, others.features_heard) / halves[1]
    how = f"{sampling.steps} steps of {sampling.method}, guidance {sampling.guidance:g}, {sampling.mutual:g}"
    said = f"contacts of {int(told.sum())} clips; {how}, seed {recipe.seed}"
    return Row(SMALL_TASK, name, figures, spread, len(clips), f"made world, {recipe.part}", said)


def shuffles(kinds: Sequence[str], dice: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each clip [n] another one, by number: any, and one of its own kind where there is one."""
    count = len(kinds)
    other = (np.arange(count) + dice.integers(1, count, count)) % count
    alike = other.copy()
    for number, kind in enumerate(kinds):
        same = [i for i in range(count) if kinds[i] == kind and i != number]
        if same:
            alike[number] = dice.choice(same)
    return other, alike


def wrong_texts(combinations: Sequence[Combination], dice: np.random.Generator) -> list[int]:
    """For each clip [n] the number of one whose text asks for another combination."""
    found = []
    for own in combinations:
        foreign = [i for i, other in enumerate(combinations) if other != own]
        found.append(int(dice.choice(foreign)))
    return found


@torch.inference_mode()
def pairs(network: Judges, found: JudgedClips, order: NDArray[np.intp]) -> Doubles:
    """Logits [n] that each picture belongs to the sound of the clip of that number [n]."""
    return np.asarray(network.belong(found.along_seen, found.along_heard[torch.from_numpy(order)]).numpy(), np.float64)


def mean_interval(rows: Doubles, recipe: SmallTavJudging) -> tuple[float, float]:
    """Of the mean of values [n], by clips."""
    return interval(lambda chosen: float(rows[chosen].mean()), len(rows), draws=recipe.draws, seed=recipe.seed)


def above(these: NDArray[np.floating], those: NDArray[np.floating]) -> Doubles:
    """1 where one of these [n] is above that [n], a half where they are the same."""
    return np.asarray((these > those) + 0.5 * (these == those), np.float64)


def in_step(
    found: JudgedClips, order: NDArray[np.intp], told: NDArray[np.bool_], recipe: SmallTavJudging,
    of: Callable[[Doubles], float] = seen_share,
) -> tuple[float, tuple[float, float]]:  # fmt: skip
    """How contacts seen in clips with impacts agree with those heard in the clip of that number [n]; its interval.

    `of`: one of `AGREEMENTS`, of the numbers that agree, are seen, and are heard [3].
    """
    rows = np.array([
        (matched(found.seen[i], found.heard[order[i]]), len(found.seen[i]), len(found.heard[order[i]]))
        for i in np.flatnonzero(told)
    ], np.float64).reshape(-1, 3)  # fmt: skip

    def share(chosen: NDArray[np.int64]) -> float:
        return of(rows[chosen].sum(axis=0))

    return share(np.arange(len(rows))), interval(share, len(rows), draws=recipe.draws, seed=recipe.seed)


def real_halves(
    network: Judges, recipe: SmallTavJudging, watch: Watch
) -> tuple[JudgedClips, JudgedClips, tuple[float, float]]:
    """The real clips that are asked for, as many others of the part, and the distances of those from these."""
    clips = [made_clip(recipe.part, FIRST + 500_000 + number) for number in range(recipe.clips)]
    others = judged(network, real(clips), recipe, watch)
    own = judged(network, real(texts_of(recipe)), recipe, watch)
    return (
        own,
        others,
        (
            frechet_distance(own.features_seen, others.features_seen),
            frechet_distance(own.features_heard, others.features_heard),
        ),
    )


def evaluate(recipe: SmallTavEvaluation, models: Models, watch: Watch) -> list[Row]:
    """Rows of real clips, of what is made, and of what an untaught network makes.

    `models`: nothing of them is needed. Raises MissingModelError for weights that aren't there.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network, parts = read_judges(recipe.judges or judging.SHIPPED), read_small(recipe.model or WEIGHTS)
    sampling, nothing = sampling_of(parts, recipe), untaught(parts.config, parts.lexicon, recipe.seed)
    blank = SmallTav(parts.config, nothing.worded.eval(), parts.frames, parts.sounds, parts.lexicon)
    clips = texts_of(recipe)
    own, others, halves = real_halves(network, recipe, watch)
    rows = [row_of("real", own, others, halves, network, clips, recipe, sampling)]
    sources = {"real, through the autoencoders": real(clips, parts), "made": made(clips, parts, recipe)}
    if recipe.untaught:
        sources["untaught"] = made(clips, blank, recipe)
    for name, source in sources.items():
        watch.step(name)
        found = judged(network, source, recipe, watch)
        rows.append(row_of(name, found, others, halves, network, clips, recipe, sampling))
    return rows
