"""Partial initialisation from Stable Diffusion 1.5, in miniature: what is loaded, and what the report says of it."""

import importlib
from pathlib import Path

import pytest
import torch

from generate_fakes import no_network, tiny_diffusion  # noqa: F401
from rounding import assert_alike
from storysound.errors import MissingModelError
from storysound.generate.diffusion_folder import ABOUT, read_parts, write_parts
from storysound.generate.video.tavdiffusion_start import InitialisationReport, started
from storysound.nn.tavdiffusion import TavConfig
from tavdiffusion_fakes import FRAMES, tiny_batch, tiny_unet

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("no_network")
CONFIG = TavConfig(FRAMES, 2)
UNFIT = ["audio.conv_in.weight", "audio.conv_out.weight", "audio.conv_out.bias"]


def test_erratum_10_only_the_ends_of_sound_are_fresh_and_every_weight_is_told_once() -> None:
    unet = tiny_unet()
    network, report = started(unet, CONFIG)
    weights, source = dict(network.named_parameters()), unet.state_dict()
    told = [*report.loaded, *report.unfit, *report.new]
    assert sorted(told) == sorted(weights)
    assert list(report.unfit) == UNFIT
    for name, numbers in report.loaded.items():
        inner = name.partition(".")[2].replace(".space.", ".")
        assert torch.equal(weights[name], source[inner])
        assert numbers == source[inner].numel()
    loaded = [name.partition(".") for name in report.loaded]
    in_video = {inner.replace(".space.", ".") for part, _, inner in loaded if part == "video"}
    assert in_video == set(source)  # nothing of the parent is left out of the UNet of picture
    assert len(report.loaded) == 2 * len(source) - len(UNFIT)
    fresh = {name.rsplit(".", 2)[0] for name in report.new if name.startswith("video.")}
    assert fresh
    assert all(".temporal" in f"{name}." or ".time" in name or "conv" in name for name in fresh)
    assert not any(name.startswith("audio.") for name in report.new)


@torch.no_grad()
def test_the_side_of_picture_is_its_parent_frame_by_frame() -> None:
    unet, batch, t = tiny_unet(), tiny_batch(), torch.tensor([3, 500, 900])
    found = started(unet, CONFIG)[0](batch["audio"], batch["video"], t, batch["context"])
    many = t.repeat_interleave(FRAMES), batch["context"].repeat_interleave(FRAMES, 0)
    assert_alike(found.video.flatten(0, 1), unet(batch["video"].flatten(0, 1), *many).sample)
    assert found.audio.shape == batch["audio"].shape


def test_a_seed_draws_what_is_new_alike_and_leaves_others_dice_alone() -> None:
    unet = tiny_unet()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (started(unet, CONFIG, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.audio.conv_in.weight, again.audio.conv_in.weight)
    assert not torch.equal(first.audio.conv_in.weight, other.audio.conv_in.weight)


def test_ablations_and_other_channels_are_told_as_they_are() -> None:
    network, report = started(tiny_unet(), TavConfig(FRAMES, 2, cross_attention=False, alignment=False), 4)
    assert not report.unfit
    assert {name.partition(".")[0] for name in report.new} == {"video"}
    assert network.audio.config.in_channels == 4


def test_from_a_folder_as_the_hubs(tmp_path: Path) -> None:
    parts = tiny_diffusion(tmp_path / "words")
    folder = tmp_path / "sd15"
    write_parts(parts, folder)
    (folder / ABOUT).unlink()
    read = read_parts(folder)
    network, report = started(read.unet, CONFIG)
    assert torch.equal(network.video.time_embedding.linear_1.weight, parts.unet.time_embedding.linear_1.weight)
    assert list(report.unfit) == UNFIT
    context = read.text_encoder(read.tokens(["a dog barks", "rain"]))[0]
    batch = tiny_batch(2)
    with torch.no_grad():
        found = network(batch["audio"], batch["video"], torch.tensor([3, 500]), context)
    assert found.video.isfinite().all()
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(MissingModelError, match="can't be loaded"):
        read_parts(folder)


def test_the_report_for_people() -> None:
    report = InitialisationReport(
        {"audio.a": 1_500_000, "video.a": 2_000_000}, {"audio.b": "[2] there, [3] wanted"}, {"middle.c": 250_000}
    )
    assert report.lines() == [
        "audio: loaded 1 (1.50 M), of another shape 1, new 0",
        "middle: loaded 0, of another shape 0, new 1 (0.25 M)",
        "video: loaded 1 (2.00 M), of another shape 0, new 0",
        "audio.b: [2] there, [3] wanted",
    ]


def test_a_step_of_the_papers_size_fits_together_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which knows shapes alone; against the published numbers of weights."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    size = importlib.import_module("benchmarks.speed.tavdiffusion_size")
    found, own = size.counted(TavConfig()), size.weights_of(size.paper_networks(TavConfig()).network)
    unet, text, vae, four_more = 859_520_964, 123_060_480, 83_653_863, 4 * 320 * 9
    assert own["UNet of picture, inherited"] == unet
    assert own["UNet of sound"] == unet + 2 * four_more + 4  # channels in and out, and their biases
    assert found.taught == sum(own.values())
    assert 50_000_000 < found.frozen - text - vae < 60_000_000  # AudioLDM's autoencoder
    assert found.checkpointed < 0.5 * found.activations < 8 * 2**30
