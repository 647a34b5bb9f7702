"""DIH's TensorFlow variables and Caffe blobs become networks that equal the published ones on golden vectors."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import strict_load
from sshbench.methods.checkpoints.caffemodel import read_caffemodel
from sshbench.methods.checkpoints.dih import FORMS, read
from tests.golden.golden_helper import compare, fill_value, image_u8, mask_hard

GOLDEN = Path(__file__).parent.parent / "golden"


def drawn(key, shape):
    return np.random.RandomState(crc32(key.encode())).standard_normal(shape)


def variables(which):
    """TensorFlow's, filled by the rule of the vectors."""
    rules = {
        "weights": lambda n: n * np.sqrt(1 / np.prod(n.shape[:-1])),
        "gamma": lambda n: 1 + 0.1 * n,
        "beta": lambda n: 0.05 * n,
        "biases": lambda n: 0.05 * n,
        "moving_mean": lambda n: 0.1 * n,
        "moving_variance": lambda n: 1 + np.abs(0.1 * n),
    }
    listed = json.loads((GOLDEN / "keys" / f"dih_bcmi_tf_{which}_semantics.tfvars.json").read_text())
    return {name: rules[name.split("/")[-1]](drawn(name, shape)).astype(np.float32) for name, shape, *_ in listed}


def blobs():
    """Caffe's, filled by the rule of the vectors."""
    filled = {}
    for layer, index, shape, _, kind in json.loads((GOLDEN / "keys" / "dih_caffe512.blobs.json").read_text()):
        n = drawn(f"{layer}/{index}", shape)
        if kind == "BatchNorm":
            value = (0.2 * n, 2 * (1 + np.abs(0.1 * n)), np.full(shape, 2.0))[index]
        elif kind == "Scale":
            value = (1 + 0.1 * n, 0.05 * n)[index]
        else:
            value = (n * np.sqrt(1 / np.prod(shape[1:])), 0.05 * n)[index]
        filled[f"{layer}/{index}"] = value.astype(np.float32)
    return filled


@pytest.fixture(scope="module")
def filled():
    return {"wo": variables("wo"), "with": variables("with"), "caffe": blobs()}


def network(path):
    state, architecture = read(path)
    module = FORMS[architecture.pop("form")](**architecture).eval()
    strict_load(module, state, path)
    return module


def x(image, mask):
    """Channels first, of an image `[H, W, 3]` and a mask `[H, W]`."""
    return torch.from_numpy(np.concatenate([image, mask[..., None]], -1).transpose(2, 0, 1)[None].astype(np.float32))


@pytest.mark.parametrize("which", ["wo", "with"])
@pytest.mark.parametrize("unit", [False, True], ids=["as filled", "unit statistics"])
def test_the_tensorflow_form_equals_the_published_graph(filled, which, unit, tmp_path):
    values = dict(filled[which])
    if unit:
        values = {
            n: np.full_like(v, 1.0 if "variance" in n else 0.0) if "moving" in n else v for n, v in values.items()
        }
    np.savez(tmp_path / "dih.npz", **values)
    bgr = (image_u8(0, 256, 256)[..., ::-1].astype(np.float32) - 127.5) / 127.5
    mask = (255 * mask_hard(256, 256).astype(np.float32) - 127.5) / 127.5
    with torch.no_grad():
        image, labels = network(tmp_path / "dih.npz")(x(bgr, mask))
    stored = np.load(GOLDEN / "vectors" / f"dih_bcmi_tf_{which}_semantics_256.npz")
    assert max(compare(stored, "pre_clip_unitstats" if unit else "pre_clip", image.numpy()).values()) < 5e-5
    if not unit:
        assert max(compare(stored, "output", image.clamp(-1, 1).numpy()).values()) < 5e-5
    if which == "with" and not unit:
        np.testing.assert_allclose(labels[:, :, ::16, ::16], stored["seg_logits.sample_s16"], atol=5e-5, rtol=0)
        np.testing.assert_allclose(labels.mean((0, 2, 3)), stored["seg_logits.chan_mean"], atol=5e-5, rtol=0)
    assert (labels is None) == (which == "wo")


def test_the_caffe_form_equals_the_published_net(filled, tmp_path):
    np.savez(tmp_path / "dih.npz", **filled["caffe"])
    means = np.array([104.00699, 116.66877, 122.67892], np.float32)
    bgr = image_u8(0, 512, 512)[..., ::-1].astype(np.float32) - means
    mask = 255 * mask_hard(512, 512).astype(np.float32) - 128
    with torch.no_grad():
        image, labels = network(tmp_path / "dih.npz")(x(bgr, mask))
    stored = np.load(GOLDEN / "vectors" / "dih_caffe512_512.npz")
    assert max(compare(stored, "output_h", image.numpy()).values()) < 5e-3
    np.testing.assert_allclose(labels[:, :, ::16, ::16], stored["seg.sample_s16"], atol=5e-3, rtol=0)


