"""The report as a page: one file that needs nothing from a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from penstock.load.report import Report
from penstock.load.summary import duration

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{padding:.3rem 1rem .3rem 0;text-align:left;border-bottom:1px solid #ddd}
td.n{text-align:right}pre{background:#f4f4f4;padding:1rem;overflow:auto}.tag{background:#e4f1ef;padding:.1rem .5rem}
"""
_WIDTH, _LINE = 640, 26
_LABELS = 100
# "10000000000 (100.0%)", in digits as wide as they come.
_COUNTS = 180


def page(report: Report, reported: dict[str, Any], calls: Iterable[dict[str, Any]]) -> str:
    """A whole document; `calls` are embedded as `rawData`."""
    name = escape(report.options.name)
    date = datetime.fromtimestamp(report.date_ns / 1e9).astimezone().strftime("%a %b %e %Y @ %H:%M:%S")
    tags = "".join(
        f'<span class="tag">{escape(tag)}: {escape(value)}</span> '
        for tag, value in (report.options.tags or {}).items()
    )
    parts = [
        f"<h1>{name or 'penstock bench'}</h1><p>{date}</p><p>{tags}</p>",
        _titled("Summary", _rows(_summary(report))),
        _titled("Histogram", _bars(report)),
        _titled("Latency distribution", _rows((f"{p} %", duration(ns)) for p, ns in report.latencies)),
        _titled("Status distribution", _shares(report.statuses.items(), report.count)),
        _titled("Errors", _shares(report.errors.items(), report.count)) if report.errors else "",
        _titled("Options", f"<pre>{escape(json.dumps(reported, indent=2, ensure_ascii=False))}</pre>"),
    ]
    data = json.dumps(list(calls), ensure_ascii=False).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>ghz{' - ' + name if name else ''}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + f"\n<script>const count = {report.count};\nconst rawData = {data};</script>\n</body></html>\n"
    )


def _summary(report: Report) -> list[tuple[str, str]]:
    return [
        ("Count", str(report.count)),
        ("Total", duration(report.total_ns)),
        ("Slowest", duration(report.outcome.slowest_ns)),
        ("Fastest", duration(report.outcome.fastest_ns)),
        ("Average", duration(report.average_ns)),
        ("Requests / sec", f"{report.rps:4.2f}"),
    ]


def _titled(title: str, body: str) -> str:
    return f"<h2>{title}</h2>\n{body}"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    lines = (f"<tr><th>{escape(first)}</th>" + _cells(rest) + "</tr>" for first, *rest in rows)
    return f"<table>{''.join(lines)}</table>"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f'<td class="n">{escape(text)}</td>' for text in texts)


def _shares(counts: Iterable[tuple[str, int]], of: int) -> str:
    return _rows((what, str(calls), f"{calls / of:.2%}") for what, calls in counts)


def _bars(report: Report) -> str:
    buckets = report.histogram
    most = max((calls for _, calls, _ in buckets), default=1) or 1
    bars = []
    for place, (edge_s, calls, share) in enumerate(buckets):
        y = place * _LINE
        length = (_WIDTH - _LABELS - _COUNTS) * calls / most
        bars.append(
            f'<text x="{_LABELS - 8}" y="{y + 17}" text-anchor="end">{edge_s * 1e3:.2f} ms</text>'
            f'<rect x="{_LABELS}" y="{y + 3}" width="{length:.1f}" height="{_LINE - 6}" fill="#3a9d8f"/>'
            f'<text x="{_LABELS + length + 6:.1f}" y="{y + 17}">{calls} ({share:.1%})</text>'
        )
    height = _LINE * max(len(buckets), 1)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" font-size="13">{"".join(bars)}</svg>'
