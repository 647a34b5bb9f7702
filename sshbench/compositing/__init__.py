"""Harmonizing a user's own photographs: where the foreground lands, what a method is shown, and pasting at full size."""
