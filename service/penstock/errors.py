"""The exception tree. No gRPC library here: codes are plain integers until the servicer answers."""

from __future__ import annotations


class PenstockError(Exception):
    """Whatever penstock raises on purpose; its text is one sentence for the person who can mend it."""


class ConfigError(PenstockError):
    """A setting that cannot be used: names where it was set, its key, what was found and what is allowed."""


class RepositoryError(PenstockError):
    """A model repository that cannot be served as it stands: names the folder and what is missing or wrong."""


class UnknownModelError(PenstockError):
    """A model that is not in the repository."""


class ConflictError(PenstockError):
    """A change of a model that is being changed; it can be asked for again."""


class ListenError(PenstockError):
    """An address that cannot be listened on; names it."""


class TlsError(PenstockError):
    """A certificate, key or authority that cannot be used: names the setting and the file."""


class ModelLoadError(PenstockError):
    """A model file that does not load or does not warm up. The process lives on without the model."""


class CallFailed(PenstockError):  # noqa: N818 - an outcome that the protocol has a code for, not a fault of ours
    """The outcome of a call that gets no answer.

    Attributes:
        code: a gRPC status code.
        message: one sentence for the caller.
        status_details: a serialized `google.rpc.Status`, for the trailer `grpc-status-details-bin`.
        pushback_ms: when to try again; negative: not at all; None: not said.

    """

    def __init__(
        self, code: int, message: str, status_details: bytes | None = None, pushback_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status_details = status_details
        self.pushback_ms = pushback_ms
