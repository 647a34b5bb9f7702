"""The three forms of DIH: saic-vul's equals its authors' here, the others' weights come in by their converters.

`tests/methods/test_dih_checkpoints.py` holds the TensorFlow and Caffe forms to their golden vectors.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sshbench.networks.dih import DIH, DIHCaffe, DIHSaic
from tests.golden.golden_helper import compare, fill_value, image_u8, mask_hard, nchw

GOLDEN = Path(__file__).parent.parent / "golden"


def test_the_variant_of_saic_equals_its_authors():
    keys = json.loads((GOLDEN / "keys" / "saic_dih_depth8.keys.json").read_text())
    network = DIHSaic().eval()
    assert [[key, list(value.shape)] for key, value in network.state_dict().items()] == [[k, s] for k, s, _ in keys]
    network.load_state_dict({key: torch.from_numpy(np.array(fill_value(key, shape, 1.0))) for key, shape, _ in keys})
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    image = (torch.from_numpy(nchw(image_u8(0, 512, 512))) / 255 - mean) / deviation
    x = torch.cat([image, torch.from_numpy(mask_hard(512, 512)[None, None]).float()], dim=1)
    with torch.no_grad():
        harmonized = network(x).image
    stored = np.load(GOLDEN / "vectors" / "saic_dih_depth8_512.npz")
    assert max(compare(stored, "output", harmonized.numpy()).values()) < 5e-5


@pytest.mark.parametrize(
    ("network", "trainable"),
    [(DIH(), 8_268_800), (DIH(semantics=True), 14_502_528)],
    ids=["without semantics", "with semantics"],
)
def test_as_many_parameters_as_published(network, trainable):
    assert sum(p.numel() for p in network.parameters()) == trainable


def test_the_caffe_form_has_the_published_values():
    norms = [m for m in DIHCaffe().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    values = sum(p.numel() for p in DIHCaffe().parameters()) + sum(2 * n.num_features + 1 for n in norms)
    assert values == 41_777_779  # with Caffe's means, variances and one scale of both


def test_narrow_networks_work_at_other_sizes():
    network = DIH(semantics=True, widths=(4, 4, 8, 8), bottleneck=16, classes=5).eval()
    with torch.no_grad():
        image, labels = network(torch.randn(2, 4, 64, 96))
    assert image.shape == (2, 3, 64, 96)
    assert labels.shape == (2, 5, 64, 96)
