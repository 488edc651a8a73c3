"""A curve as a picture: latency, goodput and the server's load over the load that was offered. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

Points: TypeAlias = Sequence[Mapping[str, Any]]

# Told apart by people who do not see all colours (Okabe and Ito), and in print by their lines.
_BLUE, _ORANGE, _RED, _GREEN, _GREY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#777777"
_QUANTILES = (("p50", _BLUE, "o"), ("p99", _ORANGE, "s"), ("p99.9", _RED, "^"))
_WIDTH_INCHES, _PANEL_INCHES = 9.0, 2.9


def write(curve: Mapping[str, Any], folder: Path) -> list[Path]:
    """curve.svg and curve.png, the same bytes for the same curve."""
    # Without it, names within an SVG are random.
    with mpl.rc_context({"svg.hashsalt": "curve", "svg.fonttype": "none", "font.size": 10}):
        figure = _figure(curve)
        written = []
        for form, dpi in (("svg", 72), ("png", 110)):
            path = folder / f"curve.{form}"
            metadata = {"Date": None} if form == "svg" else {}
            figure.savefig(path, dpi=dpi, metadata=metadata)
            written.append(path)
    return written


def _figure(curve: Mapping[str, Any]) -> Figure:
    panels = [_latency, _goodput, *([_server] if curve["points"][0]["server"] else [])]
    figure = Figure(figsize=(_WIDTH_INCHES, 0.7 + _PANEL_INCHES * len(panels)), layout="constrained")
    axes: Sequence[Axes] = figure.subplots(len(panels), sharex=True)
    peak_per_s = curve["peak"]["per_s"]
    figure.suptitle(
        f"{curve['method']} at {curve['target']}\npeak {peak_per_s:,.0f} calls/s; {curve['connections']} "
        f"connections, {curve['arrivals']} arrivals",
        fontsize=11,
    )
    for panel, each in zip(panels, axes, strict=True):
        panel(each, curve)
        each.grid(visible=True, color="#dddddd", linewidth=0.6)
        each.set_axisbelow(True)
        each.axvline(peak_per_s, color=_GREY, linewidth=1, linestyle=":")
        # Above, where no line runs through it.
        each.legend(
            fontsize=8.5,
            loc="lower left",
            bbox_to_anchor=(-0.01, 0.99),
            ncols=5,
            frameon=False,
            columnspacing=1.2,
        )
    axes[0].annotate(
        "peak", (peak_per_s, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -11),
        textcoords="offset points", color=_GREY, fontsize=8.5,
    )  # fmt: skip
    axes[-1].set_xlabel("offered load, calls/s")
    axes[-1].set_xlim(0, curve["points"][-1]["offered_per_s"] * 1.02)
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda per_s, _: f"{per_s:,.0f}"))
    return figure


def _column(points: Points, value: Callable[[Mapping[str, Any]], float | None]) -> list[float]:
    """A line's heights; what is not known leaves a gap."""
    found = (value(point) for point in points)
    return [float("nan") if each is None else each for each in found]


def _offered(points: Points) -> list[float]:
    return [point["offered_per_s"] for point in points]


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1e3


def _latency(axes: Axes, curve: Mapping[str, Any]) -> None:
    points = curve["points"]
    for name, colour, marker in _QUANTILES:
        heights = _column(points, lambda point, name=name: _ms(point["latency_us"][name]))  # type: ignore[misc]
        axes.plot(_offered(points), heights, color=colour, marker=marker, markersize=4, label=name)
    late = _column(points, lambda point: _ms(point["sent_late_us"]["p99"]))
    axes.plot(_offered(points), late, color=_GREY, linewidth=1, linestyle="--", label="sent late by (p99)")
    deadline_ms = curve["deadline_s"] * 1e3
    axes.axhline(
        deadline_ms, color="black", linewidth=1, linestyle="-.", label=f"deadline ({deadline_ms:g} ms)"
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.set_ylabel("latency of OK answers\nfrom when they were due, ms")


def _goodput(axes: Axes, curve: Mapping[str, Any]) -> None:
    points = curve["points"]
    offered = _offered(points)
    axes.plot([0, offered[-1]], [0, offered[-1]], color=_GREY, linewidth=1, linestyle="--", label="offered")
    ok = _column(points, lambda point: point["answered_ok_per_s"])
    axes.plot(offered, ok, color=_BLUE, marker="o", markersize=4, label="answered OK")
    good = _column(points, lambda point: point["goodput_per_s"])
    axes.plot(offered, good, color=_GREEN, marker="s", markersize=4, label="goodput: OK within the deadline")
    failed = [
        sum(calls for status, calls in point["statuses"].items() if status != "OK") / curve["point_s"]
        for point in points
    ]
    if any(failed):
        axes.plot(offered, failed, color=_RED, marker="^", markersize=4, label="failed or refused")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda per_s, _: f"{per_s:,.0f}"))
    axes.set_ylabel("calls/s")


def _server(axes: Axes, curve: Mapping[str, Any]) -> None:
    points = curve["points"]
    lines = (
        ("cpu_cores", "CPU", _BLUE, "o"),
        ("model_threads_busy", "model threads busy", _ORANGE, "s"),
    )
    for key, label, colour, marker in lines:
        heights = _column(points, lambda point, key=key: point["server"][key])  # type: ignore[misc]
        if any(height == height for height in heights):  # noqa: PLR0124 - all but NaN
            axes.plot(_offered(points), heights, color=colour, marker=marker, markersize=4, label=label)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("the server's cores in use")
    ratios = _column(points, lambda point: point["server"]["load_ratio"])
    if any(ratio == ratio for ratio in ratios):  # noqa: PLR0124 - all but NaN
        # Its line is in the legend of the other axis.
        axes.plot([], [], color=_RED, marker="^", markersize=4, linestyle="--", label="load ratio (right)")
        right = axes.twinx()
        right.plot(_offered(points), ratios, color=_RED, marker="^", markersize=4, linestyle="--")
        right.set_ylim(0, 1.05)
        right.set_ylabel("load ratio, last 5 s")
