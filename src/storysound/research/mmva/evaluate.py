"""`storysound evaluate mmva`: how well a trained model tells moods and matches, and what is found through them.

The columns of MMVA's Tables 1 and 3 (errors of matching scores, and of valence and arousal of each modality) with
correlation and concordance beside, then retrieval through emotion for every two modalities by the protocol of Table 2.
Music and captions belong together; of a picture, what is labelled as most alike is what should be found.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.library.emotion_set import AXES, parts_sha, read_set
from storysound.match.mmva import matching_score, paired_score
from storysound.match.mmva_model import MMVA, MODALITIES, Modality
from storysound.media.arrays import Ints
from storysound.metrics import regression
from storysound.metrics.retrieval_table import Judging, chance_row, model_rows
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.mmva.features import TowerFeatures, features_of
from storysound.research.mmva.settings import WAYS, MmvaEvaluation
from storysound.trained.mmva import MmvaCard, MmvaModel, load_trained

NOTHING = "mean of the labels it learned from"
BLOCK = 1024  # items that pass the network at once


@dataclass(frozen=True)
class JudgedMoods:
    """Moods [n 2] of the judged items by modality, as told and as labelled; `groups`: pictures and tracks by content.

    `words` [n]: which clips have the same caption. `pictures`, `clips`: their numbers in the set.
    """

    told: dict[Modality, Tensor]
    labelled: dict[Modality, Tensor]
    groups: dict[Modality, Ints]
    words: Tensor
    pictures: Tensor
    clips: Tensor


def evaluate(recipe: MmvaEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured. Raises InputError where model and data don't go together."""
    trained, data = load_trained(recipe.model, models), read_set(recipe.data)
    if recipe.split != "all" and parts_sha(data) != trained.card.parts:
        do = "judge it by its own set, or with split=all where it never saw these files"
        raise InputError(recipe.data, "isn't divided as the set that the model learned from", do)
    features = features_of(data, trained.towers, recipe.model.parent / "features", watch)
    judged = _judged(recipe, trained.network, features)
    return [
        *_matching_rows(recipe, trained, features, judged),
        *_mood_rows(recipe, trained.card, judged),
        *_retrieval_rows(recipe, trained.card, judged),
    ]


def name_of(card: MmvaCard) -> str:
    """What the model is called in tables: MMVA, or an ablation of it."""
    return {
        ("fixed", True): "MMVA, no random matching",
        ("random", False): "MMVA, no similarity predictor",
        ("fixed", False): "MMVA, neither of both",
    }.get((card.matching, card.model.similarity), "MMVA")


@torch.inference_mode()
def _judged(recipe: MmvaEvaluation, network: MMVA, features: TowerFeatures) -> JudgedMoods:
    data = features.set
    parts = ("train", "validation", "test") if recipe.split == "all" else (recipe.split,)
    sides = [data.numbers(part) for part in parts]  # type: ignore[arg-type]
    pictures, clips = (torch.cat(side) for side in zip(*sides, strict=True))
    if min(len(pictures), len(clips)) < 2:
        raise InputError(recipe.data, f"has too little to judge by in its part {recipe.split}", "build a larger set")
    told: dict[Modality, list[Tensor]] = {"image": [], "music": [], "text": []}
    for block in torch.split(pictures, BLOCK):
        told["image"].append(network.mood("image", features.images[block].float()))
    for block in torch.split(clips, BLOCK):
        told["music"].append(network.mood("music", features.music[block].float()))
        told["text"].append(network.mood("text", features.text(block)))
    seen, heard = data.picture_moods[pictures], data.clip_moods[clips]
    tracks = np.unique([data.clips[i].sha256 for i in clips.tolist()], return_inverse=True)[1]
    return JudgedMoods(
        {name: torch.cat(parts) for name, parts in told.items()},
        {"image": seen, "music": heard, "text": heard},
        {"image": np.arange(len(pictures)), "music": tracks, "text": tracks},
        features.told[clips],
        pictures,
        clips,
    )


def _mood_rows(recipe: MmvaEvaluation, card: MmvaCard, judged: JudgedMoods) -> Iterator[Row]:
    """Valence and arousal of each modality, and what saying always the same would give."""
    for modality in MODALITIES:
        for i, axis in enumerate(AXES):
            label, task = judged.labelled[modality][:, i], f"{modality} {axis}"
            nothing = torch.full_like(label, card.usual[task])
            for model, told in ((name_of(card), judged.told[modality][:, i]), (NOTHING, nothing)):
                yield _row(recipe, task, model, told, label, judged.groups[modality], _unit(modality))


