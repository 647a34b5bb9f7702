"""Small copies: colours beside a cut-out, masks that are painted at another size, and steps."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sshbench.studio.copies import bled, painted, painted_size, repainted, step_for, steps_of


def test_colours_go_on_where_nothing_is_seen() -> None:
    pixels = np.zeros((60, 90, 3), np.uint8)
    alpha = np.zeros((60, 90), np.uint8)
    pixels[20:40, 30:60], alpha[20:40, 30:60] = (200, 100, 50), 255
    found = bled(pixels, alpha)
    assert np.abs(found.astype(int) - (200, 100, 50)).max() <= 1
    assert (bled(pixels, np.zeros_like(alpha)) == pixels).all()


def test_each_step_is_half_of_the_one_before() -> None:
    image = np.zeros((1000, 3000, 3), np.uint8)
    sizes = [step.shape[1] for step in steps_of(image)]
    assert sizes == [2048, 1024, 512, 256, 128, 64]
    assert [step_for(steps_of(image), side) for side in (5000, 1025, 1024, 10)] == [0, 0, 1, 5]


def test_the_mask_of_a_large_photograph_keeps_its_detail_where_nothing_was_painted() -> None:
    size = (3000, 4096)
    fine = np.zeros(size, np.uint8)
    fine[:, ::3] = 255  # finer than what the page paints on
    before = painted(fine)
    assert before.shape == painted_size(*size) == (1500, 2048)
    after = before.copy()
    after[:, :100] = 255
    found = repainted(fine, before, after, size)
    assert (found[:, :190] == 255).all()
    assert (found[:, 210:] == fine[:, 210:]).all()


def test_a_small_photograph_is_painted_as_it_is() -> None:
    mask = np.asarray(Image.linear_gradient("L"))
    assert (painted(mask) == mask).all()
    assert (repainted(None, np.zeros_like(mask), mask, (256, 256)) == mask).all()