@pytest.mark.parametrize("old", [False, True])
def test_a_caffemodel_gives_what_its_blobs_give(filled, old, tmp_path):
    np.savez(tmp_path / "dih.npz", **filled["caffe"])
    (tmp_path / "dih.caffemodel").write_bytes(caffemodel(filled["caffe"], old=old))
    expected, _ = read(tmp_path / "dih.npz")
    found, architecture = read(tmp_path / "dih.caffemodel")
    assert architecture == {"form": "caffe"}
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def varint(value):
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + [groups[-1]])


def field(number, value):
    """One protobuf field: an integer, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def caffemodel(arrays, old=False):
    """A net with these blobs, in the fields of today or of 2014."""
    layers = {}
    for key, array in arrays.items():
        if old:
            shape = b"".join(field(n, size) for n, size in enumerate((1, 1, 1, 1, *array.shape)[-4:], start=1))
        else:
            shape = field(7, field(1, b"".join(varint(size) for size in array.shape)))
        if array.size > 1024 or not old:
            blob = shape + field(5, array.astype("<f4").tobytes())
        else:  # one by one, as files of before packed fields
            blob = shape + b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in array.ravel())
        layers.setdefault(key.split("/")[0], []).append(blob)
    net = field(1, b"DIH")
    for name, parts in layers.items():
        kind = field(5, 4) if old else field(2, b"Convolution")
        body = field(4 if old else 1, name.encode()) + kind + b"".join(field(6 if old else 7, part) for part in parts)
        net += field(2 if old else 100, body)
    return net


def test_blobs_come_out_of_a_caffemodel_as_they_went_in(tmp_path):
    arrays = {
        "a/0": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
        "a/1": np.float32([1, 2]),
        "b/0": np.float32([7]),
    }
    (tmp_path / "net.caffemodel").write_bytes(caffemodel(arrays))
    found = read_caffemodel(tmp_path / "net.caffemodel")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("cut", [1, 5, 40, 100])
def test_a_cut_caffemodel_is_refused(cut, tmp_path):
    whole = caffemodel({"a/0": np.arange(24, dtype=np.float32)})
    (tmp_path / "net.caffemodel").write_bytes(whole[:-cut])
    with pytest.raises(WeightsError, match=r"net\.caffemodel (is cut off|has no layers)"):
        read_caffemodel(tmp_path / "net.caffemodel")


def write_damaged(filled, how, folder):
    values = dict(filled["wo"])
    if how == "missing":
        del values["fc7/biases"]
    elif how == "misshaped":
        values["conv1/weights"] = values["conv1/weights"][..., :32]
    elif how == "unknown":
        values["conv9/weights"] = np.zeros(3, np.float32)
    elif how == "not a file of arrays":
        (folder / "dih.npz").write_bytes(b"PK and then nothing")
        return
    elif how == "objects":
        values = {"conv0/weights": np.array([{"a": 1}], dtype=object)}
    np.savez(folder / "dih.npz", **values)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", r"lacks fc7/biases$"),
        ("misshaped", r"conv1/weights \(\[4, 4, 64, 32\], not \[4, 4, 64, 64\]\)"),
        ("unknown", r"unknown conv9/weights"),
        ("not a file of arrays", r"damaged"),
        ("objects", r"no \.npz of plain arrays"),
    ],
)
def test_damaged_variables_are_refused_by_name(filled, how, said, tmp_path):
    write_damaged(filled, how, tmp_path)
    with pytest.raises(WeightsError, match=said):
        read(tmp_path / "dih.npz")


def test_the_optimizers_variables_are_passed_over(filled, tmp_path):
    values = {f"{name}:0": value for name, value in filled["wo"].items()}
    values |= {"fc7/biases/Adam": np.zeros(512), "fc7/biases/Adam_1": np.zeros(512), "beta1_power": np.float32(0.5)}
    np.savez(tmp_path / "dih.npz", **values, global_step=np.int64(117078))
    assert read(tmp_path / "dih.npz")[1] == {"form": "tensorflow", "semantics": False}


def test_a_checkpoint_of_saics_is_read(tmp_path):
    keys = json.loads((GOLDEN / "keys" / "saic_dih_depth8.keys.json").read_text())
    state = {f"module.{key}": torch.from_numpy(np.array(fill_value(key, shape, 1.0))) for key, shape, _ in keys}
    torch.save(state, tmp_path / "dih.pth")
    found, architecture = read(tmp_path / "dih.pth")
    assert architecture == {"form": "saic"}
    assert [key for key, *_ in keys] == list(found)
