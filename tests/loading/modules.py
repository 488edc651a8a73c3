"""Modules with every kind of state that a TorchScript file can have, each with an input for it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Optional, Tuple  # noqa: UP035 - TorchScript knows it by this name

import torch
from torch import nn

ROWS = 3


class Tied(nn.Module):
    """One weight under two names, and a bias that is a row of another's storage."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.second = nn.Linear(16, 16)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


class Views(nn.Module):
    """Tensors that see one storage in different ways: shifted, transposed, every other, repeated, reversed sizes."""

    def __init__(self) -> None:
        super().__init__()
        base = torch.randn(40, 16)
        self.register_buffer("base", base)
        self.register_buffer("tail", base[7:])
        self.register_buffer("turned", base.t())
        self.register_buffer("every_other", base[::2, 1::3])
        self.register_buffer("repeated", torch.randn(16).expand(5, 16))
        self.register_buffer("point", base[3, 4])
        self.register_buffer("nothing", torch.empty(0, 4))
        self.register_buffer("alone", torch.randn(8, 8)[2:4, 1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums = self.tail.sum() + self.turned.sum() + self.every_other.sum() + self.repeated.sum()
        return x @ self.base.t() + sums + self.point + self.nothing.sum() + self.alone.sum()


class Datatypes(nn.Module):
    """A buffer of each datatype."""

    def __init__(self) -> None:
        super().__init__()
        values = torch.arange(24).reshape(4, 6)
        self.register_buffer("as_half", values.half())
        self.register_buffer("as_bf16", values.bfloat16())
        self.register_buffer("as_double", values.double() / 3)
        self.register_buffer("as_int8", values.to(torch.int8))
        self.register_buffer("as_uint8", values.to(torch.uint8))
        self.register_buffer("as_int16", values.to(torch.int16))
        self.register_buffer("as_int32", values.to(torch.int32))
        self.register_buffer("as_int64", values)
        self.register_buffer("as_bool", values > 3)
        self.register_buffer("as_complex64", torch.complex(values.float(), -values.float()))
        self.register_buffer("as_complex128", torch.complex(values.double(), -values.double()))
        self.register_buffer("as_odd", torch.tensor([float("nan"), float("-inf"), -0.0]))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        whole = [self.as_int8, self.as_uint8, self.as_int16, self.as_int32, self.as_int64, self.as_bool]
        real = [
            self.as_half,
            self.as_bf16,
            self.as_double,
            self.as_odd,
            self.as_complex64.real,
            self.as_complex128.imag,
        ]
        return [(each + 1).to(torch.float64) * x.sum() for each in whole] + [each * 2 for each in real]


class Containers(nn.Module):
    """Tensors in lists, dicts, tuples and optionals, and modules in each kind of container."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 16), nn.Sequential(nn.Linear(16, 16), nn.ReLU())])
        self.named = nn.ModuleDict({"first": nn.Linear(16, 16), "last": nn.Linear(16, 2)})
        shared = torch.randn(16)
        self.listed: list[torch.Tensor] = [shared, shared[3:], torch.randn(2)]
        self.mapped: dict[str, torch.Tensor] = {"a": torch.randn(2), "b": shared}
        self.paired: tuple[torch.Tensor, int] = (torch.randn(2), 7)
        # TorchScript does not read annotations that are text.
        self.maybe = torch.jit.Attribute(torch.randn(1), Optional[torch.Tensor])  # noqa: UP045 - as it reads
        self.numbers: list[float] = [0.5, 1.5]
        self.text = "0"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.named["first"](x)
        for layer in self.layers:
            x = layer(x)
        x = self.named["last"](x + self.listed[0] * self.mapped["b"])
        maybe = self.maybe
        if maybe is not None:
            x = x + maybe
        return x + self.listed[2] * self.paired[0] * self.mapped["a"] + self.numbers[1] + len(self.text)


class Constants(nn.Module):
    """Tensors that tracing bakes into the code, small and large, one a view of another's storage."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)
        self.table = torch.randn(300, 16)
        self.last = self.table[200:].t()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) @ self.table.t() + (x @ self.last).sum() + torch.tensor([2.0])


class SetState(nn.Module):
    """Restores itself by code of its own, which looks at its tensors while the file is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(16, 16)
        self.total = self.weight.sum()
        self.training = False

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0] * 2
        self.total = self.weight.sum()
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight + self.total


class Recurrent(nn.Module):
    """Weights that a list of the module's own holds a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(16, 32, num_layers=2, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)[0]


class Sparse(nn.Module):
    """Weights of which few are there, in coordinates and in compressed rows."""

    def __init__(self) -> None:
        super().__init__()
        dense = torch.randn(16, 16).relu()
        self.register_buffer("coordinates", dense.to_sparse().coalesce())
        self.register_buffer("rows", dense.to_sparse_csr())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.coordinates @ x.t()).t() + (self.rows @ x.t()).t()