def _unit(modality: Modality) -> str:
    return "pictures" if modality == "image" else "clips, intervals by track"


@torch.inference_mode()
def _matching_rows(
    recipe: MmvaEvaluation, trained: MmvaModel, features: TowerFeatures, judged: JudgedMoods
) -> Iterator[Row]:
    """Matching scores of pairs at random: by the similarity predictor, by Eq. 1 of the moods that are told, by none."""
    rng, network, card = np.random.default_rng(recipe.seed), trained.network, trained.card
    count = len(judged.pictures) * len(judged.clips)
    drawn = torch.from_numpy(rng.choice(count, min(count, recipe.pairs), replace=False))
    left, right = drawn // len(judged.clips), drawn % len(judged.clips)
    sides = (judged.labelled["image"][left], judged.labelled["music"][right])
    label = paired_score(*sides, features.set.sigma)
    told = {
        f"{name_of(card)}, by Eq. 1": paired_score(judged.told["image"][left], judged.told["music"][right], card.sigma)
    }
    if card.model.similarity:
        told = {name_of(card): _predicted(network, features, judged.pictures[left], judged.clips[right]), **told}
    told[NOTHING] = torch.full_like(label, card.usual["similarity"])
    for model, scores in told.items():
        yield _row(
            recipe, "similarity", model, scores, label, judged.groups["music"][right], "pairs, intervals by track"
        )


def _predicted(network: MMVA, features: TowerFeatures, pictures: Tensor, clips: Tensor) -> Tensor:
    """Of the similarity predictor: [m]."""
    found = []
    for left, right in zip(torch.split(pictures, BLOCK), torch.split(clips, BLOCK), strict=True):
        given = (features.images[left].float(), features.music[right].float(), features.text(right))
        z = [network.embed(name, part) for name, part in zip(MODALITIES, given, strict=True)]
        found.append(network.matching(*z))
    return torch.cat(found)


def _row(recipe: MmvaEvaluation, task: str, model: str, told: Tensor, label: Tensor, groups: Ints, unit: str) -> Row:
    """Of values told and labelled [n], of these groups [n]."""
    predicted, measured = told.double().numpy(), label.double().numpy()
    report = regression.evaluate(predicted, measured)
    spread = regression.intervals(predicted, measured, groups=groups, draws=recipe.draws, seed=recipe.seed)
    protocol = f"{report.n} {unit} of {len(set(groups.tolist()))} files; part {recipe.split}"
    return Row(task, model, report.figures(), spread, report.n, recipe.data.name, protocol)


def _retrieval_rows(recipe: MmvaEvaluation, card: MmvaCard, judged: JudgedMoods) -> Iterator[Row]:
    """What is found through emotion: Eq. 1 of the moods that are told, best first; and by chance."""
    rng = np.random.default_rng(recipe.seed)
    seen, heard = (
        torch.from_numpy(np.sort(rng.permutation(len(side))[: recipe.candidates]))
        for side in (judged.pictures, judged.clips)
    )
    chosen: dict[str, Tensor] = {"image": seen, "music": heard, "text": heard}
    judging = Judging(recipe.data.name, recipe.draws, recipe.seed)
    for a, b in WAYS:
        queries, candidates = chosen[a], chosen[b]
        similarity = matching_score(judged.told[a][queries], judged.told[b][candidates], card.sigma)  # type: ignore[index]
        relevant = _relevant(judged, a, b, queries, candidates, card.sigma)
        groups = judged.groups[a][queries.numpy()]  # type: ignore[index]
        right = "labelled nearest" if "image" in (a, b) else "of the same caption"
        task, note = f"{a} to {b}", f"right is what is {right}; part {recipe.split}"
        yield from model_rows(task, {name_of(card): [similarity]}, relevant, judging, groups=groups, note=note)
        yield chance_row(task, relevant, judging, note=note)


def _relevant(judged: JudgedMoods, a: str, b: str, queries: Tensor, candidates: Tensor, sigma: float) -> Tensor:
    """What should be found, bool [q c]: clips and captions in the same words, or what is labelled as most alike."""
    if "image" not in (a, b):
        return judged.words[queries][:, None] == judged.words[candidates][None]
    score = matching_score(judged.labelled[a][queries], judged.labelled[b][candidates], sigma)  # type: ignore[index]
    return score >= score.amax(dim=1, keepdim=True) - 1e-6
