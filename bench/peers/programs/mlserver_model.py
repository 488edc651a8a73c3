"""MLServer's custom runtime for a TorchScript file; MLServer imports it from a model's settings."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.model_inputs import INPUTS, OUTPUT
from bench.peers.programs.torch_model import TorchModel


class TorchScriptModel(MLModel):
    """The file is the model's `uri`."""

    async def load(self) -> bool:
        self._model = TorchModel(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Scores the rows of a request, or of several that MLServer has put together."""
        named = {each.name: each for each in payload.inputs}
        arrays = [NumpyCodec.decode_input(named[each.name]) for each in INPUTS[self.name]]
        output = NumpyCodec.encode_output(OUTPUT, self._model.run(arrays))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
