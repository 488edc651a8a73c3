"""`penstock bench --curve` at a real server: points that add up, and pictures of them."""

import json
import struct
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from penstock.commands import bench_curve
from penstock.load.curve import SHARES
from tests.server_process import ServerProcess, penstock

READY = "--call=inference.GRPCInferenceService/ServerReady"
FLAGS = ("--insecure", READY, "--curve", "--connections", "2")
PANELS = 3


def test_a_curve_has_a_peak_and_fifteen_points_that_add_up(
    standing_server: ServerProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "curve"
    seen = (
        *("--metrics-url", f"http://{standing_server.metrics_address}/metrics"),
        *("--server-pid", str(standing_server.process.pid)),
    )
    flags = ("--curve-duration", "4s", "--curve-deadline", "1s", "-o", str(folder))
    done = penstock("bench", *FLAGS, *flags, *seen, standing_server.address)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    curve = json.loads((folder / "curve.json").read_text())
    peak = curve["peak"]
    assert peak["per_s"] == max(probe["per_s"] for probe in peak["probes"]) > 0
    assert [point["share_of_peak"] for point in curve["points"]] == list(SHARES)
    for point in curve["points"]:
        assert point["offered_per_s"] == pytest.approx(point["share_of_peak"] * peak["per_s"])
        assert point["calls"] == sum(point["statuses"].values())
        # A Poisson process: six deviations, and a few.
        due = point["offered_per_s"] * curve["point_s"]
        assert abs(point["calls"] + point["due_but_not_sent"] - due) < 6 * due**0.5 + 10
        assert point["good"] <= point["statuses"].get("OK", 0)
        assert point["goodput_per_s"] == pytest.approx(point["good"] / curve["point_s"])
        assert point["server"]["cpu_cores"] >= 0
        assert 0 <= point["server"]["load_ratio"] <= 1
    low = curve["points"][0]
    assert low["latency_us"]["p50"] <= low["latency_us"]["p99"] <= low["latency_us"]["p99.9"]
    assert low["statuses"] == {"OK": low["calls"]}

    picture = ET.parse(folder / "curve.svg").getroot()  # noqa: S314 - written above
    texts = "".join(picture.itertext())
    assert ("goodput" in texts, "load ratio" in texts) == (True, True)
    assert sum(group.get("id", "").startswith("axes_") for group in picture.iter()) == PANELS + 1
    head = (folder / "curve.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    assert min(width, height) > 500


def test_a_server_that_refuses_every_call_has_no_curve(
    standing_server: ServerProcess, tmp_path: Path
) -> None:
    nobody = ("--call=inference.GRPCInferenceService/ModelReady", "-d", '{"name": "nobody", "version": "x"}')
    flags = ("--insecure", "--curve", "--curve-duration=1s", "--connections=1", "-o", str(tmp_path))
    done = penstock("bench", *flags, *nobody, standing_server.address)
    assert done.returncode == 2
    assert "has no curve" in done.stderr
    assert not (tmp_path / "curve.json").exists()


def test_without_matplotlib_there_is_one_sentence_and_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "penstock.load.curve_plot", None)
    bench_curve._draw({}, tmp_path)
    assert "penstock[plots]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
