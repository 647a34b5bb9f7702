"""The later networks as plain functions of a state dict, written from what is known of them and not from the modules.

They are slow where that is simpler, in float64, and know the published sizes alone.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def conv(state: State, name: str, x: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """A convolution with the bias that the state has, if any."""
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, padding, groups=groups)


def norm(state: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    """Batch norm in evaluation, where the state has one."""
    if f"{name}.running_mean" not in state:
        return x
    mean, variance, weight, bias = (
        state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + eps).sqrt() * weight + bias


def elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.exp(x.clamp_max(0)) - 1)


def corner_to_corner(x: Tensor, height: int, width: int) -> Tensor:
    """A bilinear resize by matrices, corners onto corners."""

    def matrix(given: int, made: int) -> Tensor:
        rows = torch.zeros(made, given, dtype=x.dtype)
        for i in range(made):
            at = i * (given - 1) / (made - 1) if made > 1 else 0.0
            low = min(int(at), given - 1)
            rows[i, low] += 1 - (at - low)
            rows[i, min(low + 1, given - 1)] += at - low
        return rows

    return matrix(x.shape[2], height) @ x @ matrix(x.shape[3], width).T


def idih(state: State, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """iDIH, alone or with HRNet18s, of a normalised image and its mask."""
    seen = None
    core = state
    if "model.encoder.block0.block.0.weight" in state:
        core = {name.removeprefix("model."): value for name, value in state.items()}
        seen = hrnet18s(state, image, mask)
    x, skips = torch.cat([image, mask], 1), []
    for level in range(7):
        name = f"encoder.block{level}" if level < 2 else f"encoder.blocks_connected.block{level}"
        if level == 2 and seen is not None:
            x = torch.cat([x, seen], 1)
        x = conv(core, f"{name}.block.0", x, 2, 0 if level == 6 else 1)
        x = elu(norm(core, f"{name}.block.1", x))
        skips.append(x)
    for level in range(7):
        name = f"decoder.deconv_blocks.{level}.block"
        x = F.conv_transpose2d(
            x, core[f"{name}.0.weight"], core[f"{name}.0.bias"], stride=2, padding=0 if level == 0 else 1
        )
        x = elu(norm(core, f"{name}.1", x))
        if level < 6:
            x = x + skips[5 - level]
    return fused(core, image, x)


def fused(state: State, image: Tensor, features: Tensor) -> dict[str, Tensor]:
    """The blend: the attention weighs the input."""
    attention = 1 / (1 + torch.exp(-3 * conv(state, "decoder.conv_attention", features)))
    rgb = conv(state, "decoder.to_rgb", features)
    return {"image": attention * image + (1 - attention) * rgb, "attention": attention, "rgb": rgb}


def hrnet18s(state: State, image: Tensor, mask: Tensor) -> Tensor:
    """The backbone's features at a quarter of the size."""
    at = {k.removeprefix("backbone.hrnet."): v for k, v in state.items() if k.startswith("backbone.hrnet.")}
    shown = conv(state, "mask_conv.0", mask, 2, 1) * state["mask_conv.1.scale"].abs()
    x = F.relu(norm(at, "bn1", conv(at, "conv1", image, 2, 1))) + shown
    x = F.relu(norm(at, "bn2", conv(at, "conv2", x, 2, 1)))
    for i in range(2):
        name, skip = f"layer1.{i}", x
        for j in (1, 2, 3):
            x = norm(at, f"{name}.bn{j}", conv(at, f"{name}.conv{j}", x, 1, int(j == 2)))
            x = F.relu(x) if j < 3 else x
        if i == 0:
            skip = norm(at, f"{name}.downsample.1", conv(at, f"{name}.downsample.0", skip))
        x = F.relu(x + skip)
    branches = [x]
    for stage, modules in ((2, 1), (3, 3), (4, 2)):
        transition = f"transition{stage - 1}"
        if stage == 2:
            first = F.relu(norm(at, f"{transition}.0.1", conv(at, f"{transition}.0.0", x, 1, 1)))
            other = F.relu(norm(at, f"{transition}.1.0.1", conv(at, f"{transition}.1.0.0", x, 2, 1)))
            branches = [first, other]
        else:
            name = f"{transition}.{stage - 1}.0"
            branches.append(F.relu(norm(at, f"{name}.1", conv(at, f"{name}.0", branches[-1], 2, 1))))
        for module in range(modules):
            branches = _exchange(at, f"stage{stage}.{module}", branches)
    height, width = branches[0].shape[2:]
    x = torch.cat([corner_to_corner(one, height, width) for one in branches], 1)
    x = F.relu(norm(at, "conv3x3_ocr.1", conv(at, "conv3x3_ocr.0", x, 1, 1)))
    small = corner_to_corner(mask, height, width)
    weights = torch.cat([small, 1 - small], 1).flatten(2)
    weights = weights.exp() / weights.exp().sum(2, keepdim=True)
    contexts = (x.flatten(2) @ weights.transpose(1, 2))[..., None]
    block = "ocr_distri_head.object_context_block"

    def projected(name: str, given: Tensor) -> Tensor:
        for i in range(0, 4, 2):
            if f"{block}.{name}.{i}.weight" in at:
                given = F.relu(norm(at, f"{block}.{name}.{i + 1}.0", conv(at, f"{block}.{name}.{i}", given)))
        return given

    query, key, value = projected("f_pixel", x), projected("f_object", contexts), projected("f_down", contexts)
    alike = query.flatten(2).transpose(1, 2) @ key[..., 0] / 8
    alike = (alike - alike.amax(2, keepdim=True)).exp()
    alike = alike / alike.sum(2, keepdim=True)
    context = (alike @ value[..., 0].transpose(1, 2)).transpose(1, 2).reshape(len(x), -1, height, width)
    joined = torch.cat([projected("f_up", context), x], 1)
    name = "ocr_distri_head.conv_bn_dropout"
    return F.relu(norm(at, f"{name}.1.0", conv(at, f"{name}.0", joined)))


