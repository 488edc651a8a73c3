"""The separations of the house hold: who imports what, which module stands on which, no file past 400 lines."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure import python_imports, rust_modules

ROOT = Path(__file__).parents[2]
MAX_LINES = 400


def sources(*folders: str, suffix: str) -> list[Path]:
    """Files below the folders, relative to the repository, without generated code."""
    found = [
        path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob(f"*{suffix}"))
    ]
    return [path for path in found if "pb" not in path.parts]


PYTHON_SERVICE = sources("service/penstock", suffix=".py")
RUST_CRATE = sources("fastpath/src", suffix=".rs")


def test_there_are_files_to_look_at() -> None:
    assert len(PYTHON_SERVICE) >= 8
    assert len(RUST_CRATE) >= 20


@pytest.mark.parametrize("path", PYTHON_SERVICE, ids=str)
def test_python_module_keeps_to_its_imports(path: Path) -> None:
    assert python_imports.faults(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize("path", RUST_CRATE, ids=str)
def test_rust_module_keeps_to_its_place(path: Path) -> None:
    assert rust_modules.faults(path, (ROOT / path).read_text()) == []


def test_a_caller_never_loads_torch() -> None:
    script = "import penstock.client, penstock.feature_spec, sys; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (told.stdout, told.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    "path", sources("service", "examples", "bench", "tests", "proto", suffix=".py"), ids=str
)
def test_python_file_is_short(path: Path) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", rust_modules.without_tests(ROOT, RUST_CRATE), ids=str)
def test_rust_file_is_short(path: Path) -> None:
    assert rust_modules.lines_of_code((ROOT / path).read_text()) <= MAX_LINES


@pytest.mark.parametrize(
    ("module", "source", "sentence"),
    [
        ("repository", "import torch.nn", "torch is imported in runtime, torchscript alone"),
        ("cli", "def run():\n    from torch import jit", "torch is imported in runtime, torchscript alone"),
        ("errors", "import grpc", "grpc is imported in"),
        ("repository", "import grpc.aio as aio", "grpc is imported in"),
        ("client", "from grpc_health.v1 import health", "grpc_health is imported in"),
        ("config", "from penstock._fastpath import Engine", "penstock._fastpath is imported in"),
        ("cli", "from penstock import _fastpath", "penstock._fastpath is imported in"),
        ("server", "import os\nos.environ['A']", "read in config alone"),
        ("server", "from os import getenv", "read in config alone"),
        ("runtime", "from penstock.repository import Repository", "runtime imports repository"),
        ("servicer", "from penstock import repository", "servicer imports repository"),
        ("errors", "from penstock import config", "errors imports config"),
        (
            "client",
            "from penstock.runtime import ModelThreads",
            "client imports runtime, which belongs to the server",
        ),
        (
            "config",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import penstock.cli",
            "config imports cli",
        ),
    ],
)
def test_a_crossed_python_line_is_seen(module: str, source: str, sentence: str) -> None:
    (fault,) = python_imports.faults(python_imports.SERVICE / f"{module}.py", source)
    assert sentence in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("runtime", "import torch\nfrom penstock.errors import PenstockError"),
        ("server", "import grpc\nfrom penstock.servicer import InferenceServicer\nimport os\nos.getpid()"),
        ("config", "import os\nos.environ.get('A')"),
        ("cli", "import torchlike\nimport grpcurl"),
    ],
)
def test_a_kept_python_line_is_no_fault(module: str, source: str) -> None:
    assert python_imports.faults(python_imports.SERVICE / f"{module}.py", source) == []


@pytest.mark.parametrize(
    ("file", "source", "sentence"),
    [
        ("wire/reader.rs", "use crate::features::rows::Rows;", "wire uses features"),
        ("wire/mod.rs", "fn f() -> crate::batch::Queue { }", "wire uses batch"),
        (
            "spec/model.rs",
            "use crate::{\n    status::Status,\n    engine::{Engine, Route},\n};",
            "spec uses engine",
        ),
        ("features/rows.rs", "use super::super::batch::Queue;", "features uses batch"),
        ("batch/mod.rs", "pub use super::engine::Engine;", "batch uses engine"),
        ("engine/mod.rs", "use pyo3::prelude::*;", "pyo3 is named under"),
        ("lib.rs", "use pyo3::types::PyModule;", "pyo3 is named under"),
        ("metrics/text.rs", "use crate::wire::writer::Writer;", "metrics uses wire"),
        ("gateway/mod.rs", "", "has no place"),
    ],
)
def test_a_crossed_rust_line_is_seen(file: str, source: str, sentence: str) -> None:
    (fault,) = rust_modules.faults(rust_modules.CRATE / file, source)
    assert sentence in fault


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "batch/queue.rs",
            "use crate::{features::rows::Rows, metrics::Counters};\nuse super::ticket::Ticket;",
        ),
        ("wire/reader.rs", '// crate::engine would be wrong here\nconst A: &str = "crate::engine, pyo3";'),
        (
            "wire/reader.rs",
            'const A: &str = r#"a " crate::engine"#; const B: char = \'"\'; use crate::status::Code;',
        ),
        ("python/mod.rs", "use pyo3::prelude::*;\nuse crate::engine::Engine;"),
    ],
)
def test_a_kept_rust_line_is_no_fault(file: str, source: str) -> None:
    assert rust_modules.faults(rust_modules.CRATE / file, source) == []


def test_a_files_own_test_module_does_not_count_as_length() -> None:
    assert (
        rust_modules.lines_of_code("fn f() {}\n\n#[cfg(test)]\nmod tests {\n" + "    // …\n" * 500 + "}\n")
        == 2
    )
