import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.losses.contrastive import symmetric
from storysound.match.sos import similarity
from storysound.match.sos_model import Config, Features, SoundOfStory

TINY = Config.tiny()
Frames = tuple[Tensor, Tensor | None]


def stories(b: int = 6, seed: int = 0, padded: bool = False) -> tuple[Features, Frames, Features]:
    """Sound, frames and text of stories whose features say the same in three languages."""
    rng = torch.Generator().manual_seed(seed)
    meaning = torch.randn(b, 1, 8, generator=rng)

    def said(tokens: int, width: int, language: int) -> Tensor:
        words = torch.randn(8, width, generator=torch.Generator().manual_seed(language))
        return (meaning + 0.3 * torch.randn(b, tokens, 8, generator=rng)) @ words

    sound, text, video = said(8, 20, 101), said(7, 12, 102), said(5, 16, 103)
    lengths = torch.randint(1, 6, (b, 1), generator=rng) if padded else torch.full((b, 1), 7)
    masks = [torch.arange(room) < lengths for room in (7, 6, 5)] if padded else [None] * 3
    return (
        Features(sound[:, 0], sound[:, 1:], masks[0]),
        (video, masks[2]),
        Features(text[:, 0], text[:, 1:], masks[1]),
    )


def network(config: Config = TINY) -> SoundOfStory:
    torch.manual_seed(0)
    return SoundOfStory(config)


@pytest.mark.parametrize("config", [TINY, replace(TINY, matrices=True), replace(TINY, use_tokens=False)])
def test_it_learns(config: Config) -> None:
    model, (audio, frames, text) = network(config), stories(12)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(8):
        found = model(audio, frames, text)
        assert {pair: tuple(s.shape) for pair, s in found.items()} == {"AV": (12, 12), "AT": (12, 12)}
        loss = torch.stack([symmetric(s, model.temperature) for s in found.values()]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_everything_that_learns_has_a_gradient() -> None:
    model, (audio, frames, text) = network(replace(TINY, matrices=True, scale=10.0)), stories()
    for _ in range(2):  # what ends in zeros passes nothing on before its own first step
        found = model(audio, frames, text)
        loss = sum(symmetric(s, model.temperature) for s in found.values())
        model.zero_grad()
        loss.backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_padding_changes_nothing_when_corrected_and_scores_in_paper_mode() -> None:
    audio, (frames, frame_mask), text = stories(padded=True)
    assert frame_mask is not None
    clean = network().eval()(audio, (frames, frame_mask), text)

    def dirty(x: Tensor, mask: Tensor | None, dirt: float) -> Tensor:
        assert mask is not None
        return x.masked_fill(~mask[..., None], dirt)

    def given(dirt: float) -> tuple[Features, Frames, Features]:
        changed = [Features(x.whole, dirty(x.tokens, x.mask, dirt), x.mask) for x in (audio, text)]
        return changed[0], (dirty(frames, frame_mask, dirt), frame_mask), changed[1]

    for pair, found in network().eval()(*given(math.nan)).items():
        torch.testing.assert_close(found, clean[pair])
    paper = network(replace(TINY, mode="paper")).eval()
    some, others = paper(*given(1.0)), paper(*given(-2.0))
    assert all((some[pair] - others[pair]).abs().max() > 1e-3 for pair in clean)
    whole = stories()
    for pair, found in network().eval()(*whole).items():  # without padding both modes are one
        torch.testing.assert_close(found, paper(*whole)[pair])


def test_a_story_does_not_depend_on_its_batch() -> None:
    model, (audio, (frames, frame_mask), text) = network().eval(), stories(padded=True)
    assert frame_mask is not None
    order = torch.tensor([4, 1, 3])
    part = model(
        Features(*(x[order] for x in audio if x is not None)),
        (frames[order], frame_mask[order]),
        Features(*(x[order] for x in text if x is not None)),
    )
    for pair, found in model(audio, (frames, frame_mask), text).items():
        torch.testing.assert_close(part[pair], found[order][:, order], atol=1e-6, rtol=0)


def test_untrained_it_is_the_similarity_of_the_encoders_own_space() -> None:
    """An identity where widths agree, and a temporal encoder that takes the mean."""
    config = replace(TINY, text_width=16, audio_width=16, mapped=("audio",))
    audio, text = (Features(torch.randn(4, 16), torch.randn(4, 5, 16)) for _ in range(2))
    model = network(config)
    units = [F.normalize(x, dim=-1) for x in (audio.whole, audio.tokens, text.whole, text.tokens)]
    torch.testing.assert_close(model(audio, text=text)["AT"], similarity(*units))
    frames = F.normalize(torch.randn(3, 5, 16), dim=-1)
    mean = F.normalize(frames.mean(1), dim=-1)
    assert F.cosine_similarity(model.time(frames), mean).min() > 0.999


def test_only_pairs_with_both_sides_are_compared_and_long_texts_are_cut() -> None:
    model, (audio, frames, text) = network().eval(), stories()
    assert model(audio).keys() == set()
    assert model(audio, frames).keys() == {"AV"}
    longer = Features(text.whole, torch.cat([text.tokens, torch.randn(6, 3, 12)], dim=1))
    torch.testing.assert_close(model(audio, text=longer)["AT"], model(audio, text=text)["AT"])


def test_half_precision_training_keeps_the_similarity_exact() -> None:
    model, (audio, frames, text) = network(), stories()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(audio, frames, text)
        symmetric(found["AV"], model.temperature).backward()
    assert found["AV"].dtype == torch.float32
    sound = Features(*(F.normalize(torch.randn(s), dim=-1) for s in ((4, 16), (4, 3, 16))))
    with torch.autocast("cpu", torch.bfloat16):
        under = model.similarity(sound, sound, "AT")
    torch.testing.assert_close(under, model.similarity(sound, sound, "AT"), atol=1e-6, rtol=0)  # bfloat16: 4e-3


def test_the_scale_never_passes_a_hundred() -> None:
    model = network()
    assert model.temperature.item() == pytest.approx(0.01)
    with torch.no_grad():
        model.log_scale.fill_(9.0)
    assert model.temperature.item() == pytest.approx(0.01)
    assert network(replace(TINY, scale=5.0)).temperature.item() == pytest.approx(0.2)


def test_the_papers_network_has_its_sizes() -> None:
    with torch.device("meta"):
        model = SoundOfStory(Config())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes["maps.audio.weight"] == (512, 768)
    assert shapes["time.position"] == (40, 512)
    assert len(model.time.layers.layers) == 4
    assert {name.split(".")[0] for name in shapes} == {"maps", "time", "log_scale"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mapped": ("audio",)}, "text"),
        ({"mapped": ("text", "audio", "smell")}, "smell"),
        ({"temporal_heads": 3}, "heads"),
        ({"temperature": 0.0}, "temperature"),
        ({"scale": 101.0}, "scale"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        replace(TINY, **change)  # type: ignore[arg-type]


def test_too_much_is_refused() -> None:
    model, (audio, (frames, _), _) = network(), stories()
    with pytest.raises(ValueError, match="room for 7"):
        model.audio(Features(audio.whole, audio.tokens.repeat(1, 2, 1)))
    with pytest.raises(ValueError, match="takes 5"):
        model.frames(frames.repeat(1, 2, 1))
