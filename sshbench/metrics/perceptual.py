"""LPIPS v0.1 (Zhang et al., CVPR 2018), computed by the `lpips` package.

The package contains the weights of its linear layers. The weights of the backbone are torchvision's, from its cache, or
from a file or folder that `SSHBENCH_LPIPS_WEIGHTS` names.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sshbench.errors import FULL
from sshbench.metrics.arrays import Images, MetricError, for_arrays
from sshbench.torch_files import TorchFileError, read_torch
from sshbench.whole_file import whole_file

if TYPE_CHECKING:
    from torch import Tensor

Net = Literal["alex", "squeeze", "vgg"]

VARIABLE = "SSHBENCH_LPIPS_WEIGHTS"
_SMALLEST = 32  # pixels; smaller images vanish between the layers of the backbones
_MODELS = {"alex": "alexnet", "squeeze": "squeezenet1_1", "vgg": "vgg16"}


class LpipsError(MetricError):
    """LPIPS cannot be computed here; the message says what is missing."""


@for_arrays
def lpips(prediction: Images, target: Images, *, net: Net = "alex") -> Tensor:
    """Return the perceptual distance LPIPS, version 0.1.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    net
        The backbone: `"alex"`, `"squeeze"` or `"vgg"`. Its weights are torchvision's, from the cache of torch or from
        the folder that `SSHBENCH_LPIPS_WEIGHTS` names.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        0 for identical images; no unit. A float for a numpy image, an array `[N]` for a numpy batch, and a
        tensor without axes or `[N]` for torch.

    Raises
    ------
    LpipsError
        The package or the weights of `net` are missing, or the images are smaller than 32 x 32 or do not have
        three channels.
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: "The unreasonable effectiveness of deep features as a perceptual metric",
    CVPR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import LpipsError, lpips
    >>> image = np.full((64, 64, 3), 100, np.uint8)
    >>> try:
    ...     distance = lpips(image, image)
    ... except LpipsError:  # the weights are neither here nor can they be fetched
    ...     distance = 0.0
    >>> distance
    0.0
    """
    import torch

    if net not in _MODELS:
        raise LpipsError(f"there is no network {net!r} for LPIPS; there are {', '.join(_MODELS)}")
    if target.shape[1] != 3:
        raise LpipsError(f"LPIPS needs three channels, R, G and B, not {target.shape[1]}")
    if min(target.shape[-2:]) < _SMALLEST:
        height, width = target.shape[-2:]
        raise LpipsError(f"LPIPS needs images of at least {_SMALLEST} x {_SMALLEST} pixels, not {width} x {height}")
    model = load(net).to(target.device)
    with torch.no_grad():
        one, other = (image.float() / 127.5 - 1 for image in (prediction, target))
        distance: Tensor = model(one, other).reshape(-1)
    return distance.double() if target.device.type != "mps" else distance


@cache
def _outcome(net: Net, given: str | None) -> Any:
    """Return the network or the error. Both are cached, so that only one download is tried without a connection."""
    try:
        return _loaded(net, given)
    except LpipsError as error:
        return error


def load(net: Net) -> Any:
    """Return the LPIPS network in evaluation mode; it is cached.

    Raises
    ------
    LpipsError
        As for `lpips`.
    """
    outcome = _outcome(net, os.environ.get(VARIABLE) or None)
    if isinstance(outcome, LpipsError):
        raise outcome
    return outcome


def weights_hash(net: Net) -> str:
    """Return the hash of all weights of the LPIPS network, which `SSHBENCH_LPIPS_WEIGHTS` may replace.

    Raises
    ------
    LpipsError
        As for `lpips`.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name, value in sorted(load(net).state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _loaded(net: Net, given: str | None) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import lpips as package
    except ImportError as error:
        raise LpipsError(f"LPIPS needs the package lpips ({error}); install it with pip install lpips") from error
    path = backbone_file(net, given)
    try:
        weights = read_torch(path)
    except TorchFileError as error:
        raise LpipsError(f"LPIPS: {error}") from error
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision warns about arguments that the package passes
        model = package.LPIPS(net=net, pnet_rand=True, verbose=False)
    try:
        for number, layer in ((n, layer) for part in model.net.children() for n, layer in part.named_children()):
            prefix = f"features.{number}."
            layer.load_state_dict({k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)})
    except (RuntimeError, AttributeError) as error:
        raise LpipsError(f"LPIPS: {path}: does not hold torchvision's weights of {_MODELS[net]}") from error
    return model.eval().requires_grad_(False)


def backbone_file(net: Net, given: str | None = None) -> Path:
    """Return the file of a backbone's weights from torchvision.

    The file comes from `given`, or else from `SSHBENCH_LPIPS_WEIGHTS`, or else from torch's cache.

    Raises
    ------
    LpipsError
        There is no such file and it could not be downloaded.
    """
    given = given or os.environ.get(VARIABLE)
    return _given(net, Path(given)) if given else _cached(net)


def _given(net: Net, path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(file for file in path.glob("*.pth") if file.name.startswith(_MODELS[net]))
    if not found:
        raise LpipsError(f"LPIPS: {path}: there is no {_MODELS[net]}*.pth ({VARIABLE} names this folder)")
    return found[0]


def _cached(net: Net) -> Path:
    """Return torchvision's file in torch's cache; download the file if it is missing."""
    import torch
    from torchvision.models import get_model_weights

    url = get_model_weights(_MODELS[net]).IMAGENET1K_V1.url
    path: Path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(url, timeout=10) as source,
            whole_file(path) as temporary,
            open(temporary, "wb") as file,
        ):
            shutil.copyfileobj(source, file)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise LpipsError(
            f"LPIPS needs torchvision's weights of {_MODELS[net]}, which could not be fetched; put {path.name} into "
            f"{path.parent} or let {VARIABLE} name it"
        ) from error
    return path
