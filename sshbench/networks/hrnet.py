"""HRNetV2 with object-contextual representations (Sun et al. 2019, Yuan et al. 2020), as iDIH's backbone sees an image.

The network gets the mask twice: as features that are added after the first convolution, and as the two classes,
foreground and background, whose contexts are gathered. Module names follow the published code
(github.com/saic-vul/image_harmonization, commit 7f71cc1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.limits import check_size

_PUBLISHED: dict[str, tuple[int, bool]] = {"hrnet18s": (18, True), "hrnet18": (18, False), "hrnet32": (32, False)}


class HRNetOCR(nn.Module):
    """The network, which computes features of an image and its mask at a quarter of the image's size.

    Parameters
    ----------
    width
        The number of channels of the finest branch; each coarser branch has twice as many.
    small
        Whether to build fewer blocks, as `hrnet18s` does.
    channels, keys
        The number of channels of the output, and of the space in which pixels and classes are compared.
    """

    def __init__(self, width: int = 18, *, small: bool = True, channels: int = 128, keys: int = 64) -> None:
        super().__init__()
        for name, value in (("width", width), ("channels", channels), ("keys", keys)):
            check_size(name, value)
        widths = [width * 2**branch for branch in range(4)]
        blocks, modules = (2, (1, 3, 2)) if small else (4, (1, 4, 3))
        self.channels = channels
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(*(_Bottleneck(64 if i == 0 else 256, 64) for i in range(blocks)))
        for stage, count in enumerate(modules, start=2):
            self.add_module(f"transition{stage - 1}", _transition(stage, widths))
            parts = [_Module(widths[:stage], blocks) for _ in range(count)]
            self.add_module(f"stage{stage}", nn.Sequential(*parts))
        joined = sum(widths)
        self.conv3x3_ocr = nn.Sequential(nn.Conv2d(joined, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU())
        self.ocr_distri_head = _ObjectContext(channels, keys)

    @classmethod
    def published(cls, name: str) -> HRNetOCR:
        """Return the published backbone of this name, without trained weights."""
        width, small = _PUBLISHED[name]
        return cls(width, small=small)

    def forward(self, image: Tensor, mask: Tensor, mask_features: Tensor) -> Tensor:
        """Compute the features of a batch.

        Parameters
        ----------
        image, mask
            `[B, 3, H, W]`, normalised as for ImageNet, and `[B, 1, H, W]`, 0..1.
        mask_features
            `[B, 64, H / 2, W / 2]`.

        Returns
        -------
        `[B, channels, H / 4, W / 4]`.
        """
        x = F.relu(self.bn1(self.conv1(image))) + mask_features
        x = self.layer1(F.relu(self.bn2(self.conv2(x))))
        branches = [x]
        for stage in (2, 3, 4):
            transition = self.get_submodule(f"transition{stage - 1}")
            assert isinstance(transition, nn.ModuleDict)
            branches = [
                transition[str(i)](branches[min(i, len(branches) - 1)]) if str(i) in transition else branches[i]
                for i in range(stage)
            ]
            branches = self.get_submodule(f"stage{stage}")(branches)
        size = branches[0].shape[2:]
        features = self.conv3x3_ocr(torch.cat([_resized(branch, size) for branch in branches], 1))
        classes = _resized(torch.cat([mask, 1 - mask], 1), size)
        made: Tensor = self.ocr_distri_head(features, gathered(features, classes))
        return made


def gathered(features: Tensor, classes: Tensor) -> Tensor:
    """Return a context for each class, `[B, C, classes, 1]`: a weighted mean of the features.

    The weights are the softmax over pixels of the class maps. As in the published code, these maps are masks over 0..1,
    so the weights are nearly the same for all pixels.
    """
    weights = classes.flatten(2).softmax(2)
    return torch.einsum("bkn,bcn->bck", weights, features.flatten(2))[..., None]


class _Module(nn.Module):
    """Apply blocks at each resolution, then let each resolution receive the sum of all of them."""

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(_Basic(w) for _ in range(blocks))) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleDict({str(j): _fuse(widths, j, i) for j in range(len(widths)) if j != i})
            for i in range(len(widths))
        )

    def forward(self, given: list[Tensor]) -> list[Tensor]:
        """Return the features of all branches, each `[B, C, h, w]` and not negative, the finest first, as the input."""
        given = [branch(x) for branch, x in zip(self.branches, given, strict=True)]
        made = []
        for i, layers in enumerate(self.fuse_layers):
            assert isinstance(layers, nn.ModuleDict)
            size = given[i].shape[2:]
            parts = [x if j == i else _resized(layers[str(j)](x), size) for j, x in enumerate(given)]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            made.append(F.relu(total))
        return made


def _fuse(widths: Sequence[int], source: int, target: int) -> nn.Sequential:
    """Return the layers between two branches: a 1 x 1 convolution from a coarser one, or halvings from a finer one."""
    if source > target:
        return _conv_norm(widths[source], widths[target], 1, 1)
    steps = target - source
    return nn.Sequential(
        *(_conv_norm(widths[source], widths[source], 3, 2, relu=True) for _ in range(steps - 1)),
        _conv_norm(widths[source], widths[target], 3, 2),
    )


def _transition(stage: int, widths: Sequence[int]) -> nn.ModuleDict:
    """Return the layers that create the new branches of a stage and adapt the width of existing branches."""
    if stage == 2:
        first = _conv_norm(256, widths[0], 3, 1, relu=True)
        return nn.ModuleDict({"0": first, "1": nn.Sequential(_conv_norm(256, widths[1], 3, 2, relu=True))})
    halve = _conv_norm(widths[stage - 2], widths[stage - 1], 3, 2, relu=True)
    return nn.ModuleDict({str(stage - 1): nn.Sequential(halve)})


def _conv_norm(given: int, made: int, kernel: int, stride: int, *, relu: bool = False) -> nn.Sequential:
    conv = nn.Conv2d(given, made, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(made), *([nn.ReLU()] if relu else []))


class _Basic(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, channels, h, w]`, not negative, for features of the same shape."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


class _Bottleneck(nn.Module):
    """Three convolutions through fewer channels, added to their input; the output has four times as many channels."""

    def __init__(self, given: int, channels: int) -> None:
        super().__init__()
        made = 4 * channels
        self.conv1, self.bn1 = nn.Conv2d(given, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, made, 1, bias=False), nn.BatchNorm2d(made)
        if given != made:
            self.downsample = _conv_norm(given, made, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, 4 * channels, h, w]`, not negative, for features `[B, given, h, w]`."""
        skip = self.downsample(x) if "downsample" in self._modules else x
        hidden = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(hidden)) + skip)


