"""ghz's summary for people, and its CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.load.report import Report

_BAR = "∎"
_LONGEST_BAR = 40


def duration(ns: int) -> str:
    """A duration in the unit that suits it."""
    if ns < 10_000:
        return f"{ns} ns"
    ms = ns / 1e6
    return f"{ms:4.2f} ms" if ms < 1_000 else f"{ms / 1e3:4.2f} s"


def summary(report: Report) -> str:
    """Counts, histogram, percentiles, statuses and errors."""
    name = f"  Name:\t\t{report.options.name}\n" if report.options.name else ""
    outcome = report.outcome
    head = (
        f"\nSummary:\n{name}"
        f"  Count:\t{report.count}\n"
        f"  Total:\t{duration(report.total_ns)}\n"
        f"  Slowest:\t{duration(outcome.slowest_ns)}\n"
        f"  Fastest:\t{duration(outcome.fastest_ns)}\n"
        f"  Average:\t{duration(report.average_ns)}\n"
        f"  Requests/sec:\t{report.rps:4.2f}\n"
    )
    latencies = "".join(f"\n  {percent} % in {duration(ns)} " for percent, ns in report.latencies)
    statuses = [(f"  [{status}]", f"{calls} responses") for status, calls in report.statuses.items()]
    errors = [(f"  [{calls}]", what) for what, calls in report.errors.items()]
    return (
        f"{head}\nResponse time histogram:\n{_histogram(report)}\nLatency distribution:{latencies}\n\n"
        f"{_section('Status code distribution', statuses)}\n"
        f"{_section('Error distribution', errors)}\n"
        f"{_content(report)}"
    )


def _content(report: Report) -> str:
    """What ghz does not have: the answers that were compared, where any were to be."""
    if report.check is None:
        return ""
    check = report.check
    return "".join([
        f"Content check:\n  Compared:\t{check.compared}\n  Different:\t{check.mismatches}\n",
        *(f"    {difference}\n" for difference in check.first),
    ])  # fmt: skip


def csv(report: Report) -> Iterator[str]:
    """A line a call, behind the head."""
    yield "\nduration (ms),status,error"
    for detail in report.details():
        yield f"\n{detail.latency_ns / 1e6:4.2f},{detail.status},{detail.error}"
    yield "\n"


def _histogram(report: Report) -> str:
    buckets = report.histogram
    most = max((calls for _, calls, _ in buckets), default=0) or 1
    lines = []
    for edge_s, calls, _ in buckets:
        bar = _BAR * ((calls * _LONGEST_BAR + most // 2) // most)
        lines.append(f"  {edge_s * 1e3:4.3f} [{calls}]\t|{bar}\n")
    return "".join(lines)


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Columns as Go's tabwriter sets them, three blanks apart."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) + 3 for column in (0, 1)]
    lines = (f"{first:<{widths[0]}}{second:<{widths[1]}}\n" for first, second in rows)
    return f"{title}:\n{''.join(lines)}"
