"""The repository's folders: which are models, which hold versions, and that nothing outside is reached.

Layout: docs/model-toml.md. Names that callers send never become paths: they are looked up in what is here.
Everything raises RepositoryError, with the path and what would be right, for a folder that cannot be served.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from penstock.errors import RepositoryError
from penstock.model_folder import versions
from penstock.names import MODEL_NAME, MODEL_NAME_RULE, PROBE_NAMES

MODEL_FILE = "model.pt"
# A file system's own folder, at the root of every fresh volume.
_NOT_MODELS = frozenset({"lost+found"})


def root_of(repository: str | os.PathLike[str]) -> Path:
    """The repository's folder, free of links."""
    try:
        return Path(repository).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _unreadable(repository, error) from error


def model_folders(root: Path) -> dict[str, Path]:
    """The folders that are models by their place, by name; their names and what they hold are not looked at."""
    try:
        folders = sorted(entry for entry in root.iterdir() if _may_be_model(entry))
    except OSError as error:
        raise _unreadable(root, error) from error
    return {folder.name: folder for folder in folders}


def is_model_name(name: str) -> bool:
    """Whether callers can ask for a model of that name."""
    return MODEL_NAME.fullmatch(name) is not None and name not in PROBE_NAMES


def nearest_model(names: Iterator[str] | list[str], name: str) -> str:
    """What to say of a name that no folder has."""
    names = list(names)
    nearest = difflib.get_close_matches(name, names, n=1)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return f"it has {', '.join(names)}" if names else "it has none"


def checked_versions(root: Path, folder: Path) -> list[int]:
    """The versions of a model's folder, lowest first, once its name and links have been found right."""
    if not MODEL_NAME.fullmatch(folder.name):
        raise RepositoryError(f"{folder}: {folder.name!r} is not a model name; allowed: {MODEL_NAME_RULE}")
    if folder.name in PROBE_NAMES:
        raise RepositoryError(
            f"{folder}: a model cannot be called {folder.name!r}, the name of a health probe"
        )
    _check_links(root, folder)
    try:
        found = versions(folder)
    except OSError as error:
        raise RepositoryError(f"{folder}: cannot be read: {error.strerror}") from error
    if not found:
        raise RepositoryError(
            f"{folder}: no version; expected a folder such as {folder.name}/1 with a {MODEL_FILE}"
        )
    return found


def told(root: Path, text: str) -> str:
    """An error's text for those who need not know where the repository lies."""
    text = text.replace(f"{root}/", "").replace(f"{root}: ", "")
    # A file's name may be no UTF-8.
    return text.encode(errors="backslashreplace").decode()


def open_inside(root: Path, path: Path) -> BinaryIO:
    """A file opened for reading, certainly within the repository."""
    file = _inside(root, path)
    try:
        return open(file, "rb", opener=_open_no_link)
    except OSError as error:
        raise RepositoryError(f"{file}: cannot be read: {error.strerror}") from error


def _may_be_model(entry: Path) -> bool:
    # Dot folders are left alone: .git, and the ..data of volumes that Kubernetes writes. A link that leads nowhere
    # now may have led to a folder, and is no word of its having been removed.
    is_folder = entry.is_dir() or (entry.is_symlink() and not entry.exists())
    return is_folder and not entry.name.startswith(".") and entry.name not in _NOT_MODELS


def _unreadable(repository: str | os.PathLike[str], error: Exception) -> RepositoryError:
    reason = getattr(error, "strerror", None) or error
    return RepositoryError(
        f"{repository}: the repository cannot be read: {reason}; it holds one folder a model"
    )


def _open_no_link(file: str, flags: int) -> int:
    # The path has been resolved: a link or a pipe that stands there now has been put there since.
    return os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _check_links(root: Path, folder: Path) -> None:
    """Refuses a model folder, or anything in it, that leads outside the repository or is no file at all.

    Whoever opens a pipe waits for somebody to write to it.
    """
    resolved = _inside(root, folder)
    for parent, folders, files in os.walk(resolved):
        for name in (*folders, *files):
            path = Path(parent, name)
            real = _inside(root, path) if path.is_symlink() else path
            mode = real.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise RepositoryError(f"{path}: is neither a file nor a folder")


def _inside(root: Path, path: Path) -> Path:
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise RepositoryError(f"{path}: leads nowhere: {error}") from error
    if not resolved.is_relative_to(root):
        raise RepositoryError(f"{path}: leads outside the repository")
    return resolved
