"""Colour arithmetic: the sRGB curves, colour differences, colour transfers, and fitted colour maps."""
