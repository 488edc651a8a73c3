"""Server reflection as grpcurl, ghz and their like see it, on a real grpc.aio server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2 as v1alpha_pb2
from grpc_reflection.v1alpha import reflection_pb2_grpc as v1alpha_pb2_grpc

from penstock.health import Health
from penstock.pb import (
    inference_pb2,
    inference_pb2_grpc,
    prediction_pb2,
    prediction_pb2_grpc,
    probe_pb2_grpc,
    reflection_pb2,
    reflection_pb2_grpc,
)
from penstock.reflection import Reflection

SERVICES = [
    "grpc.health.v1.Health",
    "inference.GRPCInferenceService",
    "penstock.v1.Prediction",
    "penstock.v1.Probe",
]
REFLECTION_SERVICES = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
INFERENCE_FILES = {"inference/open_inference.proto", "inference/model_config.proto"}

Ask = Callable[..., Any]


class Inference(inference_pb2_grpc.GRPCInferenceServiceServicer):
    async def ServerLive(  # noqa: N802 - the protocol's name
        self,
        request: inference_pb2.ServerLiveRequest,  # noqa: ARG002 - gRPC passes it
        context: Any,  # noqa: ARG002 - gRPC passes it
    ) -> inference_pb2.ServerLiveResponse:
        return inference_pb2.ServerLiveResponse(live=True)


class Prediction(prediction_pb2_grpc.PredictionServicer):
    async def Predict(  # noqa: N802 - the protocol's name
        self,
        request: prediction_pb2.PredictRequest,
        context: Any,  # noqa: ARG002 - gRPC passes it
    ) -> prediction_pb2.PredictResponse:
        return prediction_pb2.PredictResponse(model_name=request.model_name, id=request.id)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = grpc.aio.server()
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Inference(), server)
    prediction_pb2_grpc.add_PredictionServicer_to_server(Prediction(), server)
    probe_pb2_grpc.add_ProbeServicer_to_server(probe_pb2_grpc.ProbeServicer(), server)
    Health().add_to(server)
    Reflection(SERVICES).add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture(params=["v1", "v1alpha"])
async def ask(request: pytest.FixtureRequest, address: str) -> AsyncIterator[Ask]:
    """Asks one question on a stream that is shared by all questions of a test."""
    async with grpc.aio.insecure_channel(address) as channel:
        if request.param == "v1":
            stream = reflection_pb2_grpc.ServerReflectionAsyncStub(channel).ServerReflectionInfo()
            question: Any = reflection_pb2.ServerReflectionRequest
        else:
            stream = v1alpha_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
            question = v1alpha_pb2.ServerReflectionRequest

        async def answer(**fields: Any) -> Any:
            asked = question(**fields)
            await stream.write(asked)
            answered = await stream.read()
            assert answered.original_request == asked
            return answered

        yield answer
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK


def files(answer: Any) -> dict[str, FileDescriptorProto]:
    parsed = map(FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
    return {file.name: file for file in parsed}


async def test_services_are_listed(ask: Ask) -> None:
    answer = await ask(list_services="")
    names = [service.name for service in answer.list_services_response.service]
    assert names == sorted(SERVICES + REFLECTION_SERVICES)


async def test_every_listed_service_can_be_rebuilt_from_its_files(ask: Ask) -> None:
    for service in SERVICES + REFLECTION_SERVICES:
        pool = DescriptorPool()
        found = files(await ask(file_containing_symbol=service))
        for file in sorted(found.values(), key=lambda file: len(file.dependency)):
            pool.AddSerializedFile(file.SerializeToString())
        assert pool.FindServiceByName(service).methods


@pytest.mark.parametrize(
    ("symbol", "names"),
    [
        ("inference.GRPCInferenceService", INFERENCE_FILES),
        ("inference.GRPCInferenceService.ModelInfer", INFERENCE_FILES),
        ("inference.ModelInferRequest", INFERENCE_FILES),
        ("inference.ModelInferRequest.InferInputTensor", INFERENCE_FILES),
        ("inference.ModelInferRequest.model_name", INFERENCE_FILES),
        ("inference.DataType", {"inference/model_config.proto"}),
        ("penstock.v1.Prediction.PredictStream", {"penstock/v1/prediction.proto"}),
        ("penstock.v1.Probe.Ready", {"penstock/v1/probe.proto"}),
        ("google.rpc.Status", {"google/rpc/status.proto", "google/protobuf/any.proto"}),
        ("google.rpc.BadRequest.FieldViolation", {"google/rpc/error_details.proto"}),
        ("grpc.health.v1.Health.Watch", {"grpc/health/v1/health.proto"}),
        ("grpc.reflection.v1.ServerReflection.ServerReflectionInfo", {"grpc/reflection/v1/reflection.proto"}),
        (
            "grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo",
            {"grpc_reflection/v1alpha/reflection.proto"},
        ),
    ],
)
async def test_a_symbol_is_found_in_its_file(ask: Ask, symbol: str, names: set[str]) -> None:
    assert set(files(await ask(file_containing_symbol=symbol))) == names


async def test_a_file_is_found_by_its_name(ask: Ask) -> None:
    found = files(await ask(file_by_filename="inference/open_inference.proto"))
    assert set(found) == INFERENCE_FILES
    methods = {method.name for method in found["inference/open_inference.proto"].service[0].method}
    assert {"ModelInfer", "ModelStreamInfer", "RepositoryModelLoad"} <= methods


async def test_a_message_has_no_extensions_in_proto3(ask: Ask) -> None:
    answer = await ask(all_extension_numbers_of_type="inference.ModelInferRequest")
    assert answer.all_extension_numbers_response.base_type_name == "inference.ModelInferRequest"
    assert list(answer.all_extension_numbers_response.extension_number) == []


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"file_by_filename": "no.proto"}, grpc.StatusCode.NOT_FOUND),
        ({"file_by_filename": "../../etc/passwd"}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": "inference.Nothing"}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": "inference.GRPCInferenceService.Nothing"}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": "inference.GRPCInferenceService."}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": ""}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": "\0.é"}, grpc.StatusCode.NOT_FOUND),
        ({"file_containing_symbol": "a." * 100_000}, grpc.StatusCode.NOT_FOUND),
        (
            {
                "file_containing_extension": {
                    "containing_type": "inference.ModelConfig",
                    "extension_number": -1,
                }
            },
            grpc.StatusCode.NOT_FOUND,
        ),
        (
            {"file_containing_extension": {"containing_type": "no.Type", "extension_number": 1}},
            grpc.StatusCode.NOT_FOUND,
        ),
        ({"all_extension_numbers_of_type": "no.Type"}, grpc.StatusCode.NOT_FOUND),
        ({"host": "example.org"}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else value.name,
)
async def test_an_unanswerable_question_is_an_error_message_and_the_stream_lives_on(
    ask: Ask, question: dict[str, Any], code: grpc.StatusCode
) -> None:
    answer = await ask(**question)
    assert answer.error_response.error_code == code.value[0]
    assert answer.error_response.error_message
    assert files(await ask(file_containing_symbol="inference.ModelConfig"))


def tool(name: str) -> str:
    """A program on PATH or in $GOBIN; the test skips without it."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), os.environ.get("GOBIN", "")])
    found = shutil.which(name, path=folders)
    if found is None:
        pytest.skip(f"{name} is neither on PATH nor in $GOBIN")
    return found


