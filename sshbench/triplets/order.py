"""The order in which an epoch visits its samples: a permutation that is computed when needed and never stored.

For 100 million photographs, an array of the order would take 800 MB in every worker. Instead, a Feistel network over
the smallest even number of bits that can hold all places maps each place to a sample. The network is applied repeatedly
until its result is less than the count (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6


def shuffled(places: NDArray[np.int64], count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the samples at `places` of the shuffled order of an epoch.

    Parameters
    ----------
    places
        The places in the order, each in 0..count-1.
    count
        The number of samples in an epoch.

    Returns
    -------
    array
        The samples, each in 0..count-1. Over all places, every sample occurs exactly once.
    """
    half = np.uint64(max(1, (int(count - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)
    digest = blake2b(f"{seed} {epoch} {count}".encode(), digest_size=8 * _ROUNDS).digest()
    keys = np.frombuffer(digest, "<u8")
    result = np.asarray(places, np.uint64).copy()
    outside = np.ones(result.shape, bool)
    while outside.any():
        walked = result[outside]
        left, right = walked >> half, walked & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right + key) & mask)
        result[outside] = (left << half) | right
        outside = result >= count
    return result.astype(np.int64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64-bit values mixed by the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
