"""pytriton: Triton's front end around a Python function, with dynamic batching that does not wait.

`python -m bench.peers.programs.pytriton_server PORT HTTP_PORT NAME=FILE…` serves on the loopback interface until it is
killed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from bench.model_inputs import INPUTS, OUTPUT
from bench.peers.programs.torch_model import TorchModel

_CONFIG = ModelConfig(
    batching=True, max_batch_size=1024, batcher=DynamicBatcher(max_queue_delay_microseconds=0)
)


def inference(name: str, file: str) -> Callable[..., Any]:
    """What pytriton calls with a batch; the decorator puts the rows of its requests together and takes them apart."""
    model = TorchModel(file)

    @batch
    def infer(**inputs: Any) -> dict[str, Any]:
        return {OUTPUT: model.run([inputs[each.name] for each in INPUTS[name]])}

    made: Callable[..., Any] = infer
    return made


def main(port: int, http_port: int, files: dict[str, str]) -> None:
    config = TritonConfig(
        grpc_address="127.0.0.1",
        grpc_port=port,
        http_address="127.0.0.1",
        http_port=http_port,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        for name, file in files.items():
            triton.bind(
                model_name=name,
                infer_func=inference(name, file),
                inputs=[
                    Tensor(name=each.name, dtype=np.dtype(each.dtype).type, shape=(each.width,))
                    for each in INPUTS[name]
                ],
                outputs=[Tensor(name=OUTPUT, dtype=np.float32, shape=(1,))],
                config=_CONFIG,
                strict=False,
            )
        triton.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), dict(each.split("=", 1) for each in sys.argv[3:]))
