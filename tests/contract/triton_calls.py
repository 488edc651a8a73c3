"""Every public call of tritonclient's four client classes, and what is told of its result."""

import base64
import queue
from collections.abc import Callable
from typing import Any

import numpy as np

X = np.array([[1, 2, 3, 4]], np.float32)
# What a method does, and what of its result is told.
Call = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def told_as_it_is(result: Any) -> Any:
    return result


def nothing(_: Any) -> None:
    return None


def sums(result: Any) -> Any:
    return result.as_numpy("sum").tolist()


def named(models: Any) -> Any:
    """The state of `pair`."""
    (state,) = [model["state"] for model in models if model["name"] == "pair"]
    return state


class Plugin:
    """Headers for every call."""

    def __call__(self, request: Any) -> None:
        request.headers["x-plugin"] = "1"


def inputs(triton: Any) -> list[Any]:
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(X)
    return [tensor]


def register_plugin(client: Any) -> Any:
    client.register_plugin(Plugin())
    return client.is_server_live()


def unregister_plugin(client: Any) -> Any:
    client.unregister_plugin()
    return client.plugin() is None


COMMON: dict[str, Call] = {
    "is_server_live": (lambda client: client.is_server_live(), told_as_it_is),
    "is_server_ready": (lambda client: client.is_server_ready(), told_as_it_is),
    "is_model_ready": (lambda client: client.is_model_ready("pair", "1"), told_as_it_is),
    "load_model": (lambda client: client.load_model("pair", config="{}"), nothing),
    "unload_model": (lambda client: client.unload_model("pair"), nothing),
    "update_trace_settings": (
        lambda client: client.update_trace_settings(settings={"trace_level": ["TIMESTAMPS"]}),
        nothing,
    ),
    "update_log_settings": (
        lambda client: client.update_log_settings({"log_verbose_level": 1, "log_info": True}),
        nothing,
    ),
    "get_system_shared_memory_status": (lambda client: client.get_system_shared_memory_status(), nothing),
    "register_system_shared_memory": (
        lambda client: client.register_system_shared_memory("region", "/key", 16),
        nothing,
    ),
    "unregister_system_shared_memory": (
        lambda client: client.unregister_system_shared_memory("region"),
        nothing,
    ),
    "get_cuda_shared_memory_status": (lambda client: client.get_cuda_shared_memory_status("region"), nothing),
    "register_cuda_shared_memory": (
        lambda client: client.register_cuda_shared_memory("region", base64.b64encode(bytes(64)), 0, 16),
        nothing,
    ),
    "unregister_cuda_shared_memory": (lambda client: client.unregister_cuda_shared_memory(), nothing),
    "register_plugin": (register_plugin, told_as_it_is),
    "plugin": (lambda client: client.plugin() is not None, told_as_it_is),
    "unregister_plugin": (unregister_plugin, told_as_it_is),
}


def grpc_calls(triton: Any) -> dict[str, Call]:
    return COMMON | {
        "get_server_metadata": (lambda client: client.get_server_metadata(), lambda result: result.name),
        "get_model_metadata": (
            lambda client: client.get_model_metadata("pair"),
            lambda result: [tensor.name for tensor in result.inputs],
        ),
        "get_model_config": (
            lambda client: client.get_model_config("pair"),
            lambda result: [result.config.name, result.config.max_batch_size],
        ),
        "get_model_repository_index": (
            lambda client: client.get_model_repository_index(as_json=True),
            lambda result: named(result["models"]),
        ),
        "get_inference_statistics": (
            lambda client: client.get_inference_statistics("pair"),
            lambda result: [result.model_stats[0].name, result.model_stats[0].version],
        ),
        "get_trace_settings": (
            lambda client: client.get_trace_settings(),
            lambda result: list(result.settings["trace_level"].value),
        ),
        "get_log_settings": (
            lambda client: client.get_log_settings(),
            lambda result: [
                result.settings["log_error"].bool_param,
                result.settings["log_verbose_level"].uint32_param,
            ],
        ),
        "infer": (
            lambda client: client.infer(
                "pair",
                inputs(triton),
                model_version="1",
                outputs=[triton.InferRequestedOutput("sum")],
                request_id="r",
                timeout=60_000_000,
                client_timeout=60,
                parameters={"caller": "test", "attempt": 2, "sampled": True, "weight": 0.5},
            ),
            sums,
        ),
    }


