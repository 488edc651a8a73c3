"""A method to make messages for."""

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from penstock.load.methods import Method, found
from penstock.pb import health_pb2


def files() -> FileDescriptorSet:
    """Those of grpc.health.v1."""
    return FileDescriptorSet(file=[FileDescriptorProto.FromString(health_pb2.DESCRIPTOR.serialized_pb)])


def check() -> Method:
    """grpc.health.v1.Health.Check, whose request has one text, `service`."""
    return found("grpc.health.v1.Health.Check", files().file, "in the stubs")
