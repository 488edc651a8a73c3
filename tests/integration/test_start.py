"""What stops a start, and what a command line is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import models
from tests.server_process import ServerProcess, penstock


def refused_start(*arguments: str | Path, settings: dict[str, str] | None = None) -> str:
    """The one line that a start which the user can mend ends with; exit code 2."""
    told = penstock(*arguments, settings=settings)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("penstock: ")
    assert told.stderr.count("\n") == 1, told.stderr
    return told.stderr


def test_a_port_in_use_is_named(standing_server: ServerProcess, two_models: Path) -> None:
    port = str(standing_server.serving["port"])
    sentence = refused_start("serve", two_models, "--port", port, "--http-port", "0", "--metrics-port", "0")
    assert (
        f"127.0.0.1:{port}: cannot be listened on: Address already in use; another process listens there\n"
        in sentence
    )


def test_a_metrics_port_in_use_is_named(standing_server: ServerProcess, two_models: Path) -> None:
    port = str(standing_server.serving["metrics_port"])
    sentence = refused_start("serve", two_models, "--port", "0", "--http-port", "0", "--metrics-port", port)
    assert (
        f"127.0.0.1:{port}: cannot be listened on: Address already in use; another process listens there\n"
        in sentence
    )


def test_a_host_that_is_not_ours_is_named(two_models: Path) -> None:
    sentence = refused_start("serve", two_models, "--host", "192.0.2.1", "--port", "0")
    assert "192.0.2.1:0: cannot be listened on" in sentence


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_bad_model_toml_stops_the_start(command: str, repo: Path) -> None:
    folder = models.write_mlp(repo)
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace("datatype", "datatpye", 1))
    sentence = refused_start(command, repo)
    assert "model.toml" in sentence
    assert "datatpye" in sentence


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_missing_model_file_stops_the_start(command: str, repo: Path) -> None:
    (models.write_mlp(repo) / "1" / "model.pt").unlink()
    assert "mlp/1/model.pt: no such file" in refused_start(command, repo)


def test_a_link_out_of_the_repository_stops_the_start(repo: Path, tmp_path: Path) -> None:
    folder = models.write_mlp(repo)
    (folder / "1" / "model.pt").rename(tmp_path / "model.pt")
    (folder / "1" / "model.pt").symlink_to(tmp_path / "model.pt")
    assert "leads outside the repository" in refused_start("serve", repo)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--port", "x"], "--port: found 'x', allowed: a whole number from 0 to 65535"),
        (["serve", "--prot", "1"], "unrecognized arguments: --prot (did you mean --port?)"),
        (["serve", "a", "b"], "unrecognized arguments: b"),
        (["serve", "nowhere"], "nowhere: the repository cannot be read: No such file"),
        (["serve", "no\nwhere"], "REPO: found 'no\\nwhere', allowed: printable text"),
        (
            ["srve"],
            "'features', 'repository', 'traffic', 'bench', 'schema', 'health') (did you mean serve?)",
        ),
        (["--verson"], "unrecognized arguments: --verson (did you mean --version?)"),
        ([], "required: COMMAND"),
        (["health", "--timeout-s", "soon"], "--timeout-s: found 'soon', allowed: seconds above 0"),
        (["health", "nowhere"], "ADDRESS: found 'nowhere', allowed: host:port with a port from 1 to 65535"),
        (["health", "localhost:70000"], "ADDRESS: found 'localhost:70000', allowed: host:port"),
        (["predict", ":1", "m", "--rows", "-"], "ADDRESS: found ':1', allowed: host:port"),
        (
            ["predict", "a:1", "m", "--rows", "-", "--batch-rows", "x"],
            "found 'x', allowed: a whole number from 1",
        ),
        (["predict", "a:1", "m", "--rows", "-", "--timeout-s", "-1"], "found '-1', allowed: seconds above 0"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(arguments: list[str], sentence: str) -> None:
    assert sentence in refused_start(*arguments)


def test_flag_beats_file_beats_variable(tmp_path: Path) -> None:
    for name in ("flag", "file", "variable"):
        models.write_echo(tmp_path / name, name=name)
    config = tmp_path / "penstock.toml"
    config.write_text(f'repository = "{tmp_path / "file"}"\n')
    variables = {"PENSTOCK_REPOSITORY": str(tmp_path / "variable")}
    both = variables | {"PENSTOCK_CONFIG": str(config)}
    for arguments, settings, serves in (
        ([], variables, "variable"),
        ([], both, "file"),
        ([tmp_path / "flag"], both, "flag"),
    ):
        told = penstock("check", *arguments, "--no-load", settings=settings)
        assert told.stdout.startswith(f"{serves} version 1\n"), told.stderr


def test_check_runs_each_model_once_and_names_the_one_that_fails(repo: Path) -> None:
    models.write_features(repo)
    folder = models.write_mlp(repo)
    assert penstock("check", repo).returncode == 0
    toml = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(toml.replace("dims = [32]", "dims = [31]"))
    told = penstock("check", repo)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert told.stderr.startswith("penstock: model mlp version 1 does not warm up: ")
    assert penstock("check", repo, "--no-load").returncode == 0


def test_version_is_printed() -> None:
    told = penstock("--version")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("penstock ")
