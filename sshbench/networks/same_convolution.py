"""A convolution padded as TensorFlow's `SAME` pads images of even sides."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SameConv2d(nn.Conv2d):
    """A convolution that keeps the sides, divided by its stride; with stride 2, it pads less in front than behind."""

    def __init__(
        self, given: int, made: int, kernel: int, stride: int = 1, groups: int = 1, *, bias: bool = True
    ) -> None:
        front, behind = (kernel - stride) // 2, (kernel - stride + 1) // 2
        super().__init__(given, made, kernel, stride, front if front == behind else 0, groups=groups, bias=bias)
        self.around = () if front == behind else (front, behind, front, behind)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, made, H / stride, W / stride]`, not bounded, for `[B, given, H, W]`."""
        return super().forward(F.pad(x, self.around) if self.around else x)
