"""A module is the one that torch.jit.load makes of the file: state, aliases and outputs, to the bit."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from penstock import runtime, torchscript
from penstock._fastpath import ModelFile
from tests.loading import archives, modules

# What says nothing of the module: an identity of the save, and where in the source a line stood.
_NOT_STATE = (".data/serialization_id", ".debug_pkl")


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        # Of TorchScript itself, of CSR tensors, of quantized ones: torch's opinion of its own parts.
        warnings.simplefilter("ignore")
        yield


def by_us(path: Path) -> torch.jit.ScriptModule:
    with path.open("rb") as file:
        return torchscript.load(file)


def by_torch(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(path, map_location="cpu")


def state(module: torch.jit.ScriptModule) -> dict[str, bytes]:
    """As saved: storages, and pickles that tell of every tensor's storage, offset, sizes, strides and aliases."""
    parts = archives.entries(modules.file_of(module))
    return {name: content for name, content in parts.items() if not name.endswith(_NOT_STATE)}


def bits(outputs: object) -> Any:
    if isinstance(outputs, torch.Tensor):
        # numpy has no bfloat16; any other datatype is taken as it is.
        exact = outputs.float() if outputs.dtype is torch.bfloat16 else outputs
        return outputs.dtype, outputs.shape, exact.detach().contiguous().numpy().tobytes()
    assert isinstance(outputs, list | tuple)
    return [bits(each) for each in outputs]


def run(module: Callable[..., object]) -> Any:
    with torch.inference_mode():
        return bits(module(modules.row()))


def same(path: Path) -> None:
    ours, torchs = by_us(path), by_torch(path)
    assert ours.original_name == torchs.original_name
    assert state(ours) == state(torchs)
    assert run(ours) == run(torchs)
    assert [
        (name, each.requires_grad, each.dtype, each.stride()) for name, each in ours.named_parameters()
    ] == [(name, each.requires_grad, each.dtype, each.stride()) for name, each in torchs.named_parameters()]


@pytest.mark.parametrize("name", modules.ALL)
def test_every_kind_of_module_is_the_same(name: str, tmp_path: Path) -> None:
    same(archives.put(tmp_path, modules.saved(name)))


@pytest.mark.parametrize("name", modules.ALL)
def test_frozen_it_gives_the_same(name: str, tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved(name))
    outcomes = []
    for module in (by_us(path), by_torch(path)):
        try:
            frozen = torch.jit.freeze(module.eval())
        except RuntimeError as error:
            # torch freezes no module whose attributes overlap.
            outcomes.append(str(error).splitlines()[0][:40])
        else:
            outcomes.append(run(frozen))
    assert outcomes[0] == outcomes[1]


def test_hooks_of_the_outermost_module_run_although_freezing_leaves_them_out(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("hooked"))
    assert run(torch.jit.freeze(by_torch(path).eval())) != run(by_torch(path))
    with path.open("rb") as file:
        assert run(runtime.load_torchscript(file)) == run(by_torch(path))


@pytest.mark.parametrize("name", ["large", "views", "constants", "quantized_linear"])
def test_archives_of_other_writers_are_the_same(name: str, tmp_path: Path) -> None:
    parts = archives.entries(modules.saved(name))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        same(archives.put(tmp_path, archives.written(parts, method)))


def test_entries_may_lie_in_any_order_and_have_strangers_between(tmp_path: Path) -> None:
    parts = archives.entries(modules.saved("constants"))
    shuffled = {name: parts[name] for name in sorted(parts, key=lambda name: name[::-1])}
    same(archives.put(tmp_path, archives.written(shuffled | {"extra/labels.txt": b"a\nb\n"})))


def test_tensors_of_other_devices_come_to_the_cpu(tmp_path: Path) -> None:
    def to_cuda(pickle: bytes) -> bytes:
        return pickle.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")

    path = archives.put(tmp_path, archives.changed(modules.saved("large"), "data.pkl", to_cuda))
    same(path)
    assert {each.device.type for each in by_us(path).parameters()} == {"cpu"}


def test_views_still_see_what_is_written_to_the_storage(tmp_path: Path) -> None:
    module = by_us(archives.put(tmp_path, modules.saved("views")))
    module.base.fill_(5)
    assert bool((module.tail == 5).all())
    assert bool((module.every_other == 5).all())
    assert module.turned.data_ptr() == module.base.data_ptr()


def test_a_constant_and_a_weight_of_the_same_number_are_not_confused(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("constants"))
    names = archives.entries(path.read_bytes())
    assert {"data/0", "constants/0"} <= set(names)
    assert run(by_us(path)) == run(by_torch(path))


def test_freezing_copies_no_weight(tmp_path: Path) -> None:
    module = by_us(archives.put(tmp_path, modules.saved("large"))).eval()
    places = {each.data_ptr() for each in module.parameters() if each.numel() > 16_000}
    frozen = torch.jit.freeze(module)
    constants = (node.t("value") for node in frozen.graph.findAllNodes("prim::Constant") if _is_tensor(node))
    assert places <= {each.data_ptr() for each in constants}


def _is_tensor(node: Any) -> bool:
    return node.hasAttribute("value") and node.kindOf("value") == "t"


def test_weights_are_aligned_as_torch_aligns_its_own(tmp_path: Path) -> None:
    module = by_us(archives.put(tmp_path, modules.saved("recurrent")))
    assert {each.untyped_storage().data_ptr() % 64 for each in module.parameters()} == {0}


def test_weights_live_as_long_as_a_tensor_that_sees_them(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("large"))
    expected = by_torch(path).state_dict()["0.weight"].detach().clone()
    weight = by_us(path).state_dict()["0.weight"]
    by_us(path)
    assert torch.equal(weight, expected)


@pytest.mark.parametrize("entry", ["byteorder", "constants.pkl"])
def test_what_the_short_way_does_not_take_goes_the_long_way(entry: str, tmp_path: Path) -> None:
    replacement = {
        "byteorder": b"big",
        # A protocol that torch reads and does not write: an opcode that is passed over.
        "constants.pkl": b"\x80\x02)0).",
    }[entry]
    file = archives.changed(modules.saved("large"), entry, lambda _: replacement)
    path = archives.put(tmp_path, file)
    try:
        by_torch(path)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            by_us(path)
    else:
        same(path)


def test_the_long_way_is_taken_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archives.put(tmp_path, archives.changed(modules.saved("large"), "byteorder", lambda _: b"big"))
    read = []
    load = torch.jit.load

    def seen(source: io.BytesIO, **options: Any) -> torch.jit.ScriptModule:
        read.append(source.getvalue())
        return load(source, **options)

    monkeypatch.setattr(torch.jit, "load", seen)
    by_us(path)
    assert read == [path.read_bytes()]


def test_weights_are_counted_by_the_directory_alone(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("large"))
    weights = sum(each.numel() * each.element_size() for each in by_torch(path).parameters())
    with path.open("rb") as file:
        counted = torchscript.weights_bytes(file)
        assert counted == ModelFile(file.fileno()).weights_bytes
    assert weights <= counted <= weights + 10_000


def test_a_torch_without_the_short_way_loads_by_the_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchscript, "_HAS_SHORT_WAY", False)
    same(archives.put(tmp_path, modules.saved("constants")))
