"""Names and versions that callers send never become paths: refused, and nothing outside is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from penstock.pb import (
    feature_statistics_pb2,
    feature_statistics_pb2_grpc,
    health_pb2,
    health_pb2_grpc,
    prediction_pb2,
)
from penstock.pb import inference_pb2 as oip
from tests.contract.conftest import DOORS
from tests.integration.calls import infer_request
from tests.life_cycle import calls, written
from tests.server_process import ServerProcess

REFUSALS = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}
_VERSIONS = [
    "../1",
    "/1",
    "1/../1",
    "01",
    "0",
    "-1",
    "+1",
    "1.0",
    "1e0",
    " 1",
    "１",
    "١",
    "1\0",
    "%31",
    "9" * 400,
]


@dataclass
class Trapped:
    """A server, and what lies around its repository.

    Attributes:
        server: serves `fraud`.
        bait: a whole model beside the repository, which has not been read if its files were not.

    """

    server: ServerProcess
    bait: Path

    def names(self) -> list[str]:
        """What leads to the bait in some way of reading it, and what is no name at all."""
        outside = [
            "../bait",
            "..",
            ".",
            "./fraud",
            "fraud/",
            "fraud//1",
            "fraud/../fraud",
            "fraud/../../bait",
        ]
        absolute = [str(self.bait), "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "~root"]
        encoded = ["%2e%2e%2fbait", "%2e%2e", "..%2fbait", "..\\bait", "%252e%252e%252fbait"]
        unicode = ["．．/bait", "．．", "․․/bait", "…", "..∕bait", "..／bait", "ｆｒａｕｄ", "fraud\u200b"]
        text = ["fraud\0", "fraud\0/../../bait", "\0", "fraud\n", " fraud", "a" * 129, "../" * 20_000]
        return [*outside, *absolute, *encoded, *unicode, *text, ".hidden", "-fraud"]


@pytest.fixture(scope="module", params=DOORS)
def trapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trapped]:
    place = tmp_path_factory.mktemp("trap")
    repo = place / "models"
    written.write(repo, "fraud", 1)
    bait = written.write(place / "baits" / "models", "bait", 1).parent.rename(place / "bait")
    flags = ("--door", request.param, "--model-control", "explicit", "--load-models", "fraud")
    with ServerProcess(repo, *flags) as server:
        (repo / ".hidden").symlink_to(bait)
        (repo / "link").symlink_to(bait)
        # Whoever opens one of these to read it waits for a writer, and is seen by it.
        for file in (bait / "model.toml", bait / "1" / "model.pt"):
            file.unlink()
            os.mkfifo(file)
        yield Trapped(server, bait)


Call = Callable[[ServerProcess, str, str], calls.Refusal | Any]


def _infer(server: ServerProcess, name: str, version: str) -> Any:
    request = infer_request(name, calls.X)
    request.model_version = version
    return calls.outcome(server.inference.ModelInfer, request)


def _predict(server: ServerProcess, name: str, version: str) -> Any:
    request = prediction_pb2.PredictRequest(model_name=name, model_version=version)
    return calls.outcome(server.prediction.Predict, request)


def _feature_statistics(server: ServerProcess, name: str, version: str) -> Any:
    stub = feature_statistics_pb2_grpc.FeatureStatisticsStub(server.channel)
    request = feature_statistics_pb2.GetFeatureStatisticsRequest(model_name=name, model_version=version)
    return calls.outcome(stub.GetFeatureStatistics, request)


def _health(server: ServerProcess, name: str, version: str) -> Any:
    stub = health_pb2_grpc.HealthStub(server.channel)
    service = f"{name}/{version}" if version else name
    return calls.outcome(stub.Check, health_pb2.HealthCheckRequest(service=service))


def _named(rpc: str, message: type) -> Call:
    def call(server: ServerProcess, name: str, version: str) -> Any:
        return calls.outcome(getattr(server.inference, rpc), message(name=name, version=version))

    return call


VERSIONED: dict[str, Call] = {
    "ModelInfer": _infer,
    "Predict": _predict,
    "ModelReady": _named("ModelReady", oip.ModelReadyRequest),
    "ModelMetadata": _named("ModelMetadata", oip.ModelMetadataRequest),
    "ModelConfig": _named("ModelConfig", oip.ModelConfigRequest),
    "ModelStatistics": _named("ModelStatistics", oip.ModelStatisticsRequest),
    "GetFeatureStatistics": _feature_statistics,
    "Health": _health,
}
NAMED: dict[str, Call] = VERSIONED | {
    "Load": lambda server, name, _: calls.outcome(
        server.inference.RepositoryModelLoad, oip.RepositoryModelLoadRequest(model_name=name)
    ),
    "Load, in KServe's form": lambda server, name, _: calls.outcome(
        server.inference.RepositoryModelLoad, oip.RepositoryModelLoadRequest(repository_name=name)
    ),
    "Unload": lambda server, name, _: calls.outcome(
        server.inference.RepositoryModelUnload, oip.RepositoryModelUnloadRequest(model_name=name)
    ),
    "TraceSetting": lambda server, name, _: calls.outcome(
        server.inference.TraceSetting, oip.TraceSettingRequest(model_name=name)
    ),
}


def is_refused(answer: calls.Refusal | Any) -> bool:
    return isinstance(answer, calls.Refusal) and answer.code in REFUSALS and len(answer.details) < 2000


@pytest.mark.parametrize("rpc", NAMED)
def test_a_name_that_is_a_path_is_refused(trapped: Trapped, rpc: str) -> None:
    for name in trapped.names():
        answer = NAMED[rpc](trapped.server, name, "")
        assert is_refused(answer), (name[:50], answer)
    assert calls.infer(trapped.server, "fraud") == ("1", 1)


@pytest.mark.parametrize("rpc", VERSIONED)
def test_a_version_that_is_no_number_is_refused(trapped: Trapped, rpc: str) -> None:
    for version in _VERSIONS:
        answer = VERSIONED[rpc](trapped.server, "fraud", version)
        assert is_refused(answer), (version[:50], answer)
    assert calls.infer(trapped.server, "fraud", "1") == ("1", 1)


def test_nothing_outside_was_opened_and_nothing_waits_for_it(trapped: Trapped) -> None:
    refusal = calls.load(trapped.server, "link")
    assert refusal is not None
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "leads outside the repository" in refusal.details
    assert not calls.is_routed(trapped.server, "link")
    for file in (trapped.bait / "model.toml", trapped.bait / "1" / "model.pt"):
        assert stat.S_ISFIFO(file.stat().st_mode)
        # Without a reader a FIFO cannot be opened for writing.
        with pytest.raises(OSError, match="No such device"):
            os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    opened = [str(link.readlink()) for link in Path(f"/proc/{trapped.server.process.pid}/fd").iterdir()]
    assert not [path for path in opened if str(trapped.bait) in path]
    written.write(trapped.server.repository, "fraud", trapped.server.process.pid)
    assert calls.load(trapped.server, "fraud") is None


def test_refusals_do_not_tell_where_the_repository_lies(trapped: Trapped) -> None:
    for rpc in NAMED.values():
        for name in ("../bait", "nowhere", "link"):
            answer = rpc(trapped.server, name, "")
            assert (
                not isinstance(answer, calls.Refusal) or str(trapped.server.repository) not in answer.details
            )
