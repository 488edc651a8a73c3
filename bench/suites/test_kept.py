"""Results that are kept are small, are read again by pytest-benchmark, and are as many as it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.suites import kept


def _result(minute: int) -> dict[str, Any]:
    stats = {"min": 1.23456789e-5, "mean": 1.5e-5, "rounds": 5, "data": [1.0] * 5, "ops": 66_666.66666}
    benchmark = {
        "fullname": "bench/suites/test_a.py::test_a[x]",
        "params": {"x": 1},
        "options": {"timer": "server CPU a request", "min_rounds": 5},
        "stats": stats,
    }
    return {
        "machine_info": {},
        "commit_info": {"id": "abc", "time": "t", "dirty": False, "branch": "main"},
        "benchmarks": [benchmark],
        "datetime": f"2026-01-01T00:{minute:02}:00+00:00",
    }


def test_a_result_is_shortened_to_what_is_compared() -> None:
    result = _result(0)
    kept.shorten(result)
    (benchmark,) = result["benchmarks"]
    assert benchmark["stats"] == {"min": 1.2346e-5, "mean": 1.5e-5, "rounds": 5, "ops": 66_667.0}
    assert benchmark["options"] == {"timer": "server CPU a request"}
    assert result["commit_info"] == {"id": "abc", "time": "t", "dirty": False}


def test_the_newest_of_a_machine_are_kept(tmp_path: Path) -> None:
    files = [
        kept.keep(_result(minute), "a-2-cores", f"{minute:07x}", tmp_path)
        for minute in range(kept.MOST_FILES + 3)
    ]
    assert sorted((tmp_path / "a-2-cores").iterdir()) == files[3:]
    assert json.loads(files[-1].read_text())["benchmarks"][0]["stats"]["rounds"] == 5


def test_a_result_that_is_too_large_is_refused_and_nothing_written(tmp_path: Path) -> None:
    large = _result(0) | {"benchmarks": ["x" * kept.MOST_BYTES]}
    with pytest.raises(ValueError, match=r"the result has 60,\d+ bytes, allowed: 60,000"):
        kept.keep(large, "a-2-cores", "abc", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("AMD EPYC", "amd-epyc-2-cores"),
        ("Intel(R) Xeon(R) Processor", "intel-xeon-2-cores"),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "intel-xeon-e5-2680-v4-2-cores"),
    ],
)
def test_a_machine_is_named_for_its_processor(model: str, name: str) -> None:
    assert kept.machine_name(model, 2) == name