async def output(*command: str) -> str:
    """What a program prints; that it ends well is asserted."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return printed.decode()


async def test_grpcurl_lists_describes_and_calls_by_reflection_alone(address: str) -> None:
    grpcurl = tool("grpcurl")
    listed = await output(grpcurl, "-plaintext", address, "list")
    assert listed.split() == sorted(SERVICES + REFLECTION_SERVICES)
    assert "inference.GRPCInferenceService.ModelInfer\n" in await output(
        grpcurl, "-plaintext", address, "list", "inference.GRPCInferenceService"
    )
    described = await output(grpcurl, "-plaintext", address, "describe")
    assert "rpc PredictStream ( stream .penstock.v1.PredictRequest )" in described
    method = "inference.GRPCInferenceService.ModelInfer"
    described = await output(grpcurl, "-plaintext", address, "describe", method)
    assert (
        "rpc ModelInfer ( .inference.ModelInferRequest ) returns ( .inference.ModelInferResponse )"
        in described
    )
    live = await output(grpcurl, "-plaintext", address, "inference.GRPCInferenceService/ServerLive")
    assert live.split() == ["{", '"live":', "true", "}"]


async def test_ghz_calls_by_reflection_alone(address: str) -> None:
    report = await output(
        tool("ghz"),
        "--insecure",
        "--call=penstock.v1.Prediction.Predict",
        '--data={"model_name": "fraud", "id": "7"}',
        "--total=20",
        "--concurrency=2",
        address,
    )
    assert "[OK]   20 responses" in report
