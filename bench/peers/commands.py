"""How each peer is started: its configuration files, its command, its environment variables."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import triton_server
from bench.peers import environments
from bench.triton_server import free_port

_ROOT = Path(__file__).parents[2]
_PROGRAMS = "bench.peers.programs"
_THREADS = 4


@dataclass(frozen=True)
class Place:
    """Where a peer's files go, the TorchScript files by the models' names, and the port it must listen on."""

    folder: Path
    files: Mapping[str, Path]
    port: int

    @property
    def models(self) -> list[str]:
        """NAME=FILE, as the programs take them."""
        return [f"{name}={file}" for name, file in self.files.items()]


@dataclass(frozen=True)
class Command:
    """What is run; `variables` are set besides those of this process."""

    words: list[str]
    variables: dict[str, str] = field(default_factory=dict)


def command(name: str, place: Place) -> Command:
    """Writes what the peer reads at its start. Raises subprocess.CalledProcessError where its own tools fail."""
    return _COMMANDS[name](place)


def _program(environment: str, program: str, *arguments: str, paths: tuple[Path, ...] = (_ROOT,)) -> Command:
    python = str(environments.python(environment)) if environment else sys.executable
    words = [python, "-m", f"{_PROGRAMS}.{program}", *arguments]
    return Command(words, {"PYTHONPATH": ":".join(map(str, paths))})


def _aio(place: Place) -> Command:
    return _program("", "aio_server", str(place.port), *place.models)


def _threads(place: Place) -> Command:
    return _program("", "threads_server", str(place.port), str(_THREADS), *place.models)


def _kserve(place: Place) -> Command:
    return _program("kserve", "kserve_server", str(place.port), str(free_port()), *place.models)


def _litserve(place: Place) -> Command:
    return _program("litserve", "litserve_server", str(place.port), *place.models)


def _pytriton(place: Place) -> Command:
    made = _program("pytriton", "pytriton_server", str(place.port), str(free_port()), *place.models)
    # Triton's part that is Python loads the library of the interpreter by its name, and must not find another.
    made.variables["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    # A copy of Triton, which is in the home folder otherwise.
    made.variables["PYTRITON_HOME"] = str(place.folder / "pytriton")
    return made


def _ray(place: Place) -> Command:
    made = _program(
        "ray",
        "ray_server",
        str(place.port),
        str(place.folder),
        *place.models,
        paths=(_ROOT, _ROOT / "service"),
    )
    made.variables.update(
        RAY_SERVE_THROUGHPUT_OPTIMIZED="1",
        RAY_SERVE_LOG_TO_STDERR="0",
        RAY_USAGE_STATS_ENABLED="0",
        OMP_NUM_THREADS="1",
    )
    return made


def _triton(place: Place) -> Command:
    repository = place.folder / "models"
    triton_server.write_repository(repository, place.files)
    return Command(triton_server.command(repository, place.port), triton_server.environment())


def _mlserver(place: Place) -> Command:
    settings = {
        "host": "127.0.0.1",
        "grpc_port": place.port,
        "http_port": free_port(),
        "metrics_port": free_port(),
        "metrics_dir": str(place.folder),
        "parallel_workers": 0,
        "debug": False,
        "logging_settings": _write_json(place.folder / "logging.json", _LOG_OF_ERRORS),
    }
    _write_json(place.folder / "settings.json", settings)
    for name, file in place.files.items():
        model = {
            "name": name,
            "implementation": f"{_PROGRAMS}.mlserver_model.TorchScriptModel",
            "parameters": {"uri": str(file), "version": "1"},
        }
        _write_json(place.folder / name / "model-settings.json", model)
    mlserver = environments.python("mlserver").with_name("mlserver")
    return Command([str(mlserver), "start", str(place.folder)], {"PYTHONPATH": str(_ROOT)})


_LOG_OF_ERRORS = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "ERROR", "handlers": ["stderr"]},
    "loggers": {
        name: {"level": "ERROR", "propagate": True} for name in ("mlserver", "mlserver.grpc", "uvicorn")
    },
}


def _torchserve(place: Place) -> Command:
    store = place.folder / "store"
    store.mkdir()
    archiver = environments.python("torchserve").with_name("torch-model-archiver")
    handler = _ROOT / "bench" / "peers" / "programs" / "torchserve_handler.py"
    for name, file in place.files.items():
        words = [str(archiver), "--model-name", name, "--version", "1.0", "--serialized-file", str(file)]
        words += ["--handler", str(handler), "--export-path", str(store), "--archive-format", "no-archive"]
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - TorchServe's own
    settings = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 64, "maxBatchDelay": 1, "responseTimeout": 60}
    models = {name: {"1.0": {"defaultVersion": True, "marName": name, **settings}} for name in place.files}
    ports = [free_port() for _ in range(4)]
    properties = {
        "inference_address": f"http://127.0.0.1:{ports[0]}",
        "management_address": f"http://127.0.0.1:{ports[1]}",
        "metrics_address": f"http://127.0.0.1:{ports[2]}",
        "grpc_inference_address": "127.0.0.1",
        "grpc_inference_port": str(place.port),
        "grpc_management_address": "127.0.0.1",
        "grpc_management_port": str(ports[3]),
        "model_store": str(store),
        "load_models": ",".join(place.files),
        "models": json.dumps(models),
        "disable_token_authorization": "true",
        "disable_system_metrics": "true",
        "enable_metrics_api": "false",
        # More than the load ever has in flight; what is above it is refused.
        "job_queue_size": "4096",
    }
    config = place.folder / "config.properties"
    config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    log = place.folder / "log4j2.xml"
    log.write_text(_LOG4J)
    torchserve = environments.python("torchserve").with_name("torchserve")
    words = [
        str(torchserve),
        "--start",
        "--foreground",
        "--ncs",
        "--ts-config",
        str(config),
        "--log-config",
        str(log),
    ]
    # It writes where it is and into the folder for temporary files, and says there that it runs.
    variables = {"PYTHONPATH": str(_ROOT), "TMPDIR": str(place.folder), "TEMP": str(place.folder)}
    return Command(
        words, variables | {"LOG_LOCATION": str(place.folder), "METRICS_LOCATION": str(place.folder)}
    )


_LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="console" target="SYSTEM_ERR"><PatternLayout pattern="%p %c %m%n"/></Console></Appenders>
  <Loggers><Root level="error"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""

_COMMANDS: dict[str, Callable[[Place], Command]] = {
    "aio": _aio,
    "kserve": _kserve,
    "litserve": _litserve,
    "mlserver": _mlserver,
    "pytriton": _pytriton,
    "ray": _ray,
    "threads": _threads,
    "torchserve": _torchserve,
    "triton": _triton,
}


def _write_json(path: Path, value: object) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1))
    return str(path)
