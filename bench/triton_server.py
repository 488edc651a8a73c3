"""Triton Inference Server with TorchScript files in its Python backend, from where bench/triton_setup.sh put it.

Set up as its documentation says for small CPU models: dynamic batching without a delay, one instance, and gRPC
alone. `bench/triton_model.py` is the model.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from bench.model_inputs import INPUTS, OUTPUT

# Of the server in the wheel that bench/triton_setup.sh names.
VERSION = "2.51"
_ROOT = Path(__file__).parents[1]
_INSTALLED = _ROOT / "build" / "triton"
_SERVER = _INSTALLED / "pytriton" / "tritonserver"
_CONFIG = """\
backend: "python"
max_batch_size: 1024
{inputs}
output [{{ name: "{output}", data_type: TYPE_FP32, dims: [1] }}]
dynamic_batching {{ }}
instance_group [{{ kind: KIND_CPU, count: 1 }}]
"""
_INPUT = 'input [{{ name: "{each.name}", data_type: TYPE_{each.datatype}, dims: [{each.width}] }}]'


def is_installed() -> bool:
    return (_SERVER / "backends" / "python" / "triton_python_backend_stub").exists()


def write_repository(repository: Path, files: Mapping[str, Path]) -> None:
    """A model repository as Triton reads it, of the TorchScript files of the other servers, by the models' names."""
    for name, file in files.items():
        version = repository / name / "1"
        version.mkdir(parents=True)
        inputs = "\n".join(_INPUT.format(each=each) for each in INPUTS[name])
        (repository / name / "config.pbtxt").write_text(_CONFIG.format(inputs=inputs, output=OUTPUT))
        shutil.copy(file, version / "model.pt")
        shutil.copy(Path(__file__).with_name("triton_model.py"), version / "model.py")


def command(repository: Path, port: int) -> list[str]:
    return [
        *(str(_SERVER / "bin" / "tritonserver"), "--model-repository", str(repository)),
        *("--backend-directory", str(_SERVER / "backends")),
        *("--grpc-address", "127.0.0.1", "--grpc-port", str(port)),
        *(
            "--allow-http",
            "false",
            "--allow-metrics",
            "false",
            "--log-info",
            "false",
            "--log-warning",
            "false",
        ),
    ]


def environment() -> dict[str, str]:
    """The backend runs the Python that comes first on PATH: this one, which has torch."""
    libraries = [str(_INSTALLED / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    return dict(os.environ) | {"LD_LIBRARY_PATH": ":".join(libraries), "PATH": ":".join(path)}


def free_port() -> int:
    """A port that is free now: Triton takes a number and does not say what it found."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
