"""Every protocol equals a straightforward computation of its own, and its parts do what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import PROTOCOLS, ProtocolError, get_protocol
from sshbench.metrics.prepare import prepare
from sshbench.metrics.suite import score
from tests.golden.golden_helper import mask_soft
from tests.metrics.oracles import ORACLES
from tools.compare_protocols import PAGE, definitions

TOLERANCE = {"psnr": 1e-4, "mse": 1e-3, "ssim": 1e-5, "fssim": 1e-5, "ciede2000": 1e-5, "fciede2000": 1e-5}


def made(seed: int = 0, size: tuple[int, int] = (330, 420), *, soft: bool = True) -> Composite:
    """A composite with structure, a gradient, a soft or hard mask, and a foreground that is off in colour."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    blocks = rng.integers(20, 236, (height // 15 + 1, width // 15 + 1, 3)).repeat(15, 0).repeat(15, 1)
    target = np.clip(blocks[:height, :width] + rng.integers(-20, 21, (height, width, 3)), 0, 255).astype(np.uint8)
    target[:40] = (x[:40] * 255 // width)[..., None]
    distance = np.hypot((y - height * 0.55) / (height * 0.4), (x - width * 0.4) / (width * 0.3))
    mask = np.clip((1.1 - distance) * 5, 0, 1) if soft else (distance < 1).astype(float)
    mask = (np.rint(mask * 255) / 255).astype(np.float32)
    other = np.clip(target * [0.8, 1.0, 1.15] + [14, -6, 3], 0, 255)
    composite = np.rint(other * mask[..., None] + target * (1 - mask[..., None])).astype(np.uint8)
    return Composite(f"made/{seed}", composite, composite, composite, mask, target)


def predicted(composite: Composite, seed: int = 1) -> NDArray[np.uint8]:
    """What a method that changes the background too might give: half way to the target, with noise, clipped."""
    assert composite.target is not None
    middle = composite.composite * 0.5 + composite.target * 0.5
    noise = np.random.default_rng(seed).normal(0, 6, middle.shape)
    return np.clip(np.rint(middle + noise), 5, 240).astype(np.uint8)


def as_bytes(composite: Composite) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    assert composite.target is not None
    return composite.composite, composite.target, np.rint(composite.mask * 255).astype(np.uint8)


def assert_as_oracle(name: str, prediction: NDArray[np.uint8], composite: Composite) -> None:
    expected = ORACLES[name](prediction, *as_bytes(composite))
    found = score(prediction, composite, PROTOCOLS[name], list(expected))
    assert found.keys() == expected.keys()
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value, abs=TOLERANCE.get(metric, 1e-3), rel=1e-6), metric


def test_every_protocol_has_an_oracle_for_all_but_perceptual_metrics() -> None:
    assert ORACLES.keys() == PROTOCOLS.keys()
    composite = made()
    for name, protocol in PROTOCOLS.items():
        scored = ORACLES[name](predicted(composite), *as_bytes(composite)).keys()
        assert scored == {metric for metric in protocol.metrics if not metric.startswith("lpips")}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("soft", [True, False])
def test_equals_a_straightforward_computation(name: str, soft: bool) -> None:
    composite = made(soft=soft)
    assert_as_oracle(name, predicted(composite), composite)
    assert_as_oracle(name, composite.composite, composite)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_images_smaller_than_256(name: str) -> None:
    composite = made(3, (190, 250))
    assert_as_oracle(name, predicted(composite), composite)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_perfect_prediction_has_the_psnr_of_the_smallest_error_that_counts(name: str) -> None:
    sample = made(size=(64, 80))
    assert sample.target is not None
    perfect = replace(sample, composite=sample.target, foreground=sample.target, background=sample.target)
    assert_as_oracle(name, sample.target, perfect)


