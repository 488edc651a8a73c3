"""The report of bench.peers: results in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.doors.figures import Round, figures, spread
from bench.peers.cases import CASES, MANY, Case
from bench.peers.catalogue import FAST, PEERS
from bench.peers.figures import MOST_OTHERS_CORES, Results

CPU_PLOT = "peers_cpu"
LATENCY_PLOT = "peers_latency"
# As busy as a service should be.
_SHARE = 0.7


def report(circumstances: Mapping[str, str], results: Results) -> str:
    """All figures, in Markdown, with the plots of the same folder."""
    samples = sum(one.samples for these in results.rounds.values() for one in these)
    lines = [
        "# Peers",
        "",
        "Written by `make bench-peers`; bench/README.md says what the figures mean.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- other processes kept {results.others_cores():.2f} cores busy; quiet: at most {MOST_OTHERS_CORES}",
        f"- answers: all there; {samples:,} read in full, each what the model gives when it is run directly",
        *(f"- missing: {sentence}" for sentence in results.missing),
        "",
        *([] if results.is_quiet() else ["**The machine was not quiet: these figures are no result.**", ""]),
        "## Summary",
        "",
        *_summary(results),
        "",
        "CPU is that of the server's whole process tree, user and system, µs a request. Medians; spreads are below.",
        "",
        f"![CPU a request]({CPU_PLOT}.svg)",
        "",
        f"![99th percentile of latency against throughput]({LATENCY_PLOT}.svg)",
    ]
    for case in CASES:
        lines += _case(case, results)
    return "\n".join([*lines, *_curves(results), *_settings(results)]) + "\n"


def summary(circumstances: Mapping[str, str], results: Results, folder: str) -> str:
    """The short table with its plots, for a document from which the results are at `folder`."""
    measured = f"{circumstances['machine']}; commit {circumstances['commit']}; `{circumstances['command']}`."
    return "\n".join(
        [
            *_summary(results),
            "",
            f"{measured} CPU is the server's, µs a request; [spreads, versions and settings]({folder}/peers.md).",
            "",
            f"![CPU a request]({folder}/{CPU_PLOT}.svg)",
            "",
            f"![99th percentile of latency against throughput]({folder}/{LATENCY_PLOT}.svg)",
        ]
    )


def _summary(results: Results) -> list[str]:
    cases = [case for case in CASES if any(results.of(case.name, name) for name in PEERS)]
    head = ["server", *map(_head, cases), f"{MANY.name}: CPU ÷ {PEERS[FAST].label}"]
    head += [f"open loop at {_SHARE:.0%} of its peak: p50, p99 ms", "memory MB"]
    lines = [_line(head), "| --- |" + " ---: |" * (len(head) - 1)]
    for name, peer in PEERS.items():
        if name not in results.versions:
            continue
        ratios = results.ratios(MANY.name, name, FAST)
        point = results.at_share(name, _SHARE)
        late = f"{point.seen.p50_us / 1e3:.2f}, {point.seen.p99_us / 1e3:.2f}" if point else "–"
        cells = [peer.label, *(_short(case, results.of(case.name, name)) for case in cases)]
        cells += [f"{median(ratios):.1f}" if ratios else "–", late, f"{results.memory_mb[name]:,.0f}"]
        lines.append(_line(cells))
    return lines


def _head(case: Case) -> str:
    return f"{case.name}: CPU, " + ("p50 and p99 µs" if case.in_flight == 1 else "requests/s")


def _short(case: Case, rounds: Sequence[Round]) -> str:
    if not rounds:
        return "–"
    cpu_us = median(one.cpu_us for one in rounds)
    beside = f"{median(one.requests_per_s for one in rounds):,.0f}"
    if case.in_flight == 1:
        latencies = [figures(rounds, lambda one: one.p50_us), figures(rounds, lambda one: one.p99_us)]
        beside = " and ".join(f"{median(each):,.0f}" for each in latencies)
    return f"{cpu_us:,.{_digits(cpu_us)}f}, {beside}"


def _digits(figure: float) -> int:
    return 1 if figure < 100 else 0


def _case(case: Case, results: Results) -> list[str]:
    rows = [_row(case, name, results) for name in PEERS if results.of(case.name, name)]
    if not rows:
        return []
    work = f"{case.work}, {case.connections} connections × {case.calls_per_connection} in flight"
    head = ["server", "CPU µs/request", f"÷ {PEERS[FAST].label}", "requests/s", "rows/s"]
    head += [*(["p50 µs", "p99 µs"] if case.in_flight == 1 else []), "requests a round"]
    return ["", f"## {case.name}: {work}", "", _line(head), "| --- |" + " ---: |" * (len(head) - 1), *rows]


def _row(case: Case, name: str, results: Results) -> str:
    rounds = results.of(case.name, name)
    cpu_us = figures(rounds, lambda one: one.cpu_us)
    cells = [
        PEERS[name].label,
        spread(cpu_us, f",.{_digits(median(cpu_us))}f"),
        "1" if name == FAST else spread(results.ratios(case.name, name, FAST), ",.1f"),
        spread(figures(rounds, lambda one: one.requests_per_s), ",.0f"),
        spread(figures(rounds, lambda one: one.rows_per_s), ",.0f"),
    ]
    if case.in_flight == 1:
        cells.append(spread(figures(rounds, lambda one: one.p50_us), ",.0f"))
        cells.append(spread(figures(rounds, lambda one: one.p99_us), ",.0f"))
    return _line([*cells, f"{rounds[0].requests:,}"])


def _curves(results: Results) -> list[str]:
    if not results.curves:
        return []
    head = ["server", "of its peak", "offered/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "lag p99 ms"]
    rows = [
        _line(
            [
                PEERS[name].label,
                f"{point.share:.0%}",
                *(f"{rate:,.0f}" for rate in (point.rate, point.seen.achieved_rate)),
                *(
                    f"{us / 1e3:,.2f}"
                    for us in (
                        point.seen.p50_us,
                        point.seen.p99_us,
                        point.seen.p999_us,
                        point.seen.lag_p99_us,
                    )
                ),
                f"{point.failed:,} of {point.seen.sent:,}",
            ]
        )
        for name, points in results.curves.items()
        for point in points
    ]
    table = [_line([*head, "without an answer"]), "| --- |" + " ---: |" * len(head), *rows]
    note = (
        "Latency counts from the scheduled start; lag is how late the generator sent, and a part of it. Generator and "
        "server share the cores. Measured once."
    )
    return ["", f"## Latency against load: {MANY.work}, open loop", "", *table, "", note]


def _settings(results: Results) -> list[str]:
    head = ["server", "versions", "what it speaks", "settings"]
    rows = [
        _line([peer.label, results.versions[name], peer.wire.label, peer.settings])
        for name, peer in PEERS.items()
        if name in results.versions
    ]
    return ["", "## Versions and settings", "", _line(head), "| --- | --- | --- | --- |", *rows]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
