"""Make `realhm/sample/` from its recipe and photographs: `python -m tools.make_sample PHOTOS`.

`realhm/sample/README.md` lists the photographs and their sources. The tool needs the packages of
`pip install --group sample`: closed-form matting (Levin, Lischinski and Weiss, PAMI 2008) finds the edge of each
hand-drawn outline, and the method of Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020, estimates the
colours on both sides of the edge.
"""

from __future__ import annotations

import csv
import io
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw

from sshbench.images.boxes import box_around
from sshbench.lut.looks import operators
from sshbench.lut.looks.look import Look

Pixels = NDArray[np.float64]

SIDE = 640  # long side, in pixels, of the copies on which outlines are drawn
CANVAS = 576  # long side of a canvas in pixels
QUALITY = 90
MASK_QUALITY = 95


@dataclass(frozen=True)
class Cutout:
    """An object and its background, 0..1: photo = foreground * alpha + background * (1 - alpha)."""

    photo: Pixels
    foreground: Pixels
    background: Pixels
    alpha: Pixels


def make(photos: Path, folder: Path) -> None:
    """Write all composites of `folder/recipe.toml` to `folder`, and `composites.csv`, which describes each of them."""
    recipe = tomllib.loads((folder / "recipe.toml").read_text())
    rows = []
    for entry in recipe["composite"]:
        thing = recipe["object"][entry["object"]]
        across = "background" in entry
        look = look_of(entry["id"], entry["edit" if across else "look"])
        cut = cut_out(read(photos / recipe["photo"][thing["photo"]]["file"]), thing)
        if across:
            behind = read(photos / recipe["photo"][entry["background"]]["file"])
            roles = across_photos(cut, behind, look, entry)
        else:
            roles = within_photo(cut, look)
        path = folder / entry["id"]
        path.parent.mkdir(exist_ok=True)
        for suffix, image in roles.items():
            save(path.with_name(path.name + suffix), image)
        rows.append(
            {
                "id": entry["id"],
                "kind": "across photos" if across else "one photo",
                "subject": entry["object"],
                "foreground": thing["photo"],
                "background": entry.get("background", thing["photo"]),
                "steps": look.parameters,
            }
        )
    with (folder / "composites.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def look_of(name: str, steps: Sequence[Mapping[str, Any]]) -> Look:
    """Return the steps of a recipe as a look. Each step is a table with its name and its parameters."""
    return Look(
        name,
        "sample",
        tuple(getattr(operators, s["step"])(**{k: v for k, v in s.items() if k != "step"}) for s in steps),
    )


def within_photo(cut: Cutout, look: Look) -> dict[str, Pixels]:
    """Compose an object under `look` in its own photograph; the unchanged photograph is the target."""
    height, width = cut.alpha.shape
    scale = min(1.0, CANVAS / max(height, width))
    size = round(width * scale), round(height * scale)
    edited, foreground, background, alpha = (
        resize(image, size) for image in (look(cut.foreground), cut.foreground, cut.background, cut.alpha)
    )
    return {
        ".jpg": edited,
        "_small.jpg": resize(look(crop_around(cut)), None),
        "_mask.jpg": alpha,
        "_fore.jpg": background,
        "_gt.jpg": blend(foreground, background, alpha),
    }


def across_photos(cut: Cutout, behind: Image.Image, edit: Look, entry: Mapping[str, Any]) -> dict[str, Pixels]:
    """Compose an object with its own colours in another photograph; with the colours after `edit`, it is the target."""
    x, y, w, h = entry.get("crop", (0, 0, *reduced(behind).size))
    k = max(behind.size) / SIDE
    crop = behind.crop(tuple(round(v * k) for v in (x, y, x + w, y + h)))
    scale = CANVAS / max(crop.size)
    size = round(crop.width * scale), round(crop.height * scale)
    background = pixels(crop.resize(size, Image.Resampling.LANCZOS))

    left, top, right, bottom = bounds(cut.alpha)
    zoom = entry["height"] * size[1] / (bottom - top)
    # Pillow needs the inverse map, from coordinates of the canvas to those of the cut-out.
    dx = entry["at"][0] * size[0] / zoom - (left + right) / 2
    dy = entry["at"][1] * size[1] / zoom - bottom
    foreground, alpha = (place(image, size, zoom, dx, dy) for image in (cut.foreground, cut.alpha))
    return {
        ".jpg": foreground,
        "_small.jpg": resize(crop_around(cut), None),
        "_mask.jpg": alpha,
        "_fore.jpg": background,
        "_gt.jpg": blend(edit(foreground), background, alpha),
    }


def cut_out(photo: Image.Image, thing: Mapping[str, Any]) -> Cutout:
    """Find the edge of an object within `soft` pixels of its outline, and the colours on both sides of it."""
    import cv2
    from pymatting import estimate_alpha_cf, estimate_foreground_ml

    rgb = pixels(reduced(photo))
    size = rgb.shape[1], rgb.shape[0]
    outline = polygons(thing["outline"], size)
    room = 48  # where an outline leaves the picture, there is no edge
    padded = np.pad(outline, room, mode="edge").astype(np.uint8)
    inside, outside = (
        cv2.distanceTransform(side, cv2.DIST_L2, 5)[room:-room, room:-room] for side in (padded, 1 - padded)
    )
    trimap = np.select([inside > thing["soft"], outside > thing["soft"]], [1.0, 0.0], 0.5)
    if "outside" in thing:
        strip = polygons(thing["outside"], size).astype(np.uint8)
        trimap[cv2.dilate(strip, np.ones((5, 5))) > 0] = 0.5
        trimap[strip > 0] = 0.0
    if "inside" in thing:
        trimap[polygons(thing["inside"], size)] = 1.0
    alpha = estimate_alpha_cf(rgb, trimap, laplacian_kwargs={"epsilon": 1e-5})
    alpha = np.clip((cv2.medianBlur(alpha.astype(np.float32), 3).astype(np.float64) - 0.1) / 0.8, 0, 1)
    foreground, background = estimate_foreground_ml(rgb, alpha, return_background=True)
    return Cutout(rgb, np.clip(foreground, 0, 1), np.clip(background, 0, 1), alpha)


def polygons(text: str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill polygons, `x,y x,y ...` with semicolons between them."""
    fine = 4
    canvas = Image.new("L", (size[0] * fine, size[1] * fine))
    for polygon in text.split(";"):
        points = [tuple(float(v) * fine for v in point.split(",")) for point in polygon.split()]
        ImageDraw.Draw(canvas).polygon(points, fill=255)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX)) > 127


def bounds(alpha: Pixels) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the pixels whose alpha is above one half."""
    rows, columns = box_around(alpha > 0.5)
    return columns.start, rows.start, columns.stop, rows.stop


def crop_around(cut: Cutout, margin: float = 0.15) -> Pixels:
    """Return the photograph around the object, with a margin that is a fraction of the object's longer side."""
    left, top, right, bottom = bounds(cut.alpha)
    m = round(margin * max(right - left, bottom - top))
    return cut.photo[max(top - m, 0) : bottom + m, max(left - m, 0) : right + m]


def blend(foreground: Pixels, background: Pixels, alpha: Pixels) -> Pixels:
    """Return foreground * alpha + background * (1 - alpha)."""
    return background + alpha[..., None] * (foreground - background)


def place(image: Pixels, size: tuple[int, int], zoom: float, dx: float, dy: float) -> Pixels:
    """Scale by `zoom` and move by (dx, dy), in pixels before scaling, onto a canvas that is zero elsewhere."""
    scaled = resize(image, (round(image.shape[1] * zoom), round(image.shape[0] * zoom)))
    canvas = np.zeros((size[1], size[0], *image.shape[2:]))
    left, top = round(dx * zoom), round(dy * zoom)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + scaled.shape[1], size[0]), min(top + scaled.shape[0], size[1])
    canvas[y0:y1, x0:x1] = scaled[y0 - top : y1 - top, x0 - left : x1 - left]
    return canvas


def resize(image: Pixels, size: tuple[int, int] | None) -> Pixels:
    """Resize to (width, height) with antialiasing; by default to a long side of at most 320 pixels."""
    height, width = image.shape[:2]
    if size is None:
        scale = min(1.0, 320 / max(height, width))
        size = round(width * scale), round(height * scale)
    if size == (width, height):
        return image
    planes = image.reshape(height, width, -1)
    done = [
        np.asarray(Image.fromarray(planes[..., i].astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
        for i in range(planes.shape[2])
    ]
    return np.clip(np.stack(done, axis=-1, dtype=np.float64).reshape(size[1], size[0], *image.shape[2:]), 0, 1)


def read(path: Path) -> Image.Image:
    """Open a photograph; if its profile is not sRGB, convert the photograph to sRGB."""
    photo: Image.Image = Image.open(path)
    profile = photo.info.get("icc_profile")
    photo = photo.convert("RGB")
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        photo = ImageCms.profileToProfile(photo, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb) or photo
    return photo


def reduced(photo: Image.Image) -> Image.Image:
    """Return the photograph with a long side of at most 640 pixels."""
    scale = min(1.0, SIDE / max(photo.size))
    size = round(photo.width * scale), round(photo.height * scale)
    return photo if scale == 1 else photo.resize(size, Image.Resampling.LANCZOS)


def pixels(image: Image.Image) -> Pixels:
    """Return the values of an image, `[H, W, 3]`, 0..1."""
    return np.asarray(image, np.float64) / 255


def save(path: Path, image: Pixels) -> None:
    """Write an image over 0..1 as JPEG, the format of all files of RealHM."""
    encoded = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    encoded.save(path, quality=MASK_QUALITY if image.ndim == 2 else QUALITY, optimize=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "realhm/sample"))
