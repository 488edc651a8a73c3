"""`expected.json`: what was measured when it was last renewed, and what a figure is judged by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("expected.json")

# Most counts of one build agree to a thousandth, but those of 64 examples were up to 5 % lower in a third of the
# processes; why is not known.
SAME_BAND = 0.06
# Of another compiler, C library, Python or valgrind: what they change is less, a cost that has doubled far beyond.
OTHER_BAND = 0.25
# A processor of one name gave 0.9 to 1.15 times what is expected on a machine in use; 1.2 to 1.55 times, round after
# round, on a host where everything took twice as long; and 1.6 there beside two processes that burn its cores.
MOST_RATIO = 2.0
# Of a processor that was not measured: what system calls cost beside decoding differs by half and more.
MOST_RATIO_ELSEWHERE = 3.0
RENEW = "if that is meant, renew bench/gate/expected.json with `python -m bench.gate`"


@dataclass(frozen=True)
class Expected:
    """`circumstances` are those of the instructions; ratios of CPU are by the name of the processor."""

    circumstances: Mapping[str, str]
    instructions_per_row: Mapping[str, float]
    cpu_over_floor: Mapping[str, Mapping[str, float]]

    def other(self, circumstances: Mapping[str, str]) -> list[str]:
        """What is not as it was when instructions were counted, a sentence each."""
        return [
            f"{name} is {circumstances.get(name)!r}, was {was!r}"
            for name, was in self.circumstances.items()
            if circumstances.get(name) != was
        ]

    def fault_of_instructions(
        self, name: str, counted: float, circumstances: Mapping[str, str]
    ) -> str | None:
        """What is wrong with a count, a sentence. Where circumstances are others, it must only not be much more."""
        expected, others = self.instructions_per_row[name], self.other(circumstances)
        change = counted / expected - 1
        if change > (OTHER_BAND if others else SAME_BAND) or (change < -SAME_BAND and not others):
            figures = f"{counted:,.0f} instructions a row, {expected:,.0f} were expected ({change:+.1%})"
            return f"decoding {name}: {figures}; {RENEW}"
        return None

    def fault_of_ratio(self, name: str, ratio: float, processor: str) -> str | None:
        """What is wrong with a ratio, a sentence. Of a processor that was not measured: where it is much more."""
        here = self.cpu_over_floor.get(processor)
        if here is not None:
            most = here[name] * MOST_RATIO
        else:
            most = max(there[name] for there in self.cpu_over_floor.values()) * MOST_RATIO_ELSEWHERE
        if ratio > most:
            return f"{name}: {ratio:.2f} times the floor's CPU a request, at most {most:.2f} were expected; {RENEW}"
        return None


def read() -> Expected:
    return Expected(**json.loads(_FILE.read_text()))


def write(expected: Expected) -> None:
    _FILE.write_text(json.dumps(asdict(expected), indent=2) + "\n")
