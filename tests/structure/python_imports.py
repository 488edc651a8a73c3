"""Which Python module may import what: the lines that keep gRPC, torch, the extension and the environment apart.

Only reads source text; nothing is imported.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICE = Path("service/penstock")

# Who may import a library; a folder name stands for all modules in it.
ONLY_IN = {
    # Runs models, and makes modules of files.
    "torch": {"runtime", "torchscript"},
    "grpc": {
        "server",
        "doors",
        "servicer",
        "traffic_servicer",
        "open_streams",
        "rpc_handlers",
        "rest_calls",
        "health",
        "reflection",
        "grpcio_transport",
        # asks servers by reflection
        "load",
        "pb",
    },
    "grpc_health": {"health"},
    "grpc_reflection": {"reflection"},
    "penstock._fastpath": {
        # serving
        "server",
        "doors",
        "servicer",
        "traffic",
        "traffic_servicer",
        "model_config",
        "model_statistics",
        "repository",
        "runtime",
        "version_status",
        "torchscript",
        # encoding and decoding on the caller's side, and offline
        "__init__",
        "arrays",
        "fast_transport",
        "feature_spec",
        "infer_tensors",
        "load",
        "predict_request",
        "prediction",
        "program_table",
        "row_trace",
        "training_rows",
    },
}
ENVIRONMENT_ONLY_IN = {"config"}

# Bottom to top: a module imports only from floors below its own. Modules that are not named here belong to the
# caller's side, which imports nothing from FLOORS but errors and config.
FLOORS = (
    {"errors"},
    {"config"},
    {
        "rpc_handlers",
        "canary",
        "certificates",
        "stream_forms",
        "error_details",
        "model_config",
        "model_statistics",
        "server_settings",
        "version_status",
        "memory_limit",
        "plain_json",
    },
    {"torchscript"},
    {"doors", "runtime", "health", "reflection", "request_stream", "rest_forms", "traffic"},
    {"open_streams", "rest_calls"},
    {"repository", "servicer", "traffic_servicer"},
    {"server"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
FOR_ALL = {"errors", "config"}


@dataclass(frozen=True)
class Import:
    """One imported module, dotted, and the line that asks for it."""

    name: str
    line: int


def module_of(path: Path) -> str:
    """The first name below the package: `servicer` for servicer.py and for servicer/unary.py."""
    return path.relative_to(SERVICE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[Import]:
    """Every import of a module, those in functions and under TYPE_CHECKING included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from penstock import errors` imports penstock.errors: both readings are looked at.
            yield from (Import(f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def reads_environment(tree: ast.AST) -> Iterator[int]:
    """The lines that name os.environ, os.environb or os.getenv."""
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os" and node.attr in names:
                yield node.lineno
        elif (
            isinstance(node, ast.ImportFrom) and node.module == "os" and names & {a.name for a in node.names}
        ):
            yield node.lineno


def floor_of(module: str) -> int | None:
    return next((height for height, floor in enumerate(FLOORS) if module in floor), None)


def faults(path: Path, source: str) -> list[str]:
    """What is wrong with one module of service/penstock, a sentence each."""
    module = module_of(path)
    tree = ast.parse(source, filename=str(path))
    found = []
    for wanted in imports(tree):
        found += [f"{path}:{wanted.line}: {sentence}" for sentence in _faults_of_import(module, wanted.name)]
    if module not in ENVIRONMENT_ONLY_IN:
        found += [
            f"{path}:{line}: the environment is read in config alone" for line in reads_environment(tree)
        ]
    return found


def _faults_of_import(module: str, name: str) -> Iterator[str]:
    for library, allowed in ONLY_IN.items():
        if (name == library or name.startswith(library + ".")) and module not in allowed:
            yield f"{library} is imported in {', '.join(sorted(allowed))} alone"
    if name.startswith("penstock."):
        below = name.split(".")[1]
        own, other = floor_of(module), floor_of(below)
        if other is None or below in {module, "__init__"}:
            return
        if own is None and below not in FOR_ALL:
            yield f"{module} imports {below}, which belongs to the server"
        elif own is not None and other >= own:
            yield f"{module} imports {below}, which stands on the same floor or above"
