"""The plain peer of the HTTP port: the fraud scorer as one would first write it with FastAPI.

A pydantic model of the body, one run of the TorchScript module a request, uvicorn with uvloop and httptools.
`python -m bench.rest_plain_server MODEL_FILE` listens on a free port of the loopback interface, prints the port, and
serves until it is killed. Needs fastapi, uvicorn and httptools, which are no dependencies of penstock.
"""

import socket
import sys
import warnings
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Body(BaseModel):
    """Rows of features."""

    rows: list[list[float]]


def application(model_file: str) -> FastAPI:
    """Scores rows at POST /predict, on the event loop: a thread would cost more than the run."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        # torch says of `load` and `freeze` that `torch.export` is to be preferred.
        warnings.simplefilter("ignore", DeprecationWarning)
        model: Any = torch.jit.freeze(torch.jit.load(model_file, map_location="cpu").eval())
    made = FastAPI()

    @made.post("/predict")
    async def predict(body: Body) -> dict[str, list[list[float]]]:
        with torch.inference_mode():
            return {"score": model(torch.tensor(body.rows)).tolist()}

    return made


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(application(sys.argv[1]), loop="uvloop", http="httptools", access_log=False)
    uvicorn.Server(config).run([listener])
