"""What is asked of a server, and whether an answer is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rows are scored in other batches here than in the server, where products are summed in another order.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Question:
    """A serialized request, and the scores that the model gives by itself, the rows on the first axis.

    `answer` is a right answer as the generated classes write it: the floor returns as many bytes.
    """

    request: bytes
    scores: NDArray[np.float32]
    answer: bytes
    decode: Callable[[bytes], Mapping[str, NDArray[Any]]]

    def is_answered_by(self, response: bytes) -> bool:
        """Whether the bytes of a response hold these scores and nothing else."""
        outputs = self.decode(response)
        if list(outputs) != ["score"] or outputs["score"].shape != self.scores.shape:
            return False
        return bool(np.allclose(outputs["score"], self.scores, rtol=0, atol=_TOLERANCE))


@dataclass(frozen=True)
class Work:
    """One kind of call: its method, its rows a request, and questions of different rows, all of one size."""

    name: str
    method: str
    rows: int
    questions: Sequence[Question]
