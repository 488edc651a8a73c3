"""Writes the Python stubs of the .proto files beside this script into service/penstock/pb.

protoc parses the contract and writes the types (`*_pb2.pyi`). The modules are written here, not by
protoc's own Python generators, whose output

- registers its messages in protobuf's default pool, where package `inference` and `grpc.health.v1`
  clash with other packages' stubs of the same protocols in the same process;
- refuses to be imported under a protobuf or grpcio older than the generator.

`python proto/generate.py` writes, `--check` fails where the committed stubs differ.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto
from grpc_tools import protoc  # type: ignore[import-untyped]

PROTO = Path(__file__).resolve().parent
STUBS = PROTO.parent / "service" / "penstock" / "pb"

# penstock.pb is flat, so each file has a name of its own there; add a line for a new file.
MODULES = {
    "grpc/health/v1/health.proto": "health",
    "grpc/reflection/v1/reflection.proto": "reflection",
    "inference/model_config.proto": "model_config",
    "inference/open_inference.proto": "inference",
    "penstock/v1/feature_statistics.proto": "feature_statistics",
    "penstock/v1/prediction.proto": "prediction",
    "penstock/v1/probe.proto": "probe",
    "penstock/v1/traffic.proto": "traffic",
}

# (client streams, server streams) → a channel's method for such calls; grpc names its handlers and
# its types of callables after them.
ARITIES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}

# Field numbers in descriptor.proto, of which source locations are made.
SERVICE_FIELD = FileDescriptorProto.SERVICE_FIELD_NUMBER
METHOD_FIELD = 2


def _main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--check", action="store_true", help="write nothing; fail where stubs differ")
    check = arguments.parse_args().check

    found = {path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto")}
    if found != set(MODULES):
        names = ", ".join(sorted(found ^ set(MODULES)))
        sys.exit(f"proto/generate.py: MODULES and the .proto files differ in {names}")
    stubs = _generate()
    if check:
        if differing := _differing(stubs):
            names = "\n  ".join(f"service/penstock/pb/{name}" for name in differing)
            sys.exit(f"Not what proto/ generates (`make proto` writes them anew):\n  {names}")
        return
    STUBS.mkdir(parents=True, exist_ok=True)
    for stale in _committed() - set(stubs):
        (STUBS / stale).unlink()
    for name, text in stubs.items():
        (STUBS / name).write_text(text, encoding="utf-8")


def _committed() -> set[str]:
    return {path.name for pattern in ("*_pb2*.py", "*_pb2*.pyi") for path in STUBS.glob(pattern)}


def _differing(stubs: dict[str, str]) -> list[str]:
    there = _committed()
    return sorted(
        (there ^ set(stubs))
        | {name for name in there & set(stubs) if (STUBS / name).read_text(encoding="utf-8") != stubs[name]}
    )


def _generate() -> dict[str, str]:
    """The stubs' file names and texts."""
    stubs: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder) / "descriptors"
        _run_protoc(
            f"--descriptor_set_out={descriptors}",
            "--include_source_info",
            f"--pyi_out={folder}",
            *sorted(MODULES),
        )
        for file in FileDescriptorSet.FromString(descriptors.read_bytes()).file:
            module = MODULES[file.name]
            types = (Path(folder) / file.name).with_name(Path(file.name).stem + "_pb2.pyi")
            stubs[f"{module}_pb2.pyi"] = _message_types(types.read_text(encoding="utf-8"))
            stubs[f"{module}_pb2.py"] = _lines(_messages(file))
            if file.service:
                stubs[f"{module}_pb2_grpc.py"] = _lines(_services(file))
                stubs[f"{module}_pb2_grpc.pyi"] = _lines(_service_types(file))
    return stubs


def _run_protoc(*arguments: str) -> None:
    if protoc.main(["protoc", f"--proto_path={PROTO}", *arguments]) != 0:
        sys.exit(1)


def _lines(text: Iterator[str]) -> str:
    return "\n".join(text) + "\n"


