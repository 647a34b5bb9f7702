"""SSH's network as an ONNX file for images of any size, compared with PyTorch by onnxruntime.

This needs the extra `onnx`: `pip install sshbench[onnx]`.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from sshbench.methods.base import MethodError, WeightsError
from sshbench.methods.weights import Weights, network_of
from sshbench.outputs import check_file
from sshbench.whole_file import whole_file

OPSET = 18
TOLERANCE = 1e-3
INPUTS, OUTPUT = ("content", "reference"), "image"


def export_onnx(weights: Weights, path: str | os.PathLike[str]) -> float:
    """Write the network, and run it with onnxruntime at sizes that were not used for tracing.

    The file takes `content` and `reference`, float32 `[N, 3, H, W]` and `[N, 3, h, w]`, RGB, -1..1, and returns
    `image`, `[N, 3, H, W]`. The sides of `content` are multiples of 16; `reference` has any size.

    Returns
    -------
    float
        The largest absolute difference from PyTorch's output.

    Raises
    ------
    MethodError
        The weights belong to another method, the extra is not installed, or the results differ.
    """
    import torch
    from torch import Tensor, nn

    from sshbench.networks.ssh import SSH

    check_file(path)
    if weights.card.method != "ssh":
        raise MethodError(f"only ssh is exported as ONNX, not {weights.card.method}")
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MethodError(f"{error.name} is not installed; pip install 'sshbench[onnx]'") from error
    network = network_of(weights, SSH)

    class ImageAlone(nn.Module):
        """SSH without its padding, which cannot be traced for sizes that are known only at run time."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, content: Tensor, reference: Tensor) -> Tensor:
            """Return the image `[N, 3, H, W]` for `content` `[N, 3, H, W]` and `reference` `[N, 3, h, w]`, -1..1."""
            features, skips = self.network.encode_content(content)
            return self.network.fuse(features, skips, self.network.encode_style(reference))

    alone = ImageAlone().eval()
    example = torch.zeros(2, 3, 64, 96), torch.zeros(2, 3, 80, 48)
    batch = torch.export.Dim("batch")
    rows, columns = (16 * torch.export.Dim(name, min=1) for name in ("rows", "columns"))
    height, width = (torch.export.Dim(name, min=16) for name in ("height", "width"))
    shapes = {"content": {0: batch, 2: rows, 3: columns}, "reference": {0: batch, 2: height, 3: width}}
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                alone,
                example,
                temporary,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
        worst = _compared(alone, temporary, onnxruntime)
    return worst


def _compared(alone: Any, path: Path, onnxruntime: Any) -> float:
    """Return the largest absolute difference between PyTorch and onnxruntime, at two sizes."""
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed, (content, reference) in enumerate((((1, 64, 64), (1, 64, 64)), ((1, 96, 160), (1, 70, 51)))):
        random = torch.Generator().manual_seed(seed)
        given = [2 * torch.rand(n, 3, h, w, generator=random) - 1 for n, h, w in (content, reference)]
        with torch.inference_mode():
            ours = alone(*given)
        (theirs,) = session.run([OUTPUT], {name: value.numpy() for name, value in zip(INPUTS, given, strict=True)})
        worst = max(worst, float((ours - torch.from_numpy(theirs)).abs().max()))
    if worst > TOLERANCE:
        raise WeightsError(f"onnxruntime differs from PyTorch by {worst:.1e}, so that the ONNX file was not kept")
    return worst
