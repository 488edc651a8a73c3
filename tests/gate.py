"""A gate that holds the runs of a model for as long as a test likes: `tests.models.write_gated` writes such models.

No time is in it: a test closes the gate, brings about what it is about, and opens it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A byte for each row of the largest batch that can be held.
MAX_ROWS = 64


class Gate:
    """Open when new. Its state is a file, which the server's process sees as memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "gate"
        self.open()

    def open(self) -> None:
        """Lets runs begin and end."""
        self._write(1)

    def close(self) -> None:
        """Holds every run that begins from now on."""
        self._write(0)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Closed within the block."""
        self.close()
        try:
            yield
        finally:
            self.open()

    def _write(self, state: int) -> None:
        # In place: a file that was cut short would take the memory away from under the server.
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(bytes([state]) * MAX_ROWS)
