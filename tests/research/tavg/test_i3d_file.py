"""I3D's weights in a file of the user's: what is read, what is refused, and the contract of all encoders."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from encode.test_contract import assert_same, check, empty
from rounding import assert_alike
from storysound.errors import InputError, MediaError
from storysound.nn.i3d import I3D
from storysound.research.tavg.i3d import I3dLogits, read_i3d


@pytest.fixture(scope="module")
def network() -> I3D:
    torch.manual_seed(0)
    return I3D(5).eval()


@pytest.fixture(scope="module")
def encoder(network: I3D, tmp_path_factory: pytest.TempPathFactory) -> I3dLogits:
    file = tmp_path_factory.mktemp("i3d") / "i3d.pt"
    torch.save(network.state_dict(), file)
    return read_i3d(file)


def test_frames_are_seen_whole_in_stretches(encoder: I3dLogits, network: I3D) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 224, 224, 3), np.uint8)
    (found,) = encoder.encode([frames])
    check(encoder, found)
    rest = np.concatenate([frames[16:], np.repeat(frames[-1:], 12, axis=0)])
    clips = np.stack([frames[:16], rest]).transpose(0, 4, 1, 2, 3) / np.float32(127.5) - 1
    with torch.no_grad():
        assert_alike(found.embedding[0], network(torch.tensor(clips, dtype=torch.float32)).mean(0))


def test_it_keeps_the_contract(encoder: I3dLogits) -> None:
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 256, shape, np.uint8) for shape in ((1, 1, 1, 3), (3, 20, 40, 3))]
    alone = [encoder.encode([item])[0] for item in items]
    for one, other in zip(alone, encoder.encode(items[::-1])[::-1], strict=True):
        assert_same(one, other)
    assert encoder.encode([]) == []
    for item in empty("video"):
        with pytest.raises(ValueError, match="a video is uint8"):
            encoder.encode([item])


def test_safetensors_are_the_same(encoder: I3dLogits, network: I3D, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "i3d.safetensors")
    item = np.random.default_rng(1).integers(0, 256, (4, 30, 30, 3), np.uint8)
    other = read_i3d(tmp_path / "i3d.safetensors")
    assert_same(other.encode([item])[0], encoder.encode([item])[0])
    assert other.revision != encoder.revision


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("executed",)


def test_what_is_no_i3d_is_refused_and_code_is_not_run(
    network: I3D, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as scripted:
        scripted.writestr("script/constants.pkl", b"")
    torch.save({"logits.conv3d.bias": Evil()}, tmp_path / "evil.pt")
    torch.save({"logits.conv3d.bias": torch.zeros(3)}, tmp_path / "part.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(InputError, match="holds no weights of I3D"):
            read_i3d(file)
    assert "executed" not in capsys.readouterr().out
    with pytest.raises(MediaError):
        read_i3d(tmp_path / "missing.pt")
