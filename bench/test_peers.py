"""The peers' benchmark itself: process trees, wires, report. No peer is started, and nothing is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import rec_model
from bench.doors.figures import Round
from bench.model_inputs import INPUTS
from bench.open_loop import OpenLoopResult
from bench.peers import document, plots, process_tree
from bench.peers.cases import ALONE, MANY
from bench.peers.catalogue import FAST, PEERS
from bench.peers.figures import Point, Results
from bench.peers.report import report, summary
from bench.peers.wires import JSON, OIP, TORCHSERVE, Wire
from bench.process_cpu import tree, tree_cpu_s
from penstock.pb import inference_pb2
from penstock.runtime import load_torchscript
from tests.models import write_model

_ROOT = Path(__file__).parents[1]
_CIRCUMSTANCES = {"machine": "a machine", "commit": "c0ffee", "command": "python -m bench.peers"}
# A process that leaves a busy one behind, as a daemon does, prints its number, and lives on.
_DAEMON = """\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if (pid := os.fork()) == 0:
        while True:
            pass
    print(pid, flush=True)
    os._exit(0)
os.wait()
time.sleep(600)
"""
# What `python -m bench.peers` is to its servers.
_BENCHMARK = f"""\
import subprocess, sys
from bench.peers import launcher, process_tree
launcher.adopt_orphans()
server = subprocess.Popen([sys.executable, "-m", "bench.peers.launcher", sys.executable, "-c", {_DAEMON!r}])
print(server.pid, flush=True)
sys.stdin.read()
process_tree.end(server.pid, 5.0)
server.wait()
process_tree.end_all_children()
"""


def test_a_daemon_is_counted_and_paused_with_its_server_and_ended_after_it() -> None:
    command = [sys.executable, "-c", _BENCHMARK]
    with subprocess.Popen(  # noqa: S603 - named above
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as benchmark:
        assert benchmark.stdout is not None
        server, daemon = (int(benchmark.stdout.readline()) for _ in range(2))
        until = time.monotonic() + 10
        # Until the process between them has ended, and the server has got its child.
        while daemon not in tree(server) and time.monotonic() < until:
            time.sleep(0.01)
        assert daemon in tree(server)
        process_tree.pause(server)
        paused_s = tree_cpu_s(server)
        time.sleep(0.1)
        assert tree_cpu_s(server) == paused_s
        process_tree.resume(server)
        until = time.monotonic() + 10
        while tree_cpu_s(server) == paused_s and time.monotonic() < until:
            time.sleep(0.01)
        assert tree_cpu_s(server) > paused_s
        assert process_tree.memory_mb(server) > 1
        benchmark.communicate()
    assert benchmark.returncode == 0
    assert not Path(f"/proc/{server}").exists()
    assert not Path(f"/proc/{daemon}").exists()


@pytest.mark.parametrize("wire", [TORCHSERVE, JSON, OIP], ids=lambda wire: wire.label)
def test_every_wire_reads_the_scores_that_its_server_writes(wire: Wire) -> None:
    scores = np.array([[0.25], [0.5]], np.float32)
    answer = {
        TORCHSERVE.label: b"\x0a\x08" + scores.tobytes(),
        JSON.label: b'{"score": [[0.25], [0.5]]}',
        OIP.label: inference_pb2.ModelInferResponse(
            outputs=[{"name": "score", "datatype": "FP32", "shape": [2, 1]}],
            raw_output_contents=[scores.tobytes()],
        ).SerializeToString(),
    }[wire.label]
    outputs = wire.decode(answer)
    assert list(outputs) == ["score"]
    assert np.array_equal(outputs["score"], scores)


def test_the_recommender_tells_rows_apart_and_gives_each_its_own_score(tmp_path: Path) -> None:
    folder = write_model(tmp_path, rec_model.NAME, 1, rec_model.recommender(table_rows=100), rec_model.TOML)
    with (folder / "1" / "model.pt").open("rb") as file:
        model = load_torchscript(file)
    random = np.random.default_rng(0)
    dense, ids = INPUTS["rec"]
    rows = random.standard_normal((4, dense.width), np.float32), random.integers(0, 100, (4, ids.width))
    together = model(*map(torch.from_numpy, rows)).detach().numpy()
    alone = [
        model(*(torch.from_numpy(each[row : row + 1]) for each in rows)).detach().numpy()[0]
        for row in range(4)
    ]
    assert together.shape == (4, 1)
    assert len(set(together.ravel().tolist())) == 4
    assert np.allclose(together, np.array(alone), rtol=0, atol=1e-6)


def test_the_report_has_every_figure_and_whoever_is_missing() -> None:
    text = report(_CIRCUMSTANCES, _results())
    assert "| penstock, fast door | 10.0, 6,400 | 10.0, 500 and 900 | 1.0 | 0.50, 1.50 | 128 |" in text
    assert "| Triton, Python backend | 100, 640 | – | 10.0 | – | 128 |" in text
    assert "100 (80 … 120)" in text
    assert "| penstock, fast door | 70% | 700 | 699 | 0.50 | 1.50 | 2.00 | 0.10 | 3 of 1,400 |" in text
    assert "- missing: Ray Serve: it did not start" in text
    assert "no result" not in text


def test_figures_of_a_busy_machine_are_no_result() -> None:
    results = _results()
    results.rounds[MANY.name, "triton"] = [_round(100.0, others_cores=0.2)]
    assert not results.is_quiet()
    assert "these figures are no result" in report(_CIRCUMSTANCES, results)


def test_the_document_has_a_place_for_the_summary_and_keeps_the_rest() -> None:
    text = (_ROOT / "docs" / "performance.md").read_text()
    between = summary(_CIRCUMSTANCES, _results(), "../bench/results")
    once = document.filled(text, between)
    assert between in once
    assert once.startswith(text.split("<!-- peers")[0])
    assert document.filled(once, between) == once
    with pytest.raises(ValueError, match="has them 0 times"):
        document.filled("no place here", between)


def test_plots_of_all_peers_are_small(tmp_path: Path) -> None:
    results = Results()
    for at, name in enumerate(PEERS):
        results.rounds[MANY.name, name] = [_round(10.0 * 2**at), _round(11.0 * 2**at)]
        results.curves[name] = [_point(share, 1000.0 / 2**at) for share in (0.1, 0.7, 1.1)]
    plots.write(tmp_path, results, "a machine; commit c0ffee")
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {
        f"{name}.{kind}" for name in ("peers_cpu", "peers_latency") for kind in ("svg", "png")
    }
    assert max(sizes.values()) < 150_000


def _results() -> Results:
    results = Results(versions={FAST: "penstock 1", "triton": "Triton 2"})
    results.rounds[MANY.name, FAST] = [_round(10.0, requests_per_s=6_400)] * 3
    results.rounds[ALONE.name, FAST] = [_round(10.0, p50_us=500.0, p99_us=900.0)]
    results.rounds[MANY.name, "triton"] = [
        _round(cpu_us, requests_per_s=640) for cpu_us in (120.0, 100.0, 80.0)
    ]
    results.memory_mb = {FAST: 128.0, "triton": 128.0}
    results.curves[FAST] = [_point(0.7, 1_000.0)]
    results.missing = ["Ray Serve: it did not start"]
    return results


def _round(
    cpu_us: float,
    *,
    requests_per_s: float = 1_000.0,
    p50_us: float | None = None,
    p99_us: float | None = None,
    others_cores: float = 0.0,
) -> Round:
    return Round(
        cpu_us=cpu_us,
        requests_per_s=requests_per_s,
        rows_per_s=requests_per_s,
        p50_us=p50_us,
        p99_us=p99_us,
        rows_a_batch=None,
        others_cores=others_cores,
        requests=1_000,
        samples=1,
    )


def _point(share: float, peak: float) -> Point:
    seen = OpenLoopResult(
        sent=1_400,
        errors={"no answer": 3},
        p50_us=500.0,
        p99_us=1_500.0,
        p999_us=2_000.0,
        max_us=2_500.0,
        lag_p99_us=100.0,
        achieved_rate=share * peak - 1,
    )
    return Point(share, share * peak, seen, others_cores=0.0)