class _ObjectContext(nn.Module):
    """Give each pixel the contexts of the classes that it resembles (Yuan et al. 2020, section 3)."""

    def __init__(self, channels: int, keys: int) -> None:
        super().__init__()
        self.object_context_block = nn.ModuleDict(
            {
                "f_pixel": _projection(channels, keys, keys),
                "f_object": _projection(channels, keys, keys),
                "f_down": _projection(channels, keys),
                "f_up": _projection(keys, channels),
            }
        )
        self.conv_bn_dropout = nn.Sequential(*_projection(2 * channels, channels), nn.Dropout2d(0.05))
        self.scale = keys**-0.5

    def forward(self, features: Tensor, contexts: Tensor) -> Tensor:
        """Return features `[B, C, h, w]`, mixed with the contexts `[B, C, classes, 1]`; they are not negative."""
        block = self.object_context_block
        query, key, value = block["f_pixel"](features), block["f_object"](contexts), block["f_down"](contexts)
        similar = torch.einsum("bchw,bck->bhwk", query, key[..., 0]) * self.scale
        context = torch.einsum("bhwk,bck->bchw", similar.softmax(-1), value[..., 0])
        made: Tensor = self.conv_bn_dropout(torch.cat([block["f_up"](context), features], 1))
        return made


def _projection(given: int, *made: int) -> nn.Sequential:
    """Build 1 x 1 convolutions, each followed by batch norm and a ReLU."""
    layers: list[nn.Module] = []
    for channels in made:
        layers += [nn.Conv2d(given, channels, 1, bias=False), nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())]
        given = channels
    return nn.Sequential(*layers)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return `[B, C, h, w]`, resized bilinearly to `size` with aligned corners."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
