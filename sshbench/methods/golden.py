"""Networks on deterministic weights and inputs, and samples of their published outputs.

The values of a state dict follow from its names and shapes, and images follow from a seed. The networks on this machine
can therefore be compared with the published ones without a published checkpoint. `golden.json` holds, for each case, 48
samples of the output of the authors' code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite, paste
from sshbench.methods.golden_rule import ellipse, fill, filled_variable, image, soft_ellipse, style

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 2e-4
"""The tolerated difference from a published output; a wrong detail of a network changes it by 2e-2 or more."""


@dataclass(frozen=True)
class Case:
    """One network with one input.

    Parameters
    ----------
    architecture
        The arguments of the network that the case depends on.
    run
        A function that returns the output, `[1, 3, 256, 256]`.
    step
        The number of pixels between the known samples.
    """

    architecture: Mapping[str, Any]
    run: Callable[[], Tensor]
    step: int = 64


def cases(method: str) -> dict[str, Case]:
    """Return the cases of a method's networks by name; empty for methods without any."""
    published_dih = {"width": 64, "depth": 7}
    dih = {"form": "tensorflow", "widths": None}  # None: as published, where weights do not say it
    found = {
        "ssh": {"ssh_ref_256": Case({"width": 32}, _ssh)},
        "dovenet": {
            "dovenet_bn_eval_256": Case({"norm": "batch", "width": 64, "depth": 8}, lambda: _dovenet("batch")),
            "dovenet_in_256": Case({"norm": "instance", "width": 64, "depth": 8}, lambda: _dovenet("instance")),
        },
        "s2am": {
            "s2am_rascv2_256": Case({"variant": "rascv2", "width": 64, "depth": 8}, lambda: _s2am("rascv2")),
            "s2am_rascv1_256": Case({"variant": "rascv1", "width": 64, "depth": 8}, lambda: _s2am("rascv1")),
        },
        "dih": {
            "dih_bcmi_tf_wo_semantics_256": Case(dih | {"semantics": False}, lambda: _dih(False)),
            "dih_bcmi_tf_with_semantics_256": Case(dih | {"semantics": True}, lambda: _dih(True)),
        },
        "wct2": {
            "wct2_cat5_transfer_esd": Case({"unpool": "cat5", "width": 64}, lambda: _wct2("cat5")),
            "wct2_sum_transfer_esd": Case({"unpool": "sum", "width": 64}, lambda: _wct2("sum")),
        },
        "idih": {
            "idih256_256": Case({"backbone": "none", **published_dih}, lambda: _modern("idih", "none")),
            "hrnet18s_idih256_256": Case(
                {"backbone": "hrnet18s", **published_dih}, lambda: _modern("idih", "hrnet18s")
            ),
        },
        "issam": {"issam256_256": Case({"width": 32, "depth": 4}, lambda: _modern("issam"))},
        "pct-net": {
            "pctnet_cnn_256_203x309": Case({"variant": "cnn", "width": 32}, lambda: _modern("pct_net", "cnn"), 80),
            "pctnet_vit_256_203x309": Case({"variant": "vit", "width": 256}, lambda: _modern("pct_net", "vit"), 80),
        },
        "harmonizer": {"harmonizer_256": Case({"width": 1.0}, lambda: _modern("harmonizer"), 66)},
        "hdnet": {"hdnet_256": Case({"width": 32}, lambda: _modern("hdnet"), 70)},
    }
    return found.get(method, {})


def difference(method: str, architecture: Mapping[str, Any]) -> float | None:
    """Return the largest absolute difference between the outputs of a network here and the published network.

    Return None if no case has this architecture.
    """
    for name, case in cases(method).items():
        if all(architecture.get(key) == value for key, value in case.architecture.items()):
            return float(np.abs(samples(case.run().numpy(), case.step) - expected(name)).max())
    return None


def samples(output: NDArray[np.float32], step: int = 64) -> NDArray[np.float64]:
    """Return 48 values of an output `[1, 3, 256, 256]`, four on each axis and channel, `step` pixels apart."""
    return output[0, :, ::step, ::step].astype(np.float64).ravel()


@cache
def expected(name: str) -> NDArray[np.float64]:
    """Return the `samples` of the published output."""
    known = json.loads(files(__package__).joinpath("golden.json").read_text("utf-8"))
    return np.array(known[name])


def composite() -> Composite:
    """Return a composite of `golden_rule` images, 256 x 256 pixels, to run methods on."""
    foreground, background, mask = image(0), image(1, block=32), soft_ellipse()
    return Composite("golden", paste(foreground, background, mask), foreground, background, mask)


def _nchw(array: NDArray[Any]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)[None]).astype(np.float32))


def _without_gradients(run: Callable[[], Tensor]) -> Tensor:
    import torch

    with torch.inference_mode():
        return run()


def _ssh() -> Tensor:
    from sshbench.networks.ssh import SSH

    network = fill(SSH())
    content, reference = (_nchw(image(seed)) / 255 * 2 - 1 for seed in (0, 1))
    return _without_gradients(lambda: network(content, reference).image)


def _dovenet(norm: Literal["batch", "instance"]) -> Tensor:
    import torch

    from sshbench.networks.dovenet import DoveNetGenerator

    network = fill(DoveNetGenerator(norm=norm))
    given = torch.cat([_nchw(image(0)) / 255 * 2 - 1, _nchw(ellipse()[..., None])], dim=1)
    return _without_gradients(lambda: network(given))


def _s2am(variant: Literal["rascv1", "rascv2"]) -> Tensor:
    import torch

    from sshbench.networks.s2am import S2AM

    network = fill(S2AM(variant=variant), constants=("gaussianMask",))
    given = torch.cat([_nchw(image(0)) / 255, _nchw(soft_ellipse()[..., None])], dim=1)
    return _without_gradients(lambda: network(given))


def _dih(semantics: bool) -> Tensor:
    import torch

    from sshbench.methods.checkpoints.dih import from_tensorflow, tensorflow_variables
    from sshbench.networks.dih import DIH

    network = DIH(semantics).eval()
    variables = {name: filled_variable(name, shape) for name, shape in tensorflow_variables(semantics).values()}
    network.load_state_dict(from_tensorflow(variables, "golden", semantics=semantics), strict=False)  # but counters
    given = torch.cat([_nchw(image(0)).flip(1), 255 * _nchw(ellipse()[..., None])], dim=1) / 127.5 - 1
    return _without_gradients(lambda: network(given).image)


def _modern(name: str, *arguments: str) -> Tensor:
    from sshbench.methods import golden_modern

    run: Callable[..., Tensor] = getattr(golden_modern, name)
    return run(*arguments)


def _wct2(unpool: Literal["cat5", "sum"]) -> Tensor:
    from sshbench.networks.wct2 import WCT2

    network = WCT2(unpool)
    for half in (network.encoder, network.decoder):  # the authors keep them in two files, each with its own names
        fill(half, constants=(".LL.", ".LH.", ".HL.", ".HH."))
    content, other = _nchw(image(0)) / 255, _nchw(style(1, 192, 320)) / 255
    return _without_gradients(lambda: network(content, other, transfer="esd"))
