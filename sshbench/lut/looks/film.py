"""Looks of film and darkroom: negatives, slides, prints, instant film, cross-processing and age."""

from __future__ import annotations

from sshbench.lut.looks.look import Look
from sshbench.lut.looks.operators import (
    Axis,
    Bleach,
    Contrast,
    Curves,
    Exposure,
    Gradient,
    Hue,
    Levels,
    Light,
    Mix,
    Print,
    Saturate,
    SplitTone,
    Veil,
)

PRINTS = (
    Look(
        "portrait-negative",
        "negative",
        (
            Curves(((0, 0.01), (0.15, 0.11), (0.33, 0.42), (0.5, 0.63), (0.75, 0.85), (1, 1))),
            Hue(45, 6, 1.3),
            Hue(125, 12, 0.5, -0.25),
            Hue(325, 8, 0.5, 0.3),
            Hue(255, -6, 0.75),
        ),
    ),
    Look(
        "consumer-negative",
        "negative",
        (
            Curves(((0, 0.02), (0.15, 0.12), (0.45, 0.55), (0.75, 0.86), (1, 1))),
            Hue(120, 20, 0.75, width=50),
            Hue(325, 10, 0.6, 0.15),
            Hue(250, 8, 1.15, -0.15),
            SplitTone((170, 0.04), (95, 0.02), (340, 0.01)),
        ),
    ),
    Look(
        "market-negative",
        "negative",
        (
            Exposure(0.9),
            Contrast(4.0),
            Hue(100, 14, 0.85, width=50),
            Hue(25, 0, 0.9, -0.1),
            SplitTone((140, 0.06), (330, 0.02), (100, 0.015)),
        ),
    ),
    Look(
        "wedding-negative",
        "negative",
        (
            Exposure(0.7),
            Curves(
                green=((0, 0), (0.3, 0.29), (0.5, 0.47), (1, 1)), blue=((0, 0), (0.3, 0.24), (0.7, 0.68), (1, 0.98))
            ),
            Hue(15, 12, 1.25, width=50),
            Hue(320, 8, 0.6, 0.2),
            Hue(250, 10, 0.7),
            Contrast(2.5),
        ),
    ),
    Look(
        "pushed-negative", "negative", (Print(1.9, (0.4, 0.25, 0.1)), SplitTone((200, 0.03), (80, 0.03)), Saturate(1.1))
    ),
    Look("cool-negative", "negative", (Print(1.3, (-0.25, 0.15, 0.5)), Hue(142, 22), SplitTone((220, 0.03)))),
    Look("warm-negative", "negative", (Print(1.35, (0.6, 0.15, -0.5)), SplitTone((30, 0.02), (90, 0.03)))),
    Look(
        "night-negative", "negative", (Print(1.5, (-0.4, 0.3, 0.5)), SplitTone((190, 0.05), (30, 0.03)), Saturate(1.15))
    ),
    Look(
        "vivid-slide",
        "slide",
        (Print(1.7), Saturate(1.2), Hue(15, 0, 1.15, -0.15), Hue(125, 8, 1.15, 0.1), Hue(322, 0, 1.2, -0.3)),
    ),
    Look(
        "warm-slide",
        "slide",
        (Print(1.8, (0.3, 0.05, -0.3)), Saturate(1.2), Hue(29, 8, 1.15, -0.1), Hue(240, -14, 1.1, -0.25)),
    ),
    Look(
        "classic-slide",
        "slide",
        (
            Curves(((0, 0), (0.2, 0.1), (0.45, 0.5), (0.8, 0.88), (1, 0.99))),
            Hue(60, -12, 1.0, width=50),
            Hue(130, 5, 0.7),
            Hue(250, 0, 1.1, -0.25),
            Hue(325, 0, 1.3, -0.2),
            SplitTone((310, 0.025), (300, 0.012), (320, 0.015)),
        ),
    ),
    Look("cool-slide", "slide", (Print(1.7, (-0.35, -0.1, 0.25)), Saturate(1.25), SplitTone((265, 0.04)))),
    Look(
        "print-film-cool",
        "print",
        (Print((1.9, 1.6, 1.3), (-0.1, 0, 0)), SplitTone((235, 0.06), (95, 0.03)), Saturate(1.1)),
    ),
    Look(
        "two-strip",
        "print",
        (Mix((1, 0, 0), (0.1, 0.45, 0.45), (0, 0.45, 0.55)), Saturate(1.3), Contrast(3.5, 0.45)),
    ),
    Look("bleach-bypass", "print", (Bleach(1.0), Saturate(0.55), Contrast(4.5))),
    Look("bleach-bypass-cold", "print", (Bleach(0.9), Saturate(0.5), Light(11000, 0.006), Contrast(3.0, 0.45))),
)

