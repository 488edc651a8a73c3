"""A TorchScript file becomes a module as `torch.jit.load` makes it, while other models serve.

`torch.jit.load` holds the interpreter's lock until it has read the last weight, and every model loop needs that lock
once a batch. Here the extension reads the weights with the lock released, on a thread of low priority, and torch gets
a small archive without them, by the way on which `torch.package` loads modules that share storages: that one takes
storages that lie in memory already. What a module is made of (views, shared weights, constants, packed parameters) is
torch's own work on either way.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from torch.utils import dlpack

from penstock import memory_limit
from penstock._fastpath import DamagedModelFile, ModelFile, reclaiming_bytes
from penstock.errors import ModelLoadError

_from_dlpack: Any = dlpack.from_dlpack
_torch_c: Any = torch._C  # noqa: SLF001 - the short way is not public; tests/loading compares it with the public one
_HAS_SHORT_WAY = all(
    hasattr(_torch_c, name)
    for name in ("DeserializationStorageContext", "PyTorchFileReader", "_import_ir_module_from_package")
)
# Where the small archive has its pickles (fastpath/src/weights/model_file.rs).
_PICKLES = "0"
# Storages that are handed over between two chances for other threads: a fraction of a millisecond.
_STORAGES_AT_A_TIME = 100


def weights_bytes(file: BinaryIO) -> int:
    """The memory that the model will hold, told from the file's directory alone. Raises ModelLoadError."""
    try:
        return ModelFile(file.fileno()).weights_bytes
    except DamagedModelFile as error:
        raise _not_loaded(file, error) from error


def load(
    file: BinaryIO,
    *,
    called: str = "",
    sha256: str | None = None,
    intra_op_threads: int = 1,
    gently: bool = False,
) -> torch.jit.ScriptModule:
    """The module on the CPU, not frozen. Raises ModelLoadError, and what torch raises.

    `called` is what a sentence about memory names, "model fraud version 3"; the file's name where it is empty.
    With `sha256`, in lower-case hexadecimal digits, nothing is looked at before the file was found to have it.
    Afterwards, operators on this thread use `intra_op_threads`. `gently` reads with a quarter of a core.
    The weights are freed, on a thread of low priority, when the last tensor that sees them goes.
    """
    try:
        model_file = ModelFile(file.fileno())
        _check_memory(called or file.name, model_file.weights_bytes)
        parts = model_file.read(digest=sha256 is not None, gently=gently)
        _check_digest(file, parts.sha256, sha256)
        skeleton, storages = parts.unpack()
        if skeleton is None or not _HAS_SHORT_WAY:
            storages.clear()
            # The file's bytes, and the weights that torch makes of them.
            _check_memory(called or file.name, 2 * os.fstat(file.fileno()).st_size)
            return _load_whole(file, model_file, sha256, gently)
    except DamagedModelFile as error:
        raise _not_loaded(file, error) from error
    with _one_thread(intra_op_threads):
        return _assemble(skeleton, storages)


def freeze(module: torch.jit.ScriptModule, intra_op_threads: int = 1) -> torch.jit.ScriptModule:
    """The module for inference alone, its weights constants of its code and not copied. Raises what torch raises.

    One with hooks is not frozen, which would leave them out. Afterwards, operators on this thread use
    `intra_op_threads`.
    """
    with _one_thread(intra_op_threads):
        module = module.eval()
        frozen: torch.jit.ScriptModule = module if has_hooks(module) else torch.jit.freeze(module)
    return frozen


def has_hooks(module: torch.jit.ScriptModule) -> bool:
    """Whether something of its own runs before or after its `forward`. Hooks of modules inside are a part of that."""
    return bool(module._forward_pre_hooks or module._forward_hooks)  # noqa: SLF001 - there is no other way to ask


@contextmanager
def _one_thread(intra_op_threads: int) -> Iterator[None]:
    """Operators of torch on this thread alone, and chances for other threads before and after."""
    # Freezing compares each constant with those of its size, and the interpreter's lock is held meanwhile. With more
    # than one thread to each comparison, on busy cores, 70 layers were seen to take seconds instead of 10 ms.
    torch.set_num_threads(1)
    _give_way()
    try:
        yield
    finally:
        _give_way()
        # In MKL the number is one for the whole process, so that it must become again what models run with.
        torch.set_num_threads(intra_op_threads)


def _assemble(skeleton: bytes, storages: list[tuple[str, Any]]) -> torch.jit.ScriptModule:
    shared = _torch_c.DeserializationStorageContext()
    for number, (key, memory) in enumerate(storages):
        shared.add_storage(key, _from_dlpack(memory))
        if number % _STORAGES_AT_A_TIME == 0:
            _give_way()
    reader = _torch_c.PyTorchFileReader(io.BytesIO(skeleton))
    _give_way()
    module = _torch_c._import_ir_module_from_package(  # noqa: SLF001 - as above
        _torch_c.CompilationUnit(), reader, shared, torch.device("cpu"), _PICKLES
    )
    _give_way()
    wrap: Any = torch.jit._recursive.wrap_cpp_module  # noqa: SLF001 - torch.jit.load ends with it
    loaded: torch.jit.ScriptModule = wrap(module)
    return loaded


def _load_whole(
    file: BinaryIO, model_file: ModelFile, sha256: str | None, gently: bool
) -> torch.jit.ScriptModule:
    """By `torch.jit.load`, for files that have what the short way does not take; from the bytes that were hashed."""
    whole, digest = model_file.read_whole(gently=gently)
    _check_digest(file, digest, sha256)
    loaded: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(whole), map_location="cpu")
    return loaded


def _check_memory(called: str, needed_bytes: int) -> None:
    memory_limit.check(called, needed_bytes, soon_free_bytes=reclaiming_bytes())


def _check_digest(file: BinaryIO, found: str | None, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise ModelLoadError(f"{file.name} does not load: its SHA-256 is {found}, but {expected} is expected")


def _not_loaded(file: BinaryIO, error: DamagedModelFile) -> ModelLoadError:
    return ModelLoadError(f"{file.name} does not load: {error}")


def _give_way() -> None:
    """Lets go of the interpreter's lock, so that who waits for it need not wait out the switch interval."""
    time.sleep(0)
