"""`harmonize`: a foreground photograph in the light and colours of the background it is pasted on."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from numpy.typing import NDArray

from sshbench.colour.strength import WHOLE, Amount
from sshbench.compositing.finishing import AS_FOUND, Finish
from sshbench.compositing.layers import Behind, Parts, check_holds_alpha, on_canvas, psd_layers, rgba
from sshbench.compositing.painting import find_painting
from sshbench.compositing.pasting import by_map, paste_layer
from sshbench.compositing.photo import CompositingError, Photo, Source
from sshbench.compositing.place import Anchor, Flip, Place
from sshbench.compositing.placement import Box, reference_box
from sshbench.compositing.scene import Scene, open_scene
from sshbench.compositing.shadow import Shadow, contact_shadow, darken
from sshbench.compositing.texture import AS_IT_WAS, Matched, match_blur, match_grain
from sshbench.images.files import ImageFile, write_image
from sshbench.images.opening import MAX_PIXELS
from sshbench.images.psd import write_psd
from sshbench.lut.cube import write_cube
from sshbench.lut.table import Lut
from sshbench.methods.base import Method, MissingWeights
from sshbench.methods.full_resolution import ColourMap
from sshbench.methods.registry import METHODS, AnyMethod, get_method

MapChoice = Literal["lut", "polynomial", "none"]
MAPS = get_args(MapChoice)
LutSpace = Literal["working", "srgb"]
PREFERRED = ("ssh-lut", "ssh", "reinhard")
"""The methods to try if none is named: the first whose weights are installed is used, and the last needs no weights."""


@dataclass(frozen=True, eq=False, repr=False)
class Harmonized:
    """A harmonized photograph.

    Parameters
    ----------
    pixels
        `[H, W, 3]` of the background's type, upright.
    alpha
        `[H, W]`, or None if the background is opaque.
    colour_map
        The map that was applied to the foreground, in the photograph's own colour space; None with `map="none"`.
    srgb_map
        The same map for sRGB colours; identical to `colour_map` if the photograph is in sRGB.
    method
        The method's name.
    landing, reference
        The box of the foreground on the background, and the box of the reference.
    photo
        The background, whose metadata the result keeps.
    parts
        The parts from which `layer` and `save_psd` make layers.
    matched
        The grain and the blur of the foreground, if the finish requests them.

    Examples
    --------
    >>> import numpy as np, sshbench
    >>> cutout = np.full((20, 30, 4), (200, 120, 60, 255), np.uint8)
    >>> photo = np.full((60, 90, 3), (40, 60, 110), np.uint8)
    >>> result = sshbench.harmonize(cutout, photo, at=(10, 20), method="reinhard")
    >>> result.pixels.shape, result.lut().size
    ((60, 90, 3), 33)
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    colour_map: ColourMap | None
    srgb_map: ColourMap | None
    method: str
    landing: Box
    reference: Box
    photo: Photo
    parts: Parts
    matched: Matched = AS_IT_WAS

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        kind = "no map" if self.colour_map is None else f"map {self.colour_map.kind}"
        return f"<Harmonized {width} x {height} {self.pixels.dtype} by {self.method}, {kind}>"

    def file(self) -> ImageFile:
        """Return the file that `save` writes, with the background's orientation, ICC profile, EXIF and XMP."""
        return self.photo.stored(self.pixels, self.alpha)

    def save(self, path: str | os.PathLike[str], *, quality: int | None = None) -> None:
        """Write a PNG, TIFF, JPEG or WebP file, as `sshbench.images.files.write_image` does.

        Raises
        ------
        ImageFileError
            The suffix is unknown, or the file cannot be written.
        """
        write_image(path, self.file(), quality=quality)

    def layer(self) -> NDArray[Any]:
        """Return the foreground alone in its new colours, at the size of the background.

        Composited over the background, the layer gives the result within one code of rounding. A shadow is not part of
        the layer, because it lies on the background; `parts.shadow` holds it.

        Returns
        -------
        numpy.ndarray
            `[H, W, 4]` of the background's type, upright: R, G, B (not premultiplied) and alpha.
        """
        return on_canvas(self.parts.layer, rgba(self.parts.layer, self.parts.paint), self.pixels.shape[:2])

    def save_layer(self, path: str | os.PathLike[str]) -> None:
        """Write `layer` as a PNG, TIFF or WebP file with the metadata of the background.

        Raises
        ------
        ImageFileError
            The suffix is unknown or that of a JPEG, or the file cannot be written.
        """
        check_holds_alpha(path)
        layer = self.layer()
        write_image(path, self.photo.stored(layer[..., :3], layer[..., 3]))

    def save_psd(self, path: str | os.PathLike[str]) -> None:
        """Write the layers `background`, `foreground as it was` (hidden) and `foreground graded` as a PSD or PSB file.

        A shadow is a black layer between the background and the foreground. The file is upright and has the
        background's bit depth, ICC profile and resolution. The method needs psd-tools (`pip install 'sshbench[psd]'`).

        Raises
        ------
        ImageFileError
            The suffix is neither .psd nor .psb, psd-tools is missing, or the file cannot be written.
        CompositingError
            The background was not kept.
        """
        image = replace(self.photo.image, pixels=self.pixels, alpha=self.alpha)
        background = self.photo.image
        if self.parts.behind is not None:
            background = self.parts.behind.restored(image)
        elif background.pixels is self.pixels:
            raise CompositingError(
                "the background was overwritten by the result and not kept; harmonize the picture again"
            )
        write_psd(path, psd_layers(background, self.parts), image)

    def lut(self, size: int | None = None, *, space: LutSpace = "working") -> Lut:
        """Return the map as a LUT, whose title names its colour space.

        Parameters
        ----------
        size
            The number of points on each axis; by default the table that was applied.
        space
            The colour space of the input and the output: `"working"` for the stored values of the photograph, or
            `"srgb"`.

        Raises
        ------
        CompositingError
            There is no map, or the space is unknown.
        """
        if space not in get_args(LutSpace):
            raise CompositingError(f"unknown LUT space {space!r}; choose {' or '.join(get_args(LutSpace))}")
        found = self.colour_map if space == "working" else self.srgb_map
        if found is None:
            raise CompositingError("with map none a picture is pasted, so there is no LUT; choose lut or polynomial")
        kind = "" if self.has_own_map else f" {found.kind}"
        return replace(found.to_lut(size), title=f"{self.method}{kind}, {self._space_name(space)}")

    @property
    def has_own_map(self) -> bool:
        """Whether the map is the one that the method predicted, and no map that was fitted to the method's picture."""
        return self.colour_map is not None and self.colour_map.kind == self.method

    def _space_name(self, space: LutSpace) -> str:
        return "sRGB" if space == "srgb" or self.photo.space.is_srgb else self.photo.space.name

    def export_lut(self, path: str | os.PathLike[str], size: int | None = None, *, space: LutSpace = "working") -> None:
        """Write the map as a `.cube` file for editors; the title and a comment name the colour space.

        Parameters
        ----------
        path
            The file to write.
        size, space
            As for `lut`.
        """
        name = self._space_name(space)
        comment = f"Colour space of input and output: {name}, encoded as in its ICC profile."
        write_cube(self.lut(size, space=space), path, comments=[comment])


