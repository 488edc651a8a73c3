"""hypothesis strategies for what a feature has beside operations on each value.

Operations that take the values of a row together, ranges, and the tensors that tell a list's padding.
"""

from typing import Any

from hypothesis import strategies as st

# What a sum of a few ids may outgrow INT32 with.
WIDE = "wide"


@st.composite
def taken_together(draw: st.DrawFn, gives: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None, str]:
    """Operations for the end, the list form that they want (None: a scalar), and what reaches the tensor then."""
    if gives in ("id", "int", "bool") and draw(st.booleans()):
        one_hot = {"size": draw(st.integers(1, 9)), "ignore_unknown": True}
        identity = {"size": 9, **draw(st.sampled_from([{"outside": "clip"}, {"default": 0}, {"default": 8}]))}
        return [{"identity": identity}, {"one_hot": one_hot}], None, "id"
    form: dict[str, Any] = {}
    if draw(st.booleans()):
        form = {"length": draw(st.integers(1, 5))}
    elif draw(st.booleans()):
        form = {"max": draw(st.integers(1, 5)), "keep": draw(st.sampled_from(["first", "last"]))}
    operation = draw(st.sampled_from(["sum", "mean", "max", "min", "length", "l2_normalize"]))
    number = gives in ("number", "bool")
    if operation == "l2_normalize":
        epsilon = draw(st.sampled_from([{}, {"epsilon": 0.0}, {"epsilon": 1.0}]))
        return [{operation: epsilon}], {"length": draw(st.integers(1, 5))}, "number"
    if operation in ("length", "sum"):
        return [{operation: {}}], form, "id" if operation == "length" else "number" if number else WIDE
    empty = draw(st.sampled_from([{}, {"empty": -1}, {"empty": 7.0}]))
    return [{operation: empty}], form, "number" if number or operation == "mean" else gives


@st.composite
def hashed_texts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Operations on texts as sent, and the list form that they want."""
    form = draw(st.sampled_from([None, {}, {"max": 3}, {"max": 2, "keep": "first"}, {"length": 2}]))
    if form is not None and draw(st.integers(0, 3)) == 0:
        return [{"length": {}}], form
    arguments: dict[str, Any] = {"columns": draw(st.integers(1, 7))}
    if draw(st.booleans()):
        arguments["alternate_sign"] = draw(st.booleans())
    return [{"feature_hasher": arguments}], form


@st.composite
def ranges(draw: st.DrawFn, table: dict[str, Any], values: st.SearchStrategy[Any]) -> dict[str, Any] | None:
    """A range between two of the feature's own values that refuses none, for a table with all its other keys."""
    form = table.get("list")
    any_length = form is not None and "length" not in form
    policies = ["missing"] if any_length or table.get("missing", "error") != "error" else []
    if any_length:
        policies.append("drop")
    pair = draw(st.lists(values.filter(lambda value: abs(value) < 2**70), min_size=2, max_size=2))
    bounds: dict[str, Any] = {
        "min": min(pair),
        "max": max(pair),
        "outside": draw(st.sampled_from(["clip", *policies])),
    }
    if table["type"] == "float":
        bounds["nan"] = draw(st.sampled_from(["pass", *policies]))
    return bounds


@st.composite
def padding_inputs(draw: st.DrawFn, of: str) -> list[dict[str, Any]]:
    """The tensors beside the padded list in the input `of`."""
    lengths = {
        "name": f"{of}_lengths",
        "datatype": draw(st.sampled_from(["INT64", "INT32"])),
        "lengths_of": of,
    }
    mask = {
        "name": f"{of}_mask",
        "datatype": draw(st.sampled_from(["BOOL", "FP32", "INT64", "BF16"])),
        "mask_of": of,
    }
    return draw(st.sampled_from([[lengths], [mask], [mask, lengths]]))