def _message_types(text: str) -> str:
    """What protoc writes, with our module names and the type arguments that mypy's strict mode asks for."""

    def rename(found: re.Match[str]) -> str:
        path = f"{found['package'].replace('.', '/')}/{found['stem']}.proto"
        return f"from . import {MODULES[path]}_pb2 as"

    text = re.sub(r"^from (?P<package>[\w.]+) import (?P<stem>\w+)_pb2 as", rename, text, flags=re.MULTILINE)
    text = re.sub(r"\b_Mapping\]", "_Mapping[str, _Any]]", text)
    # grpcio-tools before 1.81 writes `bool` here, so that what is generated would hang on its version.
    text = text.replace(": bool = ...", ": _Optional[bool] = ...")
    return text.replace("from typing import ClassVar", "from typing import Any as _Any, ClassVar", 1)


def _messages(file: FileDescriptorProto) -> Iterator[str]:
    yield f'"""Messages of {file.name}. Written by proto/generate.py; do not edit."""'
    yield ""
    if file.enum_type:
        yield "from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper as _EnumTypeWrapper"
        yield ""
    for dependency in file.dependency:
        yield f"from . import {MODULES[dependency]}_pb2 as _{MODULES[dependency]}_pb2"
    yield "from .pool import POOL as _POOL, message_class as _message_class"
    yield ""
    yield "DESCRIPTOR = _POOL.AddSerializedFile("
    for part in _serialized_parts(file):
        yield f"    {part!r}"
    yield ")"
    yield ""
    for enum in file.enum_type:
        yield f'{enum.name} = _EnumTypeWrapper(DESCRIPTOR.enum_types_by_name["{enum.name}"])'
        for value in enum.value:
            yield f"{value.name} = {value.number}"
        yield ""
    for message in file.message_type:
        yield f'{message.name} = _message_class(DESCRIPTOR.message_types_by_name["{message.name}"], __name__)'


def _serialized_parts(file: FileDescriptorProto) -> Iterator[bytes]:
    """The serialized descriptor in pieces, one a message, so that a change shows where it is."""
    header = FileDescriptorProto(name=file.name, package=file.package, dependency=file.dependency)
    yield header.SerializeToString(deterministic=True)
    for message in file.message_type:
        yield FileDescriptorProto(message_type=[message]).SerializeToString(deterministic=True)
    for enum in file.enum_type:
        yield FileDescriptorProto(enum_type=[enum]).SerializeToString(deterministic=True)
    for service in file.service:
        yield FileDescriptorProto(service=[service]).SerializeToString(deterministic=True)
    footer = FileDescriptorProto(options=file.options, syntax=file.syntax)
    yield footer.SerializeToString(deterministic=True)


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Source location → the comment before it, on one line."""
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }


def _request_and_response(method: MethodDescriptorProto, file: FileDescriptorProto) -> tuple[str, str]:
    """A method's messages as the generated module names them: `prediction_pb2.PredictRequest`."""
    package = f".{file.package}."
    names = method.input_type, method.output_type
    if not all(name.startswith(package) for name in names):
        sys.exit(f"{file.name}: {method.name} takes or gives a message of another package")
    request, response = (f"{MODULES[file.name]}_pb2.{name.removeprefix(package)}" for name in names)
    return request, response


def _arity(method: MethodDescriptorProto) -> str:
    return ARITIES[method.client_streaming, method.server_streaming]


def _argument(method: MethodDescriptorProto) -> str:
    return "request_iterator" if method.client_streaming else "request"


