"""A benchmark made of nothing: photographs of noise and gradients with a disc whose colours were changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sshbench.benchmarks.composite import Composite, paste


def composite(number: int, size: tuple[int, int] = (48, 64), name: str | None = None) -> Composite:
    """A composite whose foreground is an affine map of the ground truth's colours, less rounding."""
    random = np.random.default_rng(number)
    height, width = size
    y, x = np.mgrid[:height, :width]
    base = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    target = np.clip(0.6 * base + 0.2 * random.uniform(0, 255, (height, width, 3)) + 20, 0, 255).astype(np.uint8)
    radius = random.uniform(0.15, 0.35) * height
    distance = np.hypot(y - height / 2, x - width / 2)
    mask = np.clip((radius - distance) / 2 + 0.5, 0, 1).astype(np.float32)
    changed = np.clip(target * random.uniform(0.6, 1.1, 3) + random.uniform(-15, 15, 3), 0, 255).astype(np.uint8)
    background = target[:, ::-1].copy()
    return Composite(
        id=name or f"part_{number % 3}/c{number}",
        composite=paste(changed, background, mask),
        foreground=changed,
        background=background,
        mask=mask,
        target=paste(target, background, mask),
        attributes={"subset": f"part_{number % 3}", "foreground_ratio": float((mask >= 0.5).mean())},
    )


@dataclass
class Standin:
    """So many of them; ids in `broken` cannot be loaded."""

    count: int = 6
    name: str = "standin"
    broken: tuple[str, ...] = ()
    size: tuple[int, int] = (48, 64)

    def __len__(self) -> int:
        return self.count

    def ids(self) -> list[str]:
        return [f"part_{number % 3}/c{number}" for number in range(self.count)]

    def __getitem__(self, key: int | str) -> Composite:
        number = key if isinstance(key, int) else self.ids().index(key)
        if self.ids()[number] in self.broken:
            raise OSError(f"{self.ids()[number]}: truncated")
        return composite(number, self.size)
