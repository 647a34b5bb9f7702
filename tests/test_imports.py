"""The modules of the package import each other without circles."""

from __future__ import annotations

from tools.import_graph import circle, modules, rooms


def test_no_module_imports_itself_by_way_of_others_not_even_inside_functions():
    assert circle(modules()) == []


def test_rooms_have_no_circles_either():
    assert circle(rooms(modules())) == []


def test_a_circle_is_found_and_named():
    found = circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    assert "".join(found) in ("abca", "bcab", "cabc")
