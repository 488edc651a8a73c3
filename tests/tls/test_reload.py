"""Certificates that are replaced on disk, at both doors."""

import grpc

from tests.tls.authority import Authority, Identity
from tests.tls.calls import TlsServer, check
from tests.waiting import wait_for

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
RELOADED, NOT_RELOADED = "certificates reloaded", "certificates not reloaded"


def replace(server: TlsServer, identity: Identity, event: str) -> None:
    """Replaces the files, and waits until the server has seen it."""
    before = server.count(event)
    server.write(server.paths, identity)
    wait_for(lambda: server.count(event) > before)


def test_new_handshakes_use_a_replaced_certificate_and_connections_that_stand_stay(
    server: TlsServer, authority: Authority
) -> None:
    successor = Authority("successor")
    with server.channel(authority) as old:
        assert check(old) is OK
        replace(server, successor.issue(), RELOADED)
        assert server.status(successor) is OK
        assert server.status(authority) is UNAVAILABLE
        assert check(old) is OK
    replace(server, authority.issue(), RELOADED)
    assert server.status(authority) is OK


def test_a_replacement_that_is_none_changes_nothing_and_is_logged(
    server: TlsServer, authority: Authority
) -> None:
    for bad in (
        Identity(b"no certificate", b"no key"),
        Identity(authority.issue().chain, authority.issue().key),
    ):
        replace(server, bad, NOT_RELOADED)
        assert server.status(authority) is OK
    replace(server, authority.issue(), RELOADED)
    assert server.status(authority) is OK


def test_a_certificate_that_is_gone_changes_nothing_and_is_logged(
    server: TlsServer, authority: Authority
) -> None:
    before = server.count(NOT_RELOADED)
    server.paths[0].unlink()
    wait_for(lambda: server.count(NOT_RELOADED) > before)
    assert server.status(authority) is OK
    replace(server, authority.issue(), RELOADED)
