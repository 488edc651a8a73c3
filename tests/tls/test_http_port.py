"""TLS at the HTTP port, at both doors: the door's certificates, HTTP/1.1 alone, clients' where they are asked for."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path

import pytest

from tests.tls.authority import Authority, Identity
from tests.tls.calls import LIMIT_S, TlsServer, context
from tests.waiting import wait_for


def status(server: TlsServer, trusts: ssl.SSLContext) -> int:
    """Of a readiness check over a new connection."""
    connection = http.client.HTTPSConnection(server.process.http_address, timeout=LIMIT_S, context=trusts)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status
    finally:
        connection.close()


def test_rest_is_served_over_tls_alone(server: TlsServer, authority: Authority, stranger: Authority) -> None:
    assert status(server, context(authority)) == 200
    assert status(server, context(authority, "http/1.1")) == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        status(server, context(stranger))
    with pytest.raises(ssl.SSLError):
        status(server, context(authority, "h2"))
    plain = http.client.HTTPConnection(server.process.http_address, timeout=LIMIT_S)
    plain.request("GET", "/v2")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        plain.getresponse()
    plain.close()


def test_a_client_without_a_good_certificate_is_not_served(
    strict_server: TlsServer, authority: Authority, stranger: Authority, caller: Identity, tmp_path: Path
) -> None:
    def shows(identity: Identity) -> ssl.SSLContext:
        made = context(authority)
        files = TlsServer.files(tmp_path)
        TlsServer.write(files, identity)
        made.load_cert_chain(*files)
        return made

    assert status(strict_server, shows(caller)) == 200
    for refused in (context(authority), shows(stranger.issue()), shows(authority.issue(expired=True))):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            status(strict_server, refused)


def test_new_handshakes_use_a_replaced_certificate(server: TlsServer, authority: Authority) -> None:
    successor = Authority("successor")
    for issuer in (successor, authority):
        before = server.count("certificates reloaded")
        server.write(server.paths, issuer.issue())
        wait_for(lambda before=before: server.count("certificates reloaded") > before)
        assert status(server, context(issuer)) == 200
