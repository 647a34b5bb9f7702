"""Write the dataset card `README.md` of an output folder: its contents, how it was made, and how to load it."""

from __future__ import annotations

import json

from sshbench.errors import counted
from sshbench.triplets.luts import SHIPPED
from sshbench.triplets.manifest import Manifest, Run
from sshbench.triplets.shard_file import SHARDS, columns

_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_LISTED = 20

_COMPUTED = {
    "grades": "grades",
    "ladders": "rungs of the ladders of exposure and white balance",
}

_COLUMNS = {
    "foreground": "content under the appearance alpha: what a network is given to harmonize",
    "background": "another crop of the same photograph (the reference) under the appearance beta",
    "ground_truth": "the content under the appearance beta: what a network should return",
    "reference_alpha": "the reference under alpha, for the reconstruction loss",
    "composite": "the photograph, with the appearance alpha inside the mask",
    "mask": "the foreground, 0 to 255, soft at its edge",
    "real": "the photograph as it is: what a network should return",
    "row": "the photograph's id in its source",
    "draw": "which of the photograph's recipes this is",
    "alpha": "the LUT or colour transfer of the foreground's appearance",
    "beta": "the LUT or colour transfer of the background's appearance",
    "alpha_strength": "how far alpha is followed (of saturation: the factor)",
    "beta_strength": "how far beta is followed (of saturation: the factor)",
    "content_box": "left, top, right, bottom of the content in the photograph, 0 to 1",
    "reference_box": "left, top, right, bottom of the reference in the photograph, 0 to 1",
}
_UNDER_A_LOOK = {
    "composite": "the photograph under the appearance beta, with the appearance alpha inside the mask",
    "real": "the photograph under the appearance beta: what a network should return",
}


def card(manifest: Manifest) -> bytes:
    """Return the card of a finished run as UTF-8 Markdown. Equal runs give equal cards, however they were made."""
    run = manifest.run
    parts = [_front_matter(manifest), _title(manifest), _loading(run)]
    if run.store == "pixels":
        said = _COLUMNS | (_UNDER_A_LOOK if run.settings.background == "look" else {})
        rows = [f"| `{name}` | {said[name]} |" for name in columns(run)]
        parts.append("\n".join(["## Columns\n", "| column | what |", "|---|---|", *rows]))
    parts += [_how(run), _luts(run), _skipped(manifest)]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _front_matter(manifest: Manifest) -> str:
    size = next((k for k in _SIZES if manifest.rows < k), None)
    lower = {1_000: "n<1K", 1_000_000_000: "100M<n<1B", None: "n>1B"}.get(size)
    if lower is None and size is not None:
        lower = f"{_short(size // 10)}<n<{_short(size)}"
    return "\n".join(
        [
            "---",
            f"license: {json.dumps(manifest.run.license or 'unknown', ensure_ascii=False)}",
            "task_categories:",
            "- image-to-image",
            "tags:",
            "- image-harmonization",
            "- sshbench",
            "size_categories:",
            f"- {lower}",
            "configs:",
            "- config_name: default",
            "  data_files:",
            "  - split: train",
            f"    path: {SHARDS}",
            "---",
        ]
    )


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1_000}K"


def _title(manifest: Manifest) -> str:
    run = manifest.run
    what = "composites for image harmonization" if run.settings.kind == "composites" else "image harmonization triplets"
    names = (
        ("composite", "mask", "real")
        if run.settings.kind == "composites"
        else ("foreground", "background", "pseudo ground truth")
    )
    quality = f"of quality {run.codec.quality}" if run.codec.quality else "(lossless)"
    held = f"as {run.codec.format.upper()} images {quality}"
    if run.store == "recipes":
        held = "as recipes without pixels, which sshbench renders when it reads them"
    photos = "a stream of photographs" if run.photos is None else counted(run.photos, "photograph")
    return (
        f"# {manifest.rows:,} {what}\n\n"
        f"[{', '.join(names)}] at {run.settings.crop} x {run.settings.crop} pixels, sRGB, {held}. Made from "
        f"{photos} by sshbench {run.versions.get('sshbench', '')}, after the dual augmentation of "
        "Jiang et al., SSH: A Self-Supervised Framework for Image Harmonization, ICCV 2021."
    )


