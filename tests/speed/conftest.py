"""Benchmarks run in one thread unless they say otherwise, and end with a table of ratios to sshbench in that run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    if session is None:
        return
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for bench in session.benchmarks:
        if bench.group and bench.stats.rounds and bench.params:
            who = next((v for k, v in bench.params.items() if k in ("who", "reader")), None)
            groups[bench.group][getattr(who, "__name__", str(who))] = bench
    lines = []
    for group, members in groups.items():
        ours = members.get("sshbench") or members.get("ours")
        if ours is None or len(members) < 2:
            continue
        for name, bench in sorted(members.items(), key=lambda item: item[1].stats.min):
            rate = bench.extra_info.get("megapixels")
            speed = f"{rate / bench.stats.min:9.0f} Mpixel/s" if rate else f"{1000 * bench.stats.min:9.2f} ms"
            lines.append(f"{group:42} {name:28} {speed:>18} {bench.stats.min / ours.stats.min:8.2f}")
    if lines:
        terminalreporter.section("best time of each, and how often sshbench's fits into it")
        terminalreporter.write_line(f"{'group':42} {'who':28} {'speed':>18} {'ratio':>8}")
        for line in lines:
            terminalreporter.write_line(line)
