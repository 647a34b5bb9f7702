"""Several processes that train one set of weights, as torchrun starts them; or a single process.

Gradients are averaged after each phase, so phases may share modules. Batch norm uses the statistics of all processes,
so R processes compute the same as one process with R times the batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sshbench.devices import device_name


@dataclass(frozen=True)
class World:
    """One of the processes that train together."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each parameter's gradient by its mean over all processes."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def largest(self, *values: float) -> list[float]:
        """Return the maximum of each value over all processes."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)  # on the CPU, so that no GPU has to wait
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return [float(value) for value in tensor]

    def means(self, values: Tensor) -> Tensor:
        """Return the mean of `values` over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def share(self, modules: nn.Module) -> None:
        """Give every process the weights of the first one, and make batch norm use the statistics of all."""
        if self.size == 1:
            return
        for tensor in modules.state_dict().values():
            dist.broadcast(tensor, 0)
        for module in modules.modules():
            if type(module) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
                module.__class__ = SharedBatchNorm  # in place: objectives and optimizers hold the module

    def wait(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


class SharedBatchNorm(_BatchNorm):
    """Batch norm with the statistics of all processes; torch's `SyncBatchNorm` only computes on GPUs."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """Return `[N, C, ...]`, normalised per channel, of the same shape.

        The statistics are those of all processes in training mode, and the running statistics in evaluation mode.
        """
        if not self.training:
            return super().forward(input)
        dims = [d for d in range(input.ndim) if d != 1]
        shape = [1, -1] + [1] * (input.ndim - 2)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        count = x.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([x.sum(dims), x.square().sum(dims), count])
        sums = _Sum.apply(sums)
        total, squares, n = sums.split([x.shape[1], x.shape[1], 1])
        mean = total / n
        variance = (squares / n - mean.square()).clamp(min=0)
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            with torch.no_grad():
                self.num_batches_tracked += 1
                rate = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
                self.running_mean.lerp_(mean, rate)
                self.running_var.lerp_(variance * n / (n - 1), rate)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        offset = -mean * scale
        if self.bias is not None:
            offset = offset + self.bias
        normed: Tensor = (x * scale.view(shape) + offset.view(shape)).to(input.dtype)
        return normed


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Return the sum of `values`, of any shape and range, over all processes."""
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total: Tensor = _Sum.apply(gradients[0])  # a gradient penalty differentiates the gradient again
        return total


@contextmanager
def world(device: str = "auto") -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun, this process is alone.

    Parameters
    ----------
    device
        `auto` (a GPU if there is one), `cpu`, `cuda`, or `cuda:1`.

    Raises
    ------
    SshbenchError
        There is no such device.
    """
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    here = torch.device(device_name(device, gpu=local))
    if size == 1:
        yield World(0, 1, here)
        return
    if here.type == "cuda":
        torch.cuda.set_device(here)
    dist.init_process_group("cpu:gloo,cuda:nccl" if here.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), here)
        dist.barrier()  # gloo may abort a process that leaves while another process still writes
    finally:
        dist.destroy_process_group()
