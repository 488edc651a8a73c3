"""What a run has seen, for people: the curve of scaling as a picture, and a table of rollouts, in build/k8s/report."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "k8s" / "report"
SCALING = FOLDER / "scaling.svg"
TABLE = FOLDER / "report.md"
_ROWS = FOLDER / "rows.json"

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
    add_row("scaling", title)


def add_row(what: str, seen: str) -> None:
    """A line of the table; one of the same name is replaced."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows: dict[str, str] = json.loads(_ROWS.read_text()) if _ROWS.exists() else {}
    rows[what] = seen
    _ROWS.write_text(json.dumps(rows))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=FOLDER
    ).stdout.strip()
    table = "".join(f"| {name} | {text} |\n" for name, text in rows.items())
    TABLE.write_text(
        f"| what | seen |\n| --- | --- |\n{table}\n"
        f"{platform.machine()}, Kubernetes 1.36 with simulated nodes, and a real one for pods; commit {commit}; "
        "`make k8s-test`.\n"
    )
