"""Asks a server what it serves: reflection v1, and v1alpha where the server has no v1."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Reached:
    """How a server is reached; its certificate bears the name `cname`, or is not looked at."""

    address: str
    tls: Tls | None
    cname: str
    unchecked: bool


def of_server(call: str, reached: Reached, metadata: Iterable[tuple[str, str]], timeout_s: float) -> Method:
    """The method as the server declares it. Raises MethodError."""
    service, _ = split(call)
    address = reached.address
    with _channel(reached, timeout_s) as channel:
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


def _channel(reached: Reached, timeout_s: float) -> grpc.Channel:
    tls = reached.tls
    if tls is None:
        return grpc.insecure_channel(reached.address)
    roots, name = tls.root_certificates, reached.cname
    if reached.unchecked:
        roots, name = _shown(reached, timeout_s)
    credentials = grpc.ssl_channel_credentials(roots, tls.private_key, tls.certificate_chain)
    options = [("grpc.ssl_target_name_override", name)] if name else None
    return grpc.secure_channel(reached.address, credentials, options)


def _shown(reached: Reached, timeout_s: float) -> tuple[bytes, str]:
    """The certificate that the server shows, and a name in it: grpc trusts nobody unasked. Raises MethodError."""
    host, _, port = reached.address.rpartition(":")
    try:
        pem = ssl.get_server_certificate((host, int(port)), timeout=timeout_s)
        context = ssl.create_default_context(cadata=pem)
        context.check_hostname = False
        # It need not be its own authority's.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        with (
            socket.create_connection((host, int(port)), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=reached.cname or host) as secured,
        ):
            shown = secured.getpeercert() or {}
    except (OSError, ValueError) as error:
        raise MethodError(
            f"{reached.address} cannot be asked by reflection, which needs a certificate that is valid now: {error}"
        ) from None
    names = [
        value for kind, value in map(tuple, shown.get("subjectAltName", ())) if kind in ("DNS", "IP Address")
    ]
    return pem.encode(), str(names[0]) if names else host


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
