"""Deterministic fill / input rules and comparison helper for the golden vectors.

Neutral helper: depends on numpy and zlib only (torch only inside `fill_state_dict`).
Works for any module/dict that exposes the same state_dict keys and shapes.
"""

import re
import zlib

import numpy as np

GAIN = 2.0  # overridden per network through the `gain` argument (see README table)


def fill_value(key, shape, gain=GAIN):
    """numpy array for one state_dict entry; depends on (key, shape, gain) only."""
    rng = np.random.RandomState(zlib.crc32(key.encode("utf-8")) & 0xFFFFFFFF)
    shape = tuple(int(s) for s in shape)
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    n = rng.standard_normal(shape)  # float64, C order
    if leaf == "running_mean":
        v = 0.1 * n
    elif leaf == "running_var":
        v = 1.0 + np.abs(0.1 * n)
    elif leaf in ("weight_u", "weight_v"):  # spectral-norm vectors
        v = n / np.sqrt((n * n).sum())
    elif len(shape) >= 2:  # conv / deconv / linear weights
        fan = float(np.prod(shape[1:]))
        v = n * np.sqrt(gain / fan)
    elif leaf == "weight":  # 1-D affine scale of a norm layer
        v = 1.0 + 0.1 * n
    else:  # biases
        v = 0.05 * n
    return v.astype(np.float32)


def fill_state_dict(state_dict, gain=GAIN, keep=None):
    """Return a new dict with every entry filled.  `keep` is a regex of constant
    entries (Haar filters, Gaussian mask kernel) that stay as constructed."""
    import torch

    out = {}
    for k, t in state_dict.items():
        if keep and re.search(keep, k):
            out[k] = t.clone()
        else:
            out[k] = torch.from_numpy(np.array(fill_value(k, t.shape, gain))).to(t.dtype).reshape(t.shape)
    return out


def image_u8(seed, h, w, channels=3, block=16):
    """Blocky random image + noise, integers only -> bit exact everywhere. HxWxC uint8."""
    rng = np.random.RandomState(seed)
    gh, gw = -(-h // block), -(-w // block)
    base = rng.randint(24, 232, size=(gh, gw, channels))
    base = np.repeat(np.repeat(base, block, 0), block, 1)[:h, :w]
    noise = rng.randint(-24, 25, size=(h, w, channels))
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def mask_hard(h, w):
    """Ellipse, HxW uint8 in {0,1}, integers only."""
    cy, cx, ry, rx = h * 9 // 16, w * 7 // 16, h // 4, w // 5
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    return ((((y - cy) * rx) ** 2 + ((x - cx) * ry) ** 2) <= (rx * ry) ** 2).astype(np.uint8)


def mask_soft(h, w):
    """Same ellipse, 4x4 super-sampled: HxW float32 whose values are k/16 (exact)."""
    m = mask_hard(4 * h, 4 * w).astype(np.int64).reshape(h, 4, w, 4).sum((1, 3))
    return (m / 16.0).astype(np.float32)


def nchw(u8):
    """HxWxC uint8 -> 1xCxHxW float32 in [0,255]."""
    return np.ascontiguousarray(u8.transpose(2, 0, 1)[None]).astype(np.float32)


def summarize(name, arr, crop=64, target=64):
    """Dict of what is stored for one output tensor NxCxHxW (or any shape)."""
    a = np.asarray(arr)
    d = {
        name + ".shape": np.array(a.shape, np.int64),
        name + ".stats": np.array([a.mean(dtype=np.float64), a.std(dtype=np.float64), a.min(), a.max()], np.float64),
    }
    if a.ndim == 4 and a.shape[2] * a.shape[3] > 4096:
        h, w = a.shape[2:]
        y0, x0 = (h - crop) // 2, (w - crop) // 2
        s = max(1, min(h, w) // target)
        d[name + ".crop_yx"] = np.array([y0, x0], np.int64)
        d[name + ".crop"] = a[:, :, y0 : y0 + crop, x0 : x0 + crop].astype(np.float32)
        d[name + ".stride_step"] = np.array([s], np.int64)
        d[name + ".stride"] = a[:, :, ::s, ::s].astype(np.float32)
        d[name + ".chan_mean"] = a.mean(axis=(0, 2, 3), dtype=np.float64)
        d[name + ".chan_std"] = a.std(axis=(0, 2, 3), dtype=np.float64)
    else:
        d[name + ".full"] = a.astype(np.float32)
    return d


def compare(npz, name, arr):
    """Max abs difference between a candidate output and the stored golden output."""
    a = np.asarray(arr, dtype=np.float64)
    if tuple(a.shape) != tuple(npz[name + ".shape"]):
        return "shape {} != {}".format(a.shape, tuple(npz[name + ".shape"]))
    r = {"stats": float(np.abs(np.array([a.mean(), a.std(), a.min(), a.max()]) - npz[name + ".stats"]).max())}
    if name + ".full" in npz:
        r["full"] = float(np.abs(a - npz[name + ".full"]).max())
    else:
        y, x = npz[name + ".crop_yx"]
        c = npz[name + ".crop"]
        s = int(npz[name + ".stride_step"][0])
        r["crop"] = float(np.abs(a[:, :, y : y + c.shape[2], x : x + c.shape[3]] - c).max())
        r["stride"] = float(np.abs(a[:, :, ::s, ::s] - npz[name + ".stride"]).max())
    return r


def style_u8(seed, h, w):
    """Image with clearly different colour statistics (integers only). HxWx3 uint8."""
    a = image_u8(seed, h, w, 3, 32).astype(np.int64)
    out = np.stack([a[..., 0] // 2 + 96, a[..., 1] * 3 // 4, 255 - a[..., 2] // 3], -1)
    return np.clip(out, 0, 255).astype(np.uint8)
