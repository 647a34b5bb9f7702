"""Layered files with 8 or 16 bits per channel: PSD, and PSB for large files.

The format is that of Adobe's "Photoshop File Formats Specification". psd-tools, the extra `psd`, writes the files
through its low-level structures, so that 16 bits stay 16.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import FULL
from sshbench.images.files import ImageFile
from sshbench.images.opening import ImageFileError
from sshbench.whole_file import whole_file

_SUFFIXES = (".psd", ".psb")
_LONGEST = 30_000  # pixels on a side of a PSD
_ROWS = 256  # rows converted at a time
_PPI = 1 << 16  # resolutions are fixed-point numbers with 16 fractional bits


@dataclass(frozen=True, eq=False)
class PsdLayer:
    """A layer of a file.

    Parameters
    ----------
    name
        The name of the layer.
    pixels, alpha
        `[h, w, 3]`, uint8 or uint16, not premultiplied, and `[h, w]` of the same type; None if the layer is opaque.
    left, top
        The position of the layer on the canvas, in pixels.
    visible
        Whether programs show the layer when they open the file.
    """

    name: str
    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    left: int = 0
    top: int = 0
    visible: bool = True


def check_psd(path: str | os.PathLike[str]) -> None:
    """Refuse a file name without the suffix of a layered file, and an installation without psd-tools.

    Raises
    ------
    ImageFileError
        The name has another suffix, or psd-tools is not installed.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ImageFileError(path, "is a file of layers; name it .psd, or .psb for more than 30,000 pixels on a side")
    if find_spec("psd_tools") is None:
        raise ImageFileError(path, "a file of layers is written by psd-tools: pip install 'sshbench[psd]'")


def write_psd(path: str | os.PathLike[str], layers: Sequence[PsdLayer], merged: ImageFile) -> None:
    """Write layers and their merged picture; the file appears whole or not at all.

    Parameters
    ----------
    path
        `.psd`, or `.psb` for more than 30,000 pixels on a side.
    layers
        The layers from bottom to top, of the type of the merged picture.
    merged
        All visible layers together, upright, for programs that do not read layers. The file gets its size, bit depth,
        ICC profile and resolution.

    Raises
    ------
    ImageFileError
        As `check_psd`; also for a picture that is too large for the format, or a file that cannot be written.
    """
    check_psd(path)
    height, width = merged.pixels.shape[:2]
    large = Path(path).suffix.lower() == ".psb"
    if max(height, width) > _LONGEST and not large:
        raise ImageFileError(path, f"{width} x {height} pixels are more than a PSD holds; name it .psb")
    document = _document(layers, merged, 2 if large else 1)
    try:
        with whole_file(path) as temporary, open(temporary, "wb") as file:
            document.write(file)
    except OSError as error:
        way_out = "; make room and run the same command again" if error.errno in FULL else ""
        raise ImageFileError(path, f"cannot be written ({error.strerror or error}){way_out}") from error


def _document(layers: Sequence[PsdLayer], merged: ImageFile, version: int) -> Any:
    from psd_tools.constants import Compression, Tag
    from psd_tools.psd import PSD
    from psd_tools.psd.header import FileHeader
    from psd_tools.psd.image_data import ImageData
    from psd_tools.psd.layer_and_mask import (
        ChannelImageData,
        GlobalLayerMaskInfo,
        LayerAndMaskInformation,
        LayerInfo,
        LayerInfoBlock,
        LayerRecords,
    )
    from psd_tools.psd.tagged_blocks import TaggedBlock, TaggedBlocks

    height, width = merged.pixels.shape[:2]
    planes = _planes(merged.pixels if merged.alpha is None else _on_white(merged.pixels, merged.alpha), merged.alpha)
    header = FileHeader(
        version=version, channels=len(planes), height=height, width=width, depth=merged.bits
    )  # RGB is psd-tools' default
    records, channels = zip(*(_record(layer, merged.bits, version) for layer in layers), strict=True)
    # A negative count says that the merged picture's fourth channel is its transparency.
    count = len(records) if merged.alpha is None else -len(records)
    content: dict[str, Any] = {
        "layer_count": count, "layer_records": LayerRecords(list(records)),
        "channel_image_data": ChannelImageData(list(channels)),
    }  # fmt: skip
    blocks = TaggedBlocks()
    if merged.bits == 16:  # Photoshop stores 16-bit layers here
        info: Any = LayerInfo()
        block: Any = LayerInfoBlock(**content)
        blocks[Tag.LAYER_16] = TaggedBlock(key=Tag.LAYER_16, data=block)
    else:
        info = LayerInfo(**content)
    data = ImageData(compression=Compression.RLE if merged.bits == 8 else Compression.RAW)
    data.set_data(planes, header)
    return PSD(
        header=header,
        image_resources=_resources(merged),
        layer_and_mask_information=LayerAndMaskInformation(info, GlobalLayerMaskInfo(), blocks),
        image_data=data,
    )


def _record(layer: PsdLayer, bits: int, version: int) -> tuple[Any, Any]:
    """Return a layer's description and its channels: transparency first, then R, G and B."""
    from psd_tools.constants import ChannelID, Compression
    from psd_tools.psd.layer_and_mask import ChannelData, ChannelDataList, ChannelInfo, LayerFlags, LayerRecord

    height, width = layer.pixels.shape[:2]
    most = np.iinfo(layer.pixels.dtype).max
    alpha = np.full((height, width), most, layer.pixels.dtype) if layer.alpha is None else layer.alpha
    *colours, transparency = _planes(layer.pixels, alpha)
    stored, described = ChannelDataList(), []
    for number, plane in zip((-1, 0, 1, 2), (transparency, *colours), strict=True):
        data = ChannelData(Compression.RLE if bits == 8 else Compression.ZIP)
        data.set_data(plane, width, height, bits, version)
        stored.append(data)
        described.append(ChannelInfo(ChannelID(number), len(data.data) + 2))
    record = LayerRecord(
        top=layer.top, left=layer.left, bottom=layer.top + height, right=layer.left + width,
        channel_info=described, flags=LayerFlags(visible=layer.visible), name=layer.name,
    )  # fmt: skip
    return record, stored


def _on_white(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Return the picture over white, the form of the merged picture in a file with transparency."""
    most = np.float32(np.iinfo(pixels.dtype).max)
    out = np.empty_like(pixels)
    for start in range(0, len(pixels), _ROWS):
        rows = slice(start, start + _ROWS)
        weight = alpha[rows, :, None] / most
        out[rows] = np.rint(pixels[rows] * weight + most * (1 - weight))
    return out


def _planes(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> list[bytes]:
    """Return each channel's samples, the high byte first."""
    planes = [*np.moveaxis(pixels, 2, 0), *([] if alpha is None else [alpha])]
    return [plane.astype(plane.dtype.newbyteorder(">")).tobytes() for plane in planes]


def _resources(merged: ImageFile) -> Any:
    from psd_tools.constants import Resource
    from psd_tools.psd.image_resources import ImageResource, ImageResources, ResoulutionInfo

    resources = ImageResources.new()
    if merged.icc:
        resources[Resource.ICC_PROFILE] = ImageResource(key=Resource.ICC_PROFILE, data=merged.icc)
    if merged.dpi:
        across, down = (round(dpi * _PPI) for dpi in merged.dpi)
        resolution: Any = ResoulutionInfo(across, 1, 1, down, 1, 1)
        resources[Resource.RESOLUTION_INFO] = ImageResource(key=Resource.RESOLUTION_INFO, data=resolution)
    return resources
