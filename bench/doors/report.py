"""The report of bench.doors: results in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.doors.aims import AIMS
from bench.doors.cases import ALONE, CASES, CROWD, DOORS, FLOOR, LABELS, MANY, PREDICT, WIDE, Case
from bench.doors.figures import Results, Round, figures, spread

# What shares the cores with a server changes how its threads meet, and so its batches and its CPU per request.
MOST_OTHERS_CORES = 0.1


def is_quiet(results: Results) -> bool:
    """Whether the machine was this benchmark's alone, so that the figures say something."""
    return results.others_cores() <= MOST_OTHERS_CORES


def report(circumstances: Mapping[str, str], results: Results) -> str:
    """All figures, in Markdown."""
    samples = sum(one.samples for these in results.rounds.values() for one in these)
    lines = [
        "# Doors",
        "",
        "Written by `python -m bench.doors`; bench/README.md says what the figures mean.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- other processes kept {results.others_cores():.2f} cores busy; quiet: at most {MOST_OTHERS_CORES}",
        f"- answers: all of the right size; {samples:,} read in full, each as it should be",
        *(f"- missing: {sentence}" for sentence in results.missing),
        "",
        *([] if is_quiet(results) else ["**The machine was not quiet: these figures are no result.**", ""]),
        "## Summary",
        "",
        *_summary(results),
        "",
        "## Aims",
        "",
        *_aims(results),
        "",
        "Medians, with the least and the most of all rounds behind. Ratios are taken round by round.",
    ]
    for case in CASES:
        lines += _case(case, results)
    lines += _open_loop(results) + _memory(results)
    return "\n".join(lines) + "\n"


def summary(circumstances: Mapping[str, str], results: Results) -> str:
    """A short table, for README."""
    lines = _summary(results)
    if "machine" in circumstances:
        lines += [
            "",
            f"{circumstances['machine']}; commit {circumstances['commit']}; `{circumstances['command']}`.",
        ]
    return "\n".join(lines) + "\n"


def _summary(results: Results) -> list[str]:
    cases = [case for case in (CROWD, MANY, WIDE, PREDICT) if any(results.of(case.name, s) for s in LABELS)]
    head = [
        *(f"{case.name}: CPU µs, requests/s" for case in cases),
        "one in flight: p50 µs",
        "open loop at 70 %: p99 ms",
    ]
    lines = [f"| server | {' | '.join(head)} |", f"| --- |{' ---: |' * len(head)}"]
    for name, label in LABELS.items():
        cells = [_short(results.of(case.name, name)) for case in cases]
        alone = figures(results.of(ALONE.name, name), lambda one: one.p50_us)
        late = [one.p99_us / 1e3 for one in results.open_loop.get(name, ())]
        cells += [f"{median(alone):.0f}" if alone else "–", f"{median(late):.2f}" if late else "–"]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def _short(rounds: Sequence[Round]) -> str:
    if not rounds:
        return "–"
    cpu_us = median(one.cpu_us for one in rounds)
    return f"{cpu_us:.{_digits(cpu_us)}f}, {median(one.requests_per_s for one in rounds):,.0f}"


def _digits(figure: float) -> int:
    return 1 if figure < 100 else 0


def _aims(results: Results) -> list[str]:
    doors = [
        door
        for door in DOORS
        if door in results.memory or door in results.open_loop or any(results.of(c.name, door) for c in CASES)
    ]
    head = ["work", "must reach", *(LABELS[door] for door in doors)]
    rows = [[aim.work, aim.must, *(aim.verdict(results, door) for door in doors)] for aim in AIMS]
    return [_line(head), _line(["---"] * len(head)), *map(_line, rows)]


def _case(case: Case, results: Results) -> list[str]:
    rows = [_row(case, server, results) for server in LABELS if results.of(case.name, server)]
    if not rows:
        return []
    work = f"{case.connections} connections × {case.calls_per_connection} in flight"
    head = ["server", "CPU µs/request", "÷ floor", "requests/s", "rows/s", "p50 µs", "p99 µs", "rows a batch"]
    note = ["", f"The bare model call: {spread(results.model_call_us, '.1f')} µs."] if case is ALONE else []
    table = [_line([*head, "requests a round"]), "| --- |" + " ---: |" * len(head), *rows]
    return ["", f"## {case.name}: {case.work}, {work}", "", *table, *note]


def _row(case: Case, server: str, results: Results) -> str:
    rounds = results.of(case.name, server)
    cpu_us = figures(rounds, lambda one: one.cpu_us)
    cells = [
        LABELS[server],
        spread(cpu_us, f".{_digits(median(cpu_us))}f"),
        "1" if server == FLOOR else spread(results.ratios(case.name, server, FLOOR), ".2f"),
        spread(figures(rounds, lambda one: one.requests_per_s), ",.0f"),
        spread(figures(rounds, lambda one: one.rows_per_s), ",.0f"),
        spread(figures(rounds, lambda one: one.p50_us), ".0f"),
        spread(figures(rounds, lambda one: one.p99_us), ".0f"),
        spread(figures(rounds, lambda one: one.rows_a_batch), ".1f"),
        f"{rounds[0].requests:,}",
    ]
    return _line(cells)


def _open_loop(results: Results) -> list[str]:
    if not results.open_loop:
        return []
    head = ["server", "calls/s", "p50 ms", "p99 ms", "p99.9 ms", "most ms", "lag p99 ms", "errors"]
    rows = []
    for server, rounds in results.open_loop.items():
        latencies = [
            [one.p50_us for one in rounds],
            [one.p99_us for one in rounds],
            [one.p999_us for one in rounds],
            [one.max_us for one in rounds],
            [one.lag_p99_us for one in rounds],
        ]
        errors = sum(sum(one.errors.values()) for one in rounds)
        cells = [spread([us / 1e3 for us in micros], ".2f") for micros in latencies]
        rate = spread([one.achieved_rate for one in rounds], ",.0f")
        rows.append(
            _line([LABELS[server], rate, *cells, f"{errors:,} of {sum(one.sent for one in rounds):,}"])
        )
    lag = "Latency counts from the scheduled start; lag is how late the generator sent, and a part of it."
    table = [_line(head), "| --- |" + " ---: |" * (len(head) - 1), *rows]
    return ["", "## Open loop: fraud-1 at 70 % of each server's own peak", "", *table, "", lag]


def _memory(results: Results) -> list[str]:
    if not results.memory:
        return []
    lines = ["", "## Memory", ""]
    for door, memory in results.memory.items():
        lines.append(
            f"- {LABELS[door]}: {memory.above_torch_mb:.0f} MB above a process that only imported torch, "
            f"with {memory.in_flight:,} calls in flight, of which {memory.failed:,} failed; "
            f"{memory.growth_mb:+.1f} MB between the first tenth and the end of {memory.growth_requests:,} calls"
        )
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
