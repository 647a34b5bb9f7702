"""One sample of a benchmark, and the interface of a benchmark: a sequence of samples with ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

FOREGROUND = 0.5  # a pixel is foreground if its mask has at least this value
FAINT = 1 / 32  # below this value a pixel has no foreground: JPEG noise changes masks by a few codes everywhere


class BenchmarkError(SshbenchError):
    """A benchmark cannot be opened, or one of its samples cannot be used; the message says what to do."""


@dataclass(frozen=True, eq=False, repr=False)
class Composite:
    """A foreground pasted into a background, with the ground truth of an expert or of the original photograph.

    Images are uint8 `[H, W, 3]`, R, G, B, sRGB-encoded. All images except `foreground_photo` have the same size.

    Parameters
    ----------
    id
        The path within the benchmark, and the key of every join.
    composite
        The image to harmonize.
    foreground
        The foreground on the canvas; the pixels outside the mask have no meaning.
    background
        The background without the foreground; the composite itself if the benchmark has no background.
    mask
        float32 `[H, W]`, 0..1, soft: the share of the foreground in each pixel.
    target
        The ground truth, or None.
    foreground_photo
        The photograph that the foreground was cut from, of any size, or None.
    attributes
        `subset`, `foreground_ratio` and further properties of the composite, by name.

    Raises
    ------
    ValueError
        An image or the mask has the wrong type or number of axes.
    BenchmarkError
        The images differ in size.

    Examples
    --------
    >>> import sshbench
    >>> composite = sshbench.load_benchmark("sample")[0]
    >>> composite
    <Composite 'vendor_testing_1/astronaut': 512 x 512, 41% foreground, with a target>
    >>> composite.composite.shape, composite.mask.dtype.name
    ((512, 512, 3), 'float32')
    """

    id: str
    composite: Image
    foreground: Image
    background: Image
    mask: Mask
    target: Image | None = None
    foreground_photo: Image | None = None
    attributes: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        size = self.composite.shape[:2]
        for role in ("composite", "foreground", "background", "target", "foreground_photo"):
            image = getattr(self, role)
            if image is None:
                continue
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(f"{role} is uint8 [H, W, 3], not {image.dtype} {image.shape}")
            if role != "foreground_photo" and image.shape[:2] != size:
                raise BenchmarkError(
                    f"{self.id}: the {role} is {_size(image)} and the composite {_size(self.composite)}; "
                    "all images of a sample must have the same size"
                )
        if self.mask.dtype != np.float32 or self.mask.ndim != 2:
            raise ValueError(f"mask is float32 [H, W], not {self.mask.dtype} {self.mask.shape}")
        if self.mask.shape != size:
            raise BenchmarkError(
                f"{self.id}: the mask is {_size(self.mask)} and the composite {_size(self.composite)}; "
                "all images of a sample must have the same size"
            )

    def __reduce__(self) -> tuple[object, ...]:  # a mappingproxy cannot be pickled
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _made, ({**values, "attributes": dict(self.attributes)},)

    def __repr__(self) -> str:
        height, width = self.mask.shape
        truth = "with" if self.target is not None else "without"
        return f"<Composite {self.id!r}: {width} x {height}, {self.foreground_ratio:.0%} foreground, {truth} a target>"

    @property
    def has_background(self) -> bool:
        """Whether `background` is another image than the composite itself."""
        return self.background is not self.composite

    @cached_property
    def foreground_ratio(self) -> float:
        """The fraction of pixels, 0..1, with a mask of at least `FOREGROUND`."""
        return float(np.mean(self.mask >= FOREGROUND))


def _made(values: dict[str, Any]) -> Composite:
    return Composite(**values)


def _size(image: NDArray[np.generic]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def paste(foreground: Image, background: Image, mask: Mask) -> Image:
    """Return foreground * mask + background * (1 - mask), rounded to the nearest integer.

    Parameters
    ----------
    foreground, background
        uint8 `[H, W, 3]`, both of the same size.
    mask
        float32 `[H, W]`, 0..1.

    Returns
    -------
    array
        The composite, uint8 `[H, W, 3]`.

    Raises
    ------
    ValueError
        The images and the mask differ in size.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.benchmarks import paste
    >>> white, black = np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8)
    >>> paste(white, black, np.array([[0, 1], [0.5, 0.25]], np.float32))[..., 0].tolist()
    [[0, 255], [128, 64]]
    """
    if not foreground.shape[:2] == background.shape[:2] == mask.shape:
        raise ValueError(f"sizes differ: {foreground.shape}, {background.shape}, {mask.shape}")
    pasted = np.empty_like(background)
    for start in range(0, len(mask), 64):  # a few rows at once: floats of a large photograph would fill the memory
        rows = slice(start, start + 64)
        blend = background[rows] + mask[rows, :, None] * (foreground[rows].astype(np.float32) - background[rows])
        pasted[rows] = np.rint(blend)
    return pasted


def check_mask(name: str, mask: Mask) -> None:
    """Check that a mask, float32 `[H, W]` over 0..1, has foreground and background pixels.

    Raises
    ------
    BenchmarkError
        No pixel is foreground, or all pixels are.
    """
    inside = mask >= FOREGROUND
    if not inside.any():
        raise BenchmarkError(f"{name}: the mask is empty; white marks the foreground")
    if inside.all():
        raise BenchmarkError(f"{name}: the mask is full and leaves no background; white marks the foreground alone")


def described(benchmark: Benchmark) -> str:
    """Return the `repr` of a benchmark."""
    return f"<{type(benchmark).__name__} {benchmark.name!r}: {len(benchmark)} composites>"


@runtime_checkable
class Benchmark(Protocol):
    """A named sequence of composites. Each composite is loaded on access.

    `sshbench.load_benchmark` opens the benchmarks that sshbench knows. Any other object with `name`, `ids()`, a length
    and `[index or id]` is also a benchmark.

    Attributes
    ----------
    name
        The name of the split, such as `"sample"`.

    Examples
    --------
    >>> import sshbench
    >>> benchmark = sshbench.load_benchmark("sample")
    >>> benchmark
    <RealHM 'sample': 33 composites>
    >>> benchmark.ids()[0]
    'vendor_testing_1/astronaut'
    """

    name: str

    def __len__(self) -> int: ...

    def ids(self) -> list[str]:
        """Return the ids of all samples, in order, without decoding an image."""
        ...

    def __getitem__(self, key: int | str, /) -> Composite:
        """Return the sample of an index or an id.

        Raises
        ------
        BenchmarkError
            A file cannot be read, the images differ in size, or the mask has no foreground or no background.
        KeyError, IndexError
            No sample has this id or index.
        """
        ...
