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
    Look("teal-and-orange", "cinema", (Axis(55, 1.25, 0.45), SplitTone((205, 0.06), (65, 0.045)), Contrast(3.5))),
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
        (Exposure(-0.6), Saturate(0.5), SplitTone((225, 0.04), (200, 0.02)), Contrast(3.5, 0.45)),
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
        (Axis(40, 1.2, 0.25), Hue(40, -6, 1.2, -0.15), SplitTone((245, 0.04), (50, 0.02)), Print(1.4)),
    ),
    Look(
        "olive-thriller", "cinema", (Print(1.5, (0, 0.1, -0.5)), Saturate(0.7), SplitTone((130, 0.035), (100, 0.035)))
    ),
    Look("steel-blue-future", "cinema", (Axis(245, 0.8, 0.35), SplitTone((250, 0.06), (230, 0.03)), Contrast(4.0))),
    Look("cyber-magenta", "cinema", (SplitTone((210, 0.08), (340, 0.07)), Contrast(4.0), Saturate(1.15))),
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
    Look("autumn", "hue", (Hue(130, -62, 1.15, width=50), Light(5200), Saturate(1.1))),
    Look("spring-green", "hue", (Hue(120, 20, 1.4, 0.25), Exposure(0.8), Saturate(1.1))),
    Look(
        "cyan-skies",
        "hue",
        (Hue(245, -45, 1.25, 0.2, 50), Hue(55, 8), Exposure(0.3), SplitTone((60, 0.02), (180, 0.02))),
    ),
    Look("faded-greens", "hue", (Hue(130, 30, 0.25, -0.1, 50), Levels(0.08), SplitTone((250, 0.025), (50, 0.02)))),
    Look("crimson-accent", "hue", (Saturate(0.35), Hue(25, -6, 3.2, -0.2, 28), Contrast(4.0))),
    Look("oversaturated", "hue", (Saturate(1.65, 0.3, highlights=0.6),)),
)

CHANNELS = (
    Look(
        "infrared-foliage",
        "channels",
        (Hue(125, -115, 1.5, 0.2, 45), Hue(240, -10, 1.2, -0.2), Exposure(0.6), SplitTone((250, 0.03), (40, 0.03))),
    ),
    Look("red-filter-mono", "channels", (Mono((0.9, 0.15, -0.05), 0.9), Contrast(5.0, 0.45))),
    Look("split-cyan-red", "channels", (Gradient(("#00303a", "#2f7f86", "#e8785a", "#fff0d8"), 0.5), Contrast(3.0))),
)
