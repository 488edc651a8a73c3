"""What every operation gives at its edges, written down: zeros, NaN, infinities, extremes, ties, boundaries, nothing.

Results are those of an FP64 or INT64 input, to the bit and the sign of zero.
"""

import re
from typing import Any

import numpy as np
import pytest

from penstock._fastpath import RequestError
from tests.operations.one_feature import transformed
from tests.operations.strategies import SAMPLES

NAN, INF = float("nan"), float("inf")
LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324
# Where scikit-learn cuts normal deviates off.
LOW, HIGH = -5.199337582605575, 5.19933758270342
LEAP_DAY, NEW_YEAR, SUNDAY = (
    1_709_164_800,
    1_704_067_200,
    1_709_424_000,
)  # 2024: 29 February, 1 January, 3 March

Q = {"quantile": {"quantiles": [0.0, 1.0, 1.0, 3.0]}}
NORMAL = {"quantile": {"quantiles": [0.0, 1.0, 1.0, 3.0], "output": "normal"}}
HASH = {"hash": {"buckets": 10}}
VOCAB = {"vocab": {"values": ["a", ""], "oov_buckets": 1}}

# operation, then value → result
FLOATS: list[tuple[dict[str, Any], list[tuple[float, float]]]] = [
    (
        {"clip": {"min": -1.0, "max": 2.0}},
        [
            (-1.0, -1.0),
            (2.0, 2.0),
            (-INF, -1.0),
            (INF, 2.0),
            (NAN, NAN),
            (-0.0, -0.0),
            (SMALLEST, SMALLEST),
            (LARGEST, 2.0),
        ],
    ),
    ({"clip": {"min": 0.0}}, [(INF, INF), (-SMALLEST, 0.0), (NAN, NAN)]),
    (
        {"log1p": {}},
        [
            (0.0, 0.0),
            (-0.0, -0.0),
            (-1.0, -INF),
            (-1.0000000000000002, NAN),
            (INF, INF),
            (-INF, NAN),
            (NAN, NAN),
            (SMALLEST, SMALLEST),
        ],
    ),
    (
        {"signed_log": {}},
        [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (-SMALLEST, -SMALLEST)],
    ),
    (
        {"scale": {"mul": 2.0, "add": 0.0}},
        [(LARGEST, INF), (-LARGEST, -INF), (SMALLEST, 1e-323), (NAN, NAN), (INF, INF)],
    ),
    ({"scale": {"mul": 0.0, "add": 1.0}}, [(INF, NAN), (-0.0, 1.0), (LARGEST, 1.0)]),
    (
        {"standardize": {"mean": 1.0, "std": 0.5}},
        [(1.0, 0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (LARGEST, INF)],
    ),
    (
        {"min_max": {"min": 1.0, "max": 3.0}},
        [(1.0, 0.0), (3.0, 1.0), (2.0, 0.5), (5.0, 2.0), (INF, INF), (NAN, NAN)],
    ),
    (
        {"power": {"exponent": 2.0}},
        [(-3.0, 9.0), (-0.0, 0.0), (LARGEST, INF), (SMALLEST, 0.0), (-INF, INF), (NAN, NAN)],
    ),
    (
        {"power": {"exponent": 0.5}},
        [(4.0, 2.0), (-4.0, NAN), (0.0, 0.0), (-0.0, 0.0), (INF, INF), (-INF, INF), (NAN, NAN)],
    ),
    ({"power": {"exponent": 3.0}}, [(-2.0, -8.0), (-0.0, -0.0), (-INF, -INF)]),
    ({"power": {"exponent": -1.0}}, [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-INF, -0.0), (NAN, NAN)]),
    ({"power": {"exponent": 0.0}}, [(0.0, 1.0), (INF, 1.0), (NAN, 1.0), (-7.0, 1.0)]),
    (
        {"power": {"exponent": 0.5, "signed": True}},
        [(-4.0, -2.0), (4.0, 2.0), (-0.0, -0.0), (-INF, -INF), (NAN, NAN)],
    ),
    (
        Q,
        [
            (0.0, 0.0),
            (-0.0, 0.0),
            (1.0, 0.5),
            (0.5, 1 / 6),
            (3.0, 1.0),
            (-1.0, 0.0),
            (4.0, 1.0),
            (-INF, 0.0),
            (INF, 1.0),
            (NAN, NAN),
        ],
    ),
    ({"quantile": {"quantiles": [2.0, 2.0]}}, [(2.0, 0.0), (1.0, 0.0), (3.0, 1.0)]),
    ({"quantile": {"quantiles": [0.0, 0.0, 1.0, 1.0]}}, [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)]),
    ({"quantile": {"quantiles": [-LARGEST, LARGEST]}}, [(-LARGEST, 0.0), (LARGEST, 1.0), (NAN, NAN)]),
    (
        NORMAL,
        [
            (0.0, LOW),
            (1.0, 0.0),
            (3.0, HIGH),
            (-INF, LOW),
            (INF, HIGH),
            (NAN, NAN),
            (5e-8, LOW),
            (3.0 - 5e-8, HIGH),
        ],
    ),
    (
        {"bucketize": {"boundaries": [-1.0, 0.0, 2.0]}},
        [
            (-1.0, 1),
            (-1.0000000000000002, 0),
            (0.0, 2),
            (-0.0, 2),
            (2.0, 3),
            (-INF, 0),
            (INF, 3),
            (NAN, 3),
            (-SMALLEST, 1),
        ],
    ),
    ({"bucketize": {"boundaries": [-INF, INF]}}, [(-INF, 1), (0.0, 1), (INF, 2), (NAN, 2)]),
    (
        {"cast": {"to": "int"}},
        [
            (0.9, 0),
            (-0.9, 0),
            (-0.0, 0),
            (1.9999999999999998, 1),
            (-(2.0**63), -(2**63)),
            (2.0**63 - 1024, 2**63 - 1024),
            (SMALLEST, 0),
        ],
    ),
    ({"cast": {"to": "float"}}, [(-0.0, -0.0), (NAN, NAN), (INF, INF), (LARGEST, LARGEST)]),
]
INTS: list[tuple[dict[str, Any], list[tuple[int, float]]]] = [
    (
        {"cast": {"to": "float"}},
        [(0, 0.0), (2**53 + 1, 2.0**53), (2**63 - 1, 2.0**63), (-(2**63), -(2.0**63))],
    ),
    ({"identity": {"size": 4}}, [(0, 0), (3, 3)]),
    ({"identity": {"size": 4, "outside": "clip"}}, [(-1, 0), (4, 3), (-(2**63), 0), (2**63 - 1, 3)]),
    ({"identity": {"size": 4, "default": 1}}, [(-1, 1), (4, 1), (3, 3)]),
    (
        {"table": {"values": [-0.0, NAN, INF, SMALLEST]}},
        [(0, -0.0), (1, NAN), (2, INF), (3, SMALLEST)],
    ),
    ({"offset": {"add": 5}}, [(0, 5), (-5, 0), (2**63 - 6, 2**63 - 1)]),
    ({"vocab": {"values": [-(2**63), 0], "oov_buckets": 1}}, [(-(2**63), 0), (0, 1), (1, 2)]),
]
TEXTS: list[tuple[dict[str, Any], list[tuple[str, float]]]] = [
    (VOCAB, [("a", 0), ("", 1), ("A", 2), ("a ", 2)]),
    # Fingerprint64 of nothing is 0x9ae16a3b2f90404f.
    (HASH, [("", 0x9AE16A3B2F90404F % 10)]),
    ({"hash": {"buckets": 1}}, [("", 0), ("x" * 1000, 0)]),
]
TIMES: list[tuple[dict[str, Any], list[tuple[int, float]]]] = [
    ({"hour": {}}, [(0, 0), (-1, 23), (86_399, 23), (86_400, 0), (3_599, 0), (3_600, 1)]),
    ({"weekday": {}}, [(0, 3), (-1, 2), (SUNDAY, 6), (SUNDAY - 1, 5), (SUNDAY + 86_400, 0)]),
    ({"day": {}}, [(0, 1), (-1, 31), (LEAP_DAY, 29), (LEAP_DAY + 86_400, 1), (LEAP_DAY - 1, 28)]),
    ({"month": {}}, [(0, 1), (-1, 12), (LEAP_DAY, 2), (LEAP_DAY + 86_400, 3)]),
    ({"cycle": {"period": "day", "part": "cos"}}, [(0, 1.0), (43_200, -1.0), (-86_400, 1.0)]),
    ({"cycle": {"period": "week", "part": "cos"}}, [(SUNDAY + 86_400, 1.0)]),
    ({"cycle": {"period": "year", "part": "sin"}}, [(NEW_YEAR, 0.0), (0, 0.0)]),
]
LISTS: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[list[Any], list[float]]]]] = [
    (
        "float",
        {},
        {"sum": {}},
        [
            ([], [0.0]),
            ([-0.0], [0.0]),
            ([1e16, 1.0, -1e16], [0.0]),
            ([1.0, NAN], [NAN]),
            ([INF, -INF], [NAN]),
        ],
    ),
    ("int", {}, {"sum": {}}, [([], [0]), ([2**63 - 2, 1], [2**63 - 1]), ([2**53, 1], [2**53 + 1])]),
    (
        "float",
        {},
        {"mean": {}},
        [([], [0.0]), ([1.0, 2.0], [1.5]), ([NAN], [NAN]), ([LARGEST, LARGEST], [INF])],
    ),
    ("float", {}, {"mean": {"empty": NAN}}, [([], [NAN])]),
    ("int", {"max": 2}, {"mean": {"empty": -1.0}}, [([], [-1.0]), ([9, 1, 2], [1.5])]),
    (
        "float",
        {},
        {"max": {"empty": -INF}},
        [([], [-INF]), ([1.0, INF], [INF]), ([NAN, INF], [NAN]), ([-0.0], [-0.0])],
    ),
    ("int", {}, {"max": {"empty": -1}}, [([], [-1]), ([-(2**63), 2**63 - 1], [2**63 - 1])]),
    (
        "float",
        {"max": 2, "keep": "first"},
        {"min": {}},
        [([], [0.0]), ([2.0, 1.0, -9.0], [1.0]), ([1.0, NAN], [NAN])],
    ),
    ("int", {"max": 3}, {"length": {}}, [([], [0]), ([1, 2], [2]), ([1, 2, 3, 4], [3])]),
    ("string", {}, {"length": {}}, [([], [0]), ([""], [1]), (["a", "a"], [2])]),
    (
        "float",
        {"length": 2},
        {"l2_normalize": {}},
        [
            ([3.0, 4.0], [0.6, 0.8]),
            ([0.0, -0.0], [0.0, -0.0]),
            ([1e-13, 0.0], [0.1, 0.0]),
            ([NAN, 1.0], [NAN, NAN]),
            ([INF, 1.0], [NAN, 0.0]),
        ],
    ),
    (
        "float",
        {"length": 2},
        {"l2_normalize": {"epsilon": 0.0}},
        [([0.0, 0.0], [0.0, 0.0]), ([1e-13, 0.0], [1.0, 0.0])],
    ),
    # murmur3_32 with seed 0: "a" is 1009084850, "b" -1780580861, "" is 0, as scikit-learn's murmurhash3_32 has them.
    (
        "string",
        {},
        {"feature_hasher": {"columns": 3}},
        [([], [0, 0, 0]), ([""], [1, 0, 0]), (["a"], [0, 0, 1]), (["a", "a", "b"], [0, 0, 1])],
    ),
    (
        "string",
        {},
        {"feature_hasher": {"columns": 3, "alternate_sign": False}},
        [(["a", "a", "b"], [0, 0, 3])],
    ),
    ("string", {}, {"feature_hasher": {"columns": 1}}, [(["a", "b"], [0])]),
]
HOT: list[tuple[dict[str, Any], list[tuple[int, list[int]]]]] = [
    ({"one_hot": {"size": 3}}, [(0, [1, 0, 0]), (2, [0, 0, 1])]),
    ({"one_hot": {"size": 1}}, [(0, [1])]),
    (
        {"one_hot": {"size": 2, "ignore_unknown": True}},
        [(-1, [0, 0]), (2, [0, 0]), (2**63 - 1, [0, 0]), (1, [0, 1])],
    ),
]
SCALARS = [("float", *case) for case in FLOATS] + [("int", *case) for case in INTS + HOT]
SCALARS += [("string", *case) for case in TEXTS] + [("timestamp", *case) for case in TIMES]
CASES = [(type_, None, op, table) for type_, op, table in SCALARS] + list(LISTS)


