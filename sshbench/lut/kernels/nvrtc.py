"""Compile `cuda.cu` with NVRTC at first use, cache the result on disk, and launch it.

NVRTC and the CUDA driver are called through `ctypes`. torch's CUDA wheels contain NVRTC and the graphics driver
contains the CUDA driver, so nothing else must be installed, and no version of `cuda-bindings` must match.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import json
import re
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.errors import SshbenchError
from sshbench.folders import user_folder
from sshbench.whole_file import whole_file

if TYPE_CHECKING:
    import torch

_FOLDER = Path(__file__).parent
_OPTIONS = ("--std=c++17", "--ptxas-options=-v")  # -v makes the log state registers and spills
_LOCK = threading.RLock()
# From cuda.h.
_MULTIPROCESSOR_COUNT, _MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, _MAX_DYNAMIC_SHARED_SIZE = 16, 97, 8


class CudaKernelError(SshbenchError, RuntimeError):
    """The CUDA kernels cannot be compiled, loaded or launched here."""


@dataclass(frozen=True)
class Binary:
    """Machine code for one architecture, the linker's names of its kernels, and the compiler's log."""

    code: bytes
    names: dict[str, str]
    log: str = ""


def source() -> dict[str, str]:
    """Return the CUDA source and the headers it includes, by file name."""
    return {name: (_FOLDER / name).read_text(encoding="utf-8") for name in ("cuda.cu", "trilinear.h")}


def compile_kernels(expressions: tuple[str, ...], architecture: str) -> Binary:
    """Return kernels compiled for one architecture, without the cache.

    Parameters
    ----------
    expressions
        C++ expressions that name kernels, such as `sshbench::forward<float, float, sshbench::NCHW, ...>`.
    architecture
        An architecture such as `sm_90` for the machine code of one chip, or `compute_90` for PTX, which the driver
        translates.

    Raises
    ------
    CudaKernelError
        NVRTC is not installed, does not know the architecture, or refuses the source.
    """
    nvrtc, files, program = _nvrtc(), source(), ctypes.c_void_p()
    header = (ctypes.c_char_p * 1)(files["trilinear.h"].encode()), (ctypes.c_char_p * 1)(b"trilinear.h")
    _checked(nvrtc.nvrtcCreateProgram(ctypes.byref(program), files["cuda.cu"].encode(), b"cuda.cu", 1, *header))
    try:
        for expression in expressions:
            _checked(nvrtc.nvrtcAddNameExpression(program, expression.encode()))
        options = [option.encode() for option in (f"--gpu-architecture={architecture}", *_OPTIONS)]
        failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        log = (
            _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
            .rstrip(b"\0")
            .decode(errors="replace")
        )
        if failed:
            first = next((line for line in log.splitlines() if "error" in line), f"error {failed}")
            raise CudaKernelError(f"NVRTC could not compile the CUDA kernels for {architecture}: {first}")
        kind = "CUBIN" if architecture.startswith("sm_") else "PTX"
        code = _text(getattr(nvrtc, f"nvrtcGet{kind}Size"), getattr(nvrtc, f"nvrtcGet{kind}"), program)
        names = {}
        for expression in expressions:
            name = ctypes.c_char_p()
            _checked(nvrtc.nvrtcGetLoweredName(program, expression.encode(), ctypes.byref(name)))
            names[expression] = (name.value or b"").decode()
        return Binary(code, names, log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def cached_kernels(expressions: tuple[str, ...], architecture: str) -> Binary:
    """Return compiled kernels, from the disk cache if they are there.

    The cache is the folder `SSHBENCH_CACHE`, or `sshbench` in the user's cache folder. The key covers source, kernels,
    architecture, options and NVRTC's version. A damaged entry is compiled again; a folder that cannot be written is no
    error.
    """
    key = json.dumps([source(), expressions, architecture, _OPTIONS, nvrtc_version()])
    path = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.cubin"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        head, code = path.read_bytes().split(b"\n", 1)
        entry = json.loads(head)
        if entry["sha256"] == hashlib.sha256(code).hexdigest() and set(entry["names"]) == set(expressions):
            return Binary(code, entry["names"])
    binary = compile_kernels(expressions, architecture)
    entry = {"names": binary.names, "sha256": hashlib.sha256(binary.code).hexdigest()}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_bytes(json.dumps(entry).encode() + b"\n" + binary.code)
    return binary


def cache_folder() -> Path:
    """Return the folder of compiled kernels."""
    return user_folder("SSHBENCH_CACHE") / "kernels"


def launch(
    expression: str, grid: tuple[int, int], threads: int, shared: int, job: ctypes.Structure, device: torch.device
) -> None:
    """Launch a kernel that takes one struct by value, on torch's current stream of `device`.

    `shared` is its dynamic shared memory in bytes. Nothing is allocated and nothing waits, so a CUDA graph can capture
    it once the kernel has been compiled by an earlier call.
    """
    import torch

    with torch.cuda.device(device):
        _make_current(torch.cuda.current_device())
        function = _function(expression, torch.cuda.current_device(), shared > 48 * 1024)
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(job))
        status = _driver().cuLaunchKernel(function, *grid, 1, threads, 1, 1, shared, stream, arguments, None)
        _driver_checked(status, "launch")


@cache
def multiprocessors(device: int) -> int:
    """Return the number of multiprocessors of the device."""
    return _device_attribute(_MULTIPROCESSOR_COUNT, device)


@cache
def shared_memory(device: int) -> int:
    """Return the largest dynamic shared memory of a block on the device, in bytes."""
    return _device_attribute(_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, device)


def stream(device: torch.device) -> tuple[int, bool]:
    """Return torch's current stream of the device, and whether a CUDA graph is being captured on this stream."""
    import torch

    return int(torch.cuda.current_stream(device).cuda_stream), torch.cuda.is_current_stream_capturing()


