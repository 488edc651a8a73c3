"""The door benchmark itself: a short run gives figures, and aims are judged by them. Nothing here is a measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import load, native, open_loop
from bench.doors import readme, servers
from bench.doors.aims import AIMS
from bench.doors.cases import CROWD, FAST, FLOOR, GRPCIO, LABELS, MANY, PLAIN, PREDICT
from bench.doors.figures import Memory, Results, Round
from bench.doors.report import report, summary
from bench.doors.run import Plan, measure

_BUILD = "(cargo build --release -p bench-native)"
needs_floor = pytest.mark.skipif(not native.is_built("floor"), reason=f"the floor is not built {_BUILD}")
needs_open_loop = pytest.mark.skipif(
    not native.is_built("floor", "openloop"), reason=f"bench/native is not built {_BUILD}"
)
needs_h2load = pytest.mark.skipif(
    not load.is_installed(), reason="h2load is not installed (Debian: apt install nghttp2-client)"
)


def _round(cpu_us: float) -> Round:
    return Round(
        cpu_us=cpu_us,
        requests_per_s=1e6 / cpu_us,
        rows_per_s=1e6 / cpu_us,
        p50_us=None,
        p99_us=None,
        rows_a_batch=None,
        others_cores=0.0,
        requests=1_000,
        samples=1,
    )


def _results() -> Results:
    results = Results()
    results.rounds[CROWD.name, FLOOR] = [_round(2.0), _round(3.0), _round(2.5)]
    results.rounds[CROWD.name, GRPCIO] = [_round(4.0), _round(5.1), _round(4.0)]
    results.rounds[CROWD.name, PLAIN] = [_round(100.0), _round(102.0), _round(104.0)]
    return results


def test_readme_shows_the_summary_that_was_written() -> None:
    written = Path(__file__).parent / "results" / "doors_summary.md"
    assert readme.table() == written.read_text()


def test_ratios_are_taken_round_by_round_and_their_median_is_judged() -> None:
    floor, plain = AIMS[0], AIMS[1]
    assert floor.verdict(_results(), GRPCIO) == "1.70 (1.60 … 2.00) × floor: met"
    assert plain.verdict(_results(), GRPCIO) == "25 (20 … 26) times less: **missed**"


def test_what_was_not_measured_is_not_judged() -> None:
    assert {aim.verdict(Results(), GRPCIO) for aim in AIMS} == {"not measured"}


def test_memory_with_too_few_calls_in_flight_is_not_judged() -> None:
    (aim,) = (aim for aim in AIMS if aim.must.startswith("≤ 150 MB"))
    results = Results()
    results.memory[GRPCIO] = Memory(100.0, in_flight=9_950, failed=0, growth_mb=0.0, growth_requests=1)
    assert aim.verdict(results, GRPCIO) == "100 MB: met"
    results.memory[GRPCIO] = Memory(100.0, in_flight=5_000, failed=0, growth_mb=0.0, growth_requests=1)
    assert aim.verdict(results, GRPCIO) == "not measured"


@needs_h2load
@needs_floor
def test_a_short_run_measures_every_server_and_reads_answers(tmp_path: Path) -> None:
    names = [FLOOR, FAST, PLAIN]
    plan = Plan(
        parts=[MANY.name, PREDICT.name],
        servers=names,
        rounds=1,
        requests=1_000,
        seconds=0.1,
        growth_requests=None,
        flags=[],
    )
    results = measure(plan, tmp_path)
    assert list(results.rounds) == [(MANY.name, name) for name in names] + [
        (PREDICT.name, name) for name in (FLOOR, FAST)
    ]
    assert all(one.requests_per_s > 0 for rounds in results.rounds.values() for one in rounds)
    assert results.missing == []
    text = report({"machine": "m", "commit": "c", "command": "d"}, results)
    assert all(LABELS[name] in text for name in names)
    assert LABELS[FAST] in summary({}, results)


# A generator that is older than its sources is built first.
@pytest.mark.timeout(900)
@needs_open_loop
def test_an_open_loop_sends_what_its_schedule_says_and_counts_wrong_answers(tmp_path: Path) -> None:
    with servers.floor(35) as floor:

        def run(answer_bytes: int) -> open_loop.OpenLoopResult:
            schedule = open_loop.Schedule(
                floor.address, "/x/y", b"hello", answer_bytes, rate=400.0, duration_s=0.5, warm_up_s=0.0
            )
            return open_loop.run(schedule, tmp_path)

        right, wrong = run(35), run(36)
    assert (right.sent, right.errors) == (200, {})
    assert 0 < right.p50_us <= right.p99_us <= right.p999_us <= right.max_us
    assert (wrong.sent, wrong.errors) == (200, {"an answer of 40 bytes": 200})
