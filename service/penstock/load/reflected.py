"""Asks a server what it serves: reflection v1, and v1alpha where the server has no v1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from penstock.channel import Tls
from penstock.load.methods import Method, MethodError, found, split
from penstock.pb import reflection_pb2 as pb

_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def tls_of(cacert: str, cert: str, key: str) -> Tls:
    """Certificates from files. Raises MethodError, which names the file."""
    read = {}
    for option, path in (("--cacert", cacert), ("--cert", cert), ("--key", key)):
        try:
            read[option] = Path(path).read_bytes() if path else None
        except OSError as error:
            raise MethodError(f"{option}: {path}: {error.strerror}") from None
    return Tls(read["--cacert"], read["--key"], read["--cert"])


def of_server(
    call: str, address: str, tls: Tls | None, metadata: Iterable[tuple[str, str]], timeout_s: float
) -> Method:
    """The method as the server at `address` declares it. Raises MethodError."""
    service, _ = split(call)
    with _channel(address, tls) as channel:
        for last, reflection in enumerate(_SERVICES, 1):
            try:
                files = _files(_Asked(channel, reflection, tuple(metadata), timeout_s), service)
                return found(call, files, f"at {address}")
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED or last == len(_SERVICES):
                    raise MethodError(_told(address, error)) from None
    raise AssertionError  # the loop ends by the last service


def _told(address: str, error: Any) -> str:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return f"{address} has no server reflection; give --proto or --protoset"
    return f"{address} was asked by reflection: {error.code().name}: {error.details()}"


def _channel(address: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(tls.root_certificates, tls.private_key, tls.certificate_chain)
    return grpc.secure_channel(address, credentials)


class _Asked:
    """One question a call: servers differ in what they do with several."""

    def __init__(
        self, channel: grpc.Channel, service: str, metadata: tuple[tuple[str, str], ...], timeout_s: float
    ) -> None:
        self._call = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=pb.ServerReflectionRequest.SerializeToString,
            response_deserializer=pb.ServerReflectionResponse.FromString,
        )
        self._metadata = metadata
        self._timeout_s = timeout_s

    def files(self, request: pb.ServerReflectionRequest) -> Iterator[FileDescriptorProto]:
        for answer in self._call(iter([request]), metadata=self._metadata, timeout=self._timeout_s):
            if answer.HasField("error_response"):
                asked = request.file_containing_symbol or request.file_by_filename
                raise MethodError(f"the server does not know {asked}: {answer.error_response.error_message}")
            for file in answer.file_descriptor_response.file_descriptor_proto:
                yield FileDescriptorProto.FromString(file)


def _files(asked: _Asked, service: str) -> list[FileDescriptorProto]:
    """The file of the service and all that it imports."""
    files = {
        file.name: file for file in asked.files(pb.ServerReflectionRequest(file_containing_symbol=service))
    }
    while missing := {name for file in files.values() for name in file.dependency} - files.keys():
        for name in missing:
            question = pb.ServerReflectionRequest(file_by_filename=name)
            files |= {file.name: file for file in asked.files(question)}
    return list(files.values())