def grpc_async_infer(triton: Any, client: Any) -> Any:
    arrived: queue.Queue[Any] = queue.Queue()
    client.async_infer("pair", inputs(triton), callback=lambda result, error: arrived.put((result, error)))
    result, error = arrived.get(timeout=60)
    if error is not None:
        raise error
    return sums(result)


def grpc_stream(triton: Any, client: Any) -> Any:
    arrived: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: arrived.put((result, error)), stream_timeout=60)
    client.async_stream_infer("pair", inputs(triton), enable_empty_final_response=True)
    client.stop_stream()
    result, error = arrived.get(timeout=60)
    if error is not None:
        raise error
    return sums(result)


async def aio_stream(triton: Any, client: Any) -> Any:
    async def requests() -> Any:
        yield {"model_name": "pair", "inputs": inputs(triton)}

    async for result, error in client.stream_infer(requests(), stream_timeout=60):
        if error is not None:
            raise error
        return sums(result)
    return None


def http_calls(triton: Any) -> dict[str, Call]:
    def body(client: Any) -> Any:
        return type(client).generate_request_body(inputs(triton), request_id="r")[1]

    def response(client: Any) -> Any:
        document = b'{"outputs":[{"name":"sum","datatype":"FP32","shape":[1],"data":[10.0]}]}'
        return sums(type(client).parse_response_body(document))

    return COMMON | {
        "get_server_metadata": (lambda client: client.get_server_metadata(), lambda result: result["name"]),
        "get_model_metadata": (
            lambda client: client.get_model_metadata("pair"),
            lambda result: [tensor["name"] for tensor in result["inputs"]],
        ),
        "get_model_config": (
            lambda client: client.get_model_config("pair", "1"),
            lambda result: [result["name"], result["max_batch_size"]],
        ),
        "get_model_repository_index": (lambda client: client.get_model_repository_index(), named),
        "get_inference_statistics": (
            lambda client: client.get_inference_statistics("pair"),
            lambda result: [result["model_stats"][0]["name"], result["model_stats"][0]["version"]],
        ),
        "get_trace_settings": (
            lambda client: client.get_trace_settings("pair"),
            lambda result: result["trace_level"],
        ),
        "get_log_settings": (
            lambda client: client.get_log_settings(),
            lambda result: [result["log_error"], result["log_verbose_level"]],
        ),
        "infer": (
            lambda client: client.infer(
                "pair",
                inputs(triton),
                model_version="1",
                outputs=[triton.InferRequestedOutput("sum")],
                request_id="r",
                timeout=60_000_000,
                parameters={"caller": "test", "attempt": 2, "sampled": True, "weight": 0.5},
            ),
            sums,
        ),
        "generate_request_body": (body, lambda length: length > 0),
        "parse_response_body": (response, told_as_it_is),
    }


def calls_of(client: str, triton: Any) -> dict[str, Call]:
    """The calls of a client by their methods."""
    stream: Call = (lambda client: grpc_stream(triton, client), told_as_it_is)
    of_client: dict[str, dict[str, Call]] = {
        "grpc": {
            **dict.fromkeys(("start_stream", "async_stream_infer", "stop_stream"), stream),
            "async_infer": (lambda client: grpc_async_infer(triton, client), told_as_it_is),
        },
        "grpc_aio": {"stream_infer": (lambda client: aio_stream(triton, client), told_as_it_is)},
        "http": {
            "async_infer": (
                lambda client: client.async_infer("pair", inputs(triton)).get_result(timeout=60),
                sums,
            )
        },
        "http_aio": {},
    }
    form = http_calls if client.startswith("http") else grpc_calls
    return form(triton) | of_client[client]
