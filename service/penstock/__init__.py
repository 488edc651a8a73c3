"""Real-time inference for TorchScript models over gRPC.

The public names are imported when they are first used: `import penstock` costs next to nothing,
and a caller who only wants the client or the stubs (`penstock.pb`) never imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock._fastpath import __version__
    from penstock.async_client import AsyncClient
    from penstock.call_error import CallError
    from penstock.channel import Tls
    from penstock.client import Client
    from penstock.errors import PenstockError
    from penstock.feature_column import RowsError
    from penstock.feature_spec import FeatureSpec
    from penstock.prediction import Prediction
    from penstock.retry_policy import service_config
    from penstock.sklearn_import import SklearnImportError, import_sklearn

__all__ = [
    "AsyncClient",
    "CallError",
    "Client",
    "FeatureSpec",
    "PenstockError",
    "Prediction",
    "RowsError",
    "SklearnImportError",
    "Tls",
    "__version__",
    "import_sklearn",
    "service_config",
]

_HOMES = {
    "AsyncClient": "penstock.async_client",
    "CallError": "penstock.call_error",
    "Client": "penstock.client",
    "FeatureSpec": "penstock.feature_spec",
    "PenstockError": "penstock.errors",
    "Prediction": "penstock.prediction",
    "RowsError": "penstock.feature_column",
    "SklearnImportError": "penstock.sklearn_import",
    "Tls": "penstock.channel",
    "__version__": "penstock._fastpath",
    "import_sklearn": "penstock.sklearn_import",
    "service_config": "penstock.retry_policy",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
