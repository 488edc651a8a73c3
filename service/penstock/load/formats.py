"""Writes a report in any of ghz's formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from penstock.load import influx, page, prometheus, summary
from penstock.load.report import Report, timestamp


def written(report: Report, reported: dict[str, Any]) -> Iterable[str]:
    """The report's text, in pieces. `reported`: its options, as `report.reported_options` gives them."""
    form = report.options.format
    if form == "csv":
        return summary.csv(report)
    if form == "influx-details":
        return influx.call_lines(report, reported)
    return [_whole(form, report, reported)]


def _whole(form: str, report: Report, reported: dict[str, Any]) -> str:
    if form == "json":
        return json.dumps(as_json(report, reported), separators=(",", ":"), ensure_ascii=False)
    if form == "pretty":
        return json.dumps(as_json(report, reported), indent=2, ensure_ascii=False)
    if form == "html":
        return page.page(report, reported, _calls(report))
    if form == "influx-summary":
        return influx.run_line(report, reported)
    if form == "prometheus":
        return prometheus.text(report, reported)
    return summary.summary(report)


def as_json(report: Report, reported: dict[str, Any]) -> dict[str, Any]:
    """The report as JSON, key by key as ghz has it."""
    options = report.options
    outcome = report.outcome
    calls = list(_calls(report)) or None
    return {
        "date": timestamp(report.date_ns, fraction=False),
        **({"name": options.name} if options.name else {}),
        "endReason": outcome.ended,
        "options": reported,
        "count": report.count,
        "total": report.total_ns,
        "average": report.average_ns,
        "fastest": outcome.fastest_ns,
        "slowest": outcome.slowest_ns,
        "rps": report.rps,
        "errorDistribution": report.errors,
        "statusCodeDistribution": report.statuses,
        "latencyDistribution": [
            {"percentage": percentage, "latency": ns} for percentage, ns in report.latencies
        ]
        or None,
        "histogram": [
            {"mark": edge_s, "count": count, "frequency": share} for edge_s, count, share in report.histogram
        ]
        or None,
        "details": calls,
        **({"contentCheck": report.check.told()} if report.check else {}),
        **({"tags": options.tags} if options.tags else {}),
    }


def _calls(report: Report) -> Iterator[dict[str, Any]]:
    for detail in report.details():
        yield {
            "timestamp": timestamp(detail.ended_ns, fraction=True),
            "latency": detail.latency_ns,
            "error": detail.error,
            "status": detail.status,
        }
