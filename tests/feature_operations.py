"""Every operation of model.toml once, with rows that show what it does; a test holds them to the schema."""

from dataclasses import dataclass, field
from typing import Any

# 2024-02-29T13:45:30Z, a Thursday.
LEAP_S = 1_709_214_330


@dataclass(frozen=True)
class Operation:
    """`ops` of a feature named x, whose result reaches a tensor of this datatype; `last` is what it gives of a row."""

    ops: str
    kind: str
    rows: list[Any]
    last: list[list[Any]]
    datatype: str = "FP32"
    keys: str = ""
    others: dict[str, Any] = field(default_factory=dict)

    def toml(self) -> str:
        """A model of this feature alone, with a clock that ages may look at."""
        clock = '[[feature]]\nname = "clock"\ntype = "timestamp"\n' if "age" in self.ops else ""
        return (
            f'[[input]]\nname = "t"\ndatatype = "{self.datatype}"\n[[output]]\nname = "y"\ndatatype = "FP32"\n'
            f'[[feature]]\nname = "x"\ntype = "{self.kind}"\nto = "t"\n{self.keys}\nops = [{self.ops}]\n{clock}'
        )


OPERATIONS = {
    "clip": Operation(
        "{ clip = { min = 0.0, max = 2.0 } }", "float", [-1.5, 0.3, 9.0], [[0.0], [0.3], [2.0]]
    ),
    "log1p": Operation("{ log1p = {} }", "float", [0.0, 1.0], [[0.0], [0.6931471805599453]]),
    "signed_log": Operation("{ signed_log = {} }", "float", [-1.0], [[-0.6931471805599453]], "BF16"),
    "scale": Operation("{ scale = { mul = 2.0, add = 0.1 } }", "int", [3], [[6.1]], "FP16"),
    "standardize": Operation("{ standardize = { mean = 1.0, std = 4.0 } }", "float", [3.0], [[0.5]]),
    "min_max": Operation("{ min_max = { min = 1.0, max = 5.0 } }", "float", [2.0], [[0.25]]),
    "power": Operation("{ power = { exponent = 0.5, signed = true } }", "float", [-4.0], [[-2.0]], "FP64"),
    "quantile": Operation(
        "{ quantile = { quantiles = [0.0, 1.0, 3.0] } }", "float", [2.0, 5.0], [[0.75], [1.0]]
    ),
    "cast": Operation('{ cast = { to = "int" } }', "float", [-2.7], [[-2]], "INT32"),
    "bucketize": Operation(
        "{ bucketize = { boundaries = [1.0, 2.0] } }", "float", [1.0, 7.0], [[1], [2]], "INT64"
    ),
    "vocab": Operation('{ vocab = { values = ["a", "b"] } }', "string", ["b", "c"], [[1], [2]], "INT64"),
    "hash": Operation("{ hash = { buckets = 1 } }", "int", [[7, 8]], [[0, 0]], "INT64", "list = { max = 3 }"),
    "identity": Operation("{ identity = { size = 3, default = 0 } }", "int", [2, 9], [[2], [0]], "INT64"),
    "offset": Operation(
        "{ identity = { size = 3 } }, { offset = { add = 10 } }", "int", [2], [[12]], "INT64"
    ),
    "table": Operation("{ table = { values = [0.5, -1.0] } }", "int", [1, 0], [[-1.0], [0.5]]),
    "hour": Operation("{ hour = {} }", "timestamp", [LEAP_S], [[13]], "INT64"),
    "weekday": Operation("{ weekday = {} }", "timestamp", [LEAP_S], [[3]], "INT64"),
    "day": Operation("{ day = {} }", "timestamp", [LEAP_S], [[29]], "INT64"),
    "month": Operation("{ month = {} }", "timestamp", [LEAP_S], [[2]], "INT64"),
    "cycle": Operation('{ cycle = { period = "day", part = "cos" } }', "timestamp", [0], [[1.0]]),
    "age": Operation(
        '{ age = { until = "clock", unit = "h" } }', "timestamp", [0], [[0.5]], others={"clock": 1800}
    ),
    "sum": Operation(
        "{ log1p = {} }, { sum = {} }", "float", [[0.0, 0.0], []], [[0.0], [0.0]], keys="list = {}"
    ),
    "mean": Operation(
        "{ mean = { empty = 7.0 } }", "float", [[1.0, 2.0], []], [[1.5], [7.0]], keys="list = {}"
    ),
    "max": Operation(
        "{ max = {} }", "int", [[3, 1, 9]], [[3]], "INT64", 'list = { max = 2, keep = "first" }'
    ),
    "min": Operation("{ min = {} }", "int", [[3, 1, 9]], [[1]], "INT64", "list = { max = 2 }"),
    "length": Operation("{ length = {} }", "string", [["a", "b"], []], [[2], [0]], "INT64", "list = {}"),
    "l2_normalize": Operation(
        "{ l2_normalize = {} }", "float", [[3.0, 4.0]], [[0.6, 0.8]], keys="list = { length = 2 }"
    ),
    "one_hot": Operation(
        "{ one_hot = { size = 3, ignore_unknown = true } }", "int", [1, 5], [[0, 1, 0], [0, 0, 0]]
    ),
    "feature_hasher": Operation(
        "{ feature_hasher = { columns = 1, alternate_sign = false } }",
        "string",
        [["a", "b"]],
        [[2]],
        keys="list = {}",
    ),
}
