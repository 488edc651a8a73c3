"""A model folder made from a template: model.toml, fitted to the training rows, its vocabularies, and model.pt."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from examples.dataset import LabelledRows
from examples.tensor_rows import TensorRows
from penstock import FeatureSpec

VERSION = 1


class ModelFolder:
    """`models/<name>`, with one version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version_path = path / str(VERSION)
        self.model_path = self.version_path / "model.pt"

    def write_features(self, template: str, train: LabelledRows) -> None:
        """Writes model.toml, and fits it and its vocabularies to the training rows."""
        self.version_path.mkdir(parents=True, exist_ok=True)
        (self.path / "model.toml").write_text(template, encoding="utf-8")
        FeatureSpec.load(self.path, VERSION).fit(train.features)

    def known_values(self) -> dict[str, int]:
        """The size of each feature's vocabulary; only of features that have one."""
        sizes: dict[str, int] = {}
        for feature in self._document()["feature"]:
            for op in feature.get("ops", []):
                if "vocab" in op:
                    sizes[feature["name"]] = self._known_values(op["vocab"])
        return sizes

    def tensors(self, rows: LabelledRows) -> TensorRows:
        """The rows as the server would hand them to the model."""
        inputs = self._document()["input"]
        offsets_of = {entry["name"]: entry["offsets_of"] for entry in inputs if "offsets_of" in entry}
        return TensorRows(FeatureSpec.load(self.path, VERSION).transform(rows.features), offsets_of)

    def write_model(self, network: nn.Module) -> None:
        """Scripts the network and saves it."""
        with warnings.catch_warnings():
            for function in ("script", "script_method", "save"):
                warnings.filterwarnings(
                    "ignore", rf"`torch\.jit\.{function}` is deprecated", DeprecationWarning
                )
            torch.jit.script(network.eval()).save(str(self.model_path))

    def scores(self, tensors: TensorRows) -> np.ndarray[Any, np.dtype[np.float32]]:
        """What the saved model says about the rows, float32 [rows, …]."""
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.filterwarnings("ignore", r"`torch\.jit\.load` is deprecated", DeprecationWarning)
            model = torch.jit.load(str(self.model_path)).eval()
            scores: np.ndarray[Any, np.dtype[np.float32]] = model(*tensors.all()).numpy()
        return scores

    def _known_values(self, vocabulary: Mapping[str, Any]) -> int:
        if "values" in vocabulary:
            return len(vocabulary["values"])
        return len((self.version_path / vocabulary["file"]).read_text(encoding="utf-8").splitlines())

    def _document(self) -> dict[str, Any]:
        return tomllib.loads((self.path / "model.toml").read_text(encoding="utf-8"))
