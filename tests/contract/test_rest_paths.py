"""No path of the HTTP port names anything by a trick: parents, absolute paths, percent forms, Unicode, other bytes."""

import json
import socket

import pytest

from tests import rest
from tests.server_process import ServerProcess

# In place of a name: each must be no name, whatever stands around it.
TRICKS = [
    "..",
    ".",
    "%2e%2e",
    "..%2fpair",
    "..%2F..%2Fetc%2Fpasswd",
    "..%252fpair",
    "../pair",
    "../../../../etc/passwd",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "pair/../pair",
    "..\\pair",
    "..%5cpair",
    "pair%00",
    "%00",
    "pair%2e",
    "pair;x",
    "pair%20",
    "%C3%BC",
    "%E2%80%AE",
    "%c0%ae%c0%ae",
    "%EF%BC%8E%EF%BC%8E",
    ".pair",
    "-pair",
    "~root",
    "p" * 129,
    "p" * 8000,
    "",
]
PATHS = [
    ("GET", "/v2/models/{}"),
    ("GET", "/v2/models/{}/ready"),
    ("POST", "/v2/models/{}/infer"),
    ("POST", "/v2/models/{}/predict"),
    ("GET", "/v2/models/{}/config"),
    ("GET", "/v2/models/{}/stats"),
    ("GET", "/v2/models/{}/trace/setting"),
    ("GET", "/v2/models/{}/versions/1"),
    ("GET", "/v2/models/{}/versions/1/config"),
    ("GET", "/v2/models/pair/versions/{}/config"),
    ("GET", "/v2/models/pair/versions/{}/ready"),
    ("POST", "/v2/models/pair/versions/{}/infer"),
    ("POST", "/v2/repository/{}/index"),
    ("POST", "/v2/repository/models/{}/load"),
    ("POST", "/v2/repository/models/{}/unload"),
    ("POST", "/v2/repository/{}/models/pair/load"),
    ("GET", "/v2/systemsharedmemory/region/{}/status"),
    ("POST", "/v2/cudasharedmemory/region/{}/register"),
]
INFER_BODY = json.dumps({"inputs": []})


@pytest.mark.parametrize(("method", "path"), PATHS, ids=[path for _, path in PATHS])
def test_no_trick_in_a_path_names_anything(server: ServerProcess, method: str, path: str) -> None:
    connection = rest.connect(server)
    try:
        for trick in TRICKS:
            body = INFER_BODY if method == "POST" and "models/" in path else None
            connection.request(method, path.format(trick), body)
            refused = rest.read(connection)
            # 501: what is not served is not served under any name.
            assert refused.status in (400, 404, 405, 501), (trick, refused.body)
            assert refused.error.endswith((".", "?", ")")) or "allowed:" in refused.error, refused.error
            assert len(refused.error) <= 1024
        connection.request("GET", "/v2/models/pair/ready")
        assert rest.read(connection).status == 200
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", [b"/v2/models/\xc3\xbc/config", b"/v2/models/\xff/load", b"/v2/models/\x01/stats"]
)
def test_bytes_that_no_path_has_end_the_request(server: ServerProcess, path: bytes) -> None:
    host, port = server.http_address.split(":")
    with socket.create_connection((host, int(port)), timeout=rest.TIMEOUT_S) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    assert came.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), came
    assert rest.ask(server, "GET", "/v2/models/pair/config").status == 200
