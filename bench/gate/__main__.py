"""`python -m bench.gate`: measures and writes bench/gate/expected.json; about a minute on a quiet machine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import load_round, machine
from bench.gate import cpu_ratios, expected, instructions
from penstock.testing import Ghz

# More than the check has: what is written is compared with for long.
_ROUNDS = 15


def main() -> None:
    why = instructions.missing()
    if why is not None:
        sys.exit(f"gate: {why}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {str(decode): round(instructions.per_row(decode, folder)) for decode in instructions.DECODES}
        ghz = Ghz(folder, {"insecure": True, "protoset": str(load_round.write_protoset(folder))})
        ratios = cpu_ratios.measure(ghz, folder, _ROUNDS)
    measured = expected.Expected(
        circumstances=instructions.circumstances(),
        instructions_per_row=counts,
        cpu_over_floor={
            **expected.read().cpu_over_floor,
            machine.cpu_model(): {work: round(median(those), 2) for work, those in ratios.items()},
        },
    )
    expected.write(measured)
    print(measured)


if __name__ == "__main__":
    main()
