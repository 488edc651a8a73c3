"""The server's TLS files: read at the start, and again when they change.

A file that cannot be read or is no certificate changes nothing: the last good ones stay in use, and the log says so.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from penstock import log
from penstock.config import Settings
from penstock.errors import TlsError

# How old the certificates in use may be; looking costs a few system calls.
_LOOK_S = 1.0

Pem = tuple[bytes, bytes, bytes | None]


@dataclass
class Certificates:
    """The certificate chain, the private key and, where clients must show certificates, who signs them."""

    certificate: Path
    key: Path
    client_ca: Path | None
    _pem: Pem = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Reads the files. Raises TlsError."""
        self._pem = self._read()

    def pem(self) -> Pem:
        """The last good content: chain, key, client authorities."""
        return self._pem

    async def watch(self, on_change: Callable[[Pem], None]) -> None:
        """Reads the files again whenever they have changed, and tells `on_change`; until it is cancelled."""
        seen = self._stamp()
        while True:
            await asyncio.sleep(_LOOK_S)
            stamp = self._stamp()
            if stamp == seen:
                continue
            seen = stamp
            try:
                pem = self._read()
                if pem == self._pem:
                    continue
                on_change(pem)
            except (TlsError, ValueError) as error:
                log.error("certificates not reloaded", reason=str(error))
                continue
            self._pem = pem
            log.info("certificates reloaded", certificate=str(self.certificate))

    def _stamp(self) -> list[tuple[int, int, int]]:
        """Changes when a file or a link to it is replaced; a file that is gone has the stamp zero."""
        return [_stamp(path) for path in (self.certificate, self.key, self.client_ca) if path is not None]

    def _read(self) -> Pem:
        pem = (
            _content("tls_certificate", self.certificate),
            _content("tls_key", self.key),
            _content("tls_client_ca", self.client_ca) if self.client_ca is not None else None,
        )
        _check(self.certificate, self.key, pem)
        return pem


def from_settings(settings: Settings) -> Certificates | None:
    """What the settings name; none where they name none. Raises TlsError."""
    if not settings.tls_certificate:
        return None
    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return Certificates(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _content(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{setting}: {path}: cannot be read: {error.strerror}") from error


def _check(certificate: Path, key: Path, pem: Pem) -> None:
    """Raises TlsError where the key is not the certificate's, or one of the files is not PEM.

    OpenSSL reads from files alone; what was read is checked, not what may be there by now.
    """
    chain, private_key, client_ca = pem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        chain_file, key_file = Path(folder) / "chain", Path(folder) / "key"
        chain_file.write_bytes(chain)
        key_file.touch(mode=0o600)
        key_file.write_bytes(private_key)
        try:
            context.load_cert_chain(chain_file, key_file)
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise TlsError(
                f"tls_certificate: {certificate}, tls_key: {key}: are not a certificate and its key in PEM: {reason}"
            ) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(cadata=client_ca.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise TlsError(f"tls_client_ca: holds no certificate in PEM: {error}") from error
