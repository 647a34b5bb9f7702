"""Time for long runs of a fuzz target, and the count of inputs at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import driver


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(2 * driver.SECONDS + 600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, outcome in driver.OUTCOMES.items():
        counts = f"{outcome.inputs:,} inputs, {outcome.read:,} read, {outcome.refused:,} refused"
        terminalreporter.write_line(f"hostile: {name}: {counts}, {len(outcome.faults)} kinds of fault")