def _name(operation: dict[str, Any]) -> str:
    return next(iter(operation))


def test_every_operation_has_its_edges_written_down() -> None:
    assert {_name(operation) for _, _, operation, _ in CASES} == set(SAMPLES)


@pytest.mark.parametrize(
    ("type_", "form", "operation", "edges"),
    CASES,
    ids=[f"{_name(case[2])}-{at}" for at, case in enumerate(CASES)],
)
def test_an_edge_gives_what_is_written(
    type_: str, form: dict[str, Any] | None, operation: dict[str, Any], edges: list[tuple[Any, Any]]
) -> None:
    table = {"type": type_, "ops": [operation]} | ({} if form is None else {"list": form})
    wanted = np.array([np.atleast_1d(result) for _, result in edges])
    datatype = "FP64" if wanted.dtype == np.float64 else "INT64"
    got = transformed(table, datatype, [value for value, _ in edges])
    same = (got == wanted) & (np.signbit(got) == np.signbit(wanted)) | (np.isnan(got) & np.isnan(wanted))
    assert same.all(), f"{got.tolist()} instead of {wanted.tolist()}"


# A feature's table, the datatype of its input, a value, and what the refusal says.
REFUSALS: list[tuple[dict[str, Any], str, Any, str]] = [
    (
        {"type": "float", "ops": [{"cast": {"to": "int"}}]},
        "INT64",
        NAN,
        "is NaN, which no 64-bit integer can hold",
    ),
    ({"type": "float", "ops": [{"cast": {"to": "int"}}]}, "INT64", INF, "is inf, which"),
    ({"type": "float", "ops": [{"cast": {"to": "int"}}]}, "INT64", 2.0**63, "is 9223372036854776000, which"),
    (
        {"type": "float", "ops": [{"cast": {"to": "int"}}]},
        "INT32",
        2.0**31,
        "is 2147483648, which INT32 cannot hold",
    ),
    ({"type": "int", "ops": [{"identity": {"size": 4}}]}, "INT64", 4, "must be 0 to 3, but 4 came"),
    ({"type": "int", "ops": [{"identity": {"size": 4}}]}, "INT64", -1, "must be 0 to 3, but -1 came"),
    ({"type": "int", "ops": [{"one_hot": {"size": 4}}]}, "FP32", 4, "must be 0 to 3, but 4 came"),
    (
        {"type": "string", "ops": [{"vocab": {"values": ["a"], "oov_buckets": 0}}]},
        "INT64",
        "b",
        "not in the model's vocabulary",
    ),
    (
        {"type": "int", "list": {}, "ops": [{"sum": {}}]},
        "INT64",
        [2**63 - 1, 1],
        "adds up to more than a 64-bit integer",
    ),
    ({"type": "float", "range": {}}, "FP32", NAN, "must be a number, but NaN came"),
    ({"type": "float", "range": {}}, "FP32", INF, "but inf came"),
    ({"type": "float", "range": {"min": 0.0, "max": 1.0}}, "FP32", -5e-324, "must be 0 to 1, but -0.0"),
    ({"type": "int", "range": {"min": 1, "max": 5}}, "FP32", 6, "must be 1 to 5, but 6 came"),
    (
        {"type": "timestamp", "range": {"min": 0}},
        "INT64",
        -1,
        "must be 0 to 9223372036854775807, but -1 came",
    ),
    ({"type": "float", "list": {"max": 1}, "range": {}}, "FP32", [NAN, 1.0], "but NaN came"),
]


