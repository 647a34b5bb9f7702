"""Checkpoints of TensorFlow are read without it.

`tensorflow/model.ckpt-7` was written by `tf.compat.v1.train.Saver` of TensorFlow 2.21: arrays of known values.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.dih import read
from sshbench.methods.checkpoints.tensorflow import read_tensorflow

INDEX = Path(__file__).parent / "tensorflow" / "model.ckpt-7.index"
VALUES = INDEX.with_name("model.ckpt-7.data-00000-of-00001")


def eighths(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) / 8 - 1).reshape(shape)


def test_variables_come_out_as_they_went_in():
    expected = {
        "conv0/weights": eighths(2, 2, 3, 4).astype(np.float32),
        "conv0/bn/gamma": eighths(4).astype(np.float32),
        "conv0/bn/beta": eighths(4),
        "conv1/weights": eighths(1, 1, 4, 2).astype(np.float16),
        "global_step": np.array(117078),
        "sizes": np.array([-3, 4], np.int32),
        "scale": np.array(0.5, np.float32),
    }
    found = read_tensorflow(INDEX)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
        assert found[name].shape == value.shape


@pytest.mark.parametrize("path", [INDEX, VALUES])
def test_of_dih_either_file_may_be_given(path):
    with pytest.raises(
        WeightsError, match=r"does not fit the published DIH: it lacks .*; it has an unknown scale, sizes;"
    ):
        read(path)


def test_missing_values_are_asked_for(tmp_path):
    shutil.copy(INDEX, tmp_path)
    with pytest.raises(WeightsError, match=r"model\.ckpt-7\.data-00000-of-00001 cannot be read: No such file"):
        read_tensorflow(tmp_path / INDEX.name)


@pytest.mark.parametrize("cut", [1, 8, 60, 200])
def test_what_is_cut_off_is_refused(cut, tmp_path):
    shutil.copy(VALUES, tmp_path)
    (tmp_path / INDEX.name).write_bytes(INDEX.read_bytes()[:-cut])
    with pytest.raises(WeightsError, match="or is cut off"):
        read_tensorflow(tmp_path / INDEX.name)
    shutil.copy(INDEX, tmp_path)
    (tmp_path / VALUES.name).write_bytes(VALUES.read_bytes()[:-cut])
    with pytest.raises(WeightsError, match="values beyond the end"):
        read_tensorflow(tmp_path / INDEX.name)


def test_a_damaged_index_is_refused_in_a_sentence_or_read(tmp_path):
    shutil.copy(VALUES, tmp_path)
    whole = INDEX.read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(whole) - 8)] = draw.randrange(256)
        (tmp_path / INDEX.name).write_bytes(damaged)
        try:
            read_tensorflow(tmp_path / INDEX.name)
        except WeightsError:
            refused += 1
    assert refused > 100
