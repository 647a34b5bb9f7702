"""Draw the imports between the rooms of the package, for docs/design.md.

    python tools/import_graph.py docs/design/imports.svg

A room is a folder of `sshbench/`, or a module outside these folders. Imports inside functions count; imports that only
type checkers see do not. All arrows point downwards, since `tests/test_imports.py` forbids circles.
"""

from __future__ import annotations

import argparse
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

Graph = dict[str, set[str]]

WIDTH, ROW, BOX = 1080, 92, 26


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("svg", type=Path)
    given = parser.parse_args()
    given.svg.parent.mkdir(parents=True, exist_ok=True)
    given.svg.write_text(drawn(rooms(modules())), encoding="utf-8")


def modules() -> Graph:
    """Return the modules that each module of sshbench imports."""
    graph = grimp.build_graph("sshbench", exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}


def circle(graph: Graph) -> list[str]:
    """Return a circle of modules, each of which imports the next; the last is the first. Return [] without a circle."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def rooms(graph: Graph) -> Graph:
    """Return the other rooms that the modules of each room import."""
    found: Graph = {}
    for module, imported in graph.items():
        room = room_of(module)
        found.setdefault(room, set()).update(other for other in map(room_of, imported) if other not in (room, ""))
    return {room: others for room, others in sorted(found.items()) if room}


def room_of(module: str) -> str:
    """Return the room of a module; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def levels(graph: Graph) -> list[list[str]]:
    """Return the levels of rooms from the top down. Each room is below all rooms that import it."""
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[other] for other in graph.get(room, ())), default=-1)
    return [sorted(room for room in height if height[room] == level) for level in range(max(height.values()), -1, -1)]


def drawn(graph: Graph) -> str:
    """Return the picture as SVG, with a row for each level and an arrow from each room to the rooms that it imports."""
    rows = levels(graph)
    places = {
        room: (WIDTH * (i + 0.5 + (y % 2) * 0.18) / (len(row) + (0.18 if len(row) > 1 else 0.36)), 24 + ROW * y)
        for y, row in enumerate(rows)
        for i, room in enumerate(row)
    }
    lines, boxes = [], []
    for room, others in graph.items():
        x, y = places[room]
        width = 8 * len(room) + 20
        boxes.append(
            f'<rect x="{x - width / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width}" height="{BOX}" rx="5"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}">{room}</text>'
        )
        for other in sorted(others):
            u, v = places[other]
            bend = (v - y) / 2
            curve = (
                f"M{x:.0f} {y + BOX / 2:.0f}C{x:.0f} {y + bend:.0f} {u:.0f} {v - bend:.0f} {u:.0f} {v - BOX / 2:.0f}"
            )
            lines.append(f'<path d="{curve}"><title>{room} imports {other}</title></path>')
    height = 24 + ROW * (len(rows) - 1) + 24
    style = "path{fill:none;stroke:#4669a4;opacity:.45}rect{fill:#fff;stroke:#333}"
    style += "text{font:13px monospace;text-anchor:middle}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"><style>{style}</style>'
    return "\n".join([head, '<rect width="100%" height="100%" style="stroke:none"/>', *lines, *boxes, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
