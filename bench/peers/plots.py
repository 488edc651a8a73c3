"""The plots of bench.peers: CPU a request, and latency against throughput; each as SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.peers.cases import MANY
from bench.peers.catalogue import FAST, GRPCIO, PEERS
from bench.peers.figures import Results
from bench.peers.report import CPU_PLOT, LATENCY_PLOT

_OUR_COLOURS = {FAST: "#c8401e", GRPCIO: "#e8957f"}
_OTHERS_COLOUR = "#8a94a3"
# Colours of lines that lie near each other; okabe-ito without what is too pale on white.
_LINES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5d5d5d", "#7a5195", "#8c564b", "#2f4b7c")
_MARKERS = "osD^vPX<>"
_STYLE: Any = {
    # Text stays text; the same ids every time.
    "svg.fonttype": "none",
    "svg.hashsalt": "peers",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_DOTS_PER_INCH = 110


def write(folder: Path, results: Results, machine: str) -> None:
    """What was measured; a plot of nothing is not written."""
    with mpl.rc_context(_STYLE):
        if any(results.of(MANY.name, name) for name in PEERS):
            _save(_cpu(results, machine), folder / CPU_PLOT)
        if results.curves:
            _save(_latency(results, machine), folder / LATENCY_PLOT)


def _cpu(results: Results, machine: str) -> Figure:
    """Bars, the cheapest at the top, with the least and the most of all rounds."""
    measured = {
        name: [one.cpu_us for one in rounds] for name in PEERS if (rounds := results.of(MANY.name, name))
    }
    names = sorted(measured, key=lambda name: median(measured[name]), reverse=True)
    figure = Figure(figsize=(8.0, 1.4 + 0.36 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    medians = [median(measured[name]) for name in names]
    behind = [middle - min(measured[name]) for name, middle in zip(names, medians, strict=True)]
    ahead = [max(measured[name]) - middle for name, middle in zip(names, medians, strict=True)]
    axes.barh(
        range(len(names)),
        medians,
        color=[_OUR_COLOURS.get(name, _OTHERS_COLOUR) for name in names],
        height=0.66,
        xerr=[behind, ahead],
        error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
    )
    for place, (name, middle) in enumerate(zip(names, medians, strict=True)):
        text = f"{middle:,.1f}" if middle < 100 else f"{middle:,.0f}"
        axes.annotate(text, (max(measured[name]), place), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(names)), [PEERS[name].label for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    # No bar has a natural beginning on such an axis; a microsecond is as good as any.
    axes.set_xlim(min(1.0, *map(min, measured.values())), max(map(max, measured.values())) * 2.5)
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("server CPU a request, µs, logarithmic")
    axes.set_title(f"{MANY.work}, {MANY.in_flight} requests in flight\n{machine}", loc="left", fontsize=10)
    return figure


def _latency(results: Results, machine: str) -> Figure:
    """A line a peer, from a tenth of its peak to more than it can take."""
    figure = Figure(figsize=(8.0, 5.6), layout="constrained")
    axes = figure.add_subplot()
    others = (name for name in results.curves if name not in _OUR_COLOURS)
    looks = {name: (_LINES[at % len(_LINES)], _MARKERS[at % len(_MARKERS)]) for at, name in enumerate(others)}
    for name, points in results.curves.items():
        colour, marker = looks.get(name) or (_OUR_COLOURS[name], "o")
        answered = [point for point in points if point.seen.achieved_rate > 0]
        across = [point.seen.achieved_rate for point in answered]
        up = [point.seen.p99_us / 1e3 for point in answered]
        axes.plot(across, up, color=colour, linewidth=2.4 if name in _OUR_COLOURS else 1.3)
        for x, y, point in zip(across, up, answered, strict=True):
            # Hollow: calls were refused or left without an answer.
            face = "white" if point.failed else colour
            axes.plot([x], [y], marker=marker, color=colour, markerfacecolor=face, markersize=5)
        # Nothing, for the legend.
        axes.plot([], [], marker=marker, color=colour, label=PEERS[name].label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain_numbers(axes.xaxis)
    _plain_numbers(axes.yaxis)
    axes.grid(visible=True, which="major", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("answered requests a second, logarithmic")
    axes.set_ylabel("p99 from the scheduled start, ms, logarithmic")
    axes.set_title(
        f"{MANY.work}, open loop at 10 to 110 % of its own peak; hollow: calls without an answer\n{machine}",
        loc="left",
        fontsize=10,
    )
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _plain_numbers(axis: mpl.axis.Axis) -> None:
    """1,000 and not 10³."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=_DOTS_PER_INCH)
