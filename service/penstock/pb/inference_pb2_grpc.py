"""Stubs and servicers of inference/open_inference.proto. Written by proto/generate.py; do not edit."""

import grpc

from . import inference_pb2


class GRPCInferenceServiceStub:
    """Calls inference.GRPCInferenceService over a grpc.Channel or a grpc.aio.Channel."""

    def __init__(self, channel):
        self.ServerLive = channel.unary_unary(
            "/inference.GRPCInferenceService/ServerLive",
            request_serializer=inference_pb2.ServerLiveRequest.SerializeToString,
            response_deserializer=inference_pb2.ServerLiveResponse.FromString,
        )
        self.ServerReady = channel.unary_unary(
            "/inference.GRPCInferenceService/ServerReady",
            request_serializer=inference_pb2.ServerReadyRequest.SerializeToString,
            response_deserializer=inference_pb2.ServerReadyResponse.FromString,
        )
        self.ModelReady = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelReady",
            request_serializer=inference_pb2.ModelReadyRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelReadyResponse.FromString,
        )
        self.ServerMetadata = channel.unary_unary(
            "/inference.GRPCInferenceService/ServerMetadata",
            request_serializer=inference_pb2.ServerMetadataRequest.SerializeToString,
            response_deserializer=inference_pb2.ServerMetadataResponse.FromString,
        )
        self.ModelMetadata = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelMetadata",
            request_serializer=inference_pb2.ModelMetadataRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelMetadataResponse.FromString,
        )
        self.ModelInfer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelInferResponse.FromString,
        )
        self.ModelStreamInfer = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelStreamInferResponse.FromString,
        )
        self.ModelConfig = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelConfig",
            request_serializer=inference_pb2.ModelConfigRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelConfigResponse.FromString,
        )
        self.ModelStatistics = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelStatistics",
            request_serializer=inference_pb2.ModelStatisticsRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelStatisticsResponse.FromString,
        )
        self.RepositoryIndex = channel.unary_unary(
            "/inference.GRPCInferenceService/RepositoryIndex",
            request_serializer=inference_pb2.RepositoryIndexRequest.SerializeToString,
            response_deserializer=inference_pb2.RepositoryIndexResponse.FromString,
        )
        self.RepositoryModelLoad = channel.unary_unary(
            "/inference.GRPCInferenceService/RepositoryModelLoad",
            request_serializer=inference_pb2.RepositoryModelLoadRequest.SerializeToString,
            response_deserializer=inference_pb2.RepositoryModelLoadResponse.FromString,
        )
        self.RepositoryModelUnload = channel.unary_unary(
            "/inference.GRPCInferenceService/RepositoryModelUnload",
            request_serializer=inference_pb2.RepositoryModelUnloadRequest.SerializeToString,
            response_deserializer=inference_pb2.RepositoryModelUnloadResponse.FromString,
        )
        self.SystemSharedMemoryStatus = channel.unary_unary(
            "/inference.GRPCInferenceService/SystemSharedMemoryStatus",
            request_serializer=inference_pb2.SystemSharedMemoryStatusRequest.SerializeToString,
            response_deserializer=inference_pb2.SystemSharedMemoryStatusResponse.FromString,
        )
        self.SystemSharedMemoryRegister = channel.unary_unary(
            "/inference.GRPCInferenceService/SystemSharedMemoryRegister",
            request_serializer=inference_pb2.SystemSharedMemoryRegisterRequest.SerializeToString,
            response_deserializer=inference_pb2.SystemSharedMemoryRegisterResponse.FromString,
        )
        self.SystemSharedMemoryUnregister = channel.unary_unary(
            "/inference.GRPCInferenceService/SystemSharedMemoryUnregister",
            request_serializer=inference_pb2.SystemSharedMemoryUnregisterRequest.SerializeToString,
            response_deserializer=inference_pb2.SystemSharedMemoryUnregisterResponse.FromString,
        )
        self.CudaSharedMemoryStatus = channel.unary_unary(
            "/inference.GRPCInferenceService/CudaSharedMemoryStatus",
            request_serializer=inference_pb2.CudaSharedMemoryStatusRequest.SerializeToString,
            response_deserializer=inference_pb2.CudaSharedMemoryStatusResponse.FromString,
        )
        self.CudaSharedMemoryRegister = channel.unary_unary(
            "/inference.GRPCInferenceService/CudaSharedMemoryRegister",
            request_serializer=inference_pb2.CudaSharedMemoryRegisterRequest.SerializeToString,
            response_deserializer=inference_pb2.CudaSharedMemoryRegisterResponse.FromString,
        )
        self.CudaSharedMemoryUnregister = channel.unary_unary(
            "/inference.GRPCInferenceService/CudaSharedMemoryUnregister",
            request_serializer=inference_pb2.CudaSharedMemoryUnregisterRequest.SerializeToString,
            response_deserializer=inference_pb2.CudaSharedMemoryUnregisterResponse.FromString,
        )
        self.TraceSetting = channel.unary_unary(
            "/inference.GRPCInferenceService/TraceSetting",
            request_serializer=inference_pb2.TraceSettingRequest.SerializeToString,
            response_deserializer=inference_pb2.TraceSettingResponse.FromString,
        )
        self.LogSettings = channel.unary_unary(
            "/inference.GRPCInferenceService/LogSettings",
            request_serializer=inference_pb2.LogSettingsRequest.SerializeToString,
            response_deserializer=inference_pb2.LogSettingsResponse.FromString,
        )