@cache
def nvrtc_version() -> tuple[int, int]:
    """Return the version (major, minor) of the installed NVRTC library."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _checked(_nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


@cache
def known_architectures() -> tuple[int, ...]:
    """Return the compute capabilities for which NVRTC makes machine code, as 10 * major + minor."""
    count = ctypes.c_int()
    _checked(_nvrtc().nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    known = (ctypes.c_int * count.value)()
    _checked(_nvrtc().nvrtcGetSupportedArchs(known))
    return tuple(known)


def architecture_for(capability: tuple[int, int]) -> str:
    """Return the architecture to compile for on a device: its own, or PTX if NVRTC is older than the device."""
    wanted = 10 * capability[0] + capability[1]
    if wanted in known_architectures():
        return f"sm_{wanted}"
    older = [architecture for architecture in known_architectures() if architecture < wanted]
    if not older:
        version = "{}.{}".format(*nvrtc_version())
        raise CudaKernelError(f"NVRTC {version} has no support for compute capability {capability[0]}.{capability[1]}")
    return f"compute_{max(older)}"


@cache
def _function(expression: str, device: int, much_shared: bool) -> ctypes.c_void_p:
    import torch

    with _LOCK:
        binary = cached_kernels((expression,), architecture_for(torch.cuda.get_device_capability(device)))
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        # The module stays loaded as long as the process, because this cache holds its functions.
        _driver_checked(_driver().cuModuleLoadData(ctypes.byref(module), binary.code), "load")
        name = binary.names[expression].encode()
        _driver_checked(_driver().cuModuleGetFunction(ctypes.byref(function), module, name), "load")
        if much_shared:  # CUDA grants more than 48 KiB only on request
            status = _driver().cuFuncSetAttribute(function, _MAX_DYNAMIC_SHARED_SIZE, shared_memory(device))
            _driver_checked(status, "load")
        return function


def _device_attribute(attribute: int, device: int) -> int:
    value = ctypes.c_int()
    _driver_checked(_driver().cuDeviceGetAttribute(ctypes.byref(value), attribute, device), "examine the device for")
    return value.value


def _make_current(device: int) -> None:
    """Make the primary context, which torch uses, current; a thread that has not used CUDA yet has no context."""
    context = ctypes.c_void_p()
    _driver_checked(_driver().cuCtxGetCurrent(ctypes.byref(context)), "launch")
    if not context:
        _driver_checked(_driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), device), "launch")
        _driver_checked(_driver().cuCtxSetCurrent(context), "launch")


@cache
def _driver() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise CudaKernelError("the CUDA driver (libcuda.so.1) is not installed on this machine") from error


def _driver_checked(status: int, verb: str) -> None:
    if status:
        text = ctypes.c_char_p()
        _driver().cuGetErrorString(status, ctypes.byref(text))
        reason = (text.value or b"unknown error").decode()
        raise CudaKernelError(f"CUDA could not {verb} a LUT kernel: {reason} ({status})")


@cache
def _nvrtc() -> ctypes.CDLL:
    """Return the NVRTC library that belongs to the installed torch."""
    import torch

    if torch.version.cuda is None:
        raise CudaKernelError("the CUDA kernels need a torch built for CUDA; this one is not")
    major = torch.version.cuda.split(".")[0]
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(p) for p in spec.submodule_search_locations or ()] if spec else []
    found = sorted(path for folder in folders for path in folder.glob(f"*/lib/libnvrtc.so.{major}*"))
    for path in found:
        with contextlib.suppress(OSError):
            # NVRTC opens its builtins by bare name, which works if they are already loaded.
            for builtins in path.parent.glob("libnvrtc-builtins.so*"):
                ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(path))
    for name in (f"libnvrtc.so.{major}", "libnvrtc.so"):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    package = "nvidia-cuda-nvrtc" if int(major) >= 13 else f"nvidia-cuda-nvrtc-cu{major}"
    raise CudaKernelError(f"the CUDA kernels need NVRTC {major}, which is not installed: pip install {package}")


def _checked(status: int) -> None:
    if status:
        text = _nvrtc().nvrtcGetErrorString
        text.restype = ctypes.c_char_p
        raise CudaKernelError(f"NVRTC failed: {text(status).decode()}")


def _text(size_of: Any, read: Any, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _checked(size_of(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _checked(read(program, text))
    return text.raw


def spills(log: str) -> dict[str, int]:
    """Return the bytes of local memory of each kernel from the compiler's log, by the linker's name of the kernel."""
    pattern = r"entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    return {m[1]: sum(int(n) for n in m.groups()[1:]) for m in re.finditer(pattern, log, re.DOTALL)}