def _exchange(at: State, name: str, given: list[Tensor]) -> list[Tensor]:
    """One module of HRNet: two blocks in each branch, then sums over all branches."""
    done = []
    for b, x in enumerate(given):
        for i in range(2):
            block = f"{name}.branches.{b}.{i}"
            inner = F.relu(norm(at, f"{block}.bn1", conv(at, f"{block}.conv1", x, 1, 1)))
            x = F.relu(norm(at, f"{block}.bn2", conv(at, f"{block}.conv2", inner, 1, 1)) + x)
        done.append(x)
    made = []
    for i, own in enumerate(done):
        total = own.clone()
        for j, x in enumerate(done):
            fuse = f"{name}.fuse_layers.{i}.{j}"
            if j > i:
                x = norm(at, f"{fuse}.1", conv(at, f"{fuse}.0", x))
                total = total + corner_to_corner(x, *own.shape[2:])
            elif j < i:
                for step in range(i - j):
                    x = norm(at, f"{fuse}.{step}.1", conv(at, f"{fuse}.{step}.0", x, 2, 1))
                    x = F.relu(x) if step < i - j - 1 else x
                total = total + x
        made.append(F.relu(total))
    return made


def issam(state: State, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """iSSAM, of a normalised image and its mask."""
    return fused(state, image, issam_features(state, image, mask))


def issam_features(state: State, image: Tensor, mask: Tensor) -> Tensor:
    """What its decoder makes, which PCT-Net shares."""

    def twice(name: str, x: Tensor) -> Tensor:
        for i in range(2):
            part = f"{name}.block.{i}.block"
            x = F.relu(norm(state, f"{part}.1", conv(state, f"{part}.0", x, 1, 1)))
        return x

    x, skips = torch.cat([image, mask], 1), []
    for level in range(4):
        name = f"encoder.block{level}" if level < 2 else f"encoder.blocks_connected.block{level}"
        if level:
            height, width = x.shape[2] // 2, x.shape[3] // 2
            x = x.reshape(*x.shape[:2], height, 2, width, 2).amax((3, 5))
        x = twice(f"{name}.convs", x)
        skips.append(x)
    for d in range(3):
        name, skip = f"decoder.up_blocks.{d}", skips[2 - d]
        x = corner_to_corner(x, 2 * x.shape[2], 2 * x.shape[3])
        x = torch.cat([skip, F.relu(conv(state, f"{name}.upconv.1.block.0", x, 1, 1))], 1)
        if d == 2:
            x = _attended(state, f"{name}.attention", x, mask)
        x = twice(f"{name}.convs", x)
    return x


def _attended(state: State, name: str, x: Tensor, mask: Tensor) -> Tensor:
    line = torch.tensor([math.exp(-(i**2) / 2) for i in range(-3, 4)], dtype=x.dtype)
    padded, blurred = F.pad(mask, (3, 3, 3, 3)), torch.zeros_like(mask)
    for i in range(7):
        for j in range(7):
            part = padded[:, :, i : i + mask.shape[2], j : j + mask.shape[3]]
            blurred += line[i] * line[j] / line.sum() ** 2 * part

    def gate(which: str) -> Tensor:
        at = f"{name}.{which}_gate.attention_transform"
        seen = torch.cat([x.flatten(2).mean(2), x.flatten(2).max(2).values], 1)
        hidden = F.relu(seen @ state[f"{at}.0.weight"].T + state[f"{at}.0.bias"])
        weight = torch.sigmoid(hidden @ state[f"{at}.2.weight"].T + state[f"{at}.2.bias"])
        return x * weight[:, :, None, None]

    learnt = gate("foreground")
    for i in range(2):
        part = f"{name}.learning_block.{i}.block"
        learnt = F.relu(norm(state, f"{part}.1", conv(state, f"{part}.0", learnt, 1, 1)))
    return blurred * (learnt + gate("mix")) + (1 - blurred) * gate("background")


def pct_parameters(state: State, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """PCT-Net's twelve numbers a pixel and, of the convolutional variant, its attention."""
    if "decoder.conv_attention.weight" in state:
        features = issam_features(state, image, mask)
        attention = 1 / (1 + torch.exp(-3 * conv(state, "decoder.conv_attention", features)))
        return conv(state, "get_params", features), attention
    x = torch.cat([image, mask], 1)
    batch, _, height, width = x.shape
    tokens = []
    for row in range(0, height, 4):
        for column in range(0, width, 4):
            tokens.append(x[:, :, row : row + 4, column : column + 4].permute(0, 2, 3, 1).reshape(batch, 1, -1))
    x = torch.cat(tokens, 1) @ state["encoder.patch_to_embedding.1.weight"].T
    x = x + state["encoder.patch_to_embedding.1.bias"]
    for i in range(9):
        at = f"encoder.transformer_enc.layers.{i}"
        q, k, v = (x @ state[f"{at}.self_attn.in_proj_weight"].T + state[f"{at}.self_attn.in_proj_bias"]).chunk(3, 2)
        heads = []
        for head in range(2):
            part = slice(128 * head, 128 * head + 128)
            alike = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(128)
            heads.append(alike.softmax(2) @ v[..., part])
        y = torch.cat(heads, 2) @ state[f"{at}.self_attn.out_proj.weight"].T + state[f"{at}.self_attn.out_proj.bias"]
        x = _layer_norm(state, f"{at}.norm1", x + y)
        y = x @ state[f"{at}.linear1.weight"].T + state[f"{at}.linear1.bias"]
        y = y * (1 + torch.erf(y / math.sqrt(2))) / 2
        y = y @ state[f"{at}.linear2.weight"].T + state[f"{at}.linear2.bias"]
        x = _layer_norm(state, f"{at}.norm2", x + y)
    x = x.transpose(1, 2).reshape(batch, -1, height // 4, width // 4)
    x = torch.tanh(F.conv_transpose2d(x, state["encoder.dec.0.weight"], state["encoder.dec.0.bias"], stride=4))
    return conv(state, "get_params", x), None


def _layer_norm(state: State, name: str, x: Tensor) -> Tensor:
    mean = x.mean(2, keepdim=True)
    variance = ((x - mean) ** 2).mean(2, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]


def bicubic(x: Tensor, height: int, width: int) -> Tensor:
    """Enlarge by a bicubic kernel with a = -0.75, half-pixel centres, borders repeated, unfiltered."""

    def kernel(t: float) -> float:
        a, t = -0.75, abs(t)
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0

    def matrix(given: int, made: int) -> Tensor:
        rows = torch.zeros(made, given, dtype=x.dtype)
        for i in range(made):
            at = (i + 0.5) * given / made - 0.5
            for j in range(math.floor(at) - 1, math.floor(at) + 3):
                rows[i, min(max(j, 0), given - 1)] += kernel(at - j)
        return rows

    return matrix(x.shape[2], height) @ x @ matrix(x.shape[3], width).T


def pct_image(state: State, image: Tensor, mask: Tensor, low: Tensor, low_mask: Tensor) -> Tensor:
    """PCT-Net at full size: `image` 0..1 with `mask`, of maps that are found of the small `low` with `low_mask`."""
    cnn = "decoder.conv_attention.weight" in state
    mean = torch.tensor([0.485, 0.456, 0.406] if cnn else [0.0] * 3, dtype=image.dtype)[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225] if cnn else [1.0] * 3, dtype=image.dtype)[:, None, None]
    x = (image - mean) / deviation
    parameters, attention = pct_parameters(state, (low - mean) / deviation, low_mask)
    p = bicubic(parameters, *image.shape[2:])
    weight = mask if attention is None else bicubic(attention, *image.shape[2:])
    channels = [sum(p[:, 3 * i + j] * x[:, j] for j in range(3)) + p[:, 9 + i] for i in range(3)]
    mapped = (torch.stack(channels, 1).clamp(0, 1) - mean) / deviation
    return ((weight * mapped + (1 - weight) * x) * deviation + mean).clamp(0, 1)


def harmonizer_arguments(state: State, image: Tensor, mask: Tensor) -> Tensor:
    """The six numbers of a 256 x 256 image and mask."""

    def same(name: str, x: Tensor, kernel: int, stride: int, groups: int = 1) -> Tensor:
        size = x.shape[2]
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        front = total // 2
        return conv(state, name, F.pad(x, (front, total - front, front, total - front)), stride, 0, groups)

    def swish(x: Tensor) -> Tensor:
        return x / (1 + torch.exp(-x))

    def bn(name: str, x: Tensor) -> Tensor:
        return norm(state, name, x, 1e-3)

    b = "backbone"
    front = swish(bn(f"{b}._bn_fg", same(f"{b}._conv_fg", torch.cat([image, mask], 1), 3, 2)))
    behind = swish(bn(f"{b}._bn_bg", same(f"{b}._conv_bg", torch.cat([image, 1 - mask], 1), 3, 2)))
    x = torch.cat([front, behind], 1)
    layout = [(3, 1, 16), (3, 2, 24), (3, 1, 24), (5, 2, 40), (5, 1, 40), (3, 2, 80), (3, 1, 80), (3, 1, 80)]
    layout += [*[(5, 1, 112)] * 3, (5, 2, 192), *[(5, 1, 192)] * 3, (3, 1, 320)]
    for i, (kernel, stride, out) in enumerate(layout):
        at, given = f"{b}._blocks.{i}", x
        if i:
            x = swish(bn(f"{at}._bn0", conv(state, f"{at}._expand_conv", x)))
        x = swish(bn(f"{at}._bn1", same(f"{at}._depthwise_conv", x, kernel, stride, x.shape[1])))
        weight = conv(state, f"{at}._se_expand", swish(conv(state, f"{at}._se_reduce", x.mean((2, 3), keepdim=True))))
        x = bn(f"{at}._bn2", conv(state, f"{at}._project_conv", torch.sigmoid(weight) * x))
        assert x.shape[1] == out
        if stride == 1 and x.shape == given.shape:
            x = x + given
    x = swish(bn(f"{b}._bn1", conv(state, f"{b}._conv_head", x))).mean((2, 3))

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"regressor.{name}.weight"].T + state[f"regressor.{name}.bias"]

    f, g, found = linear("f", x), linear("g", x), []
    for i in range(6):
        g = linear(f"headers.{i}.0", torch.cat([f, g], 1))
        found.append(linear(f"headers.{i}.1", g))
    return torch.cat(found, 1)


def harmonizer_image(image: np.ndarray, mask: np.ndarray, arguments: np.ndarray) -> np.ndarray:
    """The filters, pixel by pixel, on an image `[H, W, 3]` 0..1 in float64."""
    e, original = 1e-6, image.astype(np.float64)
    t, b, c, s, h, d = (min(max(float(one), -1), 1) for one in arguments)
    x = original.copy()
    means = x.mean((0, 1))
    shift = np.array([abs(t) if t < 0 else 0, 0.5 * abs(t), abs(t) if t > 0 else 0])
    moved = means + shift
    x = np.clip(x * (moved.mean() / (moved + e) + 1 - means.mean() / (means + e)), 0, 1)
    x = np.clip(x * (1 / (1 - b + e) if b >= 0 else 1 + b), 0, 1)
    factor = c if c <= 0 else 255 / (256 - math.floor(np.float32(255) * np.float32(c))) - 1
    x = np.clip(x + (x - x.mean()) * factor, 0, 1)
    for row in x:
        for pixel in row:
            low, high = pixel.min(), pixel.max()
            light = (low + high) / 2
            span = (high - low) / (high + low + e) if light < 0.5 else (high - low) / (2 - high - low + e)
            if s >= 0:
                alpha = span if s + span > 1 else 1 - s
                pixel += (pixel - light) * (1 / (alpha + e) - 1)
            else:
                pixel[:] = light + (pixel - light) * (1 + s)
    x = np.clip(x, 0, 1)
    x = 1 - np.clip((1 - x + 1e-9) ** (1 + h), 0, 1)
    x = np.clip((x + 1e-9) ** (1 - d), 0, 1)
    weight = mask.astype(np.float64)[..., None]
    return x * weight + original * (1 - weight)


def hdnet(state: State, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """HDNet, of an image over -1..1 and a mask of 0 and 1."""

    def leaky(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    def small(x: Tensor) -> Tensor:
        s = image.shape[2] // x.shape[2]
        rows, columns = torch.arange(x.shape[2]) * s, torch.arange(x.shape[3]) * s
        return mask[:, :, rows][:, :, :, columns]

    def instance(x: Tensor) -> Tensor:
        flat = x.flatten(2)
        mean, variance = flat.mean(2), flat.var(2, correction=0)
        return (x - mean[..., None, None]) / (variance + 1e-5).sqrt()[..., None, None]

    x = leaky(conv(state, "model_layer0", image, 1, 1))
    skips = [x]
    for level in range(1, 7):
        x = leaky(instance(conv(state, f"model_layer{level}.1", x, 2 if level % 2 else 1, 1)))
        skips.append(x)
    x = conv(state, "model_layer71.1", x, 1, 1)
    m = small(x)
    mixed = []
    for one, region in zip(x, m, strict=True):  # local dynamics of one image after the other
        q, s = (one * region).flatten(1), (one * (1 - region)).flatten(1)
        alike = q.T @ s
        best, where = alike.max(1)
        weight = best.softmax(0)
        both = torch.cat([weight * s[:, where], q], 0)
        hybrid = state["LD.linear.weight"][:, :, 0] @ both + state["LD.linear.bias"][:, None]
        mixed.append(hybrid.reshape(one.shape) * region + one * (1 - region))
    x = torch.stack(mixed)
    for name in ("72", "8", "9", "10", "11", "12", "13"):
        stride = 2 if name in ("9", "11", "13") else 1
        x = F.conv_transpose2d(F.relu(x), state[f"model_layer{name}.1.weight"], None, stride, 1)
        m = small(x)
        x = _rain(state, f"model_layer{name}norm", x, m)
        x = torch.cat([skips.pop(), x], 1)
        if name in ("11", "12", "13"):
            at = f"model_layer{name}att.conv_kernel"
            c = x.shape[1]
            seen = torch.sigmoid(conv(state, f"{at}.1", x.mean((2, 3), keepdim=True)))
            kernels = conv(state, f"{at}.3", seen, groups=2).reshape(-1, 2, c, c)
            inside, outside = (
                torch.stack([(k[r] @ one.flatten(1)).reshape(one.shape) for k, one in zip(kernels, x, strict=True)])
                for r in (0, 1)
            )
            x = inside * m + outside * (1 - m)
    pre = F.conv_transpose2d(F.relu(x), state["model_out.1.weight"], state["model_out.1.bias"], 1, 1)
    output = torch.tanh(pre)
    return {"pre_tanh": pre, "output": output, "image": output * mask + image * (1 - mask)}


def _rain(state: State, name: str, x: Tensor, m: Tensor) -> Tensor:
    def moments(region: Tensor) -> tuple[Tensor, Tensor]:
        count = region.sum((2, 3), keepdim=True) + 1e-5
        mean = (x * region).sum((2, 3), keepdim=True) / count
        variance = ((x * region - mean * region) ** 2).sum((2, 3), keepdim=True) / count
        return mean, (variance + 1e-5).sqrt()

    gain = {which: state[f"{name}.{which}_gamma"][:, None, None] for which in ("foreground", "background")}
    shift = {which: state[f"{name}.{which}_beta"][:, None, None] for which in ("foreground", "background")}
    (mf, sf), (mb, sb) = moments(m), moments(1 - m)
    front = ((x - mf) / sf * sb + mb) * (1 + gain["foreground"]) + shift["foreground"]
    behind = (x - mb) / sb * (1 + gain["background"]) + shift["background"]
    return front * m + behind * (1 - m)