def _services(file: FileDescriptorProto) -> Iterator[str]:
    yield f'"""Stubs and servicers of {file.name}. Written by proto/generate.py; do not edit."""'
    yield ""
    yield "import grpc"
    yield ""
    yield f"from . import {MODULES[file.name]}_pb2"
    documentation = _comments(file)
    for place, service in enumerate(file.service):
        full_name = f"{file.package}.{service.name}"
        yield ""
        yield ""
        yield f"class {service.name}Stub:"
        yield f'    """Calls {full_name} over a grpc.Channel or a grpc.aio.Channel."""'
        yield ""
        yield "    def __init__(self, channel):"
        for method in service.method:
            request, response = _request_and_response(method, file)
            yield f"        self.{method.name} = channel.{_arity(method)}("
            yield f'            "/{full_name}/{method.name}",'
            yield f"            request_serializer={request}.SerializeToString,"
            yield f"            response_deserializer={response}.FromString,"
            yield "        )"
        yield ""
        yield ""
        yield f"{service.name}AsyncStub = {service.name}Stub"
        yield ""
        yield ""
        yield f"class {service.name}Servicer:"
        yield f'    """Answers {full_name}; what a subclass does not define is UNIMPLEMENTED."""'
        for index, method in enumerate(service.method):
            yield ""
            yield f"    def {method.name}(self, {_argument(method)}, context):"
            if comment := documentation.get((SERVICE_FIELD, place, METHOD_FIELD, index)):
                yield f"        {comment!r}"
            yield "        context.set_code(grpc.StatusCode.UNIMPLEMENTED)"
            yield f'        context.set_details("{full_name}/{method.name} is not implemented")'
            yield f'        raise NotImplementedError("{full_name}/{method.name}")'
        yield ""
        yield ""
        yield f"def add_{service.name}Servicer_to_server(servicer, server):"
        yield "    handlers = {"
        for method in service.method:
            request, response = _request_and_response(method, file)
            yield f'        "{method.name}": grpc.{_arity(method)}_rpc_method_handler('
            yield f"            servicer.{method.name},"
            yield f"            request_deserializer={request}.FromString,"
            yield f"            response_serializer={response}.SerializeToString,"
            yield "        ),"
        yield "    }"
        yield f'    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("{full_name}", handlers),))'


def _service_types(file: FileDescriptorProto) -> Iterator[str]:
    module = MODULES[file.name]
    yield "from collections.abc import AsyncIterator, Awaitable, Iterator"
    yield "from typing import Any, TypeVar"
    yield ""
    yield "import grpc"
    yield "import grpc.aio"
    yield ""
    yield f"from . import {module}_pb2"
    yield ""
    yield '_T = TypeVar("_T")'
    yield ""
    yield "# What a servicer's method gets, be it served by grpc.server or by grpc.aio.server; a method that"
    yield "# names the one it is meant for is a valid override."
    yield "class _Context(grpc.ServicerContext, grpc.aio.ServicerContext[Any, Any]): ...  # type: ignore[misc]"
    yield "class _Requests(Iterator[_T], AsyncIterator[_T]): ..."
    for service in file.service:
        for prefix, suffix in (("grpc", "Stub"), ("grpc.aio", "AsyncStub")):
            channel = f"{prefix}.Channel"
            yield ""
            yield f"class {service.name}{suffix}:"
            yield f"    def __init__(self, channel: {channel}) -> None: ..."
            for method in service.method:
                callable_type = _arity(method).title().replace("_", "") + "MultiCallable"
                request, response = _request_and_response(method, file)
                yield f"    {method.name}: {prefix}.{callable_type}[{request}, {response}]"
        yield ""
        yield f"class {service.name}Servicer:"
        for method in service.method:
            request, response = _request_and_response(method, file)
            given = f"_Requests[{request}]" if method.client_streaming else request
            stream = f"Iterator[{response}] | AsyncIterator[{response}]"
            answer = stream if method.server_streaming else f"{response} | Awaitable[{response}]"
            yield f"    def {method.name}(self, {_argument(method)}: {given}, context: _Context) -> {answer}: ..."
        yield ""
        yield f"def add_{service.name}Servicer_to_server("
        yield f"    servicer: {service.name}Servicer, server: grpc.Server | grpc.aio.Server"
        yield ") -> None: ..."


if __name__ == "__main__":
    _main()
