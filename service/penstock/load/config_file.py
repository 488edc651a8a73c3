"""ghz's configuration files, JSON and TOML."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.load.options import FIELDS, read

# Standard input's data has no place in a file.
_NOT_IN_FILES = {"binary"}


def load(path: Path) -> dict[str, Any]:
    """Values by the names of `Options`' fields. Raises ConfigError, which names the file and the key."""
    found = _parsed(path)
    known = [name for name in FIELDS if name not in _NOT_IN_FILES]
    values = {}
    for name, value in found.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"{path}: {name} is not supported{hint}")
        where = f"{path}: {name}"
        values[FIELDS[name].name] = (
            _checked_data(value, where) if name == "data" else read(name, value, where)
        )
    for field in FIELDS.values():
        if field.metadata["in_files"] is not None:
            values.setdefault(field.name, field.metadata["in_files"])
    return values


def _parsed(path: Path) -> dict[str, Any]:
    readers = {".json": json.loads, ".toml": tomllib.loads}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"--config: found {path}, allowed: a .json or a .toml file")
    try:
        found = reader(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config: {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--config: {path}: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"--config: {path}: found no object of options")
    return found


def _checked_data(data: Any, where: str) -> Any:
    messages = data if isinstance(data, list) else [data]
    if data == "@" or (messages and all(isinstance(message, dict) for message in messages)):
        return data
    raise ConfigError(f"{where}: allowed: an object, or an array of objects that is not empty")