CROSS = (
    Look(
        "cross-process-green",
        "cross-process",
        (
            Curves(
                red=((0, 0), (0.25, 0.12), (0.5, 0.5), (0.75, 0.86), (1, 1)),
                green=((0, 0), (0.25, 0.24), (0.5, 0.6), (0.75, 0.88), (1, 1)),
                blue=((0, 0.2), (0.5, 0.46), (1, 0.72)),
            ),
            Saturate(1.15),
        ),
    ),
    Look(
        "cross-process-blue",
        "cross-process",
        (
            Curves(
                red=((0, 0), (0.3, 0.1), (0.5, 0.38), (0.75, 0.82), (1, 1)),
                green=((0, 0), (0.3, 0.22), (0.6, 0.68), (1, 1)),
                blue=((0, 0.12), (0.3, 0.48), (0.6, 0.75), (1, 0.92)),
            ),
        ),
    ),
    Look(
        "cross-process-red",
        "cross-process",
        (
            Curves(
                red=((0, 0.06), (0.25, 0.36), (0.5, 0.72), (0.8, 0.94), (1, 1)),
                green=((0, 0), (0.3, 0.2), (0.6, 0.62), (1, 0.96)),
                blue=((0, 0.08), (0.5, 0.4), (1, 0.75)),
            ),
            Saturate(1.1),
        ),
    ),
    Look(
        "cross-process-yellow",
        "cross-process",
        (
            Curves(
                red=((0, 0), (0.25, 0.2), (0.5, 0.6), (0.8, 0.95), (1, 1)),
                green=((0, 0), (0.25, 0.2), (0.5, 0.58), (0.8, 0.92), (1, 1)),
                blue=((0, 0), (0.3, 0.14), (0.6, 0.34), (1, 0.6)),
            ),
        ),
    ),
    Look(
        "cross-process-magenta",
        "cross-process",
        (
            Curves(
                red=((0, 0.05), (0.25, 0.28), (0.6, 0.74), (1, 1)),
                green=((0, 0), (0.3, 0.12), (0.6, 0.48), (0.85, 0.8), (1, 0.95)),
                blue=((0, 0.16), (0.5, 0.55), (1, 0.9)),
            ),
            Contrast(2.0),
        ),
    ),
    Look(
        "lomo",
        "cross-process",
        (Contrast(6.0, 0.45), Levels((0.0, 0.0, 0.08), (0.52, 0.54, 0.46), (1, 1, 0.86)), Saturate(1.35)),
    ),
)

INSTANT = (
    Look(
        "instant-cool",
        "instant",
        (
            Levels((0.08, 0.17, 0.2), (0.5, 0.54, 0.57), (0.92, 0.96, 0.94)),
            Contrast(3.5),
            Saturate(0.75),
            SplitTone((200, 0.02), (130, 0.03), (330, 0.025)),
        ),
    ),
    Look(
        "instant-peel-apart",
        "instant",
        (
            Contrast(4.0),
            Levels((0.04, 0.08, 0.1), (0.48, 0.52, 0.56), (0.9, 0.98, 0.93)),
            Saturate(0.7),
            SplitTone((160, 0.05), (160, 0.025), (330, 0.02)),
            Hue(250, -20, 1.2, 0.2),
        ),
    ),
    Look(
        "instant-amber",
        "instant",
        (Levels((0.06, 0.12, 0.1), (0.61, 0.56, 0.4), (1, 0.97, 0.68)), Hue(285, -30, 0.35, 0.3, 60), Contrast(2.5)),
    ),
    Look(
        "instant-professional",
        "instant",
        (
            Curves(((0, 0.04), (0.15, 0.12), (0.3, 0.36), (0.5, 0.62), (0.75, 0.84), (1, 0.98))),
            Hue(230, 0, 1.3, -0.4, 45),
            Hue(130, 10, 0.55, -0.2),
            Hue(325, 10, 0.5, 0.4),
            SplitTone((285, 0.05), (70, 0.03), (20, 0.01)),
        ),
    ),
    Look(
        "instant-expired",
        "instant",
        (
            Levels((0.32, 0.2, 0.14), (0.58, 0.55, 0.42), (0.97, 0.92, 0.68)),
            Hue(60, 8, 1.2, width=60),
            Hue(265, 0, 0.4, 0.3, 60),
        ),
    ),
    Look(
        "instant-expired-green",
        "instant",
        (Levels((0.22, 0.28, 0.2), (0.5, 0.6, 0.48), (0.92, 0.94, 0.7)), Saturate(0.7)),
    ),
    Look(
        "instant-overexposed",
        "instant",
        (Exposure(1.8), Levels((0.1, 0.09, 0.05), (0.54, 0.55, 0.5), (1, 0.98, 0.86)), Saturate(0.85)),
    ),
)

