"""Who gets a connection with TLS, at both doors, and who does not."""

import socket

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2_grpc
from tests.contract.tensors import outputs, raw_request
from tests.frame_connection import PREFACE
from tests.tls.authority import Authority, Identity
from tests.tls.calls import LIMIT_S, TlsServer, check, context

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
LARGE_FLOATS = 200_000


def test_a_client_that_trusts_the_authority_is_answered(server: TlsServer, authority: Authority) -> None:
    assert server.status(authority) is OK


def test_large_messages_go_both_ways(server: TlsServer, authority: Authority) -> None:
    values = np.arange(LARGE_FLOATS, dtype=np.float32)[None]
    with server.channel(authority) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(raw_request("echo", ("x", "FP32", values)), timeout=LIMIT_S)
    assert (outputs(answer)["y"] == values).all()


def test_a_client_that_trusts_somebody_else_does_not_call(server: TlsServer, stranger: Authority) -> None:
    assert server.status(stranger) is UNAVAILABLE


def test_a_client_without_tls_is_not_answered_and_others_are(server: TlsServer, authority: Authority) -> None:
    with grpc.insecure_channel(server.address) as channel:
        assert check(channel) is UNAVAILABLE
    assert server.status(authority) is OK


def test_http2_is_chosen(server: TlsServer, authority: Authority) -> None:
    with (
        socket.create_connection(_host_and_port(server), LIMIT_S) as plain,
        context(authority, "http/1.1", "h2").wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        assert tls.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("protocols", [("http/1.1",), ()], ids=["http1", "nothing"])
def test_a_client_that_does_not_offer_http2_is_turned_away(
    server: TlsServer, authority: Authority, protocols: tuple[str, ...]
) -> None:
    assert _said(server, authority, protocols) == b""
    assert server.status(authority) is OK


def _said(server: TlsServer, authority: Authority, protocols: tuple[str, ...]) -> bytes:
    """What the server says to a client that begins to speak HTTP/2."""
    with socket.create_connection(_host_and_port(server), LIMIT_S) as plain:
        try:
            with context(authority, *protocols).wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(PREFACE)
                return tls.recv(1024)
        except OSError:
            return b""


def _host_and_port(server: TlsServer) -> tuple[str, int]:
    host, port = server.address.rsplit(":", 1)
    return host, int(port)


def test_a_client_with_a_certificate_of_the_authority_is_answered(
    strict_server: TlsServer, authority: Authority, caller: Identity
) -> None:
    assert strict_server.status(authority, caller) is OK


def test_a_client_without_a_certificate_is_turned_away(
    strict_server: TlsServer, authority: Authority, caller: Identity
) -> None:
    assert strict_server.status(authority) is UNAVAILABLE
    assert strict_server.status(authority, caller) is OK


def test_a_client_with_a_strangers_certificate_is_turned_away(
    strict_server: TlsServer, authority: Authority, stranger: Authority, caller: Identity
) -> None:
    assert strict_server.status(authority, stranger.issue(dns="caller.example.org")) is UNAVAILABLE
    assert strict_server.status(authority, caller) is OK


def test_a_client_with_an_expired_certificate_is_turned_away(
    strict_server: TlsServer, authority: Authority, caller: Identity
) -> None:
    assert strict_server.status(authority, authority.issue(expired=True)) is UNAVAILABLE
    assert strict_server.status(authority, caller) is OK
