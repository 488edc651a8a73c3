"""The rows of a case as a ModelInferRequest: one tensor a feature.

A tensor has a value for every row, or is not there; its lists are all of one length.
"""

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from penstock.pb import inference_pb2 as oip
from tests.contract.tensors import DTYPES, bytes_elements
from tests.property.models import Case


def make_rectangular(draw: st.DrawFn, case: Case) -> None:
    """Changes the rows so that every feature is in all rows or in none, and lists are equally long."""
    for name in case.types:
        sent = [row[name] for row in case.rows]
        present = [values for values in sent if values is not None]
        if not present or (len(present) < len(sent) and draw(st.booleans())):
            filled: list[Any] = [None] * len(sent)
        else:
            shortest = min(map(len, present))
            filled = [(values or present[0])[:shortest] for values in sent]
        for row, values in zip(case.rows, filled, strict=True):
            row[name] = values
    assume(any(values is not None for name, values in case.rows[0].items() if name not in case.context))


def as_tensors(draw: st.DrawFn, case: Case, *, wide: bool = False) -> oip.ModelInferRequest:
    """The whole of every row, the context's features too. `wide`: floats have 64 bits."""
    request = oip.ModelInferRequest(model_name="model")
    names = draw(st.permutations([name for name in case.types if case.rows[0][name] is not None]))
    for name in names:
        values = [row[name] for row in case.rows]
        length = len(values[0] or ())
        flat = [value for row in values for value in row or ()]
        datatype = draw(st.sampled_from(_datatypes(case.types[name], flat, wide=wide)))
        scalar = name not in case.lists and draw(st.booleans())
        tensor = request.inputs.add(name=name, datatype=datatype)
        tensor.shape.extend([len(values)] if scalar else [len(values), length])
        if datatype == "BYTES":
            texts = (value.encode() if isinstance(value, str) else value for value in flat)
            request.raw_input_contents.append(bytes_elements(texts))
        else:
            request.raw_input_contents.append(np.array(flat, DTYPES[datatype]).tobytes())
    return request


def _datatypes(type_: str, flat: list[Any], *, wide: bool) -> list[str]:
    if type_ == "float":
        return ["FP64"] if wide else ["FP32", "FP64"]
    if type_ in ("string", "bytes"):
        return ["BYTES"]
    if type_ == "bool":
        return ["BOOL"]
    narrow = all(-(2**31) <= value < 2**31 for value in flat)
    return ["INT64", "INT32"] if narrow else ["INT64"]
