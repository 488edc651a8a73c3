"""ghz's InfluxDB line protocol: one point a run, or one a call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from penstock.load import durations
from penstock.load.report import Report


def run_line(report: Report, reported: dict[str, Any]) -> str:
    """The measurement `ghz_run`."""
    failed = sum(report.errors.values())
    tags = [*_tags(report, reported), f"errors={failed}", f"has_errors={str(failed > 0).lower()}"]
    outcome = report.outcome
    fields = [
        f"count={report.count}",
        f"total={report.total_ns}",
        f"average={report.average_ns}",
        f"fastest={outcome.fastest_ns}",
        f"slowest={outcome.slowest_ns}",
        f"rps={report.rps:4.2f}",
    ]
    names = {50: "median", 95: "p95"}
    fields += [f"{names[percent]}={ns}" for percent, ns in report.latencies if percent in names]
    return f"ghz_run,{','.join(tags)} {','.join([*fields, f'errors={failed}'])} {report.date_ns}"


def call_lines(report: Report, reported: dict[str, Any]) -> Iterator[str]:
    """The measurement `ghz_detail`."""
    tags = ",".join(_tags(report, reported))
    for detail in report.details():
        has_error = str(bool(detail.error)).lower()
        fields = f'latency={detail.latency_ns},error="{_escaped(detail.error)}",status="{detail.status}"'
        yield f"ghz_detail,{tags},hasError={has_error} {fields} {detail.ended_ns}\n"


def _tags(report: Report, reported: dict[str, Any]) -> list[str]:
    options = report.options
    tags = [f'name="{_escaped(options.name.strip())}"'] if options.name else []
    if options.proto:
        tags.append(f'proto="{options.proto}"')
    elif options.protoset:
        tags.append(f'Protoset="{options.protoset}"')
    tags += [f'call="{options.call}"', f'host="{options.host}"', f"n={reported['total']}"]
    tags += _schedule(reported, "concurrency", f"c={options.concurrency}")
    tags += _schedule(reported, "load", f"rps={options.rps}")
    tags.append(f"z={options.max_duration or options.duration}")
    for name, ns in (
        ("timeout", options.timeout),
        ("dial_timeout", options.connect_timeout),
        ("keepalive", options.keepalive),
    ):
        tags.append(f"{name}={ns / 1e9:g}")
    for name, value in (("data", reported.get("data")), ("metadata", reported.get("metadata"))):
        written = '""' if value is None and name == "metadata" else json.dumps(_compact(value))
        tags.append(f"{name}={_escaped(written)}")
    written = json.dumps(_compact(options.tags)) if options.tags else '""'
    return [*tags, f"tags={_escaped(written)}"]


def _schedule(reported: dict[str, Any], what: str, constant: str) -> list[str]:
    schedule = reported[f"{what}-schedule"]
    if schedule == "const":
        return [constant]
    parts = [f"{what}-{part}={reported[f'{what}-{part}']}" for part in ("start", "end", "step")]
    lengths = ("step-duration", "max-duration")
    parts += [f"{what}-{part}={durations.text_of(reported[f'{what}-{part}'])}" for part in lengths]
    return [f"{what}-schedule={schedule}", *parts]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _escaped(text: str) -> str:
    return text.replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")
