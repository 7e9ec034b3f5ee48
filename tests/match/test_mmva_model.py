"""MMVA's network: its seven modules, their sizes as printed, and that the tiny one learns."""

import pytest
import torch
from torch import nn

from storysound.losses.valence_arousal import matching_loss, mood_loss, total
from storysound.match.mmva_model import MMVA, MODALITIES, Config, Layers, predictor


def features(config: Config, batch: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, config.layers[m], config.widths[m], generator=generator) for m in MODALITIES]


def test_mmva_erratum_4_thirteen_layers_are_twelve_blocks_and_the_embeddings() -> None:
    """As the public RoBERTa and MERT return them; the picture's class token is one vector that needs no map."""
    network = MMVA(Config())
    for name in ("music", "text"):
        layers = network.encoders[name]
        assert isinstance(layers, Layers)
        assert layers.convolution.weight.shape == (1, 13, 1)
        assert layers.linear.weight.shape == (512, 768)
    assert not list(network.encoders["image"].parameters())
    assert network.embed("image", torch.randn(3, 1, 512)).shape == (3, 512)


def test_predictors_are_as_printed() -> None:
    network = MMVA(Config())
    kinds = [nn.Linear, nn.ReLU, nn.LayerNorm, nn.Dropout] * 2 + [nn.Linear, nn.Sigmoid]
    assert network.match is not None
    for head, inputs, outputs in ((network.moods["text"], 512, 2), (network.match, 1536, 1)):
        assert [type(part) for part in head] == kinds  # type: ignore[arg-type]
        assert (head[0].in_features, head[-2].out_features) == (inputs, outputs)  # type: ignore[index]
        assert (head[3].p, head[7].p) == (0.5, 0.5)  # type: ignore[index]


def test_the_convolution_begins_as_the_mean_of_the_layers() -> None:
    layers, x = Layers(5, 6, 4), torch.randn(2, 5, 6)
    assert torch.allclose(layers(x), layers.linear(x.mean(1)), atol=1e-6)


@pytest.mark.parametrize("similarity", [True, False])
def test_the_tiny_one_trains_two_steps_with_and_without_similarity_predictor(similarity: bool) -> None:
    torch.manual_seed(0)
    network = MMVA(Config.tiny(similarity=similarity))
    given, labels, score = features(network.config, 8), torch.rand(3, 8, 2), torch.rand(8)
    optimiser, found = torch.optim.AdamW(network.parameters(), 3e-2), []
    for _ in range(3):
        predicted = network(*given)
        moods = [mood_loss(x, y) for x, y in zip(predicted[:3], labels, strict=True)]
        matching = matching_loss(predicted.matching, score) if similarity else None
        assert (predicted.matching is None) != similarity
        loss = total(moods, matching)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None for p in network.parameters())
        optimiser.step()
        found.append(loss.item())
    assert found[-1] < found[0]


def test_predictions_lie_in_the_unit_interval_and_items_do_not_see_each_other() -> None:
    network = MMVA(Config.tiny()).eval()
    given = features(network.config, 6)
    predicted = network(*given)
    for part in predicted:
        assert 0 <= part.min() <= part.max() <= 1
    alone = network(*(x[2:3] for x in given))
    for part, one in zip(predicted, alone, strict=True):
        assert torch.allclose(part[2:3], one, atol=1e-6)
    assert torch.allclose(network.mood("music", given[1]), predicted.music)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="without a similarity predictor"):
        MMVA(Config.tiny(similarity=False)).matching(*(torch.zeros(1, 8) for _ in range(3)))
    with pytest.raises(ValueError, match="0 <= dropout < 1"):
        Config(dropout=1.0)
    assert predictor(3, 2, Config.tiny())(torch.zeros(1, 3)).shape == (1, 2)
