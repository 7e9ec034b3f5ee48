"""PE-AV from a folder of the user's: what transformers makes of the same weights, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from encode.test_contract import assert_same, check, empty, ordinary
from rounding import assert_alike
from storysound.encode import hub
from storysound.errors import InputError
from storysound.media.audio import Waveform
from storysound.nn.perception_encoder import PerceptionEyes
from storysound.research.tavg.perception import PerceptionNetwork, eyes_of, network_of, read_perception, squeezed

SIDES = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 8,
}  # fmt: skip
VISION = {
    "model_type": "timm_wrapper", "architecture": "vit_pe_core_large_patch14_336", "num_classes": 10,
    "model_args": {"img_size": 28, "embed_dim": 32, "depth": 2, "num_heads": 4, "attn_pool_num_heads": 4},
}  # fmt: skip
DAC = {
    "model_type": "dac", "encoder_hidden_size": 4, "downsampling_ratios": [2, 8, 10, 12], "codebook_dim": 6,
    "hidden_size": 64,
}  # fmt: skip
TINY: Mapping[str, Any] = {
    "model_type": "pe_audio_video",
    "text_config": {
        "model_type": "modernbert", "hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "vocab_size": 20, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "cls_token_id": 1, "sep_token_id": 2,
    },
    "audio_video_config": {
        "model_type": "pe_audio_video_encoder", **SIDES,
        "audio_config": {"model_type": "pe_audio_encoder", "dac_config": DAC, **SIDES},
        "video_config": {"model_type": "pe_video_encoder", "vision_config": VISION, **SIDES},
    },
}  # fmt: skip


def saved(network: PerceptionNetwork, shared: bool) -> dict[str, torch.Tensor]:
    """Weights by the names of transformers' PeAudioVideoModel, those that are there twice under either."""
    found = {"text_model.embeddings.norm.weight": torch.zeros(12)}
    for name, weight in network.state_dict().items():
        own = f"{name.partition('_')[0]}_model.{name}"
        twice = shared and "_encoder." in name
        found[f"audio_video_encoder.embedder.{name}" if twice else own] = weight
    return found


@pytest.fixture(scope="module")
def network() -> PerceptionNetwork:
    torch.manual_seed(0)
    library = hub.transformers()
    settings = library.PeAudioVideoConfig.from_dict(json.loads(json.dumps(TINY)))
    settings.audio_video_config.video_config.vision_config = library.ViTConfig(
        hidden_size=4, num_hidden_layers=0, num_attention_heads=1, intermediate_size=4, image_size=4, patch_size=4,
        num_labels=10,
    )  # fmt: skip
    made = PerceptionNetwork(settings, eyes_of(VISION))
    for weight in made.parameters():
        weight.data.copy_(0.3 * torch.randn_like(weight))
    return made.eval()


@pytest.fixture
def folder(network: PerceptionNetwork, tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    save_file(saved(network, True), tmp_path / "model.safetensors")
    return tmp_path


def test_all_encoders_keep_the_contract(folder: Path) -> None:
    perception = read_perception(folder)
    for encoder in (perception.eyes, perception.ears, perception.watcher):
        items = ordinary(encoder.modality)
        alone = [encoder.encode([item])[0] for item in items]  # type: ignore[arg-type]
        for encoding in alone:
            check(encoder, encoding)  # type: ignore[arg-type]
            np.testing.assert_allclose(np.linalg.norm(encoding.embedding), 1, rtol=1e-5)
        for one, other in zip(alone, encoder.encode(items[::-1])[::-1], strict=True):
            assert_same(one, other)
        for item in empty(encoder.modality):
            with pytest.raises(ValueError):  # noqa: PT011 - each kind words it for its own items
                encoder.encode([item])


def test_sounds_are_what_transformers_makes_of_them(network: PerceptionNetwork, folder: Path) -> None:
    """PeAudioModel's own way, its steps of 1920 samples filled up with the mirror of the end."""
    samples = np.random.default_rng(0).normal(0, 0.1, 5_000).astype(np.float32)
    library = hub.transformers()
    sides = {"text_config": TINY["text_config"], "audio_config": TINY["audio_video_config"]["audio_config"]}
    theirs = library.PeAudioModel(library.PeAudioConfig.from_dict(json.loads(json.dumps(sides)))).eval()
    own = {name: one for name, one in network.state_dict().items() if name.startswith("audio_")}
    assert not theirs.load_state_dict(own, strict=False).unexpected_keys
    mirrored = np.concatenate([samples, samples[-2 : -2 - 760 : -1]])
    with torch.no_grad():
        expected = theirs.get_audio_embeds(torch.tensor(mirrored[None, None]))[0].numpy()
    (found,) = read_perception(folder).ears.encode([Waveform(samples[None], 48_000)])
    assert_alike(found.embedding[0], expected / np.linalg.norm(expected))


def test_videos_are_what_transformers_makes_of_what_our_eyes_see(network: PerceptionNetwork, folder: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3), np.uint8)
    pictures = torch.from_numpy(squeezed(frames, 28))
    assert pictures.shape == (3, 3, 28, 28)
    assert -1 <= pictures.min() < pictures.max() <= 1
    eyes = PerceptionEyes(eyes_of(VISION)).eval()
    part = "video_encoder.embedder.vision_model.timm_model."
    eyes.load_state_dict({n.removeprefix(part): o for n, o in network.state_dict().items() if n.startswith(part)})
    encoder, head = network.video_encoder, network.video_head
    with torch.no_grad():
        seen = torch.nn.functional.normalize(eyes(pictures), dim=-1)
        rows = encoder.embedder.data_proj(encoder.embedder.proj(seen))[None]
        rows, _ = encoder.patch_embedder(rows)
        place = encoder.rotary_emb(rows, torch.arange(4)[None])
        for layer in encoder.layers:
            rows = layer(rows, attention_mask=None, position_embeddings=place)
        expected = head(encoder.output(encoder.norm(rows))[:, 0])[0]
    perception = read_perception(folder)
    assert_alike(perception.watcher.encode([frames])[0].embedding[0], expected / expected.norm())
    one = perception.eyes.encode([frames[0]])[0].embedding
    assert_same_rows(one, perception.watcher.encode([frames[:1]])[0].embedding)


def assert_same_rows(one: object, other: object) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-6)


def test_weights_have_either_of_their_names(network: PerceptionNetwork) -> None:
    one, other = (network_of(TINY, saved(network, shared)) for shared in (False, True))
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])


def test_what_is_no_pe_av_is_refused(network: PerceptionNetwork, folder: Path, tmp_path: Path) -> None:
    other = json.loads(json.dumps(TINY))
    other["audio_video_config"]["video_config"]["vision_config"]["architecture"] = "resnet50"
    (folder / "config.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match=r"holds no weights of PE-AV: 'resnet50'"):
        read_perception(folder)
    (folder / "config.json").write_text(json.dumps(TINY))
    save_file({n: w for n, w in saved(network, True).items() if "audio_head" not in n}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"holds no weights of PE-AV: 'audio_model\.audio_head"):
        read_perception(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        read_perception(folder)