@pytest.mark.shared
@pytest.mark.parametrize("i", range(18))
def test_equals_a_straightforward_computation_on_iharmony4(i: int, shared: Path) -> None:
    composite = open_benchmark("iharmony4", shared / "data/iharmony4")[i]
    window = around_edge(composite)
    whole, part = (predicted(composite), composite), (predicted(window), window)
    for name, protocol in PROTOCOLS.items():
        assert_as_oracle(name, *(part if protocol.size is None else whole))  # at full resolution a part is proof enough


def around_edge(composite: Composite, size: int = 360) -> Composite:
    edge = np.argwhere((composite.mask[:, 1:] >= 0.5) != (composite.mask[:, :-1] >= 0.5))
    rows, columns = (slice(max(0, m - size // 2), max(0, m - size // 2) + size) for m in edge[len(edge) // 2])
    assert composite.target is not None
    image, target = composite.composite[rows, columns], composite.target[rows, columns]
    return Composite(composite.id, image, image, image, composite.mask[rows, columns], target)


@pytest.mark.shared
def test_golden_vectors(shared: Path) -> None:
    folder = shared / "facts/golden/vectors"
    golden = json.loads((folder / "metrics.json").read_text())
    inputs = np.load(folder / "metrics_inputs.npz")
    prediction, mask = inputs["pred"], inputs["mask"].astype(np.float32)
    composite = Composite("golden", prediction, prediction, prediction, mask, inputs["real"])
    found = {
        name: score(prediction, composite, PROTOCOLS[name], ["psnr", "mse", "fmse", "fpsnr"]) for name in PROTOCOLS
    }
    assert found["iharmony4-evaluation"]["mse"] == pytest.approx(golden["ihd_mse"], rel=1e-6)
    assert found["iharmony4-evaluation"]["psnr"] == pytest.approx(golden["ihd_psnr_predrange"], rel=1e-6)
    assert found["iharmony4-evaluation"]["fmse"] == pytest.approx(golden["ihd_fmse"], rel=1e-6)
    assert found["sshbench-v1"]["psnr"] == pytest.approx(golden["psnr_255"], rel=1e-6)
    assert found["sshbench-v1"]["fpsnr"] == pytest.approx(golden["fpsnr_255"], rel=1e-6)
    assert found["issam"]["psnr"] == pytest.approx(golden["psnr_saic_targetmax"], rel=1e-6)
    assert found["issam"]["fmse"] == pytest.approx(golden["own_fmse"], rel=1e-6)
    as_saved = replace(PROTOCOLS["ssh-iccv21"], quantise="truncate")  # the vector leaves the JPEG out
    assert score(prediction, composite, as_saved)["psnr"] == pytest.approx(golden["ssh_psnr_u8"], rel=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_golden_vectors_of_later_authors(shared: Path, kind: str) -> None:
    folder = shared / "facts/golden/vectors"
    golden = json.loads((folder / "metrics_modern.json").read_text())
    inputs = np.load(folder / "metrics_inputs.npz")
    mask = inputs["mask"].astype(np.float32) if kind == "hard" else mask_soft(256, 256)
    prediction = inputs["pred"]
    composite = Composite("golden", prediction, prediction, prediction, mask, inputs["real"])
    expected = {"pct-fullres": "pct", "issam": "saic"}
    metrics = {"pct": ("MSE", "PSNR", "fMSE", "SSIM"), "saic": ("MSE", "PSNR", "fMSE")}
    for protocol, authors in expected.items():
        found = score(prediction, composite, PROTOCOLS[protocol])
        for name in metrics[authors]:
            assert found[name.lower()] == pytest.approx(golden[f"{authors}_{kind}_{name}"], rel=2e-6), (protocol, name)
    if kind == "soft":
        return
    found = score(prediction, composite, PROTOCOLS["hdnet-gtbg"])
    assert [found[n] for n in ("mse", "psnr", "fmse", "ssim")] == pytest.approx(
        [golden[f"hdnet_{n}"] for n in ("mse", "psnr", "fmse", "ssim")]
    )
    found = score(prediction, composite, PROTOCOLS["harmonizer"])
    assert [found[n] for n in ("mse", "psnr", "fmse")] == pytest.approx(
        [golden[f"harmonizer_{n}"] for n in ("mse", "psnr", "fmse")]
    )
    assert found["ssim"] == pytest.approx(golden["harmonizer_ssim_data_range_2"], abs=1e-5)


def test_tensor2im_takes_one_from_the_levels_1_to_63() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    composite = Composite("levels", levels, levels, levels, np.eye(16, dtype=np.float32), levels)
    protocol = replace(PROTOCOLS["dovenet"], size=(16, 16))
    lost = levels.astype(int) - prepare(levels, composite, protocol).target
    assert lost[..., 0].ravel().nonzero()[0].tolist() == list(range(1, 64))
    assert set(lost.ravel()) == {0, 1}


def test_tensor2im_wraps_what_lies_outside_and_others_clip() -> None:
    composite = made(size=(256, 256))
    prediction = np.full((256, 256, 3), 1.02, np.float32)  # 260.1 of 255
    assert (prepare(prediction, composite, PROTOCOLS["dovenet"]).prediction == 4).all()
    for name in ("sshbench-v1", "issam", "pct-fullres", "harmonizer", "dih-tf"):
        inside = composite.mask > 0
        assert (prepare(prediction, composite, PROTOCOLS[name]).prediction[inside] == 255).all()


def test_floats_are_rounded_truncated_or_kept() -> None:
    composite = made(size=(256, 256))
    prediction = np.full((256, 256, 3), 100.75 / 255, np.float32)
    inside = composite.mask == 1
    for name, value in (("sshbench-v1", 101), ("s2am", 100), ("dovenet", 100), ("issam", 100.75), ("dih-tf", 100.75)):
        values = prepare(prediction, composite, PROTOCOLS[name]).prediction[inside]
        np.testing.assert_allclose(values, value, atol=1e-3)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if PROTOCOLS[name].size])
def test_a_prediction_of_the_protocols_size_is_not_resized(name: str) -> None:
    composite = made()
    given = predicted(made(size=(256, 256)))
    protocol = replace(PROTOCOLS[name], background="prediction", quantise="round")
    np.testing.assert_array_equal(prepare(given, composite, protocol).prediction, given)


def test_ours_takes_the_background_from_the_composite() -> None:
    composite = made()
    wild = np.where(composite.mask[..., None] > 0, composite.composite, 0).astype(np.uint8)
    for name in ("sshbench-v1", "sshbench-v1-fullres"):
        metrics = [metric for metric in PROTOCOLS[name].metrics if not metric.startswith("lpips")]
        assert score(wild, composite, PROTOCOLS[name], metrics) == score(
            composite.composite, composite, PROTOCOLS[name], metrics
        )
    assert score(wild, composite, PROTOCOLS["dovenet"])["mse"] > 100


def test_peak_of_the_prediction_punishes_a_narrow_range() -> None:
    composite = made(size=(256, 256))
    assert composite.target is not None
    narrow = np.clip(composite.target, 60, 180).astype(np.uint8)
    expected = 20 * np.log10((180 - 60) / 255)
    wide = replace(PROTOCOLS["iharmony4-evaluation"], peak="255")
    difference = score(narrow, composite, PROTOCOLS["iharmony4-evaluation"])["psnr"]
    difference -= score(narrow, composite, wide)["psnr"]
    assert difference == pytest.approx(expected, abs=1e-6)


def test_the_page_about_protocols_has_their_definitions() -> None:
    assert definitions() in PAGE.read_text(encoding="utf-8")


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    assert get_protocol("dovenet") is PROTOCOLS["dovenet"]
    with pytest.raises(ProtocolError, match="did you mean 'dovenet'"):
        get_protocol("DoveNet")
    with pytest.raises(ProtocolError, match="there are sshbench-v1"):
        get_protocol("xyz")
