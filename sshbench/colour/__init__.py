"""Arithmetic of colours: the curves of sRGB, differences, transfers of statistics, and maps that are fitted."""
