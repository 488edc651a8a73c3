"""A model that would go over a memory limit is refused before it is read, with the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import memory_limit, runtime
from penstock._fastpath import ModelFile
from penstock.errors import ModelLoadError
from tests.loading import archives, modules

MB = 1_000_000
UNLIMITED_V1 = str(0x7FFFFFFFFFFFF000)


class Machine:
    """A root folder with /proc and /sys as a kernel would have them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def group(self, line: str) -> Machine:
        self._write("proc/self/cgroup", line + "\n")
        return self

    def v2(self, path: str, limit: str, used_mb: int, inactive_mb: int = 0, active_mb: int = 0) -> Machine:
        folder = f"sys/fs/cgroup/{path}"
        self._write(f"{folder}/memory.max", limit + "\n")
        self._write(f"{folder}/memory.current", f"{used_mb * MB}\n")
        figures = f"anon 1\nfile 2\ninactive_file {inactive_mb * MB}\nactive_file {active_mb * MB}\n"
        self._write(f"{folder}/memory.stat", figures)
        return self

    def v1(self, path: str, limit: str, used_mb: int, inactive_mb: int = 0) -> Machine:
        folder = f"sys/fs/cgroup/memory/{path}"
        self._write(f"{folder}/memory.limit_in_bytes", limit + "\n")
        self._write(f"{folder}/memory.usage_in_bytes", f"{used_mb * MB}\n")
        self._write(f"{folder}/memory.stat", f"cache 9\ntotal_inactive_file {inactive_mb * MB}\n")
        return self

    def memory(self, total_kb: int, available_kb: int) -> Machine:
        text = f"MemTotal:       {total_kb} kB\nMemFree: 1 kB\nMemAvailable:   {available_kb} kB\n"
        self._write("proc/meminfo", text)
        return self

    def left_mb(self) -> float | None:
        room = memory_limit.tightest(self.root)
        return None if room is None else room.left_bytes / MB

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_sentence_says_what_is_needed_what_is_left_and_of_what(machine: Machine) -> None:
    machine.group("0::/").v2("", str(512 * MB), used_mb=312)
    with pytest.raises(ModelLoadError) as caught:
        memory_limit.check("model x version 3", 320 * MB, root=machine.root)
    assert str(caught.value) == (
        "model x version 3 needs 320 MB but only 200 MB of the 512 MB limit of its control group are left;"
        " raise the limit or unload another model first"
    )


def test_what_just_fits_is_not_refused(machine: Machine) -> None:
    machine.group("0::/").v2("", str(512 * MB), used_mb=312)
    memory_limit.check("model x version 3", 200 * MB, root=machine.root)
    with pytest.raises(ModelLoadError):
        memory_limit.check("model x version 3", 200 * MB + 1, root=machine.root)


def test_what_is_being_freed_counts_as_free(machine: Machine) -> None:
    machine.group("0::/").v2("", str(512 * MB), used_mb=500)
    memory_limit.check("model x", 112 * MB, soon_free_bytes=100 * MB, root=machine.root)
    with pytest.raises(ModelLoadError, match="but only 112 MB of the 512 MB"):
        memory_limit.check("model x", 113 * MB, soon_free_bytes=100 * MB, root=machine.root)


def test_file_pages_do_not_count_as_used(machine: Machine) -> None:
    machine.group("0::/").v2("", str(512 * MB), used_mb=500, inactive_mb=300, active_mb=100)
    assert machine.left_mb() == 412


def test_the_tightest_of_all_groups_above_counts(machine: Machine) -> None:
    machine.group("0::/kubepods/pod1/main")
    machine.v2("kubepods/pod1/main", "max", used_mb=10)
    machine.v2("kubepods/pod1", str(300 * MB), used_mb=100)
    machine.v2("kubepods", str(900 * MB), used_mb=850)
    assert machine.left_mb() == 50


def test_in_a_container_that_sees_the_hosts_path_the_mount_counts(machine: Machine) -> None:
    machine.group("0::/kubepods/pod1/main").v2("", str(300 * MB), used_mb=100)
    assert machine.left_mb() == 200


def test_version_1_with_the_path_of_its_memory_controller(machine: Machine) -> None:
    machine.group("7:cpu,cpuacct:/other\n5:memory:/docker/a\n0::/system.slice")
    machine.v1("docker/a", str(400 * MB), used_mb=350, inactive_mb=50).v1("", UNLIMITED_V1, used_mb=900)
    assert machine.left_mb() == 100


def test_without_limits_the_machines_memory_counts(machine: Machine) -> None:
    machine.group("0::/").v2("", "max", used_mb=5).memory(total_kb=2_000_000, available_kb=1_000_000)
    assert machine.left_mb() == 1024
    with pytest.raises(ModelLoadError, match=r"of the 2,048 MB memory of the machine are left"):
        memory_limit.check("model x", 1025 * MB, root=machine.root)


def test_a_system_that_tells_nothing_refuses_nothing(machine: Machine) -> None:
    assert machine.left_mb() is None
    memory_limit.check("model x", 1 << 60, root=machine.root)


@pytest.mark.parametrize("text", ["", "\n", "much\n", "-1\n", "12 13\n", "\N{SUPERSCRIPT TWO}\n"])
def test_figures_that_are_none_refuse_nothing(machine: Machine, text: str) -> None:
    machine.group("0::/").v2("", text.strip(), used_mb=1)
    assert machine.left_mb() is None


def test_a_group_that_is_over_its_limit_has_nothing_left(machine: Machine) -> None:
    machine.group("0::/").v2("", str(100 * MB), used_mb=150)
    with pytest.raises(ModelLoadError, match=r"but only 0\.00 MB of the 100 MB"):
        memory_limit.check("model x", 1, root=machine.root)


def test_a_path_that_leads_upwards_is_not_followed(machine: Machine) -> None:
    machine.group("0::/../../secret").v2("", str(100 * MB), used_mb=10)
    assert machine.left_mb() == 90


def test_this_system_can_be_asked() -> None:
    room = memory_limit.tightest()
    assert room is not None
    assert 0 < room.left_bytes <= room.limit_bytes


def test_a_model_over_the_limit_is_refused_before_it_is_read(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archives.put(machine.root, modules.saved("large"))
    machine.group("0::/").v2("", str(100 * MB), used_mb=100)
    check = memory_limit.check
    monkeypatch.setattr(
        memory_limit, "check", lambda *about, **more: check(*about, **more, root=machine.root)
    )
    with path.open("rb") as file:
        needed_mb = ModelFile(file.fileno()).weights_bytes / MB
        with pytest.raises(
            ModelLoadError, match=rf"\Amodel x version 3 needs {needed_mb:.2f} MB but only 0\.00 MB"
        ):
            runtime.load_torchscript(file, called="model x version 3")
