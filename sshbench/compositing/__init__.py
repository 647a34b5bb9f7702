"""Harmonizing a user's own photographs: placing the foreground, what a method is shown, pasting at full size."""
