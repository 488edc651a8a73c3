"""The work that is measured, each made when it is first asked for, with the models that it needs in one repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.feature_model import FeatureModel
from bench.fraud_model import FraudModel
from bench.question import Work
from bench.ranking_model import RankingModel
from bench.rec_model import RecModel

# Different rows for the client beside the load, so that an answer that belongs to another call is seen.
_QUESTIONS = 16


class Works:
    """All work, by name."""

    def __init__(self, repository: Path) -> None:
        """Writes the models into a model repository; the recommendation example must be trained."""
        self.repository = repository
        fraud, rec, features, ranking = FraudModel(), RecModel(), FeatureModel(), RankingModel()
        for model in (fraud, rec, features, ranking):
            model.write(repository)
        self._makers: dict[str, Callable[[], Work]] = {
            "fraud-1": lambda: fraud.work(1, _QUESTIONS),
            "fraud-64": lambda: fraud.work(64, _QUESTIONS),
            "rec-1": lambda: rec.work(1, _QUESTIONS),
            "rec-64": lambda: rec.work(64, _QUESTIONS),
            "features-1": lambda: features.work(_QUESTIONS, 1),
            "features-64": lambda: features.work(_QUESTIONS, 64),
            "features-1-columns": lambda: features.columns_work(_QUESTIONS, 1),
            "features-64-columns": lambda: features.columns_work(_QUESTIONS, 64),
            "ranking-500": lambda: ranking.work(_QUESTIONS),
        }
        self._made: dict[str, Work] = {}

    def __getitem__(self, name: str) -> Work:
        """The work of this name."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]
