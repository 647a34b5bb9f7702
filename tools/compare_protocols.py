"""Score the same predictions under every protocol, and write the tables of `docs/protocols.md`.

    python -m tools.compare_protocols [--iharmony4 DIR] [--weights METHOD=FILE ...]

The embedded sample is always scored. DIR is the root of iHarmony4, or of any part of it. Each `--weights` adds a method
to the four methods that need no weights. In the document, only the parts between the marks `<!-- NAME -->` and
`<!-- end -->` are replaced.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sshbench.benchmarks.composite import Benchmark, Composite
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.prediction import PredictionError
from sshbench.benchmarks.protocol import PROTOCOLS, Protocol, Ssim
from sshbench.methods.base import Method
from sshbench.methods.cards import carded, read_card
from sshbench.methods.registry import get_method
from sshbench.metrics.pixel import psnr_of
from sshbench.metrics.suite import METRICS, score

METHODS = ("dc", "reinhard", "monge-kantorovich", "ceiling-linear")
METRICS_SHOWN = ("psnr", "mse", "fmse", "ssim")
V1 = PROTOCOLS["sshbench-v1"]
PAGE = Path(__file__).resolve().parents[1] / "docs/protocols.md"

Scores = dict[str, list[dict[str, float]]]
"""The scores of each sample, by method."""


@dataclass(frozen=True)
class Measured:
    """The scores of all methods on one set of data, by the name of a protocol or of a change to one."""

    title: str
    count: int
    methods: tuple[str, ...]
    by_protocol: Mapping[str, Scores]


MISTAKES: dict[str, Protocol] = {
    "peak prediction-range": replace(V1, peak="prediction-range"),
    "background target": replace(V1, background="target"),
}
"""The changes to our protocol that are measured for all methods."""

VARIANTS: dict[str, Protocol] = {
    "resize pil-bilinear": replace(V1, resize="pil-bilinear"),
    "resize opencv-area": replace(V1, resize="opencv-area"),
    "resize opencv-linear": replace(V1, resize="opencv-linear"),
    "SSIM uniform window": replace(V1, ssim=Ssim("uniform")),
    "SSIM range 2": replace(V1, ssim=Ssim("uniform", 2.0)),
    "quantise tensor2im": replace(V1, quantise="tensor2im"),
    "quantise jpeg-75": replace(V1, quantise="jpeg-75"),
}
"""The changes to our protocol that are measured only for `dc`."""


def measure(title: str, benchmark: Benchmark, methods: Mapping[str, Method]) -> Measured:
    scores: dict[str, Scores] = {
        name: {method: [] for method in methods} for name in (*PROTOCOLS, *MISTAKES, *VARIANTS)
    }
    for i in range(len(benchmark)):
        composite = benchmark[i]
        for name, prediction in predictions(methods, composite):
            protocols = PROTOCOLS | MISTAKES | (VARIANTS if name == "dc" else {})
            for key, protocol in protocols.items():
                wanted = [metric for metric in METRICS_SHOWN if metric in protocol.metrics]
                try:
                    found = score(prediction, composite, protocol, wanted)
                except PredictionError:  # a network's small image cannot be scored at the composite's own size
                    found = {}
                scores[key][name].append(found)
    return Measured(title, len(benchmark), tuple(methods), scores)


def predictions(methods: Mapping[str, Method], composite: Composite) -> list[tuple[str, np.ndarray]]:
    """Return one image for each method, rounded to bytes as `sshbench evaluate` stores it."""
    images = {name: method.harmonize([composite])[0] for name, method in methods.items()}
    return [
        (name, image if image.dtype == np.uint8 else np.clip(np.rint(image * 255), 0, 255).astype(np.uint8))
        for name, image in images.items()
    ]


def values(scores: Sequence[Mapping[str, float]], metric: str) -> np.ndarray:
    return np.array([sample.get(metric, math.nan) for sample in scores])


def mean(scores: Sequence[Mapping[str, float]], metric: str) -> float:
    return float(values(scores, metric).mean())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, align, *rows))


def number(value: float, metric: str) -> str:
    return "-" if math.isnan(value) else f"{value:.{METRICS[metric].digits}f}"


def definitions() -> str:
    words = ("protocol", "resize", "mask", "prediction", "background", "errors over", "peak", "fMSE", "SSIM", "methods")
    used = [(method, read_card(method).protocol) for method in carded()]
    rows = []
    for name, p in PROTOCOLS.items():
        resize = "none" if p.size is None else f"{p.resize}, {p.size[0]} x {p.size[1]}"
        ssim = "-"
        if p.ssim:
            ssim = f"{p.ssim.window}, range {p.ssim.peak}" + (
                ", background of the target" if p.ssim.background == "target" else ""
            )
        peak = p.peak + (f", MSE + {p.epsilon:g}" if p.epsilon else "")
        fmse = p.fmse if "fmse" in p.metrics else "-"
        methods = ", ".join(f"`{method}`" for method, protocol in used if protocol == name)
        rows.append((f"`{name}`", resize, p.mask, p.quantise, p.background, p.region, peak, fmse, ssim, methods))
    return table(words, rows).replace("---:", "---")


def overview(data: Measured) -> str:
    parts = []
    for metric in METRICS_SHOWN:
        rows = [
            (f"`{name}`", *(number(mean(data.by_protocol[name][m], metric), metric) for m in data.methods))
            for name, protocol in PROTOCOLS.items()
            if metric in protocol.metrics
        ]
        parts.append(f"**{METRICS[metric].title}**\n\n{table(('protocol', *data.methods), rows)}")
    return "\n\n".join(parts)


def peak(data: Measured) -> str:
    rows = []
    for method in data.methods:
        right = values(data.by_protocol["sshbench-v1"][method], "psnr")
        wrong = values(data.by_protocol["peak prediction-range"][method], "psnr")
        loss = wrong - right
        rows.append((method, f"{right.mean():.2f}", f"{wrong.mean():.2f}", f"{loss.mean():+.2f}", f"{loss.min():+.2f}"))
    return table(("method", "peak 255", "peak of the prediction", "mean change", "largest change of an image"), rows)


def averaging(data: Measured) -> str:
    rows = []
    for method in data.methods:
        scores = data.by_protocol["sshbench-v1"][method]
        right, mse = values(scores, "psnr").mean(), values(scores, "mse").mean()
        import torch

        pooled = float(psnr_of(torch.tensor(mse)))
        rows.append((method, f"{right:.2f}", f"{pooled:.2f}", f"{pooled - right:+.2f}"))
    return table(("method", "mean of PSNR", "PSNR of the mean MSE", "change"), rows)


def background(data: Measured) -> str:
    rows = []
    for method in data.methods:
        right = values(data.by_protocol["sshbench-v1"][method], "psnr")
        wrong = values(data.by_protocol["background target"][method], "psnr")
        gain = wrong - right
        rows.append((method, f"{right.mean():.2f}", f"{wrong.mean():.2f}", f"{gain.mean():+.2f}", f"{gain.max():+.2f}"))
    header = ("method", "background of the composite", "background of the target", "mean change")
    return table((*header, "largest change of an image"), rows)


def details(data: Measured) -> str:
    base = data.by_protocol["sshbench-v1"]["dc"]
    rows = []
    for name in VARIANTS:
        changed = data.by_protocol[name]["dc"]
        row = [name]
        for metric in METRICS_SHOWN:
            change = values(changed, metric) - values(base, metric)
            digits = METRICS[metric].digits
            row.append(f"{change.mean():+.{digits}f} ({change.min():+.{digits}f} to {change.max():+.{digits}f})")
        rows.append(row)
    return table(("change to sshbench-v1", *(METRICS[m].title for m in METRICS_SHOWN)), rows)


PARTS: dict[str, Callable[[Measured], str]] = {
    "overview": overview,
    "peak": peak,
    "averaging": averaging,
    "background": background,
    "details": details,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--iharmony4", type=Path, help="a root of iHarmony4")
    parser.add_argument("--weights", action="append", default=[], metavar="METHOD=FILE", help="a further method")
    given = parser.parse_args()
    methods = {name: get_method(name) for name in METHODS}
    for name, _, path in (one.partition("=") for one in given.weights):
        methods[name] = get_method(name, weights=path)
    measured = [measure("the embedded sample", open_benchmark("sample"), methods)]
    if given.iharmony4:
        measured.append(measure("iHarmony4", open_benchmark("iharmony4", given.iharmony4), methods))
    page = PAGE.read_text(encoding="utf-8")
    page = fill(page, "definitions", definitions())
    for name, part in PARTS.items():
        shown = [f"On {data.title}, {data.count} composites:\n\n{part(data)}" for data in measured]
        page = fill(page, name, "\n\n".join(shown))
    PAGE.write_text(page, encoding="utf-8")


def fill(page: str, name: str, text: str) -> str:
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    if not re.search(pattern, page, re.DOTALL):
        raise SystemExit(f"{PAGE}: there is no mark <!-- {name} -->")
    return re.sub(pattern, lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page, count=1, flags=re.DOTALL)


if __name__ == "__main__":
    main()
