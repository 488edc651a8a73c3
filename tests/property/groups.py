"""hypothesis strategies: which input a feature goes to, and the inputs that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.row_features import padding_inputs

if TYPE_CHECKING:
    from tests.property.models import Feature


@st.composite
def group_of(draw: st.DrawFn, feature: Feature, group: str, inputs: dict[str, dict[str, Any]]) -> str:
    """The input's name by what it takes; adds the inputs that belong to it."""
    form = feature.table.get("list", {})
    told = None
    if form.get("jagged"):
        group = f"{group}_{draw(st.sampled_from(['lists', 'more_lists']))}"
        told = divisions
    elif "max" in form and not feature.whole and draw(st.booleans()):
        group = f"{feature.table['name']}_{group}"
        told = padding_inputs
    if draw(st.integers(0, 3)) == 0:
        group = f"{group}_once"
    if told is not None and group not in inputs:
        inputs |= {table["name"]: table for table in draw(told(group))}
    return group


@st.composite
def divisions(draw: st.DrawFn, values: str) -> list[dict[str, Any]]:
    """The inputs that divide a jagged one into lists: its lengths, its offsets, or both."""
    kinds = draw(st.lists(st.sampled_from(["offsets", "starts", "lengths"]), min_size=1, unique=True))
    tables = []
    for kind in kinds:
        table: dict[str, Any] = {
            "name": f"{kind}_of_{values}",
            "datatype": draw(st.sampled_from(["INT64", "INT32"])),
            "lengths_of" if kind == "lengths" else "offsets_of": values,
        }
        if kind == "starts" or (kind == "offsets" and draw(st.booleans())):
            table["include_last"] = kind == "offsets"
        tables.append(table)
    return tables
