"""Maps and the encoder of a sequence before they have learned anything, and what padding does to them."""

import torch
from torch.nn import functional as F

from storysound.nn.tokens import AddedMap, TemporalEncoder, masked_mean, straight_map


def test_untrained_maps_change_no_angle() -> None:
    features = torch.randn(4, 6)
    assert torch.equal(AddedMap(6, 3)(features), features[:, :3])
    assert torch.equal(straight_map(6, 6)(features), features)
    wider = straight_map(6, 9)(features)
    torch.testing.assert_close(wider @ wider.T, features @ features.T)


def test_an_untrained_encoder_takes_the_mean_and_never_sees_padding() -> None:
    torch.manual_seed(0)
    encoder = TemporalEncoder(8, 5, layers=1, heads=2).eval()
    tokens, mask = F.normalize(torch.randn(2, 5, 8), dim=-1), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    found = encoder(tokens, mask)
    assert F.cosine_similarity(found, masked_mean(tokens, mask)).min() > 0.999
    for weight in encoder.layers.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    spoiled = tokens.masked_fill(~mask[..., None], 9.0)
    torch.testing.assert_close(encoder(spoiled, mask), encoder(tokens, mask))
    torch.testing.assert_close(encoder(tokens[:1, :3]), encoder(tokens, mask)[:1])
    assert masked_mean(tokens.masked_fill(~mask[..., None], torch.nan), mask).isfinite().all()
