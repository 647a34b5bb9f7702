"""Saturation against Pillow's; the transfers are tested in tests/lut/test_transfer.py, where they are."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
from PIL import Image, ImageEnhance

from sshbench.triplets.appearance import TRANSFER_FUNCTIONS, saturate, transfer_reinhard
from sshbench.triplets.settings import TRANSFERS


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_saturation_is_pillows(name: str, factor: float) -> None:
    photo = getattr(skimage.data, name)()[::2, ::2]
    oracle = np.asarray(ImageEnhance.Color(Image.fromarray(photo)).enhance(factor), int)
    assert np.abs(saturate(photo, factor) - oracle).max() <= 1


def test_no_saturation_is_grey_and_one_is_the_image() -> None:
    photo = skimage.data.coffee()
    assert np.ptp(saturate(photo, 0.0), axis=-1).max() == 0
    assert np.array_equal(saturate(photo, 1.0), photo)


def test_recipes_name_the_transfers_there_are() -> None:
    assert sorted(TRANSFERS) == sorted(TRANSFER_FUNCTIONS)


def test_transfers_are_functions_of_the_package() -> None:
    import sshbench.triplets

    for name in sshbench.triplets.__all__:
        assert callable(getattr(sshbench.triplets, name)), name
    assert sshbench.triplets.transfer_reinhard is transfer_reinhard
    with pytest.raises(AttributeError, match="no attribute 'transfer_unknown'"):
        sshbench.triplets.transfer_unknown  # noqa: B018
