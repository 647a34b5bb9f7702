"""LUTs of colour-science in and out: the same colours come of both."""

from __future__ import annotations

import colour
import numpy as np
import pytest

from sshbench.lut.apply import apply_lut
from sshbench.lut.colour_science import from_colour, to_colour
from sshbench.lut.table import Domain, Lut, LutError

RNG = np.random.default_rng(2)
DOMAIN = np.array([[-0.5, 0.0, 0.25], [1.5, 2.0, 1.0]])


def lut_1d() -> colour.LUT1D:
    return colour.LUT1D(np.sort(RNG.random(17)), "Curve", np.array([-0.5, 1.5]))


def lut_3x1d() -> colour.LUT3x1D:
    return colour.LUT3x1D(np.sort(RNG.random((17, 3)), axis=0), "Curves", DOMAIN)


def lut_3d() -> colour.LUT3D:
    return colour.LUT3D(RNG.random((5, 5, 5, 3)), "Cube", DOMAIN)


def sequence() -> colour.LUTSequence:
    return colour.LUTSequence(lut_3x1d(), colour.LUT3D(RNG.random((5, 5, 5, 3)), "Cube"))


@pytest.mark.parametrize("make", [lut_1d, lut_3x1d, lut_3d, sequence])
def test_both_give_the_same_colours(make: object) -> None:
    theirs = make()  # type: ignore[operator]
    ours = from_colour(theirs)
    colours = RNG.uniform((0, 0.1, 0.3), (1, 1, 0.9), (40, 50, 3))
    expected = theirs.apply(colours)
    np.testing.assert_allclose(apply_lut(colours.astype(np.float32), ours), expected, atol=3e-6)
    np.testing.assert_allclose(to_colour(ours).apply(colours), expected, atol=3e-6)


def test_every_part_is_taken_over() -> None:
    cube = from_colour(lut_3d())
    assert (cube.kind, cube.size, cube.title) == ("3d", 5, "Cube")
    assert cube.domain == Domain((-0.5, 0.0, 0.25), (1.5, 2.0, 1.0))
    curve = from_colour(lut_1d())
    assert (curve.kind, curve.size, curve.title) == ("1d", 17, "Curve")
    assert curve.shaper_domain == Domain((-0.5,) * 3, (1.5,) * 3)
    both = from_colour(sequence())
    assert (both.kind, both.title, both.shaper_domain) == ("shaper+3d", "Cube", cube.domain)


@pytest.mark.parametrize("kind", ["1d", "3d", "shaper+3d"])
def test_there_and_back_changes_no_bit(kind: str) -> None:
    lut = Lut(
        values=RNG.random((4, 4, 4, 3), np.float32) if kind != "1d" else None,
        shaper_values=RNG.random((6, 3), np.float32) if kind != "3d" else None,
        domain=Domain((0.1, -1.0, 0.0), (1.0, 2.0, 3.0)) if kind != "1d" else Domain(),
        shaper_domain=Domain((0.3, -1.0, 0.0), (1.0, 2.0, 3.0)) if kind != "3d" else Domain(),
        title="Look",
    )
    back = from_colour(to_colour(lut))
    for name in ("values", "shaper_values"):
        before, after = getattr(lut, name), getattr(back, name)
        assert before is after is None or np.array_equal(before, after)
    assert (back.kind, back.domain, back.shaper_domain) == (lut.kind, lut.domain, lut.shaper_domain)
    assert back.title == lut.title


def test_a_sequence_of_one_is_that_one() -> None:
    assert from_colour(colour.LUTSequence(lut_3d())).kind == "3d"
    assert from_colour(colour.LUTSequence(lut_1d())).kind == "1d"


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        (lambda: colour.LUTSequence(lut_3d(), lut_1d()), "a LUTSequence of LUT3D, LUT1D is not"),
        (lambda: colour.LUTSequence(lut_1d(), lut_3d(), lut_1d()), "is not a 1D LUT followed by a 3D LUT"),
        (lambda: colour.LUTSequence(), "a LUTSequence of nothing is not"),
        (lambda: colour.LUT1D(np.array([0.0, 0.5, 1.0]), "E", np.array([0.0, 0.3, 1.0])), "unevenly spaced"),
        (lambda: colour.LUT1D(np.array([0.0, np.nan, 1.0])), "NaN"),
        (lambda: colour.LUT1D(np.array([0.0, 1e300, 1.0])), "infinities"),
        (lambda: colour.LUT3D(np.zeros((3, 3, 3, 3)), domain=np.array([[1.0] * 3, [0.0] * 3])), "inverted"),
        (lambda: colour.LUTOperatorMatrix(), "a LUTOperatorMatrix is not one of"),
        (lambda: np.zeros((3, 3, 3, 3)), "a ndarray is not one of"),
    ],
)
def test_what_is_no_lut_here_is_refused(theirs: object, reason: str) -> None:
    with pytest.raises(LutError, match=reason):
        from_colour(theirs())  # type: ignore[operator]
