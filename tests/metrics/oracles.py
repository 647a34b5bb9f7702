"""Each protocol worked out the straight way, with Pillow, OpenCV and scikit-image, from what is published of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

Bytes = NDArray[np.uint8]
Scores = dict[str, float]
Oracle = Callable[[Bytes, Bytes, Bytes, Bytes], Scores]
"""Of prediction, composite, target `[H, W, 3]` and mask `[H, W]`, all uint8."""

_WANG = {
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
    "data_range": 255,
    "channel_axis": -1,
}


def _pil(image: Bytes, how: Image.Resampling) -> Bytes:
    return np.asarray(Image.fromarray(image).resize((256, 256), how))


def _mode_1(mask: Bytes, resize: bool) -> NDArray[np.uint8]:
    image = Image.fromarray(mask).convert("1")
    return np.asarray(image.resize((256, 256), Image.Resampling.BICUBIC) if resize else image, np.uint8)


def _tensor2im(image: Bytes) -> tuple[NDArray[np.float32], Callable[[NDArray[np.float32]], Bytes]]:
    """ToTensor and Normalize, and the way back."""
    import torch

    tensor = (torch.from_numpy(image.copy()).permute(2, 0, 1).float().div(255) - 0.5) / 0.5
    return tensor.permute(1, 2, 0).numpy(), lambda x: ((x + 1) / 2.0 * 255.0).astype(np.uint8)


def ours(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes, *, full: bool = False) -> Scores:
    import colour

    pasted = np.where(mask[..., None] > 0, prediction, composite)
    p, t, m = pasted, target, mask / 255
    if not full:
        p, t = _pil(p, Image.Resampling.BICUBIC), _pil(t, Image.Resampling.BICUBIC)
        m = _pil(mask, Image.Resampling.BICUBIC) / 255
    inside = m >= 0.5
    p64, t64 = p.astype(np.float64), t.astype(np.float64)
    fmse = ((p64 - t64)[inside] ** 2).mean()
    mean, similarity = structural_similarity(t, p, full=True, **_WANG)
    lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(image / 255)) for image in (t, p)]
    visible = colour.delta_E(*lab, method="CIE 2000")
    kernel = np.ones((2 * max(1, round(min(inside.shape) / 64)) + 1,) * 2, np.uint8)
    band = cv2.dilate(inside.astype(np.uint8), kernel) * cv2.dilate((~inside).astype(np.uint8), kernel) == 1
    return {
        "psnr": peak_signal_noise_ratio(t, p, data_range=255),
        "mse": mean_squared_error(t, p),
        "ssim": mean,
        "mae": np.abs(p64 - t64).mean(),
        "ciede2000": visible.mean(),
        "fmse": fmse,
        "fpsnr": 10 * np.log10(255**2 / fmse),
        "fssim": similarity[inside].mean(),
        "fciede2000": visible[inside].mean(),
        "boundary_mse": ((p64 - t64)[band] ** 2).mean(),
    }


def ours_fullres(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    return ours(prediction, composite, target, mask, full=True)


def ssh(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    file = io.BytesIO()
    Image.fromarray(prediction).save(file, "jpeg")
    saved = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    result = cv2.resize(saved, (256, 256), interpolation=cv2.INTER_AREA)
    truth = cv2.resize(np.ascontiguousarray(target[..., ::-1]), (256, 256), interpolation=cv2.INTER_AREA)
    span = float(result.max()) - float(result.min())
    return {
        "psnr": peak_signal_noise_ratio(truth, result, data_range=span),
        "mse": mean_squared_error(truth, result),
    }


def dovenet(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    output, real = (
        back(values).astype(np.float32)
        for values, back in (_tensor2im(_pil(image, Image.Resampling.BILINEAR)) for image in (prediction, target))
    )
    return {
        "psnr": peak_signal_noise_ratio(real, output, data_range=output.max() - output.min()),
        "mse": mean_squared_error(real, output),
    }


def iharmony4(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    comp, real = (_pil(image, Image.Resampling.BICUBIC).astype(np.float32) for image in (prediction, target))
    m = _mode_1(mask, resize=True)[..., None]
    return {
        "psnr": peak_signal_noise_ratio(real, comp, data_range=comp.max() - comp.min()),
        "mse": mean_squared_error(comp, real),
        "fmse": mean_squared_error(comp * m, real * m) * 256 * 256 / m.sum(dtype=np.float64),
    }


def dih(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    output, truth = (_pil(image, Image.Resampling.BICUBIC).astype(np.float64) for image in (prediction, target))
    span = output.max() - output.min()
    return {
        "psnr": peak_signal_noise_ratio(truth, output, data_range=span),
        "mse": mean_squared_error(output, truth),
        "ssim": structural_similarity(truth, output, data_range=span, channel_axis=-1),
    }


def s2am(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    from torchvision.transforms import Compose, Resize, ToTensor

    load = Compose([Resize((256, 256)), ToTensor()])
    output, inputs, real, m = (load(Image.fromarray(image)) for image in (prediction, composite, target, mask))
    pasted = inputs * (1 - m) + output * m
    output, real = ((image * 255).clamp(0, 255).permute(1, 2, 0).numpy().astype(np.uint8) for image in (pasted, real))
    span = float(output.max()) - float(output.min())
    return {
        "psnr": peak_signal_noise_ratio(real, output, data_range=span),
        "mse": mean_squared_error(output, real),
    }


def issam(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    p, t = (cv2.resize(image, (256, 256)).astype(np.float64) for image in (prediction, target))
    m = cv2.resize(mask.astype(np.float32) / 255, (256, 256)).astype(np.float64)
    mse = ((p - t) ** 2).mean()
    return {
        "psnr": 10 * np.log10(t.max() ** 2 / (mse + 1e-6)),
        "mse": mse,
        "fmse": (m[..., None] * (p - t) ** 2).sum() / (3 * m.sum() + 1e-6),
    }


def pct(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes, *, target_peak: bool = False) -> Scores:
    p, t, m = prediction.astype(np.float64), target.astype(np.float64), mask[..., None] / np.float64(255)
    mse = (m * (p - t) ** 2).mean()
    return {
        "psnr": 10 * np.log10((t.max() if target_peak else 255) ** 2 / (mse + 1e-6)),
        "mse": mse,
        "fmse": (m * (p - t) ** 2).sum() / (3 * m.sum() + 1e-6),
        "ssim": structural_similarity(p * m + t * (1 - m), t, **_WANG),
    }


def dccf(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    return pct(prediction, composite, target, mask, target_peak=True)


def harmonizer(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    p, t, m = prediction.astype(np.float64), target.astype(np.float64), _mode_1(mask, resize=False)[..., None]
    return {
        "psnr": peak_signal_noise_ratio(p, t, data_range=p.max() - p.min()),
        "mse": mean_squared_error(p, t),
        "fmse": mean_squared_error(p * m, t * m) * m.size / m.sum(dtype=np.float64),
        "ssim": structural_similarity(p, t, channel_axis=-1, data_range=2),
    }


def hdnet(prediction: Bytes, composite: Bytes, target: Bytes, mask: Bytes) -> Scores:
    (output, back), (real, _) = (_tensor2im(_pil(image, Image.Resampling.BILINEAR)) for image in (prediction, target))
    m = _mode_1(mask, resize=True)[..., None].astype(np.float32)
    p, t = back(output * m + real * (1 - m)), back(real)
    return {
        "psnr": peak_signal_noise_ratio(t, p),
        "mse": mean_squared_error(p, t),
        "fmse": mean_squared_error(p, t) * m.size / m.sum(),  # as there, where all error is inside of the mask
        "ssim": structural_similarity(t, p, channel_axis=-1, data_range=255),
    }


ORACLES: dict[str, Oracle] = {
    "sshbench-v1": ours,
    "sshbench-v1-fullres": ours_fullres,
    "ssh-iccv21": ssh,
    "dovenet": dovenet,
    "iharmony4-evaluation": iharmony4,
    "dih-tf": dih,
    "s2am": s2am,
    "issam": issam,
    "pct-fullres": pct,
    "dccf": dccf,
    "harmonizer": harmonizer,
    "hdnet-gtbg": hdnet,
}