AGED = (
    Look("faded-print", "aged", (Levels((0.22, 0.2, 0.2), (0.54, 0.52, 0.48), (0.92, 0.9, 0.84)), Saturate(0.65))),
    Look("faded-magenta", "aged", (Levels((0.25, 0.1, 0.18), (0.66, 0.46, 0.5), (0.98, 0.86, 0.86)), Saturate(0.6))),
    Look(
        "faded-cyan-dye",
        "aged",
        (
            Mix((0.55, 0.3, 0.15), (0.1, 0.85, 0.05), (0.05, 0.25, 0.7)),
            Levels((0.2, 0.08, 0.06), (0.66, 0.5, 0.42), (1, 0.9, 0.78)),
        ),
    ),
    Look(
        "matte-fade",
        "aged",
        (
            Contrast(3.5),
            Curves(((0, 0.24), (0.15, 0.265), (0.5, 0.5), (0.85, 0.8), (1, 0.88))),
            SplitTone((240, 0.04), (80, 0.04)),
            Saturate(0.85),
        ),
    ),
    Look(
        "seventies",
        "aged",
        (Levels((0.12, 0.08, 0.02), (0.58, 0.52, 0.38), (1, 0.94, 0.74)), Hue(142, -28, 0.8), Saturate(1.05)),
    ),
    Look(
        "sixties-postcard",
        "aged",
        (Saturate(1.35), Levels((0.08, 0.1, 0.06), (0.56, 0.5, 0.42), (1, 0.96, 0.84)), Hue(240, -32, 1.0)),
    ),
    Look(
        "old-lens", "aged", (Veil("#ffe9c8", 0.16), Contrast(2.0), Saturate(0.85), SplitTone((270, 0.03), (85, 0.04)))
    ),
    Look("yellowed-varnish", "aged", (Levels((0.06, 0.04, 0.01), (0.48, 0.44, 0.3), (0.9, 0.8, 0.52)), Saturate(0.75))),
    Look(
        "autochrome",
        "aged",
        (
            Contrast(-2.0),
            Axis(40, 1.0, 0.6),
            Levels((0.1, 0.1, 0.12), (0.46, 0.47, 0.45), (0.88, 0.86, 0.78)),
            SplitTone((285, 0.05), (70, 0.02)),
        ),
    ),
)

TONED = (
    Look("sepia", "toned", (Gradient(("#160d06", "#7b5b3c", "#f7ead0"), 0.85), Contrast(2.5))),
    Look("cyanotype", "toned", (Gradient(("#0b1a3a", "#3a6ea5", "#f2f5f0"), 0.92), Contrast(3.0))),
    Look("platinum", "toned", (Saturate(0.18), Levels((0.1, 0.09, 0.08), (0.55, 0.54, 0.53), (0.95, 0.94, 0.91)))),
    Look("duotone-orange-navy", "toned", (Gradient(("#0c1440", "#8a4a5a", "#ffb56b", "#fff3df"), 0.84),)),
    Look("duotone-teal-rose", "toned", (Gradient(("#06343a", "#4f7f80", "#f0a8a8", "#fff2ee"), 0.84),)),
)
