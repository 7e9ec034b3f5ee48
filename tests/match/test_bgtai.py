"""BGTAI's two towers in each of their settings."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.losses.alignment import matrix, middles, total
from storysound.losses.contrastive import squared_distance, symmetric
from storysound.match.bgtai import BGTAI, Config, GlossedSequences, TowerOutput
from storysound.nn.tokens import masked_mean

TINY = Config.tiny()
SETTINGS = {
    "none": {"gloss": False, "ds_net": False, "result_filter": False},
    "base": {"ds_net": False, "result_filter": False},
    "ds": {"result_filter": False},
    "rf": {"ds_net": False},
    "both": {},
}


def network(**settings: Any) -> BGTAI:
    torch.manual_seed(0)
    return BGTAI(replace(TINY, **settings))


def said(width: int, seed: int = 0) -> GlossedSequences:
    """Sequences of 5 and 3 steps, glosses of 3 and 1 words."""
    generator = torch.Generator().manual_seed(seed)
    steps, gloss = torch.randn(2, 5, width, generator=generator), torch.randn(2, 3, 8, generator=generator)
    masks = torch.tensor([[1] * 5, [1, 1, 1, 0, 0]]).bool(), torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    return GlossedSequences(steps, masks[0], gloss, masks[1])


def stirred(model: BGTAI) -> BGTAI:
    """With weights that are not zero anywhere."""
    torch.manual_seed(1)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model


def units(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


@pytest.mark.parametrize("name", SETTINGS)
def test_padding_and_the_rest_of_the_batch_change_nothing(name: str) -> None:
    model, heard = stirred(network(**SETTINGS[name])).eval(), said(12)
    whole = model.language("audio", heard).whole
    assert whole.norm(dim=-1).tolist() == pytest.approx([1, 1])
    for i in range(2):
        own = [part[i : i + 1] for part in heard]
        cut = GlossedSequences(own[0][:, own[1][0]], own[1][:, own[1][0]], own[2][:, own[3][0]], own[3][:, own[3][0]])
        torch.testing.assert_close(model.language("audio", cut).whole[0], whole[i], atol=1e-5, rtol=0)
    spoiled = heard._replace(steps=heard.steps.masked_fill(~heard.mask[..., None], torch.nan))
    torch.testing.assert_close(model.language("audio", spoiled).whole, whole)


def test_untrained_it_is_the_mean_of_what_it_reads() -> None:
    """Without a gloss of the steps; with one, of words and of what an alignment lays beside them."""
    aligned = {"aligned": True}
    heard = said(12)
    steps, words = units(heard.steps[..., :8]), units(heard.gloss)
    plain = network(**SETTINGS["none"], **aligned).eval().language("audio", heard).whole
    assert F.cosine_similarity(plain, masked_mean(steps, heard.mask)).min() > 0.999
    base = network(**SETTINGS["base"], **aligned).eval().language("audio", heard).whole
    mean = masked_mean(steps, heard.mask)[:, None]
    assert F.cosine_similarity(base, masked_mean(units(words + mean), heard.gloss_mask)).min() > 0.999


def test_each_setting_selects_other_steps() -> None:
    heard = said(12)
    found = [network(**SETTINGS[name]).eval().language("audio", heard).whole for name in SETTINGS]
    for i, one in enumerate(found[:4]):
        assert all((one - other).abs().max() > 1e-3 for other in found[:i])
    torch.testing.assert_close(found[4], found[2])  # the Result Filter changes what DS-Net learns, not how it is used


def test_the_result_filter_alone_averages_the_steps_of_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    path = torch.tensor([[[0, 0], [0, 1], [1, 2], [2, 3], [2, 4]], [[0, 0], [0, 1], [0, 2], [-1, -1], [-1, -1]]])
    monkeypatch.setattr(BGTAI, "_path", staticmethod(lambda *_: path))
    model, heard = network(**SETTINGS["rf"]).eval(), said(12)
    steps, words = (model._placed(*given) for given in (("audio", *heard[:2]), ("gloss", *heard[2:])))
    beside = torch.stack([steps[0, [0, 1]].mean(0), steps[0, 2], steps[0, [3, 4]].mean(0)])
    by_hand = masked_mean(units(words[:1] + units(beside)[None]))
    assert F.cosine_similarity(model.language("audio", heard).whole[:1], by_hand) > 0.999


def test_ds_net_learns_the_path_only_with_the_result_filter() -> None:
    heard = said(12)
    both = network().train().language("audio", heard)
    assert both.alignment is not None
    assert both.path is not None
    assert (middles(both.path, 3)[0] >= 0).all()
    assert (middles(both.path, 3)[1] >= 0).tolist() == [True, False, False]
    assert matrix(both.path, 3, 5)[1, :, 3:].sum() == 0
    for name in ("none", "base", "ds", "rf"):
        assert network(**SETTINGS[name]).train().language("audio", heard).alignment is None
    assert network().eval().language("audio", heard).path is None


@pytest.mark.parametrize("name", SETTINGS)
def test_two_steps_lower_the_loss(name: str) -> None:
    model = network(**SETTINGS[name]).train()
    frames = torch.randn(2, 4, 10), torch.ones(2, 4, dtype=torch.bool)
    optimiser, told = torch.optim.SGD(model.parameters(), 0.05), []
    for _ in range(3):
        found, alignments = model({"text": said(8), "audio": said(12, 1)}, frames)
        pairs = (("audio", "text"), ("audio", "frames"), ("text", "frames"))
        infonce = torch.stack([symmetric(found[a] @ found[b].T, model.temperature) for a, b in pairs]).mean()
        parts = total(infonce, list(alignments.values()))
        assert ("sp" in parts) == (name == "both")
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        told.append(parts["loss"].item())
    assert told[2] < told[1] < told[0]
    assert all(weight.grad is not None for weight in model.parameters())  # several devices need that


def test_text_and_sound_share_their_tower_and_their_words() -> None:
    model = stirred(network(text_width=12)).eval()
    heard = said(12)
    model.maps["text"].load_state_dict(model.maps["audio"].state_dict())
    torch.testing.assert_close(model.language("text", heard).whole, model.language("audio", heard).whole)
    assert isinstance(model.language("text", heard), TowerOutput)


def test_what_belongs_together_is_drawn_together_by_squares() -> None:
    a, b = units(torch.randn(4, 6)), units(torch.randn(4, 6))
    by_hand = ((a - b) ** 2).sum(dim=1).mean()
    assert squared_distance(a @ b.T, torch.eye(4, dtype=torch.bool)).item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_settings_that_make_no_sense_are_refused() -> None:
    for change, fault in (
        ({"gloss": False}, "align a gloss"),
        ({"heads": 3}, "heads can share"),
        ({"aligned": True, "width": 16}, "as wide as it"),
        ({"scale": 0.0}, "0 < scale"),
    ):
        with pytest.raises(ValueError, match=fault):
            replace(TINY, **change)
