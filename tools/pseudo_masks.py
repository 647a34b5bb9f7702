r"""Find the objects of photographs without masks, for training: composites need foregrounds.

    python -m tools.pseudo_masks --photos PHOTOS --masks MASKS --out FOLDER

A small head on the features of EfficientNet-Lite0 learns from the photographs that have masks. OpenCV's GrabCut moves
the edges of its predictions to those of the photographs. FOLDER then holds the given masks and one mask for each other
photograph in which the head is sure of an object. Held-out photographs get no new masks, so that the panel stays the
same, and the head does not see their masks; the program prints the intersection over union on them. It needs the
packages of `pip install '.[train,masks]'`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from sshbench.networks.efficientnet_lite import EfficientNetLite
from sshbench.networks.ssh_lut_numpy import KNOWN
from sshbench.training.objectives.ssh_lut import known_things
from sshbench.triplets.held_out import is_held_out

SIDE = 224
GRID = SIDE // 8
EPOCHS, BATCH, RATE = 12, 32, 1e-3
AREA = 0.03, 0.6  # parts of a photograph that an object may cover
SURE = 0.75  # smallest mean probability inside of an object
SHORT = 240  # short side of a mask


def main() -> None:
    """Learn, measure on held-out photographs, and write the masks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.manual_seed(0)
    sees = EfficientNetLite().eval().requires_grad_(False)
    sees.load_state_dict(known_things())
    photos = sorted(given.photos.glob("*.jpg"))
    drawn = {path.stem: path for path in sorted(given.masks.glob("*.png"))}
    known = [path for path in photos if path.stem in drawn]
    taught = [path for path in known if not is_held_out(path.stem)]
    if not taught:
        parser.error(f"{given.photos} and {given.masks} have no photograph and mask of the same name")
    head = learned(sees, taught, drawn)
    scores = []
    for path in (path for path in known if is_held_out(path.stem)):
        photo = opened(path)
        mask = np.asarray(Image.open(drawn[path.stem]).convert("L").resize(photo.shape[1::-1])) > 127
        found = refined(photo, predicted(sees, head, photo))
        scores.append((mask & found).sum() / max((mask | found).sum(), 1))
    if scores:
        print(f"{len(scores)} held-out photographs: intersection over union {np.mean(scores):.3f}")
    given.out.mkdir(parents=True, exist_ok=True)
    for path in drawn.values():
        shutil.copy(path, given.out / path.name)
    made = 0
    others = [path for path in photos if path.stem not in drawn and not is_held_out(path.stem)]
    for path in tqdm(others, unit="photograph"):
        photo = opened(path)
        likely = predicted(sees, head, photo)
        found = refined(photo, likely)
        if AREA[0] <= found.mean() <= AREA[1] and likely[found].mean() >= SURE:
            Image.fromarray(found * np.uint8(255)).save(given.out / f"{path.stem}.png")
            made += 1
    print(f"{given.out}: {len(drawn)} given masks, and new ones of {made} of {len(others)} photographs")


def opened(path: Path) -> NDArray[np.uint8]:
    """Return a photograph whose short side is at most `SHORT`."""
    photo = Image.open(path).convert("RGB")
    scale = min(SHORT / min(photo.size), 1)
    return np.asarray(
        photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BILINEAR)
    )


def features(sees: EfficientNetLite, photo: NDArray[np.uint8]) -> Tensor:
    """Return what the network sees, `[KNOWN, GRID, GRID]`."""
    small = np.asarray(Image.fromarray(photo).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32) / 255
    found = sees(torch.from_numpy(small).movedim(-1, 0)[None])
    return torch.cat([functional.interpolate(one, (GRID, GRID), mode="bilinear") for one in found], 1)[0]


def learned(sees: EfficientNetLite, photos: list[Path], drawn: dict[str, Path]) -> nn.Module:
    """Return a head that predicts the logits of masks from features `[B, KNOWN, GRID, GRID]`."""
    seen = torch.stack([features(sees, opened(path)).half() for path in tqdm(photos, unit="photograph")])
    masks = [Image.open(drawn[path.stem]).convert("L").resize((GRID, GRID), Image.Resampling.BOX) for path in photos]
    wanted = torch.from_numpy(np.stack([np.asarray(mask, np.float32) / 255 for mask in masks]))[:, None]
    head = nn.Sequential(
        nn.GroupNorm(1, KNOWN), nn.Dropout2d(0.3), nn.Conv2d(KNOWN, 96, 1), nn.GELU(),
        nn.Conv2d(96, 48, 5, padding=2), nn.GELU(), nn.Conv2d(48, 1, 5, padding=2),
    )  # fmt: skip
    steps = EPOCHS * max(len(photos) // BATCH, 1)
    optimizer = torch.optim.AdamW(head.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in tqdm(range(steps), unit="step"):
        rows = torch.randint(len(photos), (BATCH,))
        x, y = seen[rows].float(), wanted[rows]
        if torch.rand(()) < 0.5:
            x, y = x.flip(-1), y.flip(-1)
        loss = functional.binary_cross_entropy_with_logits(head(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.eval()


@torch.inference_mode()
def predicted(sees: EfficientNetLite, head: nn.Module, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probability `[H, W]` that a pixel belongs to an object."""
    likely = head(features(sees, photo)[None]).sigmoid()[0, 0].numpy()
    return np.asarray(cv2.resize(likely, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)).clip(0, 1)


def refined(photo: NDArray[np.uint8], likely: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the object `[H, W]`, with the edges that GrabCut finds where the probability is neither high nor low."""
    state = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[likely > 0.9], state[likely < 0.1] = cv2.GC_FGD, cv2.GC_BGD
    if not (state & 1).any() or (state & 1).all():
        return likely > 0.5
    models = np.zeros((2, 1, 65))
    cv2.grabCut(np.ascontiguousarray(photo[..., ::-1]), state, None, models[0], models[1], 2, cv2.GC_INIT_WITH_MASK)
    return (state & 1).astype(bool)


if __name__ == "__main__":
    main()
