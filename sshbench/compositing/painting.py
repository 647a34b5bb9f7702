"""New colours for the foreground of a scene, by a method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.prediction import Pixels, PredictionError, as_prediction
from sshbench.colour.grade import Grade
from sshbench.colour.strength import WHOLE, Amount
from sshbench.compositing.pasting import Paint, by_map, by_picture
from sshbench.compositing.photo import CompositingError
from sshbench.compositing.placement import Box, placed, widened
from sshbench.compositing.scene import Scene
from sshbench.compositing.small_copies import cut_out, mask_of, region_composite, small
from sshbench.compositing.spaces import Space
from sshbench.methods.base import Method, MethodFailed
from sshbench.methods.calling import harmonize
from sshbench.methods.full_resolution import (
    ColourMap,
    MapKind,
    MapsComposites,
    PredictsMap,
    PredictsPicture,
    View,
    fit_map,
)
from sshbench.methods.views import NEAR

_MARGIN = 0.1  # margin around the foreground in its photograph, as a fraction of its width and height
_CORE = 0.98  # mask value below which a pixel also shows the background


@dataclass(frozen=True, eq=False)
class Painting:
    """The new colours of a scene's foreground, and the colour map that makes them, if there is one.

    Parameters
    ----------
    paint
        The new colours, in the scene's colour space.
    colour_map
        The map that `paint` applies, in the scene's colour space.
    srgb_map
        The same map for sRGB colours, as the method returned it.
    """

    paint: Paint
    colour_map: ColourMap | None = None
    srgb_map: ColourMap | None = None

    @classmethod
    def of_map(cls, srgb_map: ColourMap, space: Space) -> Painting:
        """Return the painting that applies a map of sRGB colours, converted to the colour space of the pixels."""
        here = replace(srgb_map, lut=space.baked(srgb_map.lut))
        return cls(by_map(here), here, srgb_map)


def find_painting(
    scene: Scene,
    method: Method,
    kind: MapKind | Literal["none"],
    reference: Box,
    amount: Amount = WHOLE,
    grade: Grade | None = None,
) -> Painting:
    """Ask a method for the foreground's new colours; the method always sees sRGB colours.

    Parameters
    ----------
    method
        A method that predicts maps (`PredictsMap`) sees the foreground's photograph and the reference. Any other method
        sees a small composite of the reference and the foreground; it returns a map (`MapsComposites`), or a map is
        fitted to the foreground of its output.
    kind
        The kind of map to fit, `"lut"` or `"polynomial"`; or `"none"` for the method's output, enlarged.
    reference
        The part of the background whose appearance the foreground should take.
    amount
        The strength of the change; at most 1 for a picture (`"none"`).
    grade
        The colour sliders to apply after the map.

    Raises
    ------
    CompositingError
        The method cannot make a result of this kind.
    """
    check_amount(kind, amount)
    if method.sees_target:
        raise CompositingError(
            f"{method.name} needs the ground truth, which photographs do not have; choose another method"
        )
    if isinstance(method, PredictsMap) and kind != "none":
        (colour_map,) = method.colour_maps([scene_view(scene, reference)[0]], kind)
    elif isinstance(method, PredictsPicture) and kind == "none":
        view, place = scene_view(scene, reference)
        (picture,) = method.pictures([view])
        return Painting(
            by_picture(_checked(picture, method), place, scene.layer, amount, grade, scene.turn, scene.space)
        )
    elif isinstance(method, PredictsMap):
        raise CompositingError(
            f"{method.name} predicts a colour map and no picture; choose --map lut or --map polynomial"
        )
    else:
        region = reference.around(scene.landing)
        pixels = scene.background.image.pixels
        composite = region_composite(pixels, scene.layer, region, hole=scene.is_composite, space=scene.space)
        if isinstance(method, MapsComposites) and kind != "none":
            return Painting.of_map(method.composite_maps([composite])[0].finished(amount, grade), scene.space)
        try:
            (picture,) = (_unit(image) for image in harmonize(method, [composite]))
        except MethodFailed as error:
            raise CompositingError(f"{method.name}: {error}") from error
        if kind == "none":
            return Painting(by_picture(picture, region, scene.layer, amount, grade, space=scene.space))
        before, mask = _at_size_of(picture, composite.foreground), _at_size_of(picture, composite.mask)
        core = (mask >= _CORE).astype(np.float32)
        colour_map = fit_map(kind, before, picture, mask=core if core.any() else mask)
    return Painting.of_map(colour_map.finished(amount, grade), scene.space)


def check_amount(kind: MapKind | Literal["none"], amount: Amount) -> None:
    """Refuse an amount above 1 for a picture, because only a map can be extrapolated."""
    if kind == "none" and max(amount.lightness, amount.colour) > 1:
        raise CompositingError(
            "with map none a picture is pasted, which cannot be extrapolated; choose lut or polynomial, or strengths "
            "of at most 1"
        )


def scene_view(scene: Scene, reference: Box) -> tuple[View, Box]:
    """Return the input of a method that predicts maps: the foreground with a margin, and the reference.

    Pixels outside the mask are hidden: there, colours continue those of the foreground (`cut_out`), so a cut-out gives
    the same view as the photograph with its mask. We do not show the new background here: the method would see a
    finished picture and change nothing.

    Returns
    -------
    The view, and the box of its foreground on the background.
    """
    height, width = scene.mask.shape
    box = widened(scene.inside, _MARGIN, Box(0, 0, width, height))
    seen = scene.space.seen
    foreground, mask = cut_out(scene.foreground.image.pixels, scene.mask, box, scene.space)
    outside = 1 - mask_of(scene.mask, reference) if scene.is_composite else None
    background = scene.background.image.pixels
    place = widened(scene.landing, (NEAR - 1) / 2, scene.canvas)
    near = region_composite(background, scene.layer, place, hole=scene.is_composite, space=scene.space)
    view = View(foreground, seen(small(background, reference)), mask, outside, near.composite, near.mask)
    return view, placed(box, scene.corner, scene.scale)


def _checked(picture: NDArray[np.generic], method: Method) -> NDArray[np.float32]:
    """Return a method's picture as float32 `[h, w, 3]` over 0..1."""
    try:
        return _unit(as_prediction(picture))
    except PredictionError as error:
        raise CompositingError(f"{method.name}: {error}") from error


def _unit(picture: Pixels) -> NDArray[np.float32]:
    return np.clip(picture.astype(np.float32) / (255 if picture.dtype == np.uint8 else 1), 0, 1)


def _at_size_of(picture: NDArray[np.float32], image: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize an image or a mask to the size of a picture, as floats over 0..1."""
    values = image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)
    size = picture.shape[1], picture.shape[0]
    planes = [values] if values.ndim == 2 else list(np.moveaxis(values, 2, 0))
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(p)).resize(size, Image.Resampling.BILINEAR)) for p in planes
    ]
    return resized[0] if values.ndim == 2 else np.stack(resized, axis=2)
