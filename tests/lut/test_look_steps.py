"""Each step does what its parameters say, against closed forms and colour-science."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.lut.looks import operators as steps
from sshbench.lut.looks.spaces import colour, illuminant, into_gamut

COLOURS = np.random.default_rng(1).uniform(0.2, 0.8, (50, 3))
GREYS = np.repeat(np.linspace(0, 1, 21)[:, None], 3, axis=1)


def linear(encoded):
    return colour.cctf_decoding(encoded, "sRGB")


def oklab(encoded):
    return colour.XYZ_to_Oklab(colour.sRGB_to_XYZ(encoded))


def test_exposure_is_a_gain_in_linear_light_that_keeps_white():
    dark = np.full((1, 3), 0.01)
    np.testing.assert_allclose(linear(steps.Exposure(1.5)(dark)), linear(dark) * 2**1.5, rtol=2e-3)
    np.testing.assert_allclose(steps.Exposure(1.5)(np.ones((1, 3))), 1)


def test_negative_contrast_undoes_positive():
    np.testing.assert_allclose(steps.Contrast(-4.0, 0.4)(steps.Contrast(4.0, 0.4)(COLOURS)), COLOURS)


def test_levels_place_black_middle_and_white():
    placed = steps.Levels((0.1, 0.2, 0.0), (0.5, 0.5, 0.25), (0.9, 1.0, 0.8))(
        np.array([[0.0] * 3, [0.5] * 3, [1.0] * 3])
    )
    np.testing.assert_allclose(placed, [[0.1, 0.2, 0.0], [0.5, 0.6, 0.2], [0.9, 1.0, 0.8]], atol=1e-12)


def test_curves_go_through_their_points():
    points = ((0, 0.1), (0.3, 0.2), (1, 0.9))
    out = steps.Curves(green=points)(np.array([[x, x, x] for x, _ in points]))
    np.testing.assert_allclose(out, [[x, y, x] for x, y in points], atol=1e-12)


def test_print_keeps_black_middle_grey_and_white():
    tones = colour.cctf_encoding(np.array([[0.0] * 3, [0.18] * 3, [1.0] * 3]), "sRGB")
    np.testing.assert_allclose(steps.Print(1.7)(tones), tones, atol=1e-4)


@pytest.mark.parametrize("source", [2000, 3200, 5000, 9000, "A", "FL2"])
def test_a_grey_takes_the_chromaticity_of_the_light(source):
    xyz = colour.RGB_to_XYZ(linear(steps.Light(source)(np.full(3, 0.5))), "sRGB", apply_cctf_decoding=False)
    np.testing.assert_allclose(colour.XYZ_to_xy(xyz), illuminant(source), atol=1e-4)


def test_lights_are_on_the_locus_and_duv_moves_them_off_it_towards_green():
    on, off = (colour.xy_to_UCS_uv(illuminant(3000, duv)) for duv in (0, 0.01))
    np.testing.assert_allclose(colour.temperature.uv_to_CCT_Ohno2013(on)[0], 3000, rtol=5e-3)
    np.testing.assert_allclose(colour.temperature.uv_to_CCT_Ohno2013(off), [3000, 0.01], rtol=2e-2)


def test_filter_and_veil_act_on_linear_light():
    gel, amount = linear(np.array([0x40, 0x80, 0xC0]) / 255), 0.3
    np.testing.assert_allclose(linear(steps.Filter("#4080c0", 2.0)(COLOURS)), linear(COLOURS) * gel**2, atol=1e-9)
    veiled = linear(COLOURS) * (1 - amount) + gel * amount
    np.testing.assert_allclose(linear(steps.Veil("#4080c0", amount)(COLOURS)), veiled, atol=1e-9)


def test_mono_is_the_weighted_sum_of_linear_light():
    grey = linear(steps.Mono((0.6, 0.3, 0.1))(COLOURS))
    np.testing.assert_allclose(grey, np.repeat(linear(COLOURS) @ [[0.6], [0.3], [0.1]], 3, axis=1), atol=1e-9)


def test_saturate_scales_oklab_chroma_and_nothing_else():
    dull = 0.5 + 0.2 * (COLOURS - 0.5)
    np.testing.assert_allclose(oklab(steps.Saturate(1.5)(dull)), oklab(dull) * [1, 1.5, 1.5], atol=2e-4)


def test_axis_keeps_its_hue_and_draws_in_what_lies_across():
    dull = 0.5 + 0.2 * (COLOURS - 0.5)
    out = oklab(steps.Axis(90, along=1.0, across=0.25)(dull))  # hue 90 is the b axis
    np.testing.assert_allclose(out, oklab(dull) * [1, 0.25, 1], atol=2e-4)


def test_turn_rotates_hue_and_hue_turns_only_its_neighbours():
    red, cyan = np.array([[0.6, 0.4, 0.4]]), np.array([[0.4, 0.6, 0.6]])

    def angle(encoded):
        return np.rad2deg(np.arctan2(oklab(encoded)[:, 2], oklab(encoded)[:, 1]))

    np.testing.assert_allclose(angle(steps.Turn(30)(red)) - angle(red), 30, atol=0.2)
    here = float(angle(red)[0])
    assert 10 < float((angle(steps.Hue(here, 30)(red)) - angle(red))[0]) < 30
    np.testing.assert_allclose(angle(steps.Hue(here, 30)(cyan)), angle(cyan), atol=0.2)


@pytest.mark.parametrize(
    "step", [steps.Saturate(1.4, 0.5, 0.5, 2), steps.Hue(30, 40, 2, 0.5), steps.Axis(50), steps.Turn(9)]
)
def test_steps_of_chroma_and_hue_leave_greys_alone(step):
    np.testing.assert_allclose(step(GREYS), GREYS, atol=2e-3)


def test_split_tone_tints_shadows_and_highlights_at_equal_lightness():
    toned = oklab(steps.SplitTone(shadows=(180, 0.05), highlights=(0, 0.05))(GREYS))
    np.testing.assert_allclose(toned[:, 0], oklab(GREYS)[:, 0], atol=2e-4)
    assert toned[5, 1] < -0.01 < 0.01 < toned[17, 1]


def test_gradient_gives_its_colours_at_black_and_white():
    ends = steps.Gradient(("#102030", "#808080", "#f0e0d0"))(np.array([[0.0] * 3, [1.0] * 3]))
    np.testing.assert_allclose(ends * 255, [[0x10, 0x20, 0x30], [0xF0, 0xE0, 0xD0]], atol=1e-4)


def test_night_drains_the_dark_of_colour_more_than_the_light():
    def kept(encoded):
        chroma = [np.linalg.norm(oklab(e)[1:]) for e in (steps.Night(0.2, (0, 0))(encoded), encoded)]
        return chroma[0] / chroma[1]

    assert kept(np.array([0.2, 0.1, 0.1])) < 0.5 * kept(np.array([1.0, 0.6, 0.6]))


def test_into_gamut_keeps_colours_inside_and_brings_the_others_in_at_their_hue():
    inside = 0.5 + 0.3 * (COLOURS - 0.5)
    np.testing.assert_allclose(into_gamut(inside), inside, atol=1e-9)
    outside = np.random.default_rng(2).uniform(-0.4, 1.4, (500, 3))
    brought = into_gamut(outside)
    assert brought.min() >= 0
    assert brought.max() <= 1
    np.testing.assert_array_equal(brought.argmax(axis=1), outside.argmax(axis=1))