@pytest.mark.parametrize(("table", "datatype", "value", "sentence"), REFUSALS)
def test_what_cannot_be_taken_is_refused_with_row_and_feature_named(
    table: dict[str, Any], datatype: str, value: Any, sentence: str
) -> None:
    with pytest.raises(RequestError, match=re.escape(sentence)) as refused:
        transformed(table, datatype, [value])
    assert 'Feature "x" in row 0' in str(refused.value)


# A feature's table, value → result; FP64, one feature.
RANGES: list[tuple[dict[str, Any], list[tuple[Any, list[float]]]]] = [
    (
        {"type": "float", "range": {"min": 0.0, "max": 1.0, "outside": "clip", "nan": "pass"}},
        [
            (0.0, [0.0]),
            (-0.0, [-0.0]),
            (1.0, [1.0]),
            (1.0000000000000002, [1.0]),
            (-INF, [0.0]),
            (INF, [1.0]),
            (NAN, [NAN]),
        ],
    ),
    # The default is outside, and not judged.
    (
        {"type": "float", "missing": -9.0, "range": {"min": 0.0, "outside": "missing", "nan": "missing"}},
        [(-1.0, [-9.0]), (NAN, [-9.0]), (INF, [-9.0]), (LARGEST, [LARGEST])],
    ),
    ({"type": "float", "range": {"max": INF}}, [(INF, [INF]), (-LARGEST, [-LARGEST])]),
    (
        {"type": "int", "range": {"min": -1, "max": 1, "outside": "clip"}},
        [(-(2**63), [-1]), (2**63 - 1, [1]), (0, [0])],
    ),
    (
        {
            "type": "float",
            "list": {"max": 3, "pad": 7.0},
            "range": {"min": 0.0, "outside": "drop", "nan": "drop"},
        },
        [
            ([-1.0, 1.0, NAN, 2.0, INF], [1.0, 2.0, 7.0]),
            ([1.0, 2.0, 3.0, -1.0], [1.0, 2.0, 3.0]),
            ([], [7.0, 7.0, 7.0]),
        ],
    ),
    (
        {"type": "float", "list": {"length": 2}, "missing": [5.0, 6.0], "range": {"nan": "missing"}},
        [([1.0, NAN], [5.0, 6.0]), ([1.0, 2.0], [1.0, 2.0])],
    ),
    (
        {"type": "int", "list": {"max": 2}, "missing": [8], "range": {"min": 0, "outside": "missing"}},
        [([1, -1], [8, 0])],
    ),
]


@pytest.mark.parametrize(("table", "edges"), RANGES)
def test_a_range_does_with_values_outside_what_it_says(
    table: dict[str, Any], edges: list[tuple[Any, list[float]]]
) -> None:
    got = transformed(table, "FP64", [value for value, _ in edges])
    wanted = np.array([result for _, result in edges], np.float64)
    same = (got == wanted) & (np.signbit(got) == np.signbit(wanted)) | (np.isnan(got) & np.isnan(wanted))
    assert same.all(), f"{got.tolist()} instead of {wanted.tolist()}"
