"""Looks of exposure, contrast, light and weather."""

from __future__ import annotations

from sshbench.lut.looks.look import Look
from sshbench.lut.looks.operators import (
    Axis,
    Contrast,
    Curves,
    Exposure,
    Filter,
    Levels,
    Light,
    Lightness,
    Night,
    Saturate,
    SplitTone,
    Veil,
)

EXPOSURE = (
    Look("bright-and-airy", "exposure", (Exposure(1.2), Levels(0.07), Light(6000), Saturate(0.85))),
    Look("high-key", "exposure", (Exposure(2.2), Levels(0.16, 0.52), Saturate(0.8))),
    Look("low-key", "exposure", (Exposure(-1.6), Contrast(4.5, 0.4), Levels(white=0.94))),
    Look("underexposed", "exposure", (Exposure(-1.8), Levels(white=0.78), Saturate(1.1))),
    Look("overexposed", "exposure", (Exposure(2.6), Contrast(2.5, 0.6))),
    Look("hard-contrast", "exposure", (Contrast(8.5), Saturate(0.85))),
    Look("flat-log", "exposure", (Contrast(-3.0), Levels(0.2, white=0.8), Saturate(0.6))),
    Look(
        "crushed-blacks", "exposure", (Curves(((0, 0), (0.25, 0.04), (0.5, 0.36), (0.8, 0.82), (1, 1))), Saturate(1.2))
    ),
    Look("open-shadows", "exposure", (Lightness(((0, 0), (0.2, 0.27), (0.35, 0.54), (0.6, 0.78), (1, 1)), 0.8),)),
    Look(
        "tone-mapped",
        "exposure",
        (Lightness(((0, 0), (0.2, 0.26), (0.35, 0.5), (0.6, 0.62), (0.85, 0.78), (1, 0.97)), 0.6), Saturate(1.2, 0.4)),
    ),
)

LIGHT = (
    Look(
        "golden-hour",
        "light",
        (Light(4300, -0.004), Exposure(0.7), Contrast(3.0), SplitTone((30, 0.03), (78, 0.05)), Saturate(1.2)),
    ),
    Look("sunrise-pink", "light", (Light(5000, -0.03), Exposure(0.6), SplitTone((290, 0.03), (60, 0.03)))),
    Look("sunset-red", "light", (Light(3400, -0.03), Contrast(4.0), SplitTone((310, 0.06), (50, 0.04)))),
    Look("blue-hour", "light", (Light(20000), Exposure(-0.9), SplitTone((265, 0.04), (60, 0.02)), Saturate(0.9))),
    Look("noon-sun", "light", (Light(5300), Contrast(6.0, 0.55), Saturate(1.35))),
    Look("overcast", "light", (Light(7600), Levels(0.1, 0.44, 0.86), Saturate(0.62))),
    Look("arctic-light", "light", (Light(16000, 0.004), Exposure(1.0), Saturate(0.7), Levels((0.06, 0.08, 0.12)))),
    Look("tungsten-room", "light", (Light("A"), Exposure(0.7))),
    Look("tungsten-film-by-day", "light", (Light(25000, -0.004), Filter("#a8c4ff", 0.6), Exposure(0.4), Contrast(2.0))),
    Look("candle-light", "light", (Light(2000, amount=0.75), Exposure(-0.5), Contrast(3.0, 0.4))),
    Look(
        "office-fluorescent",
        "light",
        (Light("FL2", 0.0), Filter("#d8ffdc", 1.0), Levels((0.04, 0.06, 0.05)), Saturate(0.8)),
    ),
    Look(
        "station-fluorescent",
        "light",
        (Light(5600, 0.035), Contrast(3.0), SplitTone((170, 0.04), (120, 0.03)), Saturate(0.75)),
    ),
    Look("mercury-street", "light", (Light(7500, 0.03), Exposure(-0.8), Axis(190, 0.9, 0.45), SplitTone((200, 0.05)))),
    Look("sodium-street", "light", (Axis(85, 0.5, 0.1), Filter("#ffb02e", 0.8), Exposure(-0.3), Contrast(3.5))),
    Look("magenta-stage", "light", (Light(6500, -0.06), Contrast(3.0), Saturate(1.2))),
)

WEATHER = (
    Look("morning-haze", "weather", (Veil("#dfe3ea", 0.35), Saturate(0.85), Light(5800))),
    Look("blue-haze", "weather", (Veil("#8fb4e0", 0.28), Light(8500), Exposure(0.3))),
    Look("golden-haze", "weather", (Veil("#ffc078", 0.3), Exposure(0.2), Saturate(1.05))),
    Look("sea-fog", "weather", (Veil("#b9c9c8", 0.45), Contrast(-1.0), Saturate(0.6))),
    Look("dust-storm", "weather", (Veil("#c89a5c", 0.35), Filter("#ffd9a0", 0.8), Saturate(0.7))),
    Look("underwater-reef", "weather", (Filter("#4fc8d8", 0.8), Exposure(0.9), Veil("#0f6e90", 0.1), Contrast(2.5))),
    Look("underwater-deep", "weather", (Filter("#2c7fb8", 0.9), Exposure(0.5), Veil("#06305c", 0.15))),
)

NIGHT = (
    Look("day-for-night", "night", (Exposure(-2.6), Night(0.15, (255, 0.06)), Levels(white=(0.62, 0.7, 0.84)))),
    Look(
        "moonlight", "night", (Exposure(-1.3), Night(0.5, (250, 0.05)), Contrast(4.0, 0.4), Levels((0.02, 0.03, 0.06)))
    ),
    Look("neon-night", "night", (Contrast(5.0, 0.5), SplitTone((285, 0.1), (200, 0.04), (330, 0.03)), Saturate(1.35))),
    Look("violet-night", "night", (Exposure(-1.2), Night(0.25, (300, 0.08)), SplitTone((280, 0.04), (30, 0.03)))),
)
