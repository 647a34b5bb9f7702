"""The networks at their sizes (256; SSH-LUT 128, the Caffe form of DIH 512) with random weights, timed and weighed.

One network by itself, the least of RUNS runs; no run before them goes uncounted, so that one run takes memory too:

OMP_NUM_THREADS=1 python -m tests.speed.networks BATCH RUNS [NAME ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# Name -> module, class and its arguments, the images it takes by their channels, and their side.
NETWORKS: dict[str, tuple[str, str, dict[str, Any], tuple[int, ...], int]] = {
    "ssh": ("ssh", "SSH", {}, (3, 3), 256),
    "ssh-lut": ("ssh_lut", "SshLut", {"width": 16, "attention": 1, "things": 256}, (3, 3), 128),
    "dovenet": ("dovenet", "DoveNetGenerator", {}, (4,), 256),
    "s2am": ("s2am", "S2AM", {}, (4,), 256),
    "s2am rascv1": ("s2am", "S2AM", {"variant": "rascv1"}, (4,), 256),
    "dih": ("dih", "DIH", {}, (4,), 256),
    "dih with semantics": ("dih", "DIH", {"semantics": True}, (4,), 256),
    "dih caffe": ("dih", "DIHCaffe", {}, (4,), 512),
    "wct2 cat5": ("wct2", "WCT2", {}, (3, 3), 256),
    "wct2 sum": ("wct2", "WCT2", {"unpool": "sum"}, (3, 3), 256),
    "idih": ("idih", "IDIH", {}, (4,), 256),
    "idih hrnet18s": ("idih", "IDIH", {"backbone": "hrnet18s"}, (4,), 256),
    "issam": ("issam", "ISSAM", {}, (4,), 256),
    "pct-net cnn": ("pct_net", "PCTNetCNN", {}, (4,), 256),
    "pct-net vit": ("pct_net", "PCTNetViT", {}, (4,), 256),
    "harmonizer": ("harmonizer", "Harmonizer", {}, (4,), 256),
    "hdnet": ("hdnet", "HDNet", {}, (4,), 256),
}


def made(name: str, batch: int, device: str = "cpu") -> Callable[[], Any]:
    """A function that runs the network once on a batch."""
    module, attribute, arguments, images, side = NETWORKS[name]
    torch.manual_seed(0)
    network: nn.Module = getattr(import_module(f"sshbench.networks.{module}"), attribute)(**arguments)
    network.to(device).eval()
    given: list[Tensor] = [torch.rand(batch, channels, side, side, device=device) for channels in images]

    def run() -> Any:
        with torch.inference_mode():
            made = network(*given)
        if device != "cpu":
            torch.cuda.synchronize()
        return made

    return run


def weighed(name: str, batch: int, runs: int) -> tuple[float, float]:
    """Time and weigh a network on the CPU, in a process that does nothing else, with one thread.

    Returns
    -------
    The least milliseconds an image of some runs, and the peak memory in MiB, less what PyTorch alone takes.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # which says so if the process is killed
        return pool.submit(_weighed, name, batch, runs).result()


def _weighed(name: str, batch: int, runs: int) -> tuple[float, float]:
    torch.set_num_threads(1)
    torch.rand(8) @ torch.rand(8)
    before = _resident("VmRSS")
    run, times = made(name, batch), []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / batch, _resident("VmHWM") - before


def _resident(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


if __name__ == "__main__":
    size, count = int(sys.argv[1]), int(sys.argv[2])
    for one in sys.argv[3:] or NETWORKS:
        milliseconds, memory = weighed(one, size, count)
        print(f"{one:20} batch {size:2} {milliseconds:8.1f} ms an image {memory:8.0f} MiB", flush=True)
