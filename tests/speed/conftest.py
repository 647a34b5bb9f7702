"""Benchmarks run in one thread unless they say otherwise, and end with a table of ratios to sshbench in that run."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def time_of(bench: Any) -> float:
    """The best time in seconds, of one triplet where triplets are what was made."""
    return float(bench.stats.min) / float(bench.extra_info.get("triplets", 1))


def speed_of(bench: Any) -> str:
    seconds, pixels = time_of(bench), bench.extra_info.get("megapixels")
    if "triplets" in bench.extra_info:
        return f"{1000 * seconds:.3f} ms {1 / seconds:6.0f}/s"
    return f"{pixels / seconds:.0f} Mpixel/s" if pixels else f"{1000 * seconds:.2f} ms"


def machine() -> str:
    """The processor, its cores that may be used, and the date."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    flags = " with AVX-512" if any(line.startswith("flags") and "avx512bw" in line for line in lines) else ""
    return f"{model or platform.machine()}{flags}, {os.cpu_count()} cores, {date.today()}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    if session is None:
        return
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for bench in session.benchmarks:
        if bench.group and bench.stats.rounds:
            who = next((v for k, v in (bench.params or {}).items() if k in ("who", "reader")), "sshbench")
            groups[bench.group][getattr(who, "__name__", str(who))] = bench
    lines = []
    for group, members in groups.items():
        ours = next((bench for name, bench in members.items() if "sshbench" in name or name == "ours"), None)
        if ours is None or (len(members) < 2 and "triplets" not in ours.extra_info):
            continue
        for name, bench in sorted(members.items(), key=lambda item: time_of(item[1])):
            lines.append(f"{group:42} {name:28} {speed_of(bench):>20} {time_of(bench) / time_of(ours):8.2f}")
    networks = [bench for bench in session.benchmarks if "network" in bench.extra_info]
    if networks:
        terminalreporter.section("best time of each network an image, and the peak of its memory")
        terminalreporter.write_line(machine())
        for bench in networks:
            seconds = bench.stats.min / bench.extra_info["images"]
            memory = bench.extra_info["memory"]
            terminalreporter.write_line(f"{bench.extra_info['network']:46} {1000 * seconds:8.1f} ms {memory:8.0f} MiB")
    if lines:
        terminalreporter.section("best time of each, and how often sshbench's fits into it")
        terminalreporter.write_line(machine())
        terminalreporter.write_line(f"{'group':42} {'who':28} {'speed':>20} {'ratio':>8}")
        for line in lines:
            terminalreporter.write_line(line)