class QuantizedTensor(nn.Module):
    """Eight bits a weight, with a scale for all and one for each row."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn(16, 16)
        self.whole = torch.quantize_per_tensor(weight, 0.05, 3, torch.quint8)
        scales, zeros = torch.rand(16).double() + 0.01, torch.zeros(16, dtype=torch.int64)
        self.rows = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.whole.dequantize() + x @ self.rows.dequantize()


def convolutions() -> nn.Module:
    layers = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()
    )
    layers(torch.randn(4, 16))  # so that its means are not those of the beginning
    return layers


def embeddings() -> nn.Module:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.items = nn.EmbeddingBag(500, 64, mode="mean")
            self.users = nn.Embedding(300, 64, padding_idx=0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            ids = (x.abs() * 100).long() % 300
            return self.items(ids) + self.users(ids).sum(1)

    return Bag()


def quantized_linear() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(16, 400), nn.ReLU(), nn.Linear(400, 2)), {nn.Linear}, dtype=torch.qint8
        )


class Hooked(nn.Module):
    """Something runs before the outermost `forward` and something after it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(16, 4)
        self.register_forward_pre_hook(_doubled)
        self.register_forward_hook(_halved)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def _doubled(_module: nn.Module, inputs: Tuple[torch.Tensor]) -> Tuple[torch.Tensor]:  # noqa: UP006 - TorchScript knows it by this name
    return (inputs[0] * 2,)


def _halved(_module: nn.Module, inputs: Tuple[torch.Tensor], outputs: torch.Tensor) -> torch.Tensor:  # noqa: UP006 - as above
    return outputs / 2 + 100


SCRIPTED: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(16, 4),
    "large": lambda: nn.Sequential(nn.Linear(16, 4000), nn.ReLU(), nn.Linear(4000, 3)),
    "convolutions": convolutions,
    "embeddings": embeddings,
    "tied": Tied,
    "views": Views,
    "datatypes": Datatypes,
    "containers": Containers,
    "set_state": SetState,
    "sparse": Sparse,
    "quantized_tensor": QuantizedTensor,
    "quantized_linear": quantized_linear,
    "recurrent": Recurrent,
    "hooked": Hooked,
    "nothing": nn.Identity,
}
TRACED: dict[str, Callable[[], nn.Module]] = {
    "constants": Constants,
    "traced_linear": lambda: nn.Linear(16, 4),
}
ALL = (*SCRIPTED, *TRACED)


def row() -> torch.Tensor:
    return torch.randn(ROWS, 16, generator=torch.Generator().manual_seed(1))


def saved(name: str) -> bytes:
    """The file of one of the modules, the same each time."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        # torch says of `script`, `trace` and `save` that `torch.export` is to be preferred, and that CSR is in beta.
        warnings.simplefilter("ignore")
        if name in SCRIPTED:
            module = torch.jit.script(SCRIPTED[name]().eval())
        else:
            module = torch.jit.trace(TRACED[name]().eval(), row())
        return file_of(module)


def file_of(module: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(module, buffer)
    return buffer.getvalue()