def harmonize(
    foreground: Source,
    background: Source | None = None,
    mask: Source | None = None,
    *,
    method: AnyMethod | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str | None = None,
    map: MapChoice = "lut",
    at: tuple[float | str, float | str] | str | None = None,
    anchor: Anchor = "corner",
    center: bool = False,
    scale: float = 1.0,
    fit: str | None = None,
    rotate: float = 0.0,
    flip: Flip = "none",
    reference: str | tuple[int, int, int, int] = "auto",
    strength: float = 1.0,
    lightness: float = 1.0,
    colour: float = 1.0,
    finish: Finish = AS_FOUND,
    max_pixels: int = MAX_PIXELS,
) -> Harmonized:
    """Paste a foreground onto a background and give it the background's light and colours.

    Parameters
    ----------
    foreground, background, mask
        Files, arrays (uint8 or uint16 `[H, W, 3 or 4]`; masks also `[H, W]`, floats over 0..1, booleans) or Pillow
        images. Without a background, `foreground` is a composite. The default mask is the foreground's alpha channel.
        `"auto:person"` and `"grabcut:x,y,w,h"` make a mask (`sshbench.compositing.masking`).
    method
        A method as for `get_method`; by default the first of `PREFERRED` whose weights are installed.
    weights, device
        As for `get_method`.
    map
        `"lut"`, `"polynomial"`, or `"none"` to paste the network's output, enlarged.
    at, anchor, center, scale, fit, rotate, flip
        The position, size, rotation and mirroring of the foreground: the fields of `sshbench.compositing.Place`. By
        default, `at` is the position of its top left corner in pixels of the background.
    reference
        `"auto"` (the surroundings of the foreground), `"full"`, or left, top, width and height in pixels.
    strength, lightness, colour
        The strength of the change, from the foreground's own colours (0) to the new colours (1) and beyond (up to 2):
        of the whole change, of luminance, and of chromaticity. With `map="none"` the largest value is 1.
    finish
        The steps after the map, a `sshbench.compositing.Finish`; by default none.
    max_pixels
        The largest number of pixels of an image; a small file can claim any number.

    Returns
    -------
    Harmonized
        The picture, with the background's size, bit depth, colour space and metadata. No given array is changed.

    Raises
    ------
    SshbenchError
        An argument or a file cannot be used; the message is one sentence that says why and what to do.

    Examples
    --------
    >>> import numpy as np, sshbench
    >>> cutout = np.full((20, 30, 4), (200, 120, 60, 255), np.uint8)  # R, G, B and alpha
    >>> photo = np.full((60, 90, 3), (40, 60, 110), np.uint8)
    >>> result = sshbench.harmonize(cutout, photo, at=(10, 20), method="reinhard")
    >>> result
    <Harmonized 90 x 60 uint8 by reinhard, map lut>
    >>> result.save("out.png")
    >>> result.export_lut("look.cube")
    """
    if map not in MAPS:
        raise CompositingError(f"unknown map {map!r}; choose {', '.join(MAPS[:-1])} or {MAPS[-1]}")
    if not isinstance(finish, Finish):
        raise CompositingError(f"finish must be a Finish, such as Finish(exposure=0.5), not {type(finish).__name__}")
    amount = Amount.of(strength, lightness, colour)
    where: dict[str, Any] = {"at": at, "fit": fit}  # `Place` parses texts
    place = Place(**where, anchor=anchor, center=center, scale=scale, rotate=rotate, flip=flip)
    if method is None or isinstance(method, str):
        method = open_method(method, weights=weights, device=device)
    else:
        method = get_method(method, weights=None if weights is None else os.fspath(weights), device=device)
    scene = open_scene(foreground, background, mask, place=place, edges=finish.edges, max_pixels=max_pixels)
    ours = isinstance(foreground if background is None else background, str | os.PathLike)
    return harmonize_scene(scene, method, map=map, reference=reference, amount=amount, finish=finish, in_place=ours)


