"""WCT2 equals the authors' network: golden vectors of their code on deterministic weights and inputs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from sshbench.networks.wct2 import WCT2
from sshbench.networks.whitening import LabelMaps
from tests.golden.golden_helper import compare, fill_state_dict, image_u8, nchw, style_u8

GOLDEN = Path(__file__).parent.parent / "golden"
SEGMENTS = np.load(GOLDEN / "vectors" / "wct2_segments.npz")
LABELS = LabelMaps(*(torch.from_numpy(SEGMENTS[name])[None] for name in ("content", "style")))


def keys(name):
    return json.loads((GOLDEN / "keys" / f"{name}.keys.json").read_text())


@cache
def network(unpool):
    """With every weight but the wavelets filled by the rule of the vectors."""
    wct2 = WCT2(unpool).eval()
    for part in (wct2.encoder, wct2.decoder):
        part.load_state_dict(fill_state_dict(part.state_dict(), keep=r"\.(LL|LH|HL|HH)\.weight$"))
    return wct2


def x01(image):
    return torch.from_numpy(nchw(image)) / 255.0


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
def test_keys_are_those_of_the_checkpoints(unpool):
    wct2 = WCT2(unpool)
    for part, name in ((wct2.encoder, "wct2_cat5_encoder"), (wct2.decoder, f"wct2_{unpool}_decoder")):
        assert {key: list(value.shape) for key, value in part.state_dict().items()} == {k: s for k, s, _ in keys(name)}


@pytest.mark.parametrize(("unpool", "parameters"), [("cat5", 3_505_740 + 6_601_795), ("sum", 3_505_740 + 3_505_219)])
def test_wavelets_are_not_trained(unpool, parameters):
    assert sum(p.numel() for p in WCT2(unpool).parameters() if p.requires_grad) == parameters


@pytest.mark.parametrize(
    ("unpool", "seed", "size"), [("cat5", 0, (256, 256)), ("cat5", 2, (208, 304)), ("sum", 0, (256, 256))]
)
def test_encoder_and_decoder_equal_the_authors(unpool, seed, size):
    stored = np.load(GOLDEN / "vectors" / f"wct2_{unpool}_codec_{size[0]}x{size[1]}.npz")
    image = x01(image_u8(seed, *size))
    with torch.no_grad():
        features, skips = network(unpool).encoder(image)
        decoded = network(unpool)(image)
    found = {"encoded": features[4]}
    for level, bands in skips.bands.items():
        found |= {f"skip_pool{level}_{name}": band for name, band in zip(("LH", "HL", "HH"), bands, strict=True)}
    for name, tensor in found.items():
        np.testing.assert_allclose(tensor[:, ::8, ::8, ::8], stored[f"{name}.sample_c8_s8"], atol=5e-5, rtol=0)
        np.testing.assert_allclose(tensor.mean((0, 2, 3)), stored[f"{name}.chan_mean"], atol=5e-5, rtol=0)
    assert max(compare(stored, "decoded", decoded.numpy()).values()) < 5e-5


@pytest.mark.parametrize(
    ("unpool", "vector", "options"),
    [
        ("cat5", "es", {}),
        ("cat5", "esd", {}),
        ("cat5", "esd_a06", {"alpha": 0.6}),
        ("cat5", "esd_seg", {"labels": LABELS}),
        ("cat5", "s", {}),
        ("sum", "esd", {}),
        ("sum", "s", {}),
    ],
)
def test_stylized_equals_the_authors(unpool, vector, options):
    content, style = x01(image_u8(0, 256, 256)), x01(style_u8(1, 192, 320))
    with torch.no_grad():
        image = network(unpool)(content, style, transfer=vector.split("_")[0], **options)
    stored = np.load(GOLDEN / "vectors" / f"wct2_{unpool}_transfer_{vector}.npz")
    assert max(compare(stored, "output", image.numpy()).values()) < 5e-5


def test_each_transfer_changes_the_image():
    content, style = x01(image_u8(0, 64, 64)), x01(style_u8(1, 64, 80))
    with torch.no_grad():
        images = [network("cat5")(content, style, transfer=at) for at in ("", "e", "s", "d", "es", "ed", "sd", "esd")]
    for n, image in enumerate(images):
        assert all((image - other).abs().max() > 1e-3 for other in images[:n])


def test_no_transfer_and_alpha_zero_reconstruct():
    content, style = x01(image_u8(0, 64, 64)), x01(style_u8(1, 64, 80))
    with torch.no_grad():
        plain = network("sum")(content)
        torch.testing.assert_close(network("sum")(content, style, transfer=""), plain)
        torch.testing.assert_close(network("sum")(content, style, alpha=0.0), plain)


def test_a_batch_gives_what_its_images_give_alone():
    content, style = (torch.cat([x01(image_u8(seed, 64, 64)) for seed in seeds]) for seeds in ((0, 1), (2, 3)))
    maps = LabelMaps(*(torch.stack([image[0, 0] > 0.5, image[1, 1] > 0.4]).long() for image in (content, style)))
    for labels in (None, maps):
        with torch.no_grad():
            together = network("cat5")(content, style, labels=labels)
            for n in range(2):
                own = None if labels is None else LabelMaps(*(m[n : n + 1] for m in labels))
                alone = network("cat5")(content[n : n + 1], style[n : n + 1], labels=own)
                torch.testing.assert_close(together[n : n + 1], alone, atol=2e-5, rtol=0)
