"""The rule by which a peak is found, what a server says of itself, and the options that a curve takes."""

import argparse
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.commands import bench
from penstock.errors import ConfigError
from penstock.load import curve_peak
from penstock.load.options import Options
from penstock.load.server_meter import Meter, MeterError

CALL = ("--call", "a.B/C", "localhost:1")


def tried(connections: int, *rates: float) -> list[int]:
    """The numbers of calls under way that are tried where rates come out so; the last one for all others."""
    answers = iter(rates)
    found = curve_peak.probes(connections, lambda _: next(answers, rates[-1]))
    return [probe.in_flight for probe in found]


def test_the_search_for_a_peak_ends_at_two_doublings_without_gain() -> None:
    assert tried(4, 100, 190, 300, 310, 305) == [4, 8, 16, 32, 64]


def test_one_doubling_without_gain_is_no_end() -> None:
    assert tried(1, 100, 90, 200, 201, 202) == [1, 2, 4, 8, 16]


def test_the_search_ends_at_64_calls_on_each_connection() -> None:
    in_flight = tried(2, *(100 * 2**double for double in range(20)))
    assert (in_flight[-1], len(in_flight)) == (2 * curve_peak.MOST_PER_CONNECTION, len(curve_peak.steps(2)))


def asked(*arguments: str) -> Options:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench.asked(parser.parse_args([*arguments]))


def test_a_curve_has_defaults_of_its_own() -> None:
    options = asked("--curve", "--output=x", *CALL)
    assert (options.connections, options.concurrency, options.timeout) == (8, 8, 10**9)
    assert asked("--curve", "--output=x", "--connections=3", "-t=2s", *CALL).timeout == 2 * 10**9


@pytest.mark.parametrize("flag", ["--rps=5", "--total=7", "-z=3s", "--concurrency=9", "--async", "-O=json"])
def test_an_option_that_a_curve_sets_by_itself_is_refused_by_name(flag: str) -> None:
    with pytest.raises(ConfigError, match="--curve sets the load by itself: leave --"):
        asked("--curve", "--output=x", flag, *CALL)


def test_a_curve_needs_a_folder() -> None:
    with pytest.raises(ConfigError, match="--output"):
        asked("--curve", *CALL)


@pytest.fixture
def metrics() -> Iterator[str]:
    """The address of a server of metrics."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(
                b"# TYPE penstock_model_busy_seconds_total counter\n"
                b'penstock_model_busy_seconds_total{model="a b",version="1"} 1.5\n'
                b'penstock_model_busy_seconds_total{model="c",version="1"} 2\n'
                b"penstock_process_load_ratio 0.25\nprocess_cpu_seconds_total 7e-1\n"
            )

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metrics_are_summed_over_models(metrics: str) -> None:
    reading = Meter(metrics_url=metrics).read()
    assert (reading.cpu_s, reading.model_busy_s, reading.load_ratio) == (0.7, 3.5, 0.25)


def test_a_process_tells_its_cpu_time_alone() -> None:
    reading = Meter(pid=os.getpid()).read()
    assert (reading.model_busy_s, reading.load_ratio) == (None, None)
    assert reading.cpu_s is not None
    assert reading.cpu_s > 0


def test_what_cannot_be_looked_at_is_named(metrics: str, tmp_path: Path) -> None:
    with pytest.raises(MeterError, match="HTTP 404"):
        Meter(metrics_url=f"{metrics}/nowhere").read()
    with pytest.raises(MeterError, match=r"--metrics-url: http://127\.0\.0\.1:1 cannot be read"):
        Meter(metrics_url="http://127.0.0.1:1").read()
    with pytest.raises(ConfigError, match="--metrics-url: found 'ftp://x'"):
        Meter(metrics_url="ftp://x").read()
    with pytest.raises(MeterError, match="--server-pid: process 4194305"):
        # Above the most that Linux gives.
        Meter(pid=4194305).read()