GRPCInferenceServiceAsyncStub = GRPCInferenceServiceStub


class GRPCInferenceServiceServicer:
    """Answers inference.GRPCInferenceService; what a subclass does not define is UNIMPLEMENTED."""

    def ServerLive(self, request, context):
        'Whether the process answers at all.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ServerLive is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ServerLive")

    def ServerReady(self, request, context):
        'Whether every model that shall serve is loaded and warm, and the server is not draining.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ServerReady is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ServerReady")

    def ModelReady(self, request, context):
        'Whether one model, or one version of it, can be called.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelReady is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelReady")

    def ServerMetadata(self, request, context):
        "The server's name, version and the extensions of the protocol that it speaks."
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ServerMetadata is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ServerMetadata")

    def ModelMetadata(self, request, context):
        'What a model takes and gives.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelMetadata is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelMetadata")

    def ModelInfer(self, request, context):
        "Runs a model on one request's tensors."
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelInfer is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelInfer")

    def ModelStreamInfer(self, request_iterator, context):
        'Triton extension. Many ModelInfer calls on one stream: each gets one answer, in the order of the requests; one that fails is answered with an error message and the stream lives on.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelStreamInfer is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelStreamInfer")

    def ModelConfig(self, request, context):
        'Triton extension. How a model is configured.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelConfig is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelConfig")

    def ModelStatistics(self, request, context):
        'Triton extension. What a model has done since it was loaded.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/ModelStatistics is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/ModelStatistics")

    def RepositoryIndex(self, request, context):
        'Triton extension. Every model version of the repository, whatever its state.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/RepositoryIndex is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/RepositoryIndex")

    def RepositoryModelLoad(self, request, context):
        'Triton extension. Loads a model, or loads it anew.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/RepositoryModelLoad is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/RepositoryModelLoad")

    def RepositoryModelUnload(self, request, context):
        'Triton extension. Takes a model out of service; calls that it has accepted finish.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/RepositoryModelUnload is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/RepositoryModelUnload")

    def SystemSharedMemoryStatus(self, request, context):
        'Triton extension. The registered regions of system shared memory.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/SystemSharedMemoryStatus is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/SystemSharedMemoryStatus")

    def SystemSharedMemoryRegister(self, request, context):
        'Triton extension. Makes a region of system shared memory known under a name.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/SystemSharedMemoryRegister is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/SystemSharedMemoryRegister")

    def SystemSharedMemoryUnregister(self, request, context):
        'Triton extension. Forgets one region of system shared memory, or all of them.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/SystemSharedMemoryUnregister is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/SystemSharedMemoryUnregister")

    def CudaSharedMemoryStatus(self, request, context):
        'Triton extension. The registered regions of CUDA shared memory.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/CudaSharedMemoryStatus is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/CudaSharedMemoryStatus")

    def CudaSharedMemoryRegister(self, request, context):
        'Triton extension. Makes a region of CUDA shared memory known under a name.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/CudaSharedMemoryRegister is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/CudaSharedMemoryRegister")

    def CudaSharedMemoryUnregister(self, request, context):
        'Triton extension. Forgets one region of CUDA shared memory, or all of them.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/CudaSharedMemoryUnregister is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/CudaSharedMemoryUnregister")

    def TraceSetting(self, request, context):
        'Triton extension. Reads the trace settings after changing those that are named.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/TraceSetting is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/TraceSetting")

    def LogSettings(self, request, context):
        'Triton extension. Reads the log settings after changing those that are named.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("inference.GRPCInferenceService/LogSettings is not implemented")
        raise NotImplementedError("inference.GRPCInferenceService/LogSettings")