def _loading(run: Run) -> str:
    if run.store == "recipes":
        return (
            '## Load\n\n```python\nimport sshbench\n\ntriplets = sshbench.load_triplets("PATH")\n```\n\n'
            "The photographs and the LUTs have to be where the settings below say."
        )
    first = "composite" if run.settings.kind == "composites" else "foreground"
    return (
        "## Load\n\n```python\nfrom datasets import load_dataset\n\n"
        f'triplets = load_dataset("PATH", split="train")\ntriplets[0]["{first}"]  # a PIL image\n```\n\n'
        'Or the files alone: `load_dataset("parquet", data_files="PATH/data/*.parquet", split="train")`. Each image is '
        "stored as its encoded bytes, so any Parquet reader can be used."
    )


def _how(run: Run) -> str:
    source = [(key, value) for key, value in {**run.found, **run.source}.items() if value]
    rows = [f"| source: {key} | {_cell(value)} |" for key, value in source]
    rows.append(f"| source: fingerprint | `{run.fingerprint}` |")
    rows.append(f"| licence of the photographs | {run.license or 'not stated'} |")
    settings = json.loads(run.settings.to_json())
    if run.settings.kind == "triplets":
        del settings["background"]  # this setting concerns composites only: a triplet's background has the look beta
    rows += [f"| {key} | {_cell(value)} |" for key, value in settings.items() if value is not None]
    rows += [
        f"| {key} | {_cell(value)} |"
        for key, value in (("images", str(run.codec)), ("rows a shard", run.rows_per_shard))
    ]
    rows.append(f"| versions | {_cell(', '.join(f'{k} {v}' for k, v in run.versions.items()))} |")
    return "\n".join(
        [
            "## How it was made\n",
            "The same settings, photographs, LUTs and versions give the same bytes. "
            "`manifest.json` holds all of this for programs, and the rows, size and SHA-256 of each shard.\n",
            "| setting | value |",
            "|---|---|",
            *rows,
        ]
    )


def _cell(value: object) -> str:
    text = " to ".join(map(str, value)) if isinstance(value, list | tuple) and len(value) == 2 else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _luts(run: Run) -> str:
    if not run.luts:
        return ""
    rows = [f"| {_cell(name)} | `{digest[:16]}` |" for name, digest in run.luts]
    of = {SHIPPED: "the looks that ship with sshbench"}
    where = "from " + " and ".join(of.get(place, f"`{place}`") for place in run.luts_from)
    if run.settings.appearance in _COMPUTED:
        where = f"{_COMPUTED[run.settings.appearance]} that `sshbench.triplets.families` computes"
    part = "" if run.lut_part == "all" else f" ({run.lut_part} looks alone)"
    return "\n".join(
        [
            "## LUTs\n",
            f"{len(run.luts)} {where}{part}, as tables of {run.lut_size} points an axis.\n",
            "| name | SHA-256 of the table, first 16 digits |",
            "|---|---|",
            *rows,
        ]
    )


def _skipped(manifest: Manifest) -> str:
    skipped = manifest.skipped
    if not skipped:
        return "## Skipped\n\nNo photograph was skipped."
    rows = [
        f"| {_cell(s.row)}{'' if s.draw is None else f' (draw {s.draw})'} | {_cell(s.reason)} |"
        for s in skipped[:_LISTED]
    ]
    more = f"\n\nAnd {len(skipped) - _LISTED:,} more in `manifest.json`." if len(skipped) > _LISTED else ""
    return (
        f"## Skipped\n\n{len(skipped):,} could not be used.\n\n"
        + "\n".join(["| photograph | why |", "|---|---|", *rows])
        + more
    )
