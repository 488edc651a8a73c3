"""The rows of a case as the HTTP port takes them: JSON, floats with all the bits that a double has."""

import base64
import json
import math
from typing import Any

from tests.property.models import Case


def as_json(case: Case) -> bytes:
    """Features of the context once; a missing value is left out."""
    rows = [_object(case, {name for name in row if name not in case.context}, row) for row in case.rows]
    document: dict[str, Any] = {"rows": rows}
    if case.context:
        document["context"] = _object(case, case.context, case.rows[0])
    return json.dumps(document).encode()


def _object(case: Case, names: set[str], row: dict[str, list[Any] | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        values = row[name]
        if values is not None:
            sent = [_value(case.types[name], value) for value in values]
            found[name] = sent[0] if len(sent) == 1 else sent
    return found


def _value(type_: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if type_ == "float" and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # What numpy made of it json does not write.
    return float(value) if type_ == "float" else value if isinstance(value, str | bool) else int(value)
