"""Which Rust module may use what: wire ← spec, features ← batch ← engine ← door ← rest, grpc ← client; pyo3 on top.

Only reads source text, with comments and string literals taken out first.
"""

import re
from collections.abc import Iterator
from pathlib import Path

CRATE = Path("fastpath/src")
PYTHON_DOOR = "python"

# status and wire are the ground floor together: an error of the wire becomes a status, a status is written as bytes.
_GROUND = {"status", "wire"}
MAY_USE = {
    "status": {"wire"},
    "wire": {"status"},
    "grpc": {"status"},
    "http2": set(),
    "client": _GROUND | {"grpc"},
    "load": {"grpc", "http2", "client"},
    "spec": _GROUND,
    "features": _GROUND | {"spec"},
    "metrics": {"status"},
    "batch": _GROUND | {"spec", "features", "metrics"},
    # Of batch, the aligned buffers alone.
    "weights": {"batch"},
    "engine": _GROUND | {"spec", "features", "metrics", "batch"},
    "door": _GROUND | {"grpc", "http2", "metrics", "batch", "engine"},
    "rest": _GROUND | {"grpc", "features", "metrics", "batch", "engine", "door"},
    "offline": _GROUND | {"spec", "features", "batch", "engine"},
    PYTHON_DOOR: _GROUND
    | {
        "grpc",
        "spec",
        "features",
        "metrics",
        "batch",
        "engine",
        "door",
        "rest",
        "offline",
        "client",
        "load",
        "weights",
    },
}

_NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \bb?r(?P<hashes>\#*)".*?"(?P=hashes) | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\\n])'""",
    re.DOTALL | re.VERBOSE,
)


def code_of(source: str) -> str:
    """The source without comments and literals; lines keep their numbers."""
    return _NOT_CODE.sub(lambda match: " " + "\n" * match[0].count("\n"), source)


def module_of(path: Path) -> str:
    """The top-level module that a file of the crate belongs to."""
    return path.relative_to(CRATE).with_suffix("").parts[0]


def uses(path: Path, code: str) -> Iterator[tuple[str, int]]:
    """Top-level modules of this crate that the code names, with their lines."""
    for match in re.finditer(r"\bcrate\s*::\s*(?:(\w+)|\{)", code):
        line = code.count("\n", 0, match.start()) + 1
        names = [match[1]] if match[1] else _first_names(code[match.end() :])
        yield from ((name, line) for name in names)
    # As many `super` as the file is deep end at the crate's root.
    parts = path.relative_to(CRATE).with_suffix("").parts
    depth = len(parts) - (parts[-1] == "mod")
    for match in re.finditer(r"\b((?:super\s*::\s*)+)(\w+)", code):
        if match[1].count("super") >= depth and match[2] in MAY_USE:
            yield match[2], code.count("\n", 0, match.start()) + 1


def _first_names(group: str) -> list[str]:
    """The first name of each entry of `a::b, c::{d, e}}`, which begins behind an opening brace."""
    names, depth, at_start = [], 0, True
    for token in re.findall(r"\w+|[{},]", group):
        if token == "}" and depth == 0:
            break
        depth += {"{": 1, "}": -1}.get(token, 0)
        if token == "," and depth == 0:
            at_start = True
        elif at_start:
            names.append(token)
            at_start = False
    return names


def faults(path: Path, source: str) -> list[str]:
    """What is wrong with one file of fastpath/src, a sentence each."""
    module, code = module_of(path), code_of(source)
    found = []
    if module != PYTHON_DOOR:
        for match in re.finditer(r"\bpyo3\b", code):
            line = code.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: pyo3 is named under {CRATE / PYTHON_DOOR} alone")
    if module == "lib":
        return found
    if module not in MAY_USE:
        return [*found, f"{path}: module {module} has no place in MAY_USE; give it one"]
    for name, line in uses(path, code):
        if name in MAY_USE and name != module and name not in MAY_USE[module]:
            found.append(f"{path}:{line}: {module} uses {name}, which stands above it")
    return found


def lines_of_code(source: str) -> int:
    """Lines before the file's own test module."""
    return source.split("\n#[cfg(test)]\nmod ", maxsplit=1)[0].count("\n") + 1


def without_tests(root: Path, paths: list[Path]) -> list[Path]:
    """The files that are not declared `#[cfg(test)] mod name;`."""
    tests = {
        path.parent / f"{name}.rs"
        for path in paths
        for name in re.findall(r"#\[cfg\(test\)\]\nmod (\w+);", (root / path).read_text())
    }
    return [path for path in paths if path not in tests]
