"""Stylizing by the batched transfer here, and by the published algorithm in the same PyTorch.

OMP_NUM_THREADS=1 pytest tests/speed/test_wct2.py --benchmark-only

The published algorithm takes one label of one band after the other, each covariance apart, and its roots by a
singular value decomposition. `stylize` is a whole 256 x 256 image, most of whose time the same convolutions take in
both; `transfers` are those of such an image alone. How many times as fast each is stands in `extra_info`
(`--benchmark-json`); both run in turns.
"""

from __future__ import annotations

import time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.networks import wct2
from sshbench.networks.whitening import LabelMaps, matched_labels, shrink, transfer_statistics
from tests.golden.golden_helper import fill_state_dict, image_u8, mask_hard, nchw, style_u8

SIDE = 256
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def published(content, style, alpha=1.0, labels=None):
    """Whitening and colouring one by one, by SVD."""
    results = []
    for n in range(len(content)):
        flat, other = content[n].flatten(1), style[n].flatten(1)
        result = flat.clone()
        if labels is None:
            result = alpha * by_svd(flat, other) + (1 - alpha) * flat
        else:
            inside, around = (
                shrink(m[n : n + 1], f)[0].flatten() for m, f in zip(labels, (content, style), strict=True)
            )
            for label in matched_labels(LabelMaps(*(m[n : n + 1] for m in labels)))[0]:
                pixels = flat[:, inside == label]
                result[:, inside == label] = alpha * by_svd(pixels, other[:, around == label]) + (1 - alpha) * pixels
        results.append(result.view_as(content[n]))
    return torch.stack(results)


def by_svd(content, style):
    mean, style_mean = content.mean(1, keepdim=True), style.mean(1, keepdim=True)
    centred, style_centred = content - mean, style - style_mean
    identity = torch.eye(len(content), device=content.device)
    _, e, v = torch.svd(centred @ centred.T / (centred.shape[1] - 1) + identity)
    _, style_e, style_v = torch.svd(style_centred @ style_centred.T / (style_centred.shape[1] - 1) + identity)
    whitened = v @ torch.diag(e**-0.5) @ v.T @ centred
    coloured = style_v @ torch.diag(style_e**0.5) @ style_v.T @ whitened + style_mean
    return coloured.clamp(content.min(), content.max())


@pytest.fixture(scope="module")
def network():
    made = wct2.WCT2("cat5").eval()
    made.load_state_dict(fill_state_dict(made.state_dict(), keep=r"\.(LL|LH|HL|HH)\.weight$"))
    return made


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("labelled", [False, True], ids=["whole", "labels"])
@pytest.mark.parametrize("part", ["stylize", "transfers"])
def test_wct2(benchmark: BenchmarkFixture, monkeypatch, network, part, labelled, device) -> None:
    network.to(device)
    content, style = (torch.from_numpy(nchw(f(0, SIDE, SIDE))).to(device) / 255 for f in (image_u8, style_u8))
    mask = torch.from_numpy(mask_hard(SIDE, SIDE)).long()[None].to(device)
    labels = LabelMaps(mask, mask) if labelled else None
    given = []

    def stylize(transfer):
        monkeypatch.setattr(wct2, "transfer_statistics", transfer)
        return network(content, style, labels=labels)

    def transfers(transfer):
        return [transfer(*features) for features in given]

    def run(transfer):
        with torch.inference_mode():
            {"stylize": stylize, "transfers": transfers}[part](transfer)
        if device == "cuda":
            torch.cuda.synchronize()

    with torch.inference_mode():  # what the transfers of one image are given
        stylize(lambda *features: (given.append(features), transfer_statistics(*features))[1])
    theirs = []

    def setup():
        start = time.perf_counter()
        run(published)
        theirs.append(time.perf_counter() - start)

    benchmark.pedantic(lambda: run(transfer_statistics), setup=setup, rounds=3, warmup_rounds=1)
    benchmark.extra_info["published, seconds"] = min(theirs)
    benchmark.extra_info["times as fast"] = min(theirs) / benchmark.stats.stats.min


@pytest.mark.parametrize("labelled", [False, True])
def test_both_algorithms_give_the_same(labelled) -> None:
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.randn(2, 16, 24, 20, generator=generator) * scale for scale in (3, 1))
    maps = (torch.rand(2, 48, 40, generator=generator) > 0.4).long()
    labels = LabelMaps(maps, 1 - maps) if labelled else None
    ours, theirs = (function(content, style, 0.7, labels) for function in (transfer_statistics, published))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
