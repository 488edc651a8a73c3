"""tritonclient.http, unchanged: health, metadata, inference with JSON and binary data, its compressions and errors."""

import json
import subprocess
import sys
import textwrap

from tests.server_process import ServerProcess

# A process of its own: gevent's sockets and tritonclient's copy of the protocol stay out of this one.
TRITON = textwrap.dedent(
    """
    import itertools, json, sys
    import ml_dtypes
    import numpy as np
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException

    def tensor(name, array, datatype, binary):
        made = triton.InferInput(name, list(array.shape), datatype)
        made.set_data_from_numpy(array, binary_data=binary)
        return made

    def same(client, datatype, array, binary, binary_out, packed, unpacked):
        name = "echo_" + datatype.lower()
        wanted = None if binary_out is None else [triton.InferRequestedOutput("y", binary_data=binary_out)]
        answer = client.infer(
            name, [tensor("x", array, datatype, binary)], outputs=wanted, request_id="r", timeout=10_000_000,
            request_compression_algorithm=packed, response_compression_algorithm=unpacked,
        )
        got = answer.as_numpy("y")
        assert answer.get_response()["id"] == "r"
        assert got.dtype == array.dtype and got.shape == array.shape and got.tobytes() == array.tobytes(), datatype
        return 1

    def every_form(client):
        rows = 300
        arrays = {
            "FP64": np.linspace(-1, 1, rows * 3), "FP32": np.linspace(-1, 1, rows * 3, dtype=np.float32),
            "FP16": np.linspace(-1, 1, rows * 3).astype(np.float16), "INT64": np.arange(rows * 3) - 2**60,
            "INT32": np.arange(rows * 3, dtype=np.int32), "INT16": np.arange(rows * 3, dtype=np.int16),
            "INT8": np.arange(rows * 3).astype(np.int8), "UINT8": np.arange(rows * 3).astype(np.uint8),
            "BOOL": np.arange(rows * 3) % 2 == 0,
        }
        packings = (None, "gzip", "deflate")
        count = 0
        for datatype, array in arrays.items():
            forms = itertools.product((True, False), (True, False, None), packings, packings)
            for binary, binary_out, packed, unpacked in forms:
                if binary or datatype != "FP16":
                    count += same(client, datatype, array.reshape(rows, 3), binary, binary_out, packed, unpacked)
        return count

    def bfloat16(client):
        values = np.array([[0.5, -2.0, 3.0]], ml_dtypes.bfloat16)
        answer = client.infer("echo_bf16", [tensor("x", values, "BF16", True)])
        return answer.as_numpy("y").astype(np.float32).tolist()

    def words(client, binary):
        merchant = tensor("merchant", np.array([b"acme", "Zürich".encode()], np.object_), "BYTES", binary)
        amount = tensor("amount", np.ones(2, np.float32), "FP32", not binary)
        return client.infer("features", [amount, merchant]).as_numpy("ids").tolist()

    def error(call):
        try:
            call()
        except InferenceServerException as failure:
            return [failure.status(), failure.message()]

    with triton.InferenceServerClient(sys.argv[1]) as client:
        x = lambda: [tensor("x", np.zeros((1, 4), np.float32), "FP32", True)]
        several = [client.async_infer("pair", x()) for _ in range(8)]
        print(json.dumps({
            "live": client.is_server_live(), "ready": client.is_server_ready(),
            "model": client.is_model_ready("pair"), "version": client.is_model_ready("pair", "1"),
            "nowhere": client.is_model_ready("nowhere"),
            "server": client.get_server_metadata()["name"],
            "metadata": client.get_model_metadata("pair")["inputs"],
            "forms": every_form(client),
            "bfloat16": bfloat16(client),
            "words": [words(client, binary) for binary in (True, False)],
            "several": [each.get_result().as_numpy("sum").tolist() for each in several],
            "unknown": error(lambda: client.infer("nowhere", x())),
            "bad": error(lambda: client.infer("echo_fp32", x())),
        }))
    """
)


def test_nvidias_http_client_works_unchanged(server: ServerProcess) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRITON, server.http_address],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [told[name] for name in ("live", "ready", "model", "version", "nowhere")] == [True] * 4 + [False]
    assert told["server"] == "penstock"
    assert told["metadata"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    # 8 datatypes in both forms and FP16 as binary data, times 3 forms of outputs and 3 times 3 of compression.
    assert told["forms"] == (8 * 2 + 1) * 27
    assert told["bfloat16"] == [[0.5, -2.0, 3.0]]
    binary, in_json = told["words"]
    assert binary == in_json
    assert told["several"] == [[0.0]] * 8
    assert told["unknown"] == ["404", 'Model "nowhere" is not in the repository.']
    assert told["bad"][0] == "400"
    assert "the model takes [-1, 3]" in told["bad"][1]
