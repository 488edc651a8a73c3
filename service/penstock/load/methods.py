"""Finds the method that is called, with its messages: by server reflection, a .proto file or a descriptor set."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from penstock.errors import ConfigError, PenstockError

_PROTOC_TIMEOUT_S = 60.0


class MethodError(PenstockError):
    """A method that cannot be found, or whose declaration cannot be read."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method, and the pool that its messages are in."""

    service: str
    name: str
    descriptor: Any
    pool: DescriptorPool

    @property
    def path(self) -> str:
        """As HTTP/2 has it."""
        return f"/{self.service}/{self.name}"

    def request_class(self) -> type[Message]:
        """The class of its requests."""
        return GetMessageClass(self.descriptor.input_type)


def split(call: str) -> tuple[str, str]:
    """Service and method of `package.Service/Method` or `package.Service.Method`. Raises ConfigError."""
    service, _, method = call.strip().lstrip(".").replace("/", ".").rpartition(".")
    if not (service and method):
        raise ConfigError(
            f"--call: found {call!r}, allowed: package.Service/Method or package.Service.Method"
        )
    return service, method


def found(call: str, files: Iterable[FileDescriptorProto], where: str) -> Method:
    """The method in files. Raises MethodError, which says `where` it is not."""
    service, name = split(call)
    pool = DescriptorPool()
    _add_all(pool, {file.name: file for file in files})
    try:
        descriptor = pool.FindServiceByName(service)
    except KeyError:
        raise MethodError(f"--call: there is no service {service} {where}") from None
    method = descriptor.methods_by_name.get(name)
    if method is None:
        known = ", ".join(descriptor.methods_by_name)
        raise MethodError(f"--call: {service} {where} has no method {name}; it has {known}")
    return Method(service, name, method, pool)


def _add_all(pool: DescriptorPool, files: dict[str, FileDescriptorProto]) -> None:
    """Adds each file after those that it imports."""
    done: set[str] = set()

    def add(name: str) -> None:
        file = files.get(name)
        if file is None or name in done:
            return
        done.add(name)
        for dependency in file.dependency:
            add(dependency)
        try:
            pool.AddSerializedFile(file.SerializeToString())
        except TypeError as error:
            raise MethodError(f"{name} cannot be read: {error}") from None

    for name in files:
        add(name)


def of_protoset(call: str, path: Path) -> Method:
    """By a file descriptor set, as `protoc --include_imports --descriptor_set_out` writes it."""
    try:
        files = FileDescriptorSet.FromString(path.read_bytes()).file
    except OSError as error:
        raise MethodError(f"--protoset: {path}: {error.strerror}") from None
    except DecodeError:
        raise MethodError(f"--protoset: {path} is no file descriptor set") from None
    return found(call, files, f"in {path}")


def of_proto(call: str, path: Path, import_paths: Iterable[str]) -> Method:
    """By a .proto file, which protoc compiles."""
    if not path.is_file():
        raise MethodError(f"--proto: {path} is no file")
    folders = [*import_paths, ".", str(path.parent)]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "set"
        flags = [f"--proto_path={Path(each).resolve()}" for each in folders]
        command = [
            *_protoc(),
            *flags,
            "--include_imports",
            f"--descriptor_set_out={written}",
            str(path.resolve()),
        ]
        done = subprocess.run(  # noqa: S603 - protoc, on the file that the user names
            command, capture_output=True, text=True, timeout=_PROTOC_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            raise MethodError(f"--proto: {done.stderr.strip() or 'protoc failed'}")
        return found(call, FileDescriptorSet.FromString(written.read_bytes()).file, f"in {path}")


def _protoc() -> list[str]:
    if importlib.util.find_spec("grpc_tools"):
        return [sys.executable, "-m", "grpc_tools.protoc"]
    if program := shutil.which("protoc"):
        return [program]
    raise MethodError(
        "--proto needs protoc or the package grpcio-tools; server reflection (no --proto) and --protoset need neither"
    )
