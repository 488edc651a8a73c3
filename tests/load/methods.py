"""A method to make messages for."""

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from penstock.load.methods import Method, found
from penstock.pb import health_pb2, inference_pb2


def files() -> FileDescriptorSet:
    """Those of grpc.health.v1."""
    return FileDescriptorSet(file=[FileDescriptorProto.FromString(health_pb2.DESCRIPTOR.serialized_pb)])


def check() -> Method:
    """grpc.health.v1.Health.Check, whose request has one text, `service`."""
    return found("grpc.health.v1.Health.Check", files().file, "in the stubs")


def inference_files() -> list[FileDescriptorProto]:
    """That of inference.GRPCInferenceService, and those that it imports."""
    file = inference_pb2.DESCRIPTOR
    return [FileDescriptorProto.FromString(each.serialized_pb) for each in (*file.dependencies, file)]


def streaming() -> FileDescriptorProto:
    """The file of a.S.Do, which takes and gives streams of messages with one text, `service`."""
    file = FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    field = file.message_type.add(name="M").field.add(name="service", number=1)
    field.type, field.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    file.service.add(name="S").method.add(
        name="Do", input_type=".a.M", output_type=".a.M", client_streaming=True, server_streaming=True
    )
    return file


def timed() -> list[FileDescriptorProto]:
    """The files of a.S.Do, which takes a message with a google.protobuf.Timestamp, `at`."""
    stamp = FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="a.proto", package="a", syntax="proto3", dependency=[stamp.name])
    field = file.message_type.add(name="M").field.add(name="at", number=1)
    field.type, field.label = field.TYPE_MESSAGE, field.LABEL_OPTIONAL
    field.type_name = ".google.protobuf.Timestamp"
    file.service.add(name="S").method.add(name="Do", input_type=".a.M", output_type=".a.M")
    return [stamp, file]
