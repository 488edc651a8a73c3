"""Reports in the forms that no other program is there to compare with."""

import json
import re

import pytest

from penstock.load import formats, influx, prometheus
from penstock.load.options import Options
from penstock.load.report import Report, go_name, reported_options, timestamp
from penstock.load.summary import csv, duration, summary
from tests.prometheus_text import Metrics


class Outcome:
    """What the extension would tell of four calls, one of them refused."""

    ended = "normal"
    took_ns, count, sum_ns = 2 * 10**9, 4, 10_000_000
    fastest_ns, slowest_ns, latencies = 1_000_000, 3_000_000, 3
    answer_bytes, unsent = 30, 0
    statuses = {"OK": 3, "RESOURCE_EXHAUSTED": 1}  # noqa: RUF012 - a stand-in's
    errors = [("RESOURCE_EXHAUSTED", "too <long>, a=b", 1)]  # noqa: RUF012 - a stand-in's

    def latency_ns(self, quantile: float) -> int:
        return round(1e6 + 2e6 * quantile)

    def buckets(self, edges_ns: list[int]) -> list[int]:
        return [1, 1, *([0] * (len(edges_ns) - 3)), 1]

    def details(self) -> list[tuple[int, int, str, int]]:
        return [(5, 1_000_000, "OK", -1), (7, 4_000_000, "RESOURCE_EXHAUSTED", 0)]


class Nothing(Outcome):
    """Of a run without an answer."""

    count = sum_ns = fastest_ns = slowest_ns = latencies = 0
    statuses = {}  # noqa: RUF012 - a stand-in's
    errors = []  # noqa: RUF012 - a stand-in's

    def details(self) -> list[tuple[int, int, str, int]]:
        return []


OPTIONS = Options(
    call="a.B/C", host="h:1", name='a "name"', tags={"the-env": "x"}, load_schedule="step", load_start=5
)


def report(outcome: object = None) -> Report:
    return Report(OPTIONS, outcome or Outcome(), 10**18)  # type: ignore[arg-type]


def reported() -> dict[str, object]:
    return reported_options(OPTIONS, {"k": "v"}, None)


@pytest.mark.parametrize(
    ("code", "name"), [("OK", "OK"), ("CANCELLED", "Canceled"), ("INVALID_ARGUMENT", "InvalidArgument")]
)
def test_statuses_have_the_names_of_grpc_go(code: str, name: str) -> None:
    assert go_name(code) == name


@pytest.mark.parametrize(
    ("ns", "text"), [(9_999, "9999 ns"), (1_234_567, "1.23 ms"), (2_500_000_000, "2.50 s")]
)
def test_durations_are_told_in_the_unit_that_suits_them(ns: int, text: str) -> None:
    assert duration(ns) == text


def test_prometheus_reads_its_text_with_cumulative_buckets_and_good_labels() -> None:
    metrics = Metrics(prometheus.text(report(), reported()))
    assert metrics.types["ghz_run_histogram"] == "histogram"
    assert metrics.total("ghz_run_count", the_env="x", load_start="5") == 4
    assert metrics.total("ghz_run_errors") == 1
    buckets = [value for name, _, value in metrics.samples if name == "ghz_run_histogram_bucket"]
    assert buckets == sorted(buckets)
    assert buckets[-1] == metrics.total("ghz_run_histogram_count") == 3
    assert metrics.total("ghz_run_latency", quantile="0.99") == 2_980_000
    assert all(re.fullmatch(r"[a-zA-Z_]\w*", label) for _, labels, _ in metrics.samples for label in labels)


def test_influx_escapes_what_its_protocol_gives_a_meaning() -> None:
    line = influx.run_line(report(), reported())
    assert r'name="a\ "name""' in line
    assert "load-schedule=step,load-start=5" in line
    assert len(re.findall(r"(?<!\\) ", line)) == 2


def test_a_page_holds_no_markup_that_came_from_elsewhere() -> None:
    page = "".join(formats.written(Report(Options(format="html", name="<script>"), Outcome(), 0), reported()))  # type: ignore[arg-type]
    assert "<long>" not in page
    assert page.count("<script>") == 1
    assert "http" not in page.lower().replace("http-equiv", "")


def test_a_run_without_an_answer_has_a_report_in_every_form() -> None:
    whole = json.loads(json.dumps(formats.as_json(report(Nothing()), reported())))
    assert (whole["count"], whole["rps"], whole["average"]) == (0, 0, 0)
    assert whole["histogram"] is whole["latencyDistribution"] is whole["details"] is None
    assert "Count:\t0" in summary(report(Nothing()))
    assert "".join(csv(report(Nothing()))) == "\nduration (ms),status,error\n"
    assert prometheus.text(report(Nothing()), reported())
    assert influx.run_line(report(Nothing()), reported())


def test_timestamps_are_rfc_3339_with_no_more_digits_than_needed() -> None:
    assert re.fullmatch(
        r"2001-09-09T\d\d:\d\d:40\.5(Z|[+-]\d\d:\d\d)", timestamp(10**18 + 500_000_000, fraction=True)
    )
    assert re.fullmatch(r"2001-09-09T\d\d:\d\d:40(Z|[+-]\d\d:\d\d)", timestamp(10**18, fraction=True))
