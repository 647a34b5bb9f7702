"""DoveNet and S2AM as methods: what the network is given, what is made of its output, and the authors' files."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sshbench.benchmarks.composite import Composite, paste
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.methods import golden
from sshbench.methods.base import WeightsError
from sshbench.methods.dovenet import DoveNet
from sshbench.methods.registry import get_method
from sshbench.methods.s2am import SpatialSeparatedAttention
from sshbench.methods.weights import load_weights
from sshbench.metrics.prepare import prepare
from sshbench.networks.dovenet import DoveNetGenerator
from sshbench.networks.s2am import S2AM
from tests.golden.golden_helper import fill_state_dict, image_u8, mask_soft

GOLDEN = Path(__file__).parent.parent / "golden"
WIDTH = 8


def filled(network):
    network.load_state_dict(fill_state_dict(network.state_dict(), keep="gaussianMask"))
    return network.eval()


def composite_of(seed: int, height: int = 300, width: int = 420) -> Composite:
    mask = mask_soft(height, width)
    foreground, background = (image_u8(seed + i, height, width) for i in (0, 1))
    pasted = paste(foreground, background, mask)
    return Composite(f"{seed}", pasted, foreground, background, mask, target=background)


@pytest.fixture
def dovenet_file(tmp_path: Path) -> Path:
    path = tmp_path / "latest_net_G.pth"
    torch.save(filled(DoveNetGenerator("batch", width=WIDTH)).state_dict(), path)
    return path


def s2am_file(folder: Path, network: S2AM, prefix: str = "") -> Path:
    path = folder / "model_best.pth.tar"
    folder.mkdir(exist_ok=True)
    state = {prefix + name: value for name, value in network.state_dict().items()}
    optimizer = torch.optim.Adam(network.parameters()).state_dict()
    torch.save({"epoch": 60, "arch": "rascv2", "state_dict": state, "best_acc": 30.1, "optimizer": optimizer}, path)
    return path


def by_pillow(composite: Composite):
    """Image and soft mask at 256 x 256 as torchvision resizes them, over 0..1."""
    mask = Pillow.fromarray(np.rint(composite.mask * 255).astype(np.uint8))
    image = Pillow.fromarray(composite.composite).resize((256, 256), Pillow.Resampling.BILINEAR)
    black_and_white = mask.convert("1").resize((256, 256), Pillow.Resampling.NEAREST)
    return (
        torch.from_numpy(np.array(image)).permute(2, 0, 1).float()[None] / 255,
        torch.from_numpy(np.array(mask.resize((256, 256), Pillow.Resampling.BILINEAR))).float()[None, None] / 255,
        torch.from_numpy(np.array(black_and_white)).float()[None, None],
    )


def test_dovenet_sees_what_the_published_script_shows_it(dovenet_file: Path) -> None:
    composite = composite_of(0)
    image, _, mask = by_pillow(composite)
    with torch.no_grad():
        made = filled(DoveNetGenerator("batch", width=WIDTH))(torch.cat([image * 2 - 1, mask], 1))
    found = DoveNet(weights=dovenet_file).harmonize([composite])[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (made[0].permute(1, 2, 0) + 1) / 2, atol=1e-5)


def test_s2am_is_blended_by_the_soft_mask(tmp_path: Path) -> None:
    network = filled(S2AM("rascv2", width=WIDTH))
    composite = composite_of(0)
    image, mask, _ = by_pillow(composite)
    with torch.no_grad():
        made = network(torch.cat([image, mask], 1)) * mask + image * (1 - mask)
    found = SpatialSeparatedAttention(weights=s2am_file(tmp_path, network)).harmonize([composite])[0]
    np.testing.assert_allclose(found, made[0].permute(1, 2, 0).clamp(0, 1), atol=1e-5)


def test_without_blending_the_protocol_gives_the_bytes_of_the_notebook(tmp_path: Path) -> None:
    network = filled(S2AM("rascv2", width=WIDTH))
    composite = composite_of(0)
    image, mask, _ = by_pillow(composite)
    with torch.no_grad():
        made = network(torch.cat([image, mask], 1)) * mask + image * (1 - mask)
    expected = (made.clamp(0, 1) * 255)[0].permute(1, 2, 0).numpy().astype(np.uint8)
    method = SpatialSeparatedAttention(weights=s2am_file(tmp_path, network), blend=False)
    prepared = prepare(method.harmonize([composite])[0], composite, PROTOCOLS["s2am"]).prediction
    different = np.abs(prepared.astype(int) - expected)
    assert different.max() <= 1
    assert np.mean(different > 0) < 1e-3  # floats on the edge of two bytes


def test_training_mode_is_stochastic_but_for_the_seed(dovenet_file: Path) -> None:
    one, two = composite_of(0), composite_of(3)
    method = DoveNet(weights=dovenet_file, mode="train", seed=1)
    together = method.harmonize([one, two])
    np.testing.assert_array_equal(method.harmonize([two])[0], together[1])  # neither the batch nor earlier calls matter
    np.testing.assert_array_equal(method.harmonize([one])[0], together[0])
    other = DoveNet(weights=dovenet_file, mode="train", seed=2).harmonize([one])[0]
    evaluated = DoveNet(weights=dovenet_file).harmonize([one])[0]
    assert np.abs(other - together[0]).max() > 0.01
    assert np.abs(evaluated - together[0]).max() > 0.01


def test_training_mode_takes_the_statistics_of_the_image(dovenet_file: Path) -> None:
    composite = composite_of(0)
    image, _, mask = by_pillow(composite)
    network = filled(DoveNetGenerator("batch", width=WIDTH, dropout=0.0)).train()
    made = network(torch.cat([image * 2 - 1, mask], 1)).detach()
    method = DoveNet(weights=dovenet_file, mode="train")
    for module in method.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    np.testing.assert_allclose(method.harmonize([composite])[0], (made[0].permute(1, 2, 0) + 1) / 2, atol=1e-4)


@pytest.mark.parametrize("size", [(256, 512), (300, 420), (100, 90)])
def test_any_size_can_be_harmonized_whole(dovenet_file: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    composite = composite_of(0, *size)
    s2am = s2am_file(tmp_path, filled(S2AM("rascv1", width=WIDTH)))
    for method in (DoveNet(weights=dovenet_file, size="full"), SpatialSeparatedAttention(weights=s2am, size="full")):
        assert method.input_size is None
        assert method.harmonize([composite])[0].shape == (*size, 3)


@pytest.mark.parametrize("kind", ["lut", "polynomial"])
def test_a_map_takes_the_colours_to_the_composites_size(dovenet_file: Path, kind: str) -> None:
    composite = composite_of(0)
    method = get_method(f"dovenet:output=map,map={kind}", weights=dovenet_file)
    method.network.forward = lambda image: image[:, :3] / 2  # maps x over 0..1 to x / 2 + 1 / 4
    found = method.harmonize([composite])[0]
    expected = paste((composite.foreground / 2 + 64).astype(np.uint8), composite.background, composite.mask)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(float) - expected).mean() < 2


def test_images_of_several_sizes_come_back_in_their_order(dovenet_file: Path) -> None:
    method = DoveNet(weights=dovenet_file, size="full")
    batch = [composite_of(0, 256, 256), composite_of(1, 256, 256), composite_of(2, 200, 256), composite_of(3, 256, 256)]
    for found, composite in zip(method.harmonize(batch), batch, strict=True):
        np.testing.assert_allclose(found, method.harmonize([composite])[0], atol=1e-4)


def test_instance_norm_is_told_from_batch_norm_and_its_old_statistics_go(tmp_path: Path) -> None:
    network = filled(DoveNetGenerator("instance", width=WIDTH))
    state = network.state_dict()
    state["model.model.1.model.2.running_mean"] = torch.zeros(2 * WIDTH)
    state["model.model.1.model.2.num_batches_tracked"] = torch.tensor(7)
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "net.pth")
    found = load_weights("dovenet", tmp_path / "net.pth")
    assert found.card.architecture == {"norm": "instance", "width": WIDTH, "depth": 8}
    assert set(found.state) == set(network.state_dict())
    DoveNet(weights=tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("variant", "folder", "residual"),
    [("rascv2", "s2ad", False), ("rascv1", "results", False), ("rascv2", "rascv2_res_1e-3", True)],
)
def test_the_variant_of_s2am_is_told_by_its_shapes_and_its_name(
    tmp_path: Path, variant: str, folder: str, residual: bool
) -> None:
    network = filled(S2AM(variant, width=WIDTH, depth=6))
    path = s2am_file(tmp_path / folder, network, "module.")
    expected = {"variant": variant, "residual": residual, "width": WIDTH, "depth": 6}
    assert load_weights("s2am", path).card.architecture == expected
    assert SpatialSeparatedAttention(weights=path).network.residual == residual


@pytest.mark.parametrize(
    ("method", "keys"),
    [("dovenet", "dovenet_bn"), ("dovenet", "dovenet_in"), ("s2am", "s2am_rascv2"), ("s2am", "s2am_rascv1")],
)
def test_the_published_keys_are_of_an_architecture_with_published_outputs(
    monkeypatch: pytest.MonkeyPatch, method: str, keys: str
) -> None:
    listed = json.loads((GOLDEN / "keys" / f"{keys}.keys.json").read_text())
    reader = import_module(f"sshbench.methods.checkpoints.{method}")
    state = {name: torch.empty(shape, device="meta") for name, shape, _ in listed}
    monkeypatch.setattr(reader, "read_state", lambda *_: state)
    read, architecture = reader.read(Path("model_best.pth.tar"))
    assert set(read) == set(state)
    fitting = [name for name, case in golden.cases(method).items() if case.architecture.items() <= architecture.items()]
    assert len(fitting) == 1
    assert fitting[0].startswith(keys)


def damaged(state, how):
    name = "model.model.1.model.3.model.1.weight"
    if how == "missing":
        del state[name]
    elif how == "shape":
        state[name] = state[name][:, :-1]
    else:
        state["model.model.9.weight"] = torch.zeros(1)
    return state


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("missing", r"it lacks model\.model\.1\.model\.3\.model\.1\.weight$"),
        ("shape", r"model\.model\.1\.model\.3\.model\.1\.weight \(32 x 15 x 4 x 4, not 32 x 16 x 4 x 4\)"),
        ("extra", r"unknown model\.model\.9\.weight"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, how: str, sentence: str) -> None:
    path = tmp_path / "latest_net_G.pth"
    torch.save(damaged(DoveNetGenerator("batch", width=WIDTH).state_dict(), how), path)
    with pytest.raises(WeightsError, match=sentence):
        DoveNet(weights=path)


def test_a_file_of_another_method_is_refused(tmp_path: Path, dovenet_file: Path) -> None:
    with pytest.raises(WeightsError, match=r"lacks model\.model\.down\.0\.weight"):
        SpatialSeparatedAttention(weights=dovenet_file)
    with pytest.raises(WeightsError, match="it has epoch, arch, state_dict"):
        DoveNet(weights=s2am_file(tmp_path, S2AM(width=WIDTH, depth=6)))
