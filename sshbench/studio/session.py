"""One visitor's session: photographs and a mask in a folder, maps from small copies, and saved files.

No part of a request names a file. `session_file` stores the session, so that a restarted server on the same folder
continues it.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.strength import Amount
from sshbench.compositing.harmonize import Harmonized, harmonize, harmonize_scene
from sshbench.compositing.painting import find_painting
from sshbench.compositing.photo import in_srgb, open_mask, open_photo
from sshbench.compositing.placement import Box, extent
from sshbench.compositing.scene import Scene
from sshbench.errors import SshbenchError
from sshbench.images.opening import MAX_PIXELS
from sshbench.lut.table import Lut
from sshbench.methods.base import Method
from sshbench.methods.full_resolution import ColourMap
from sshbench.studio.bundle import SUFFIXES, bundle_names, layer_suffix, made_names, write_bundle
from sshbench.studio.copies import Copies, copies_of, encoded, painted, painted_size, repainted
from sshbench.studio.session_file import Picture as Picture
from sshbench.studio.session_file import StoredSession, read_session, write_session
from sshbench.studio.session_mask import SessionMask, box_in, shape_of
from sshbench.studio.small_scene import small_scene
from sshbench.studio.visitor_names import printable_name, safe_name, suffix_of
from sshbench.studio.wish import StudioError, Wish, command

ROLES = ("foreground", "background")
KINDS = ("picture", "layer", "psd", "lut", "bundle")
MOST_SAVED = 100
"""The largest number of files that a session saves."""
_PROOF = 1280  # pixels of the longest side, at least, of a composite that the server makes for the screen
_MAPS = 16  # maps that a session keeps


class Session:
    """The state of one page.

    All methods may be called from any thread; one of them runs at a time.
    """

    def __init__(self, folder: Path, method: Callable[[str], Method], max_pixels: int) -> None:
        self.folder, self.method, self.max_pixels = folder, method, max_pixels
        self.lock = threading.RLock()
        self.pictures: dict[str, Picture] = {}
        self.mask: int | None = None
        self.wish: dict[str, Any] | None = None
        self.saved: list[dict[str, Any]] = []
        self._count = 0
        self._copies: dict[str, Copies] = {}
        self._mask = SessionMask(folder)
        self._box: tuple[tuple[int, int | None], list[float] | None] | None = None
        self._maps: OrderedDict[tuple[Any, ...], ColourMap] = OrderedDict()
        stored = read_session(folder)
        if stored is not None:
            self.pictures, self.mask, self.wish = stored.pictures, stored.mask, stored.wish
            self.saved, self._count = stored.saved, stored.count

    def told(self) -> dict[str, Any]:
        """Return the state of the session that the page needs."""
        with self.lock:
            pictures = {role: {**asdict(one), **self._shown(role)} for role, one in self.pictures.items()}
            return {"pictures": pictures, "mask": self._mask_told(), "wish": self.wish, "saved": self.saved}

    def take_picture(self, role: str, upload: Path, name: str) -> None:
        """Use an uploaded file in the session's folder as the foreground or the background.

        Raises
        ------
        ImageFileError
            The file is no image, is damaged, or has too many pixels. The session stays unchanged.
        """
        with self.lock:
            self._check_size(upload, name)
            photo = open_photo(upload, role, max_pixels=self.max_pixels)
            copies = copies_of(photo)
            version = self._next()
            suffix = suffix_of(name)
            file = f"{role}-{version}{suffix}"
            os.replace(upload, self.folder / file)
            before = self.pictures.get(role)
            height, width = photo.size
            safe = safe_name(name, f"{role}{suffix}")
            self.pictures[role] = Picture(safe, file, width, height, version, copies.alpha is not None)
            self._copies[role] = copies
            if role == "foreground":
                self._set_mask(None)
            self._store()
            if before is not None:
                (self.folder / before.file).unlink(missing_ok=True)

    def take_mask_file(self, upload: Path, name: str) -> None:
        """Use an uploaded file as the foreground's mask.

        Raises
        ------
        SshbenchError
            There is no foreground, or the file is no mask for it.
        """
        with self.lock:
            picture = self._picture("foreground")
            photo = open_photo(self.folder / picture.file, "foreground", max_pixels=self.max_pixels)
            try:
                mask = open_mask(upload, photo, max_pixels=self.max_pixels)
                extent(mask, "the mask")
            except SshbenchError as error:
                said = str(error).replace(str(upload), printable_name(name))
                raise StudioError(said.replace(str(self.folder / picture.file), picture.name)) from error
            self._set_mask(mask)
            self._store()

    def find_mask(self, request: str) -> None:
        """Find the foreground's mask, by a request of `sshbench.compositing.masking.find_mask`.

        Raises
        ------
        SshbenchError
            There is no foreground, nothing is found, or the packages for masks are missing.
        """
        from sshbench.compositing.masking import find_mask

        with self.lock:
            picture = self._picture("foreground")
            photo = open_photo(self.folder / picture.file, "foreground", max_pixels=self.max_pixels)
            pixels = in_srgb(photo.image, picture.name)
            self._set_mask(find_mask(request, pixels, picture.name))
            self._store()

    def take_painted(self, data: bytes) -> None:
        """Use the small mask that the page painted, as grey bytes row by row; a white mask of a cut-out is removed.

        Raises
        ------
        StudioError
            There is no foreground, or the mask has another size.
        """
        with self.lock:
            picture = self._picture("foreground")
            height, width = painted_size(*picture.size)
            if len(data) != height * width:
                raise StudioError(
                    f"the mask has {len(data)} bytes, but the foreground needs {width} x {height}; reload the page"
                )
            after = np.frombuffer(data, np.uint8).reshape(height, width)
            if picture.cutout and after.min() == 255:
                self._set_mask(None)
            else:
                large = self._large_mask()
                before = np.zeros_like(after) if large is None else painted(large)
                self._set_mask(repainted(large, before, after, picture.size))
            self._store()

    def mask_bytes(self) -> bytes:
        """Return the small mask for the page, as grey bytes row by row.

        The initial mask is white for a cut-out, whose transparency is separate, and black for a photograph.
        """
        with self.lock:
            picture = self._picture("foreground")
            large = self._large_mask()
            if large is None:
                return bytes([255 if picture.cutout else 0]) * int(np.prod(painted_size(*picture.size)))
            return painted(large).tobytes()

    def shown(self, role: str) -> tuple[bytes, str]:
        """Return a picture for the page, without its transparency, and its media type.

        The role `alpha` returns the foreground's transparency.
        """
        with self.lock:
            self._picture("foreground" if role == "alpha" else role)
            copies = self._copied("foreground" if role == "alpha" else role)
            image = copies.shown
            if role == "alpha":
                alpha = copies.alpha if copies.alpha is not None else np.full(image.shape[:2], 255, np.uint8)
                image = np.repeat(alpha[..., None], 3, axis=2)
        return encoded(image)

    def lut(self, wish: Wish) -> Lut:
        """Return the map of a wish, from small copies, as a LUT of sRGB values.

        Raises
        ------
        SshbenchError
            A picture or the mask is missing, or the method fails.
        """
        with self.lock:
            self.wish = asdict(wish)
            amount = Amount.of(wish.strength, wish.lightness, wish.colour)
            return self._map(wish).finished(amount, wish.finish()).to_lut()

    def proof(self, wish: Wish) -> tuple[bytes, str, str]:
        """Return the composite of a wish at the size of the screen, made by `harmonize`, and its media type.

        The last value is a note on the grain and the blur, if the wish requests them. The page shows this picture if a
        wish has effects beyond colour, such as a shadow.

        Raises
        ------
        SshbenchError
            As for `lut`.
        """
        with self.lock:
            scene, around = self._small_scene(wish, _PROOF)
            amount = Amount.of(wish.strength, wish.lightness, wish.colour)
            box = (around.left, around.top, around.width, around.height)
            method, finish = self.method(wish.method), wish.finish()
            result = harmonize_scene(scene, method, map="lut", reference=box, amount=amount, finish=finish)
        return *encoded(np.asarray(result.pixels, np.uint8)), str(result.matched)

    def save(self, wish: Wish, kind: str, suffix: str) -> dict[str, Any]:
        """Make and keep a file at full size; return its description.

        Parameters
        ----------
        kind
            `"picture"`; `"layer"`, the graded foreground with alpha; `"psd"`, the background and the foreground as
            layers; `"lut"`; or `"bundle"`, a zip of the other files and the command line.
        suffix
            The suffix of the picture, one of `SUFFIXES`.

        Raises
        ------
        SshbenchError
            As for `sshbench.harmonize`.
        """
        with self.lock:
            if kind not in KINDS or suffix not in SUFFIXES:
                raise StudioError("the studio saves pictures as PNG, TIFF, JPEG or WebP, LUTs and bundles")
            if len(self.saved) >= MOST_SAVED:
                full = f"this session has {MOST_SAVED} saved files, the most it can have"
                raise StudioError(f"{full}; open the studio again for a new session")
            self.wish = asdict(wish)
            result = self._harmonized(wish)
            number = self._next()
            folder = self.folder / "saved"
            folder.mkdir(exist_ok=True)
            ends, write = {
                "picture": (suffix, result.save),
                "layer": (layer_suffix(suffix), result.save_layer),
                "psd": (".psd", result.save_psd),
                "lut": (".cube", result.export_lut),
                "bundle": (".zip", lambda path: self._bundle(path, result, wish, suffix)),
            }[kind]
            path = folder / f"{kind}-{number}{ends}"
            write(path)
            said = {
                "file": path.name,
                "kind": kind,
                "bytes": path.stat().st_size,
                "command": self.command(wish, suffix),
            }
            self.saved.append(said)
            self._store()
            return said

    def command(self, wish: Wish, suffix: str = ".png") -> str:
        """Return the command line that makes the picture of a wish again in the folder of an unpacked bundle."""
        names = self._names()
        outputs: dict[str, str | None] = dict(zip(("-o", "--layer", "--export-lut"), made_names(suffix), strict=True))
        outputs["--overwrite"] = None  # an unpacked bundle has these files
        if self.max_pixels > MAX_PIXELS:
            outputs["--max-megapixels"] = f"{self.max_pixels / 1e6:g}"
        return command(wish, names["foreground"], names["background"], names.get("mask"), outputs)

    def saved_file(self, name: str) -> Path | None:
        """Return the path of a saved file by its name; None if there is no such file."""
        with self.lock:
            return self.folder / "saved" / name if any(one["file"] == name for one in self.saved) else None

    def forget(self) -> None:
        """Free the memory of the small copies; they are made again when needed."""
        if self._copies and self.lock.acquire(blocking=False):  # a busy session keeps them
            try:
                self._copies = {}
                self._mask.forget()
            finally:
                self.lock.release()

    def new_upload(self, name: str = "") -> Path:
        """Return an unused path in the session's folder.

        The path keeps only the suffix of the visitor's name, because some raw formats are recognised by the suffix.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"upload-{secrets.token_hex(8)}{suffix_of(name)}"

    def _check_size(self, upload: Path, name: str) -> None:
        if not upload.stat().st_size:
            raise StudioError(f"{printable_name(name)} is empty; choose an image")

    def _picture(self, role: str) -> Picture:
        if role not in self.pictures:
            raise StudioError(f"the {role} is missing; drop a photograph, or choose an example")
        return self.pictures[role]

    def _copied(self, role: str) -> Copies:
        if role not in self._copies:  # after a restart
            path = self.folder / self._picture(role).file
            self._copies[role] = copies_of(open_photo(path, role, max_pixels=self.max_pixels))
        return self._copies[role]

    def _shown(self, role: str) -> dict[str, int]:
        height, width = self._copied(role).shown.shape[:2]
        return {"shown_width": width, "shown_height": height}

    def _mask_told(self) -> dict[str, Any] | None:
        if "foreground" not in self.pictures:
            return None
        height, width = painted_size(*self.pictures["foreground"].size)
        return {"width": width, "height": height, "version": self.mask, "box": self._object_box()}

    def _object_box(self) -> list[float] | None:
        """Return left, top, right and bottom of the object, which it turns about, in pixels; None for an empty mask.

        The box is that of the mask times the transparency, as `harmonize` finds it. For a cut-out that the page shows
        smaller than it is, the box has the precision of the shown copy.
        """
        picture, key = self._picture("foreground"), (self._picture("foreground").version, self.mask)
        if self._box is None or self._box[0] != key:
            alpha = self._copied("foreground").alpha if picture.cutout else None
            shape = shape_of(self._large_mask(), alpha)
            self._box = key, None if shape is None else box_in(shape, picture.size)
        return self._box[1]

    def _large_mask(self) -> NDArray[np.uint8] | None:
        return None if self.mask is None else self._mask.read()

    def _set_mask(self, mask: NDArray[Any] | None) -> None:
        if mask is None:
            self.mask = None
            return
        self._mask.write(mask)
        self.mask = self._next()

    def _mask_for(self) -> Path | None:
        """Return the path of the mask, or None for a cut-out without a mask; refuse a photograph without a mask."""
        if self.mask is None and not self._picture("foreground").cutout:
            raise StudioError("the foreground has no mask yet; paint a mask, or give a mask file")
        return None if self.mask is None else self._mask.path

    def _map(self, wish: Wish) -> ColourMap:
        versions = (self._picture("foreground").version, self._picture("background").version, self.mask)
        key = (*versions, wish.method, wish.at, wish.scale, wish.rotate, wish.flip, wish.reference, wish.edges)
        if key in self._maps:
            self._maps.move_to_end(key)
            return self._maps[key]
        scene, reference = self._small_scene(wish)
        found = find_painting(scene, self.method(wish.method), "lut", reference).colour_map
        assert found is not None
        self._maps[key] = found
        if len(self._maps) > _MAPS:
            self._maps.popitem(last=False)
        return found

    def _small_scene(self, wish: Wish, least: int = 1) -> tuple[Scene, Box]:
        self._mask_for()
        copies = self._copied("foreground"), self._copied("background")
        sizes = self.pictures["foreground"].size, self.pictures["background"].size
        steps = None if self.mask is None else self._mask.steps()
        return small_scene(copies, sizes, steps, wish, least)

    def _harmonized(self, wish: Wish) -> Harmonized:
        paths = [self.folder / self._picture(role).file for role in ROLES]
        arguments = {**wish.arguments(), "method": self.method(wish.method), "max_pixels": self.max_pixels}
        return harmonize(paths[0], paths[1], self._mask_for(), **arguments)

    def _names(self) -> dict[str, str]:
        """Return distinct names for the files of a bundle."""
        return bundle_names({role: self._picture(role).name for role in ROLES}, mask=self._mask_for() is not None)

    def _bundle(self, path: Path, result: Harmonized, wish: Wish, suffix: str) -> None:
        names = self._names()
        files = {names[role]: self.folder / self.pictures[role].file for role in ROLES}
        if "mask" in names:
            files[names["mask"]] = self._mask.path
        write_bundle(path, result, files, suffix, self.command(wish, suffix))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _store(self) -> None:
        write_session(self.folder, StoredSession(self.pictures, self.mask, self.wish, self.saved, self._count))
        if self.mask is None:  # after the state was written, so that a killed server leaves no state without its files
            self._mask.remove()
