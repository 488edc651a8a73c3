"""`penstock bench` over TLS, with and without a certificate of its own."""

import json
from pathlib import Path

from tests.server_process import penstock
from tests.tls.authority import Authority, Identity
from tests.tls.calls import TlsServer

CHECK = ("--call=grpc.health.v1.Health.Check", "-n", "30", "-c", "3", "--connections", "3", "-O", "json")


def address(server: TlsServer) -> str:
    return f"localhost:{server.process.serving['port']}"


def test_the_server_is_checked_against_the_authority_that_is_given(
    server: TlsServer, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    for name, each in (("good", authority), ("other", stranger)):
        (tmp_path / name).write_bytes(each.pem)
    done = penstock("bench", *CHECK, "--cacert", tmp_path / "good", address(server))
    assert json.loads(done.stdout)["statusCodeDistribution"] == {"OK": 30}, done.stderr
    refused = penstock("bench", *CHECK, "--cacert", tmp_path / "other", address(server))
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(
    strict_server: TlsServer, authority: Authority, caller: Identity, tmp_path: Path
) -> None:
    for name, pem in (("ca", authority.pem), ("cert", caller.chain), ("key", caller.key)):
        (tmp_path / name).write_bytes(pem)
    flags = ("--cacert", tmp_path / "ca", "--cert", tmp_path / "cert", "--key", tmp_path / "key")
    done = penstock("bench", *CHECK, *flags, address(strict_server))
    assert json.loads(done.stdout)["statusCodeDistribution"] == {"OK": 30}, done.stderr
    assert penstock("bench", *CHECK, *flags[:2], address(strict_server)).returncode == 2
