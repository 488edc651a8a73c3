"""Server CPU a request at the fast door over the bare HTTP/2 server's, both loaded in turn in short rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench import load_round
from bench.doors import servers
from bench.doors.cases import FAST, FEATURES_1, FRAUD_1
from bench.feature_model import FeatureModel
from bench.fraud_model import FraudModel
from bench.load_round import CROWD
from bench.question import Work

if TYPE_CHECKING:
    # pytest imports it as a plugin, behind the conftest that imports this.
    from penstock.testing import Ghz

WORKS = (FRAUD_1, FEATURES_1)
# A quarter of a second of CPU in each.
_FLOOR_REQUESTS, _FAST_REQUESTS = 80_000, 60_000
_WARM_UP_REQUESTS = 10_000
_QUESTIONS = 16


def measure(ghz: Ghz, folder: Path, rounds: int) -> Mapping[str, list[float]]:
    """The ratio of each round, by the name of the work; files go to `folder`.

    Raises LoadError or WrongAnswerError where an answer is missing or wrong.
    """
    repository = folder / "models"
    fraud, features = FraudModel(), FeatureModel()
    fraud.write(repository)
    features.write(repository)
    makers: Mapping[str, Callable[[], Work]] = {
        FRAUD_1: lambda: fraud.work(1, _QUESTIONS),
        FEATURES_1: lambda: features.work(_QUESTIONS),
    }
    with servers.penstock(FAST, repository, ()) as fast:
        return {name: _ratios(ghz, makers[name](), fast, rounds) for name in WORKS}


def _ratios(ghz: Ghz, work: Work, fast: servers.Server, rounds: int) -> list[float]:
    with ExitStack() as running:
        floor = running.enter_context(servers.floor(len(work.questions[0].answer)))
        asked_floor, asked_fast = (load_round.ask(server, work, CROWD) for server in (floor, fast))
        for asked in (asked_floor, asked_fast):
            load_round.run(ghz, asked, _WARM_UP_REQUESTS)
        ratios = []
        for _ in range(rounds):
            floors = load_round.measure(ghz, asked_floor, _FLOOR_REQUESTS)
            fasts = load_round.measure(ghz, asked_fast, _FAST_REQUESTS)
            ratios.append(fasts.cpu_us / floors.cpu_us)
        return ratios
