"""A timer for pytest-benchmark where the figure of a round is not how long it took, but what was measured in it.

Tables, comparisons and histograms are then of that figure: server CPU a request, or a time that criterion took.
"""

from __future__ import annotations


class FigureClock:
    """Stands still but for what it is told; its name is that of the figure, which results tell."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._told_s = 0.0

    def __call__(self) -> float:
        """Everything told so far, in seconds."""
        return self._told_s

    def tell(self, figure_s: float) -> None:
        """The figure of this round, in seconds."""
        self._told_s += figure_s


server_cpu = FigureClock("server CPU a request")
criterion_time = FigureClock("criterion")
