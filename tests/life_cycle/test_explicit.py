"""Callers who load and unload: what they are answered, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.gate import Gate
from tests.integration.calls import in_flight, infer_request, values
from tests.life_cycle import calls, written
from tests.server_process import ServerProcess, penstock
from tests.waiting import wait_for

NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
ABORTED = grpc.StatusCode.ABORTED
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def refused(refusal: calls.Refusal | None, code: grpc.StatusCode) -> str:
    """The sentence of a refusal that has this code."""
    assert refusal is not None
    assert refusal.code is code, refusal
    return refusal.details


def test_nothing_loads_that_was_not_asked_for(explicit: ServerProcess) -> None:
    refused_call = calls.infer(explicit, "unasked")
    assert isinstance(refused_call, calls.Refusal)
    assert refused_call.code is NOT_FOUND
    assert calls.index(explicit, "unasked") == {}
    assert explicit.http("/readyz")[0] == 200


@pytest.mark.parametrize(("flag", "serving"), [("one,two", ["one", "two"]), ("*", ["one", "three", "two"])])
def test_load_models_names_what_to_begin_with(tmp_path: Path, flag: str, serving: list[str]) -> None:
    repo = tmp_path / "models"
    for name in ("one", "two", "three"):
        written.write(repo, name, 1)
    with ServerProcess(repo, "--model-control", "explicit", "--load-models", flag) as server:
        assert server.serving["models"] == [f"{name}/1" for name in serving]


def test_load_models_with_a_name_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    written.write(tmp_path / "models", "fraud", 1)
    written.write(tmp_path / "models", "spam", 1)
    flags = ("--model-control", "explicit", "--port", "0", "--http-port", "0", "--metrics-port", "0")
    done = penstock("serve", tmp_path / "models", *flags, "--load-models", "frauds")
    assert done.returncode != 0
    assert "did you mean fraud?" in done.stderr
    assert "Traceback" not in done.stderr


def test_load_answers_once_the_version_serves_and_unload_once_it_is_out(
    explicit: ServerProcess, model: str
) -> None:
    written.write(explicit.repository, model, 1)
    for _ in range(5):
        assert calls.load(explicit, model) is None
        assert calls.infer(explicit, model) == ("1", 1)
        assert calls.index(explicit, model) == {"1": ("READY", "")}
        assert calls.metric_states(explicit, model) == {"1": "READY"}
        assert calls.unload(explicit, model) is None
        answer = calls.infer(explicit, model)
        assert isinstance(answer, calls.Refusal)
        assert answer.code is NOT_FOUND
        assert calls.index(explicit, model) == {}
        assert calls.metric_states(explicit, model) == {}
    assert calls.loads(explicit, model, "ok") == 5


def test_health_names_the_model_and_the_version_that_serves(explicit: ServerProcess, model: str) -> None:
    written.write(explicit.repository, model, 1)
    assert calls.health(explicit, model) == "UNKNOWN"
    calls.load(explicit, model)
    wait_for(lambda: calls.health(explicit, model) == "SERVING")
    assert calls.health(explicit, f"{model}/1") == "SERVING"
    written.write(explicit.repository, model, 2)
    calls.load(explicit, model)
    wait_for(lambda: calls.health(explicit, f"{model}/2") == "SERVING")
    wait_for(lambda: calls.health(explicit, f"{model}/1") == "UNKNOWN")
    assert calls.health(explicit, model) == "SERVING"
    calls.unload(explicit, model)
    wait_for(lambda: calls.health(explicit, model) == "UNKNOWN")


def test_a_higher_version_takes_over_and_the_log_tells_each_step(explicit: ServerProcess, model: str) -> None:
    written.write(explicit.repository, model, 1)
    calls.load(explicit, model)
    written.write(explicit.repository, model, 2)
    assert calls.infer(explicit, model) == ("1", 1)
    assert calls.load(explicit, model) is None
    assert calls.infer(explicit, model) == ("2", 2)
    wait_for(lambda: bool(calls.logged(explicit, "model gone", model)))
    steps = [(each["event"], each["version"]) for each in list(explicit.events) if each.get("model") == model]
    first, second = ([step for step, version in steps if version == number] for number in (1, 2))
    assert first == ["model loading", "model warming", "model ready", "model draining", "model gone"]
    assert second == ["model loading", "model warming", "model ready"]
    assert steps.index(("model draining", 1)) > steps.index(("model ready", 2))


def test_loading_what_serves_already_loads_nothing(explicit: ServerProcess, model: str) -> None:
    written.write(explicit.repository, model, 1)
    assert calls.load(explicit, model) is None
    assert calls.load(explicit, model) is None
    assert calls.loads(explicit, model, "ok") == 1


def test_load_answers_while_a_call_of_the_old_version_still_runs(
    explicit: ServerProcess, model: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    models.write_gated(explicit.repository, gate, model)
    calls.load(explicit, model)
    written.write(explicit.repository, model, 2)
    with gate.closed():
        held = explicit.inference.ModelInfer.future(infer_request(model, 3.0), timeout=calls.TIMEOUT_S)
        wait_for(lambda: in_flight(explicit, model) == 1, during=held)
        assert calls.load(explicit, model) is None
        assert calls.logged(explicit, "model still drains", model) == []
        assert calls.infer(explicit, model) == ("2", 2)
        assert calls.states(explicit, model) == {"1": "UNLOADING", "2": "READY"}
        assert not held.done()
    assert values(held.result()) == (3.0,)
    assert held.result().model_version == "1"
    wait_for(lambda: calls.states(explicit, model) == {"2": "READY"})


def test_a_call_in_flight_is_answered_by_the_model_that_is_unloaded(
    explicit: ServerProcess, model: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    models.write_gated(explicit.repository, gate, model)
    calls.load(explicit, model)
    request = oip.RepositoryModelUnloadRequest(model_name=model)
    request.parameters["unload_dependents"].bool_param = True
    with gate.closed():
        held = explicit.inference.ModelInfer.future(infer_request(model, 3.0), timeout=calls.TIMEOUT_S)
        wait_for(lambda: in_flight(explicit, model) == 1, during=held)
        out = explicit.inference.RepositoryModelUnload.future(request, timeout=calls.TIMEOUT_S)
        wait_for(lambda: not calls.is_routed(explicit, model), during=held)
        assert isinstance(calls.infer(explicit, model), calls.Refusal)
        assert calls.states(explicit, model) == {"1": "UNLOADING"}
        assert not out.done()
    assert values(held.result()) == (3.0,)
    out.result()
    assert calls.index(explicit, model) == {}


@pytest.mark.parametrize("change", [calls.load, calls.unload])
def test_an_unknown_model_is_not_found(
    explicit: ServerProcess, change: Callable[[ServerProcess, str], calls.Refusal | None]
) -> None:
    assert '"nowhere" is not in the repository' in refused(change(explicit, "nowhere"), NOT_FOUND)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no TorchScript": (lambda folder: (folder / "2" / "model.pt").write_bytes(b"no model"), "does not load"),
    "an empty file": (lambda folder: (folder / "2" / "model.pt").write_bytes(b""), "does not load"),
    "an empty archive": (
        lambda folder: (folder / "2" / "model.pt").write_bytes(written.broken()),
        "does not load",
    ),
    "no model file": (lambda folder: (folder / "2" / "model.pt").unlink(), "no such file"),
    "no model.toml": (lambda folder: (folder / "model.toml").unlink(), "model.toml"),
    "a wrong model.toml": (lambda folder: (folder / "model.toml").write_text("[[inputs]]\n"), "inputs"),
    "warm-up fails": (
        lambda folder: (folder / "2" / "model.pt").write_bytes(written.model_file(2, raises_on=4)),
        "does not warm up",
    ),
    "wrong checksums": (
        lambda folder: (folder / "2" / "SHA256SUMS").write_text(f"{'0' * 64}  model.pt\n"),
        "SHA-256",
    ),
    "a folder that is no version": (lambda folder: (folder / "01").mkdir(), "not a version"),
    "a link that leads outside": (lambda folder: (folder / "2" / "x").symlink_to("/etc/passwd"), "outside"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_version_is_refused_with_its_reason_and_the_old_one_serves_on(
    explicit: ServerProcess, model: str, what: str
) -> None:
    breaks, words = BROKEN[what]
    written.write(explicit.repository, model, 1)
    calls.load(explicit, model)
    written.write(explicit.repository, model, 2)
    breaks(explicit.repository / model)
    sentence = refused(calls.load(explicit, model), FAILED_PRECONDITION)
    assert words in sentence
    assert "2" in sentence or model in sentence
    assert str(explicit.repository) not in sentence
    assert "\n" not in sentence
    assert calls.infer(explicit, model) == ("1", 1)
    told = calls.index(explicit, model)
    assert told.pop("1")[0] == "READY"
    ((state, reason),) = told.values()
    assert state == "UNAVAILABLE"
    assert words in reason
    assert str(explicit.repository) not in reason
    # Mended, it is tried again.
    written.remove(explicit.repository / model)
    written.write(explicit.repository, model, 3)
    assert calls.load(explicit, model) is None
    wait_for(lambda: calls.index(explicit, model) == {"3": ("READY", "")})


def test_a_repository_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    repo = tmp_path / "models"
    written.write(repo, "fraud", 1)
    flags = ("--model-control", "explicit", "--load-models", "fraud")
    with ServerProcess(repo, *flags) as server:
        repo.rename(tmp_path / "elsewhere")
        for model in ("fraud", "spam"):
            sentence = refused(calls.load(server, model), FAILED_PRECONDITION)
            assert "cannot be read" in sentence
            assert str(tmp_path) not in sentence
        assert calls.infer(server, "fraud") == ("1", 1)
        assert calls.unload(server, "fraud") is None


def test_of_two_changes_of_one_model_one_wins_and_the_other_is_aborted(
    explicit: ServerProcess, model: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    models.write_gated(explicit.repository, gate, model)
    load = oip.RepositoryModelLoadRequest(model_name=model)
    with gate.closed():
        first = explicit.inference.RepositoryModelLoad.future(load, timeout=calls.TIMEOUT_S)
        wait_for(lambda: bool(calls.states(explicit, model)), during=first)
        for change in (calls.load, calls.unload):
            assert "is being loaded" in refused(change(explicit, model), ABORTED)
        assert not first.done()
    first.result()
    assert calls.states(explicit, model) == {"1": "READY"}


def test_changes_of_one_model_from_many_callers_end_and_leave_what_the_last_winner_asked_for(
    explicit: ServerProcess, model: str
) -> None:
    written.write(explicit.repository, model, 1)
    found: list[calls.Refusal | None] = []
    start = threading.Barrier(8)

    def ask(change: Callable[[ServerProcess, str], calls.Refusal | None]) -> None:
        start.wait()
        found.extend(change(explicit, model) for _ in range(10))

    threads = [threading.Thread(target=ask, args=(change,)) for change in (calls.load, calls.unload) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert {refusal.code for refusal in found if refusal} <= {ABORTED, NOT_FOUND}
    assert calls.load(explicit, model) is None
    assert calls.infer(explicit, model) == ("1", 1)
    assert calls.metric_states(explicit, model) == {"1": "READY"}
    assert explicit.metrics().total("penstock_in_flight_requests", model=model) == 0


def test_different_models_are_loaded_one_after_the_other(
    explicit: ServerProcess, model: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    other = f"{model}-other"
    models.write_gated(explicit.repository, gate, model)
    written.write(explicit.repository, other, 1)
    with gate.closed():
        futures = []
        for name in (model, other):
            request = oip.RepositoryModelLoadRequest(model_name=name)
            futures.append(explicit.inference.RepositoryModelLoad.future(request, timeout=calls.TIMEOUT_S))
            wait_for(lambda: bool(calls.states(explicit, model)), during=futures[0])
        assert "is being loaded" in refused_when_queued(explicit, other)
        assert calls.states(explicit, other) == {}
    for future in futures:
        future.result()
    assert calls.states(explicit, other) == {"1": "READY"}


def refused_when_queued(server: ServerProcess, model: str) -> str:
    """What a second change is told once the first has arrived, which may be a moment later."""
    while (refusal := calls.unload(server, model)) is None or refusal.code is NOT_FOUND:
        pass
    return refused(refusal, ABORTED)


def test_kserves_form_of_the_requests_works(explicit: ServerProcess, model: str) -> None:
    written.write(explicit.repository, model, 1)
    name = oip.RepositoryModelLoadRequest(repository_name=model).SerializeToString()
    assert name[:1] == b"\x0a"
    load = oip.RepositoryModelLoadRequest.FromString(name)
    explicit.inference.RepositoryModelLoad(load, timeout=calls.TIMEOUT_S)
    assert calls.states(explicit, model) == {"1": "READY"}
    unload = oip.RepositoryModelUnloadRequest.FromString(name)
    explicit.inference.RepositoryModelUnload(unload, timeout=calls.TIMEOUT_S)
    assert calls.states(explicit, model) == {}


def test_parameters_and_repositories_that_mean_nothing_are_refused_by_name(
    explicit: ServerProcess, model: str
) -> None:
    written.write(explicit.repository, model, 1)
    load = oip.RepositoryModelLoadRequest(model_name=model)
    load.parameters["config"].string_param = "{}"
    unload = oip.RepositoryModelUnloadRequest(model_name=model)
    unload.parameters["config"].string_param = "{}"
    elsewhere = oip.RepositoryModelLoadRequest(model_name=model, repository_name="elsewhere")
    for rpc, request, named in (
        (explicit.inference.RepositoryModelLoad, load, "config"),
        (explicit.inference.RepositoryModelUnload, unload, "config"),
        (explicit.inference.RepositoryModelLoad, elsewhere, "elsewhere"),
    ):
        assert named in refused(calls.outcome(rpc, request), INVALID_ARGUMENT)
    assert calls.states(explicit, model) == {}