def open_method(
    name: str | None = None, *, weights: str | os.PathLike[str] | None = None, device: str | None = None
) -> Method:
    """Return the method of a name, or the first of `PREFERRED` whose weights are installed."""
    given = None if weights is None else os.fspath(weights)
    if name is not None:
        return get_method(name, weights=given, device=device)
    known = [one for one in PREFERRED if one in METHODS]
    if weights is not None:
        return get_method(known[0], weights=given, device=device)
    for one in known[:-1]:
        try:
            return get_method(one, device=device)
        except MissingWeights:
            continue
    return get_method(known[-1], device=device)


def harmonize_scene(
    scene: Scene,
    method: Method,
    *,
    map: MapChoice,
    reference: str | tuple[int, int, int, int],
    amount: Amount = WHOLE,
    finish: Finish = AS_FOUND,
    in_place: bool = False,
    keep: bool = True,
) -> Harmonized:
    """Harmonize an open scene; the arguments are those of `harmonize`, with the strengths as an `Amount`.

    With `in_place`, the background's array becomes the result if it is writable, which saves the memory of a copy. The
    covered part of the background is then copied for `save_psd`, unless `keep` is False.
    """
    around = reference_box(reference, scene.landing, scene.canvas)
    matched = AS_IT_WAS
    if finish.match_blur:
        scene, blur, why = match_blur(scene, around)
        matched = replace(matched, blur=blur, no_blur=why)
    painting = find_painting(scene, method, map, around, amount, finish)
    paint = painting.paint
    if finish.match_grain:
        paint, grain, why = match_grain(scene, paint)
        matched = replace(matched, grain=grain, no_grain=why)
    image = scene.background.image
    pixels, alpha = image.pixels, image.alpha
    layer, shadow, behind = scene.layer, shadow_of(scene, finish), None
    if not (in_place and pixels.flags.writeable and (alpha is None or alpha.flags.writeable)):
        pixels, alpha = pixels.copy(), None if alpha is None else alpha.copy()
    else:
        if keep:
            behind = Behind.copied(image, layer.box if shadow is None else layer.box.around(shadow.box))
        if scene.is_composite:  # its layer may be a view of the array that becomes the result
            layer = replace(layer, pixels=layer.pixels.copy())
    if shadow is not None:
        darken(pixels, shadow, scene.space)
    parts = Parts(layer, paint, shadow, behind)
    paste_layer(pixels, alpha, layer, paint)
    return Harmonized(
        pixels,
        alpha,
        painting.colour_map,
        painting.srgb_map,
        method.name,
        scene.landing,
        around,
        scene.background,
        parts,
        matched,
    )


def shadow_of(scene: Scene, finish: Finish) -> Shadow | None:
    """Return the shadow that a finish requests, or None."""
    return contact_shadow(
        scene.layer, scene.canvas, strength=finish.shadow, softness=finish.shadow_softness,
        direction=finish.shadow_direction, length=finish.shadow_length,
    )  # fmt: skip


def plain_composite(scene: Scene) -> NDArray[Any]:
    """Return the composite with the foreground's own colours, `[H, W, 3]`, for comparison."""
    pixels = scene.background.image.pixels.copy()
    paste_layer(pixels, None, scene.layer, by_map(ColourMap("identity", Lut.identity(2))))
    return pixels
