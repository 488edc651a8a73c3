"""`python -m bench.suites`: runs the suites, prints their tables and keeps the result; about five minutes and a build.

Arguments that it does not know are pytest's: `-k fraud`, `--benchmark-histogram=FILE`, `--benchmark-compare=FILE`.
With any of them nothing is kept, since it may not be the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench import machine
from bench.doors.report import MOST_OTHERS_CORES
from bench.process_cpu import machine_cpu_s, own_cpu_s
from bench.suites import kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.suites", description=__doc__)
    parser.add_argument("--machine", help="name of the machine's folder (made of its CPU's)")
    parser.add_argument(
        "--results", type=Path, default=kept.RESULTS, help="folder of results (bench/results)"
    )
    parser.add_argument(
        "--busy", action="store_true", help="keep the result of a machine that is not quiet, too"
    )
    arguments, of_pytest = parser.parse_known_args()
    commit = machine.commit()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        started_s, others_s = time.monotonic(), _others_cpu_s()
        code = pytest.main(
            [str(Path(__file__).parent), "--benchmark-only", f"--benchmark-json={file}", *of_pytest]
        )
        others_cores = (_others_cpu_s() - others_s) / (time.monotonic() - started_s)
        if code != pytest.ExitCode.OK:
            sys.exit(int(code))
        result = json.loads(file.read_text())
    result["others_cores"] = round(others_cores, 2)
    if of_pytest:
        _say("nothing kept: pytest was given arguments")
    elif others_cores > MOST_OTHERS_CORES and not arguments.busy:
        _say(f"nothing kept: other processes kept {others_cores:.2f} cores busy (--busy keeps it)")
    elif " " in commit:
        _say(f"nothing kept: commit {commit}")
    else:
        name = arguments.machine or kept.machine_name(machine.cpu_model(), len(os.sched_getaffinity(0)))
        _say(f"kept in {kept.keep(result, name, commit, arguments.results)}")


def _others_cpu_s() -> float:
    """CPU time so far of what is neither this process nor has been started by it and has ended."""
    return machine_cpu_s() - own_cpu_s()


def _say(line: str) -> None:
    print(f"suites: {line}")


if __name__ == "__main__":
    main()
