"""Instructions of `ModelSpec.transform`, from a request's bytes to packed tensors, counted by valgrind's callgrind.

The extension is the one that serves. A count does not depend on what else the machine does, and but for a thousandth
not on the run; it depends on the compiler, on the CPU that was compiled for, and a little on the C library, Python and
valgrind.
Valgrind knows no AVX-512, so what is counted is the code for AVX2, whatever the processor.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import feature_row
from bench.gate import decode_calls

_REQUESTS = {"examples": feature_row.examples_request, "columns": feature_row.columns_request}
# Only what happens within is counted.
_FUNCTION = "*__pymethod_transform__*"
_CALLS = {1: 200, 64: 10}
# Valgrind takes 2 s of CPU time; a machine in use gives it less than all of its time.
_TIMEOUT_S = 100.0
_ROOT = Path(__file__).parents[2]


class CountError(Exception):
    """Nothing could be counted; says why."""


@dataclass(frozen=True)
class Decode:
    """A request of the 40-feature row: its form, and how many rows it has."""

    form: str
    rows: int

    def __str__(self) -> str:
        return f"{self.form}-{self.rows}"


DECODES = tuple(Decode(form, rows) for form in _REQUESTS for rows in _CALLS)


def missing() -> str | None:
    """Why nothing can be counted here, a sentence; none where it can."""
    if sys.platform != "linux":
        return "valgrind counts on Linux alone"
    if shutil.which("valgrind") is None:
        return "valgrind is not installed (Debian: apt install valgrind): instructions of decoding are not counted"
    return None


def per_row(decode: Decode, folder: Path) -> float:
    """Instructions a row; files go to `folder`. Raises CountError."""
    model, request = folder / feature_row.NAME, folder / "request"
    if not model.exists():
        feature_row.write_model_folder(model)
    request.write_bytes(_REQUESTS[decode.form](decode.rows))
    calls = _CALLS[decode.rows]
    command = [
        *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={_FUNCTION}"),
        *(sys.executable, "-S", str(Path(decode_calls.__file__)), str(model), str(request), str(calls)),
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    done = subprocess.run(  # noqa: S603 - valgrind and this Python
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None or int(found[1]) == 0:
        raise CountError(f"callgrind ended with {done.returncode} and counted nothing:\n{done.stderr}")
    return int(found[1]) / (calls * decode.rows)


def circumstances() -> dict[str, str]:
    """What a count depends on beside penstock's own code."""
    compiled = re.search(
        rb"rustc version ([\w.-]+ \(\w+ [\d-]+\))",
        (_ROOT / "service/penstock/_fastpath.abi3.so").read_bytes(),
    )
    said = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)  # noqa: S607 - on PATH
    return {
        "machine": platform.machine(),
        "rustc": compiled[1].decode() if compiled else "unknown",
        "rustflags": os.environ.get("RUSTFLAGS") or _configured_rustflags(),
        "processor has": " ".join(_features()),
        "C library": "-".join(platform.libc_ver()),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "valgrind": said.stdout.strip().removeprefix("valgrind-"),
    }


def _configured_rustflags() -> str:
    found = re.search(r"^rustflags = (.+)$", (_ROOT / ".cargo" / "config.toml").read_text(), re.MULTILINE)
    return found[1] if found else ""


def _features() -> list[str]:
    """Those of the processor that choose between copies of code at run time, as far as valgrind shows them."""
    found = re.search(r"^flags\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return [name for name in ("avx2", "bmi2", "erms", "fsrm") if found and name in found[1].split()]
