"""Callers lose nothing and are answered by what is routed, whatever becomes of a model's folder, in any order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.life_cycle import calls, written
from tests.life_cycle.traffic import NONE, Traffic
from tests.server_process import ServerProcess

_names = itertools.count(1)
# What of a version is wrong, and how its model.pt or another file of it shows that.
FAULTS = ("no archive", "cut short", "no TorchScript", "warm-up", "checksum")


class Model(RuleBasedStateMachine):
    """One model under traffic. `folder` is what its folder holds: number → what it gives, None where it is broken."""

    server: ServerProcess

    def __init__(self) -> None:
        super().__init__()
        self.name = f"machine{next(_names)}"
        self.place = self.server.repository / self.name
        self.folder: dict[int, calls.Answer | None] = {}
        self.serving: calls.Answer | None = NONE
        self.last = 0
        self.contents = [1]
        self.traffic = Traffic(self.server, self.name).__enter__()

    def teardown(self) -> None:
        """Nothing stays for the next one."""
        try:
            self.traffic.flows()
            self.end()
        finally:
            self.traffic.__exit__(None, None, None)

    def end(self) -> None:
        """Takes the model away."""
        raise NotImplementedError

    def changed(self) -> None:
        """Has what the folder holds now taken over."""
        raise NotImplementedError

    def add(
        self, content: bytes, adds: int, *, good: bool = True, files: dict[str, bytes] | None = None
    ) -> None:
        """A version above all others."""
        self.last += 1
        self.folder[self.last] = calls.Answer(str(self.last), adds) if good else None
        written.write(self.server.repository, self.name, self.last, content, files)

    @rule(data=st.data())
    def swap_or_roll_back(self, data: st.DataObject) -> None:
        """A new content, or the content of an older version, as a new version."""
        self.contents.append(self.last + 1)
        adds = data.draw(st.sampled_from(self.contents))
        self.add(written.model_file(adds), adds)
        self.changed()

    @rule(fault=st.sampled_from(FAULTS), rows=st.sampled_from([1, 2, 4]))
    def write_broken(self, fault: str, rows: int) -> None:
        adds = self.last + 1
        content = {
            "no archive": b"nothing",
            "cut short": written.model_file(adds)[:-100],
            "no TorchScript": written.broken(),
            "warm-up": written.model_file(adds, raises_on=rows),
        }.get(fault, written.model_file(adds))
        files = {"SHA256SUMS": b"0" * 64 + b"  model.pt\n"} if fault == "checksum" else {}
        self.add(content, adds, good=False, files=files)
        self.changed()

    @precondition(lambda self: len(self.folder) > 1)
    @rule()
    def delete_the_highest(self) -> None:
        number = max(self.folder)
        del self.folder[number]
        written.remove(self.place / str(number))
        self.changed()

    @precondition(lambda self: bool(self.folder) and not self.folder[max(self.folder)])
    @rule()
    def mend_the_highest(self) -> None:
        self.rewrite_the_highest()

    def rewrite_the_highest(self) -> None:
        """Other contents with the same number."""
        number = max(self.folder)
        adds = 1000 + written.new_number()
        self.folder[number] = calls.Answer(str(number), adds)
        (self.place / str(number) / "SHA256SUMS").unlink(missing_ok=True)
        staged = self.place.parent.parent / f"rewritten-{adds}"
        staged.write_bytes(written.model_file(adds))
        staged.rename(self.place / str(number) / "model.pt")
        self.changed()

    @precondition(lambda self: bool(self.folder))
    @rule()
    def delete_the_model(self) -> None:
        self.folder.clear()
        written.remove(self.place)
        self.changed()


class Explicit(Model):
    """Loaded and unloaded by callers."""

    def changed(self) -> None:
        highest = max(self.folder, default=0)
        if good := self.folder.get(highest):
            self.traffic.routed.may_be(self.serving, good)
            self.serving = good
        refusal = calls.load(self.server, self.name)
        self.traffic.routed.may_be(self.serving)
        code = refusal and refusal.code
        if not self.folder:
            assert code is grpc.StatusCode.NOT_FOUND
        elif self.folder[highest]:
            assert code is None, refusal
        else:
            assert code is grpc.StatusCode.FAILED_PRECONDITION
        self.traffic.flows()

    @rule()
    def load_again(self) -> None:
        self.changed()

    @precondition(lambda self: bool(self.folder))
    @rule()
    def rewrite(self) -> None:
        """What serves is replaced by a version with its number."""
        self.rewrite_the_highest()

    @rule()
    def unload(self) -> None:
        self.traffic.routed.may_be(self.serving, NONE)
        refusal = calls.unload(self.server, self.name)
        assert refusal is None or (refusal.code is grpc.StatusCode.NOT_FOUND and self.serving is NONE)
        self.serving = NONE
        self.traffic.routed.may_be(NONE)
        assert calls.index(self.server, self.name) == {}
        self.traffic.flows()

    def end(self) -> None:
        self.unload()
        if self.folder:
            written.remove(self.place)


class Polled(Model):
    """Taken over by a server that looks at its folders."""

    def changed(self) -> None:
        before = self.serving
        highest = max(self.folder, default=0)
        if not self.folder:
            self.serving = NONE
        else:
            self.serving = self.folder[highest] or before
        # The server may have seen the folder before this line.
        self.traffic.routed.may_be(before, self.serving)
        # hypothesis would repeat a step that the test's own timeout has ended.
        until = time.monotonic() + calls.TIMEOUT_S
        while not self._is_taken_over(highest):
            assert time.monotonic() < until, calls.index(self.server, self.name)
        self.traffic.routed.may_be(self.serving)
        self.traffic.flows()

    def _is_taken_over(self, highest: int) -> bool:
        states = calls.states(self.server, self.name)
        wanted = {} if self.serving is NONE else {self.serving.version: "READY"}
        if self.folder and not self.folder[highest]:
            wanted[str(highest)] = "UNAVAILABLE"
        return states == wanted

    def add(
        self, content: bytes, adds: int, *, good: bool = True, files: dict[str, bytes] | None = None
    ) -> None:
        # Before the folder is there, since the server may look at once.
        self.traffic.routed.may_be(self.serving, calls.Answer(str(self.last + 1), adds))
        super().add(content, adds, good=good, files=files)

    def end(self) -> None:
        if self.folder:
            self.delete_the_model()


def run(machine: type[Model], server: ServerProcess, examples: int, steps: int) -> None:
    """Runs a machine against a server."""
    own = type(machine.__name__, (machine,), {"server": server})
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        # A shorter story costs more time than the test has.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(own, settings=bounds)
    assert server.process.poll() is None
    assert server.other_lines == []


@pytest.fixture(scope="module")
def explicit_behind_grpcio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repo: Path = tmp_path_factory.mktemp("grpcio") / "models"
    repo.mkdir()
    with ServerProcess(repo, "--door", "grpcio", "--model-control", "explicit") as server:
        yield server


def test_callers_of_a_model_that_is_loaded_and_unloaded_lose_nothing(explicit: ServerProcess) -> None:
    run(Explicit, explicit, examples=10, steps=20)


def test_callers_of_a_model_that_is_loaded_and_unloaded_lose_nothing_behind_grpcio(
    explicit_behind_grpcio: ServerProcess,
) -> None:
    run(Explicit, explicit_behind_grpcio, examples=4, steps=12)


def test_callers_of_a_model_that_follows_its_folder_lose_nothing(polled: ServerProcess) -> None:
    run(Polled, polled, examples=4, steps=10)
