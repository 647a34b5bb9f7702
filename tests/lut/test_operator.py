"""What autograd, `torch.compile` and the dispatcher see of LUT application; on CUDA too where there is a device."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from sshbench import Domain, Lut, LutBank, apply_lut
from sshbench.lut import operator, reference
from sshbench.lut.kernels import cpu
from sshbench.lut.table import LutError

from .reference import apply_reference

UNIT = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
WIDE = [-0.1, 0.0, 0.2, 1.5, 1.0, 0.8]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]

pytestmark = pytest.mark.skipif(not cpu.available(), reason="the native kernels were not built")


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return request.param


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def inputs(device: str, dtype: torch.dtype = torch.float64, learn: bool = True) -> dict[str, torch.Tensor]:
    # Away from the grid points and the cells' diagonals, where the derivative by the image jumps and numeric
    # differences mean nothing.
    images = (torch.randint(0, 40, (3, 3, 4, 5)) + 0.37) / 40 * 1.2 - 0.1
    images = images + torch.tensor([0.0, 0.007, 0.013]).view(3, 1, 1)
    tensors = {
        "images": images,
        "table": torch.rand(2, 5, 5, 5, 3),
        "shaper": torch.rand(2, 7, 3).cumsum(1) / 7,
        "strength": torch.rand(3) * 0.8 + 0.1,
    }
    return {k: v.to(device, dtype).requires_grad_(learn) for k, v in tensors.items()}


def call(
    t: dict[str, torch.Tensor],
    domain: list[float] = UNIT,
    layout: str = "NCHW",
    interpolation: str = "trilinear",
    **without: None,
) -> torch.Tensor:
    index = torch.tensor([1, 0, 1], dtype=torch.int32, device=t["images"].device)
    t = {**t, **without}
    return operator.apply_lut(
        t["images"], t["table"], t["shaper"], index, t["strength"], domain, UNIT, layout, interpolation
    )


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("without", [{}, {"shaper": None}, {"table": None}, {"strength": None}])
@pytest.mark.parametrize("domain", [UNIT, WIDE])
def test_gradients_of_image_table_shaper_and_strength(
    device: str, domain: list[float], without: dict, interpolation: str
) -> None:
    tensors = inputs(device)
    used = {k: v for k, v in tensors.items() if k not in without}

    def function(*values: torch.Tensor) -> torch.Tensor:
        return call({**tensors, **dict(zip(used, values, strict=True))}, domain, interpolation=interpolation, **without)

    assert torch.autograd.gradcheck(function, tuple(used.values()), atol=1e-6)


def test_gradients_in_channels_last(device: str) -> None:
    tensors = inputs(device)
    tensors["images"] = tensors["images"].detach().permute(0, 2, 3, 1).contiguous().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda images, table: call({**tensors, "images": images, "table": table}, layout="NHWC"),
        (tensors["images"], tensors["table"]),
    )


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
def test_gradients_through_apply_lut(device: str, interpolation: str) -> None:
    tensors = inputs(device)
    assert torch.autograd.gradcheck(
        lambda images, table, strength: apply_lut(
            images, table, [1, 0, 1], strength=strength, interpolation=interpolation
        ),
        (tensors["images"], tensors["table"], tensors["strength"]),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_gradients_follow_float64(device: str, dtype: torch.dtype) -> None:
    exact, low = inputs(device), {}
    for name, value in exact.items():
        kind = dtype if name == "images" else torch.float32
        low[name] = value.detach().to(kind).requires_grad_()
        exact[name] = low[name].detach().double().requires_grad_()
    weights = torch.randn(3, 3, 4, 5, device=device).to(dtype)
    (call(exact) * weights.double()).sum().backward()
    (call(low) * weights).sum().backward()
    tolerance = {torch.float16: 4e-3, torch.bfloat16: 3e-2, torch.float32: 1e-5}[dtype]
    for name in exact:
        assert low[name].grad.dtype == low[name].dtype
        torch.testing.assert_close(low[name].grad.double(), exact[name].grad, rtol=tolerance, atol=tolerance * 5)


def test_plain_torch_equals_the_kernels_and_scipy(device: str) -> None:
    tensors = inputs(device, torch.float64, learn=False)
    index = torch.tensor([1, 0, 1], dtype=torch.int32, device=device)
    lower, upper = Domain((-0.1, 0.0, 0.2), (1.5, 1.0, 0.8)), Domain()
    for interpolation in ("trilinear", "tetrahedral"):
        plain = reference.apply(
            tensors["images"], tensors["table"], tensors["shaper"], index, tensors["strength"],
            domain=lower, shaper_domain=upper, interpolation=interpolation,
        )  # fmt: skip
        native = operator.apply_lut(
            tensors["images"], tensors["table"], tensors["shaper"], index, tensors["strength"],
            [*lower.lower, *lower.upper], UNIT, "NCHW", interpolation,
        )  # fmt: skip
        torch.testing.assert_close(plain, native, rtol=0, atol=1e-12)
    lut = Lut(tensors["table"][0].float(), tensors["shaper"][0].float(), lower)
    exact = apply_reference(tensors["images"][0].permute(1, 2, 0).cpu().numpy(), lut)
    got = apply_lut(tensors["images"][:1], lut)[0].permute(1, 2, 0).cpu().numpy()
    np.testing.assert_allclose(got, exact, atol=1e-12)


@pytest.mark.parametrize("case", ["bytes", "floats", "halves", "1d"])
def test_opcheck(device: str, case: str) -> None:
    t = inputs(device, torch.float32)
    index = torch.tensor([1, 0, 1], dtype=torch.int32, device=device)
    layout = "NCHW"
    if case == "bytes":
        t = inputs(device, torch.float32, learn=False)
        t["images"], layout = torch.randint(0, 256, (3, 4, 5, 3), dtype=torch.uint8, device=device), "NHWC"
    if case == "halves":
        t["images"] = t["images"].detach().half().requires_grad_()
    table = None if case == "1d" else t["table"]
    shaper = None if case == "bytes" else t["shaper"]
    torch.library.opcheck(
        operator.apply_lut, (t["images"], table, shaper, index, t["strength"], UNIT, WIDE, layout, "trilinear")
    )


@pytest.mark.parametrize("what", ["lut", "bank", "table"])
def test_compiles_into_one_graph(device: str, what: str) -> None:
    luts = {
        "lut": Lut(np.random.default_rng(0).random((5, 5, 5, 3), np.float32)),
        "bank": LutBank(np.random.default_rng(0).random((2, 5, 5, 5, 3), np.float32), ("a", "b"), (0.0, 0.0)),
        "table": torch.rand(2, 5, 5, 5, 3, device=device),
    }[what]
    index = None if what == "lut" else torch.tensor([0, 1, 1], device=device)

    def function(images: torch.Tensor) -> torch.Tensor:
        return apply_lut(images * 0.5, luts, index, strength=0.5) + 1

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    for size in (4, 6, 9):
        images = torch.rand(3, 3, size, 5, device=device)
        torch.testing.assert_close(compiled(images), function(images), rtol=0, atol=1e-6)


def test_compiled_training_step_learns_the_same(device: str) -> None:
    tensors = inputs(device, torch.float32, learn=False)
    grads = []
    for compiled in (False, True):
        table = tensors["table"].clone().requires_grad_()
        images = tensors["images"].clone().requires_grad_()

        def loss(images: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
            return (apply_lut(images.sigmoid(), table, [1, 0, 1]) ** 2).sum()

        step = torch.compile(loss, fullgraph=True, backend="aot_eager") if compiled else loss
        step(images, table).backward()
        grads.append((images.grad, table.grad))
    for eager, traced in zip(*grads, strict=True):
        torch.testing.assert_close(eager, traced)


def test_autocast_leaves_the_images_as_they_are(device: str) -> None:
    images, table = torch.rand(2, 3, 8, 8, device=device), torch.rand(5, 5, 5, 3, device=device, requires_grad=True)
    expected = apply_lut(images, table)
    with torch.autocast(device, torch.bfloat16):
        result = apply_lut(images, table)
        half = apply_lut(images.bfloat16(), table.bfloat16())
    assert (result.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(result, expected, rtol=0, atol=0)
    result.sum().backward()
    assert table.grad is not None


def test_an_index_outside_the_bank_reads_nothing() -> None:
    t = inputs("cpu", torch.float32, learn=False)
    index = torch.tensor([0, 1, 2], dtype=torch.int32)
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        operator.apply_lut(t["images"], t["table"], None, index, None, UNIT, UNIT, "NCHW", "trilinear")


def test_a_table_learns_a_look() -> None:
    """Gradient descent on the table alone recovers the colours a hidden LUT gives."""
    target = Lut(np.random.default_rng(1).random((3, 3, 3, 3), np.float32))
    images = torch.rand(1, 3, 48, 48)
    wanted = apply_lut(images, target)
    table = Lut.identity(3).table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((apply_lut(images, table) - wanted) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-5
    torch.testing.assert_close(table.detach(), target.table, rtol=0, atol=0.05)


@pytest.mark.parametrize("kind", ["numpy bytes", "numpy floats", "tensor bytes", "tensor floats", "compiled"])
def test_without_native_kernels_torch_computes_and_says_so_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sshbench.lut import arrays

    rng = np.random.default_rng(5)
    lut = Lut(rng.random((5, 5, 5, 3), np.float32), np.sort(rng.random((9, 3), np.float32), axis=0))
    image = rng.integers(0, 256, (1, 20, 21, 3), np.uint8)
    values = image if "bytes" in kind else (image / 255).astype(np.float32).transpose(0, 3, 1, 2).copy()
    images = values if "numpy" in kind else torch.from_numpy(values)
    layout = "HWC" if "bytes" in kind else "CHW"
    with_kernels = apply_lut(images, lut, strength=0.7, layout=layout)
    monkeypatch.setattr(cpu, "_cpu", None)
    arrays.say_once_that_kernels_are_missing.cache_clear()
    if kind == "compiled":
        function = torch.compile(
            lambda x: apply_lut(x, lut, strength=0.7, layout=layout), fullgraph=True, backend="aot_eager"
        )
        without = function(images)
    else:
        with pytest.warns(RuntimeWarning, match="compiler"):
            without = apply_lut(images, lut, strength=0.7, layout=layout)
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            apply_lut(images, lut, strength=0.7, layout=layout)
    np.testing.assert_allclose(np.asarray(without), np.asarray(with_kernels), atol=1e-6 if "bytes" not in kind else 0)


class TestCalledDirectly:
    """As a saved graph can call the operators, whose kernels go by addresses: what does not fit is refused."""

    WRONG: ClassVar[dict[str, dict[str, Any]]] = {
        "one channel": {"images": (3, 1, 4, 5)},
        "three axes": {"images": (3, 4, 5)},
        "channels of the other layout": {"images": (3, 4, 5, 3)},
        "no cube": {"table": (2, 9, 5, 5, 3)},
        "one point": {"table": (2, 1, 1, 1, 3)},
        "too large": {"table": (1, 257, 257, 257, 3)},
        "no axis of LUTs": {"table": (5, 5, 5, 3)},
        "four values": {"table": (2, 5, 5, 5, 4)},
        "no LUT": {"table": (0, 5, 5, 5, 3), "shaper": (0, 7, 3)},
        "another number of shapers": {"shaper": (1, 7, 3)},
        "a shaper of one point": {"shaper": (2, 1, 3)},
        "a shaper of two values": {"shaper": (2, 7, 2)},
        "too few strengths": {"strength": (1,)},
        "strengths in two axes": {"strength": (3, 1)},
        "too few indices": {"index": [0]},
        "an index beyond the LUTs": {"index": [0, 2, 1]},
        "an index below 0": {"index": [0, -1, 1]},
        "a domain of two numbers": {"domain": [0.0, 1.0]},
        "a domain that is empty": {"domain": [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]},
        "a domain with NaN": {"domain": [0.0, 0.0, 0.0, float("nan"), 1.0, 1.0]},
        "a domain that float32 cannot divide": {"domain": [0.0, 0.0, 0.0, 1e-40, 1.0, 1.0]},
        "a shaper's domain": {"shaper_domain": []},
        "another layout": {"layout": "CHWN"},
        "another interpolation": {"interpolation": "cubic"},
    }

    def arguments(self, **change: object) -> list[object]:
        made = inputs("cpu", torch.float32, learn=False)
        index = torch.tensor(change.pop("index", [1, 0, 1]), dtype=torch.int32)
        made |= {name: torch.rand(change.pop(name)) for name in list(change) if name in made}  # type: ignore[call-overload]
        settings = {"domain": UNIT, "shaper_domain": UNIT, "layout": "NCHW", "interpolation": "trilinear"} | change
        return [made["images"], made["table"], made["shaper"], index, made["strength"], *settings.values()]

    @pytest.mark.parametrize("wrong", WRONG)
    def test_shapes_and_settings(self, wrong: str) -> None:
        arguments = self.arguments(**self.WRONG[wrong])
        with pytest.raises(LutError):
            torch.ops.sshbench.apply_lut(*arguments)
        with pytest.raises(LutError):
            torch.ops.sshbench.apply_lut_backward(arguments[0], *arguments, [True] * 4)

    @pytest.mark.parametrize("place", range(5))
    @pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int64, torch.bool])
    def test_types(self, place: int, kind: torch.dtype) -> None:
        arguments = self.arguments()
        arguments[place] = arguments[place].to(kind)  # type: ignore[attr-defined]
        if (place, kind) == (0, torch.float16):  # images of half precision go with a table of float32
            torch.ops.sshbench.apply_lut(*arguments)
            return
        with pytest.raises(LutError):
            torch.ops.sshbench.apply_lut(*arguments)

    def test_neither_table_nor_shaper(self) -> None:
        arguments = self.arguments()
        arguments[1] = arguments[2] = None
        with pytest.raises(LutError, match="needs a table, a shaper or both"):
            torch.ops.sshbench.apply_lut(*arguments)

    @pytest.mark.parametrize(
        ("grad", "needs"),
        [
            (torch.rand(3, 3, 4, 4), [True] * 4),
            (torch.rand(1, 3, 4, 5), [True] * 4),
            (torch.rand(3, 3, 4, 5).double(), [True] * 4),
            (torch.rand(3, 3, 4, 5), [True] * 3),
        ],
    )
    def test_gradients(self, grad: torch.Tensor, needs: list[bool]) -> None:
        with pytest.raises(LutError):
            torch.ops.sshbench.apply_lut_backward(grad, *self.arguments(), needs)

    def test_bytes_have_no_gradient(self) -> None:
        arguments = self.arguments()
        arguments[0] = torch.zeros(3, 3, 4, 5, dtype=torch.uint8)
        with pytest.raises(LutError, match="have no gradients"):
            torch.ops.sshbench.apply_lut_backward(arguments[0], *arguments, [True] * 4)