def add_GRPCInferenceServiceServicer_to_server(servicer, server):
    handlers = {
        "ServerLive": grpc.unary_unary_rpc_method_handler(
            servicer.ServerLive,
            request_deserializer=inference_pb2.ServerLiveRequest.FromString,
            response_serializer=inference_pb2.ServerLiveResponse.SerializeToString,
        ),
        "ServerReady": grpc.unary_unary_rpc_method_handler(
            servicer.ServerReady,
            request_deserializer=inference_pb2.ServerReadyRequest.FromString,
            response_serializer=inference_pb2.ServerReadyResponse.SerializeToString,
        ),
        "ModelReady": grpc.unary_unary_rpc_method_handler(
            servicer.ModelReady,
            request_deserializer=inference_pb2.ModelReadyRequest.FromString,
            response_serializer=inference_pb2.ModelReadyResponse.SerializeToString,
        ),
        "ServerMetadata": grpc.unary_unary_rpc_method_handler(
            servicer.ServerMetadata,
            request_deserializer=inference_pb2.ServerMetadataRequest.FromString,
            response_serializer=inference_pb2.ServerMetadataResponse.SerializeToString,
        ),
        "ModelMetadata": grpc.unary_unary_rpc_method_handler(
            servicer.ModelMetadata,
            request_deserializer=inference_pb2.ModelMetadataRequest.FromString,
            response_serializer=inference_pb2.ModelMetadataResponse.SerializeToString,
        ),
        "ModelInfer": grpc.unary_unary_rpc_method_handler(
            servicer.ModelInfer,
            request_deserializer=inference_pb2.ModelInferRequest.FromString,
            response_serializer=inference_pb2.ModelInferResponse.SerializeToString,
        ),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
            servicer.ModelStreamInfer,
            request_deserializer=inference_pb2.ModelInferRequest.FromString,
            response_serializer=inference_pb2.ModelStreamInferResponse.SerializeToString,
        ),
        "ModelConfig": grpc.unary_unary_rpc_method_handler(
            servicer.ModelConfig,
            request_deserializer=inference_pb2.ModelConfigRequest.FromString,
            response_serializer=inference_pb2.ModelConfigResponse.SerializeToString,
        ),
        "ModelStatistics": grpc.unary_unary_rpc_method_handler(
            servicer.ModelStatistics,
            request_deserializer=inference_pb2.ModelStatisticsRequest.FromString,
            response_serializer=inference_pb2.ModelStatisticsResponse.SerializeToString,
        ),
        "RepositoryIndex": grpc.unary_unary_rpc_method_handler(
            servicer.RepositoryIndex,
            request_deserializer=inference_pb2.RepositoryIndexRequest.FromString,
            response_serializer=inference_pb2.RepositoryIndexResponse.SerializeToString,
        ),
        "RepositoryModelLoad": grpc.unary_unary_rpc_method_handler(
            servicer.RepositoryModelLoad,
            request_deserializer=inference_pb2.RepositoryModelLoadRequest.FromString,
            response_serializer=inference_pb2.RepositoryModelLoadResponse.SerializeToString,
        ),
        "RepositoryModelUnload": grpc.unary_unary_rpc_method_handler(
            servicer.RepositoryModelUnload,
            request_deserializer=inference_pb2.RepositoryModelUnloadRequest.FromString,
            response_serializer=inference_pb2.RepositoryModelUnloadResponse.SerializeToString,
        ),
        "SystemSharedMemoryStatus": grpc.unary_unary_rpc_method_handler(
            servicer.SystemSharedMemoryStatus,
            request_deserializer=inference_pb2.SystemSharedMemoryStatusRequest.FromString,
            response_serializer=inference_pb2.SystemSharedMemoryStatusResponse.SerializeToString,
        ),
        "SystemSharedMemoryRegister": grpc.unary_unary_rpc_method_handler(
            servicer.SystemSharedMemoryRegister,
            request_deserializer=inference_pb2.SystemSharedMemoryRegisterRequest.FromString,
            response_serializer=inference_pb2.SystemSharedMemoryRegisterResponse.SerializeToString,
        ),
        "SystemSharedMemoryUnregister": grpc.unary_unary_rpc_method_handler(
            servicer.SystemSharedMemoryUnregister,
            request_deserializer=inference_pb2.SystemSharedMemoryUnregisterRequest.FromString,
            response_serializer=inference_pb2.SystemSharedMemoryUnregisterResponse.SerializeToString,
        ),
        "CudaSharedMemoryStatus": grpc.unary_unary_rpc_method_handler(
            servicer.CudaSharedMemoryStatus,
            request_deserializer=inference_pb2.CudaSharedMemoryStatusRequest.FromString,
            response_serializer=inference_pb2.CudaSharedMemoryStatusResponse.SerializeToString,
        ),
        "CudaSharedMemoryRegister": grpc.unary_unary_rpc_method_handler(
            servicer.CudaSharedMemoryRegister,
            request_deserializer=inference_pb2.CudaSharedMemoryRegisterRequest.FromString,
            response_serializer=inference_pb2.CudaSharedMemoryRegisterResponse.SerializeToString,
        ),
        "CudaSharedMemoryUnregister": grpc.unary_unary_rpc_method_handler(
            servicer.CudaSharedMemoryUnregister,
            request_deserializer=inference_pb2.CudaSharedMemoryUnregisterRequest.FromString,
            response_serializer=inference_pb2.CudaSharedMemoryUnregisterResponse.SerializeToString,
        ),
        "TraceSetting": grpc.unary_unary_rpc_method_handler(
            servicer.TraceSetting,
            request_deserializer=inference_pb2.TraceSettingRequest.FromString,
            response_serializer=inference_pb2.TraceSettingResponse.SerializeToString,
        ),
        "LogSettings": grpc.unary_unary_rpc_method_handler(
            servicer.LogSettings,
            request_deserializer=inference_pb2.LogSettingsRequest.FromString,
            response_serializer=inference_pb2.LogSettingsResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),))
