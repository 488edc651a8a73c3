"""The model repository: which folders are models, which version serves, and that nothing outside is reached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock import health, repository
from penstock.errors import ModelLoadError, RepositoryError

MODEL_TOML = """\
[[input]]
name = "x"
datatype = "FP32"
dims = []

[[output]]
name = "y"
datatype = "FP32"
dims = []
"""


def write(
    repo: Path, name: str = "fraud", versions: tuple[str, ...] = ("1",), toml: str = MODEL_TOML
) -> Path:
    """A model folder as far as `scan` looks: the model files are empty."""
    folder = repo / name
    for version in versions:
        (folder / version).mkdir(parents=True)
        (folder / version / "model.pt").touch()
    (folder / "model.toml").write_text(toml)
    return folder


def refusal(repo: Path) -> str:
    """What `scan` says of a repository that it refuses: one line."""
    with pytest.raises(RepositoryError) as caught:
        repository.scan(repo)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only(repo: Path) -> repository.Candidate:
    """The one version that a repository wants served."""
    (candidate,) = repository.scan(repo)
    return candidate


def test_every_folder_is_a_model_and_its_highest_version_serves(tmp_path: Path) -> None:
    write(tmp_path, "fraud", ("1", "9", "10"))
    write(tmp_path, "Ranker-2.b_", ("176722560000000000",))
    assert {each.name: each.version for each in repository.scan(tmp_path)} == {
        "fraud": 10,
        "Ranker-2.b_": 176722560000000000,
    }


def test_dot_folders_files_and_a_volumes_own_folder_are_no_models(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (".git", "..data", "lost+found"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert only(tmp_path).name == "fraud"


def test_other_folders_in_a_model_are_no_versions(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "training").mkdir()
    assert only(tmp_path).version == 1


@pytest.mark.parametrize("name", ["frau d", "-fraud", "früd", "a" * 129])
def test_a_folder_with_another_name_is_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path, name)
    assert "is not a model name; allowed: letters, digits" in refusal(tmp_path)


@pytest.mark.parametrize("version", ["0", "01", "9" * 19])
def test_a_number_that_is_no_version_is_refused(version: str, tmp_path: Path) -> None:
    write(tmp_path, versions=("1", version))
    assert f"fraud/{version}: not a version; allowed: 1 to 999999999999999999" in refusal(tmp_path)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "models").endswith(
        "models: the repository cannot be read: No such file or directory; it holds one folder a model"
    )


def test_a_repository_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    assert "models: the repository cannot be read: Not a directory;" in refusal(tmp_path / "models")


def test_an_empty_repository_is_refused_with_what_belongs_there(tmp_path: Path) -> None:
    assert "no model here; expected folders such as NAME/model.toml" in refusal(tmp_path)


def test_a_model_without_versions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fraud").mkdir()
    (tmp_path / "fraud" / "model.toml").write_text(MODEL_TOML)
    assert "fraud: no version; expected a folder such as fraud/1 with a model.pt" in refusal(tmp_path)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "1" / "model.pt").unlink()
    assert "fraud/1/model.pt: no such file" in refusal(tmp_path)


def test_a_missing_model_toml_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "model.toml").unlink()
    assert "fraud/model.toml" in refusal(tmp_path)


def test_a_bad_model_toml_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, toml=MODEL_TOML.replace("dims", "dimms", 1))
    sentence = refusal(tmp_path)
    assert "model.toml" in sentence
    assert "dimms" in sentence


@pytest.mark.parametrize("name", [health.READINESS, health.LIVENESS])
def test_a_model_named_like_a_probe_is_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path, name)
    assert f"a model cannot be called {name!r}" in refusal(tmp_path)


@pytest.mark.parametrize("what", ["model folder", "version folder", "model file", "other file"])
def test_a_link_that_leads_outside_is_refused(what: str, tmp_path: Path) -> None:
    outside, repo = tmp_path / "outside", tmp_path / "models"
    elsewhere = write(outside)
    folder = repo / "fraud" if what == "model folder" else write(repo)
    target, link = {
        "model folder": (elsewhere, folder),
        "version folder": (elsewhere / "1", folder / "2"),
        "model file": (elsewhere / "1" / "model.pt", folder / "1" / "model.pt"),
        "other file": (elsewhere / "model.toml", folder / "1" / "words.txt"),
    }[what]
    repo.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    assert "leads outside the repository" in refusal(repo)


@pytest.mark.parametrize("what", ["model.toml", "1/model.pt", "1/SHA256SUMS", "1/words.txt", "a link"])
def test_a_pipe_is_refused_and_not_waited_for(what: str, tmp_path: Path) -> None:
    folder = write(tmp_path)
    if what == "a link":
        os.mkfifo(tmp_path / "pipe")
        (folder / "1" / "words.txt").symlink_to(tmp_path / "pipe")
    else:
        (folder / what).unlink(missing_ok=True)
        os.mkfifo(folder / what)
    assert "is neither a file nor a folder" in refusal(tmp_path)


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "1" / "words.txt").symlink_to(tmp_path / "gone")
    assert "leads nowhere" in refusal(tmp_path)


def test_links_within_the_repository_and_to_it_are_followed(tmp_path: Path) -> None:
    repo = tmp_path / "volume" / "2026-01-01"
    folder = write(repo)
    (folder / "1" / "model.pt").rename(folder / "weights")
    (folder / "1" / "model.pt").symlink_to("../weights")
    (tmp_path / "models").symlink_to(repo)
    model = only(tmp_path / "models")
    model.open_file().close()


def test_a_model_file_that_becomes_a_link_after_the_check_is_not_opened(tmp_path: Path) -> None:
    folder = write(tmp_path / "models")
    (tmp_path / "secret").write_text("secret")
    model = only(tmp_path / "models")
    (folder / "1" / "model.pt").unlink()
    (folder / "1" / "model.pt").symlink_to(tmp_path / "secret")
    with pytest.raises(RepositoryError, match="leads outside the repository"):
        model.open_file()


def test_a_model_file_that_does_not_load_is_named_by_its_path(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "1" / "model.pt").write_bytes(b"no model")
    with pytest.raises(ModelLoadError) as caught:
        only(tmp_path).try_out()
    assert str(caught.value).startswith(f"{folder / '1' / 'model.pt'} does not load: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_repository_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    tmp_path.chmod(0)
    try:
        assert "Permission denied" in refusal(tmp_path)
    finally:
        tmp_path.chmod(0o700)
