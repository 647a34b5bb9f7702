"""Looks of the grading room: cinema palettes, selective hues, channel tricks."""

from __future__ import annotations

from sshbench.lut.looks.look import Look
from sshbench.lut.looks.operators import (
    Axis,
    Contrast,
    Curves,
    Exposure,
    Gradient,
    Hue,
    Levels,
    Light,
    Mono,
    Print,
    Saturate,
    SplitTone,
)

CINEMA = (
    Look("teal-and-orange", "cinema", (Axis(55, 1.3, 0.35), SplitTone((205, 0.09), (65, 0.06)), Contrast(4.5, 0.55))),
    Look("blockbuster-night", "cinema", (Exposure(-1.0), Axis(60, 1.1, 0.5), SplitTone((225, 0.08), (50, 0.06)))),
    Look("desert-war", "cinema", (Print(1.7, (0.5, 0.25, -0.45)), Saturate(0.6), SplitTone((60, 0.02), (95, 0.04)))),
    Look(
        "green-machine",
        "cinema",
        (Print(1.6, (-0.2, 0.25, -0.25)), Axis(145, 0.8, 0.5), SplitTone((155, 0.05), (125, 0.03))),
    ),
    Look(
        "nordic-noir",
        "cinema",
        (Exposure(-0.9), Saturate(0.4), SplitTone((225, 0.05), (200, 0.03)), Contrast(3.5, 0.45)),
    ),
    Look(
        "pastel-comedy",
        "cinema",
        (
            Exposure(1.0),
            Levels((0.14, 0.1, 0.14), white=(1, 0.97, 0.95)),
            SplitTone((320, 0.02), (40, 0.03)),
            Saturate(0.95, 0.3),
        ),
    ),
    Look(
        "rust-and-slate",
        "cinema",
        (Axis(40, 1.25, 0.2), Hue(40, -6, 1.2, -0.15), SplitTone((245, 0.06), (50, 0.03)), Print(1.7)),
    ),
    Look(
        "olive-thriller", "cinema", (Print(1.5, (0, 0.1, -0.5)), Saturate(0.7), SplitTone((130, 0.035), (100, 0.035)))
    ),
    Look("cyber-magenta", "cinema", (SplitTone((210, 0.1), (340, 0.09), (320, 0.03)), Contrast(4.5), Saturate(1.1))),
    Look(
        "amber-and-ink",
        "cinema",
        (Curves(((0, 0), (0.3, 0.14), (0.6, 0.62), (1, 1))), SplitTone((260, 0.06), (80, 0.09)), Saturate(0.8)),
    ),
    Look(
        "mint-fresh",
        "cinema",
        (Exposure(0.9), SplitTone((190, 0.05), (165, 0.025)), Saturate(0.85), Levels((0.06, 0.1, 0.1))),
    ),
)

HUES = (
    Look("autumn", "hue", (Hue(130, -62, 1.15, width=50), Light(4900), Saturate(1.15), Contrast(2.0))),
    Look("spring-green", "hue", (Exposure(1.2), Light(6000, 0.006), Hue(132, 12, 1.2, 0.2, 42), Saturate(1.1))),
    Look(
        "cyan-skies",
        "hue",
        (Hue(245, -45, 1.25, 0.2, 50), Hue(40, 6), Exposure(0.9), Contrast(2.0), SplitTone((70, 0.02), (170, 0.04))),
    ),
    Look(
        "lavender",
        "hue",
        (
            Hue(250, 48, 1.5, 0.15, 60),
            Hue(120, 50, 0.45, -0.1, 50),
            Hue(30, -30, 0.8),
            SplitTone((300, 0.05), (20, 0.02)),
        ),
    ),
    Look(
        "poppy-field",
        "hue",
        (Exposure(0.9), Hue(28, -12, 1.4, -0.1), Hue(125, -26, 0.9, -0.2, 45), Hue(240, -25, 1.1, 0.2), Contrast(4.0)),
    ),
    Look("crimson-accent", "hue", (Exposure(-0.6), Saturate(0.3), Hue(25, -6, 3.6, -0.2, 28), Contrast(4.0))),
    Look("oversaturated", "hue", (Exposure(0.6), Saturate(1.5, 0.4, highlights=0.6))),
)

CHANNELS = (
    Look(
        "infrared-foliage",
        "channels",
        (Hue(125, -115, 1.4, 0.1, 48), Hue(240, -10, 1.2, -0.2), Exposure(0.6), SplitTone((250, 0.03), (40, 0.03))),
    ),
    Look("red-filter-mono", "channels", (Mono((0.9, 0.15, -0.05), 0.9), Contrast(5.0, 0.45))),
    Look("split-cyan-red", "channels", (Gradient(("#00303a", "#2f7f86", "#e8785a", "#fff0d8"), 0.5), Contrast(3.0))),
)
