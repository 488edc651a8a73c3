"""What a run has seen, for people, in build/k8s/report: the curve of scaling as a picture, and tables with commands."""

from __future__ import annotations

import datetime as dt
import enum
import fcntl
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "k8s" / "report"
SCALING = FOLDER / "scaling.svg"
TABLE = FOLDER / "report.md"
_ROWS = FOLDER / "rows.json"


class Part(enum.Enum):
    """A table of the report: its name, and the command that writes it."""

    SIMULATED = ("Simulated nodes and pods", "make k8s-simulations")
    SCALING = ("Scaling of simulated pods", "make k8s-scaling")
    SERVERS = ("Real servers, without a cluster", "make k8s-servers")
    PODS = ("Real pods", "make k8s-pods")
    IMAGE = ("The image", "make k8s-pods")
    KARPENTER = ("Karpenter's core, with simulated nodes", "make k8s-nightly")


WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 900, 360, 60, 40, 40


def write_scaling(points: Sequence[tuple[float, float, int, int]], title: str) -> None:
    """Points are seconds, load in busy pods, pods wanted, pods ready."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    end_s = points[-1][0]
    most = max(max(wanted, ready, load) for _, load, wanted, ready in points) * 1.05

    def line(values: Sequence[float], colour: str, name: str, row: int) -> str:
        path = " ".join(
            f"{LEFT + at / end_s * (WIDTH - LEFT - 20):.1f},"
            f"{HEIGHT - BOTTOM - value / most * (HEIGHT - BOTTOM - TOP):.1f}"
            for (at, *_), value in zip(points, values, strict=True)
        )
        drawn = f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'
        return drawn + f'<text x="{WIDTH - 210}" y="{TOP + 18 * row}" fill="{colour}">{name}</text>'

    marks = []
    for part in range(5):
        value, at = most * part / 4, end_s * part / 4
        y = HEIGHT - BOTTOM - part / 4 * (HEIGHT - BOTTOM - TOP)
        x = LEFT + part / 4 * (WIDTH - LEFT - 20)
        marks.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 20}" stroke="#ddd"/>')
        marks.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
        marks.append(f'<text x="{x:.1f}" y="{HEIGHT - 18}" text-anchor="middle">{at:.0f} s</text>')
    lines = [
        line([load for _, load, _, _ in points], "#c33", "load, in busy pods", 1),
        line([wanted for _, _, wanted, _ in points], "#06c", "pods wanted", 2),
        line([ready for _, _, _, ready in points], "#393", "pods ready", 3),
    ]
    SCALING.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{LEFT}" y="20" font-size="14">{title}</text>'
        + "".join([*marks, *lines])
        + "</svg>\n"
    )
    add_row(Part.SCALING, "scaling", title)


def add_row(part: Part, what: str, seen: str, *, control: bool = False) -> None:
    """A line of the part's table, or of that of controls; one of the same name is replaced.

    Programs may call it at the same time.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows: dict[str, dict[str, str]] = json.loads(_ROWS.read_text()) if _ROWS.exists() else {}
        rows[f"{part.name}: {what}"] = {
            "table": "CONTROLS" if control else part.name,
            "cells": f"| {what} | {seen.replace('|', ' ')} | `{part.value[1]}`, {_commit()}, {_now()} |",
        }
        _ROWS.write_text(json.dumps(rows))
        TABLE.write_text(_written(list(rows.values())))


def _written(rows: list[dict[str, str]]) -> str:
    names = {part.name: part.value[0] for part in Part} | {"CONTROLS": "Controls: what must fail, and does"}
    text = (
        f"# What the tests of k8s/ have seen\n\n{platform.machine()}, {os.cpu_count()} CPUs, with other work on them; "
        "Kubernetes 1.36. Each line says by which command, at which commit and when (UTC) it was seen.\n"
    )
    if SCALING.exists():
        text += f"\n![load, pods wanted and pods ready over time]({SCALING.name})\n"
    for table, name in names.items():
        if lines := [row["cells"] for row in rows if row["table"] == table]:
            text += f"\n## {name}\n\n| what | seen | by |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n"
    return text


def _commit() -> str:
    """The commit that is checked out; `dirty` where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False, cwd=FOLDER).stdout.strip()


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M")
