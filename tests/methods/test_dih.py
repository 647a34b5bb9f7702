"""DIH as a method: the published inputs by Pillow, in each form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sshbench.benchmarks.composite import Composite, paste
from sshbench.methods.registry import get_method
from sshbench.methods.weights import Preprocessing, WeightsCard, save_weights
from sshbench.networks.dih import DIH
from tests.golden.golden_helper import fill_state_dict, image_u8, mask_soft

NARROW = {"widths": [4, 4, 8, 8, 8, 8], "bottleneck": 16}


def composite_of(seed, height=300, width=420):
    mask = mask_soft(height, width)
    foreground, background = (image_u8(seed + i, height, width) for i in (0, 1))
    return Composite(f"{seed}", paste(foreground, background, mask), foreground, background, mask)


def filled(semantics):
    network = DIH(semantics, **NARROW)
    network.load_state_dict(fill_state_dict(network.state_dict()))
    return network.eval()


@pytest.fixture(params=[False, True], ids=["without semantics", "with semantics"])
def network_and_folder(request, tmp_path):
    network = filled(request.param)
    architecture = {"form": "tensorflow", "semantics": request.param, **NARROW}
    save_weights(tmp_path, network.state_dict(), WeightsCard(method="dih", architecture=architecture), dtype="float32")
    return network, tmp_path


def by_pillow(composite):
    """Bytes of image `[256, 256, 3]` and mask `[256, 256]`, resized as the published script does."""
    mask = Pillow.fromarray(np.rint(composite.mask * 255).astype(np.uint8))
    return tuple(
        np.asarray(one.resize((256, 256), Pillow.Resampling.BICUBIC), np.float32)
        for one in (Pillow.fromarray(composite.composite), mask)
    )


def test_the_network_is_shown_what_the_published_script_shows_it(network_and_folder):
    network, folder = network_and_folder
    composite = composite_of(0)
    image, mask = by_pillow(composite)
    planes = np.concatenate([(image[..., ::-1] - 127.5) / 127.5, (mask[..., None] - 127.5) / 127.5], -1)
    with torch.no_grad():
        bgr = network(torch.from_numpy(planes.transpose(2, 0, 1)[None].copy())).image.clamp(-1, 1)[0]
    found = get_method("dih", weights=folder).harmonize([composite])[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, bgr.permute(1, 2, 0).numpy()[..., ::-1] / 2 + 0.5, atol=2e-5)


def test_a_batch_gives_what_its_composites_give_alone(network_and_folder):
    method = get_method("dih", weights=network_and_folder[1])
    composites = [composite_of(0), composite_of(2, 256, 256), composite_of(4)]
    for together, composite in zip(method.harmonize(composites), composites, strict=True):
        np.testing.assert_array_equal(together, method.harmonize([composite])[0])


def test_as_a_map_the_background_stays_as_it_was(network_and_folder):
    composite = composite_of(0)
    found = get_method("dih:output=map", weights=network_and_folder[1]).harmonize([composite])[0]
    assert found.shape == composite.composite.shape
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[composite.mask == 0], composite.background[composite.mask == 0])
    assert (found != composite.composite)[composite.mask == 1].mean() > 0.5


def test_weights_trained_at_another_size_work_at_that_size(tmp_path):
    network = DIH(widths=[4, 4, 8], bottleneck=8)
    card = WeightsCard(
        method="dih",
        architecture={"form": "tensorflow", "widths": [4, 4, 8], "bottleneck": 8},
        preprocessing=Preprocessing(input_size=64),
    )
    save_weights(tmp_path, network.state_dict(), card)
    method = get_method("dih", weights=tmp_path)
    assert method.input_size == 64
    assert method.harmonize([composite_of(0)])[0].shape == (300, 420, 3)


class Echo(torch.nn.Module):
    """A network that gives its input back, in the range that it came in."""

    def forward(self, x):
        self.seen = x
        return type("Output", (), {"image": x[:, :3]})


@pytest.mark.parametrize(
    ("form", "white", "black"),
    [
        ("tensorflow", [1, 1, 1, 1], [-1, -1, -1, -1]),
        ("caffe", [150.99301, 138.33123, 132.32108, 127], [-104.00699, -116.66877, -122.67892, -128]),
        (
            "saic",
            [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225, 1],
            [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225, 0],
        ),
    ],
)
def test_ranges_of_each_form_there_and_back(form, white, black, network_and_folder, monkeypatch):
    from sshbench.methods import dih

    method = get_method("dih", weights=network_and_folder[1])
    method.network, method.convention = Echo(), dih.CONVENTIONS[form]
    image = np.zeros((512, 512, 3), np.uint8)
    image[:256] = 255
    image[:, 384:] = 30, 60, 90
    mask = (image[..., 0] == 255).astype(np.float32)
    composite = Composite("0", image, image, image, mask)
    found = method.harmonize([composite])[0]
    seen = method.network.seen[0]
    torch.testing.assert_close(seen[:, 2, 2], torch.tensor(white, dtype=torch.float32), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[:, -2, 2], torch.tensor(black, dtype=torch.float32), atol=1e-4, rtol=0)
    np.testing.assert_allclose(found[-2, -2], np.array([30, 60, 90]) / 255, atol=1e-4)
