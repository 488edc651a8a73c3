"""Request parameters that ask for what is not served, or hold what they cannot."""

from collections.abc import Callable
from typing import Any

from tests.contract.faults.fault import LATE, infer
from tests.contract.good_requests import pair

_KIND = "but a float came"

# Of each parameter that means something: a value that is refused, and what the refusal says.
_REFUSED: dict[str, list[tuple[str, Any, str]]] = {
    "timeout": [
        ("int64_param", -1, "a whole number of 0 or more, but a negative number came"),
        ("string_param", "5", "but text came"),
        ("double_param", 5.0, _KIND),
    ],
    "priority": [
        ("uint64_param", 1, "in the order in which they come"),
        ("int64_param", 2, "in the order in which they come"),
        ("double_param", 1.0, _KIND),
    ],
    "sequence_id": [
        ("int64_param", 7, "every request stands alone"),
        ("uint64_param", 7, "every request stands alone"),
        ("string_param", "s", "every request stands alone"),
        ("bool_param", True, "a whole number or text, but a boolean came"),
    ],
    "sequence_start": [
        ("bool_param", True, "every request stands alone"),
        ("int64_param", 1, "but a whole number came"),
    ],
    "sequence_end": [
        ("bool_param", True, "every request stands alone"),
        ("string_param", "true", "but text came"),
    ],
}


def _declare(name: str, kind: str, value: Any, words: str) -> None:
    def request() -> Any:
        made = pair()
        setattr(made.parameters[name], kind, value)
        return made

    request.__name__ = f"{name}_of_{kind}"
    infer(24, words, f"parameters.{name}", field=f"parameters.{name}")(request)


for _name, _cases in _REFUSED.items():
    for _case in _cases:
        _declare(_name, *_case)


def _late(kind: str) -> Callable[[], Any]:
    def request() -> Any:
        made = pair()
        setattr(made.parameters["timeout"], kind, 1)
        return made

    request.__name__ = f"timeout_of_a_microsecond_as_{kind}"
    return request


for _kind in ("int64_param", "uint64_param"):
    infer(24, code=LATE)(_late(_kind))


@infer(24, "whole output", field="outputs.sum.parameters.classification")
def classification() -> Any:
    request = pair()
    request.outputs.add(name="sum").parameters["classification"].int64_param = 3
    return request


@infer(21, field="parameters")
def parameter_not_utf8() -> bytes:
    return bytes(pair().SerializeToString()) + b"\x22\x08\x0a\x01p\x12\x03\x1a\x01\xff"


@infer(19, "inputs.parameters", field="inputs.parameters")
def parameters_of_an_input_by_the_thousand() -> Any:
    request = pair()
    for at in range(5000):
        request.inputs[0].parameters[f"p{at}"].int64_param = at
    return request
