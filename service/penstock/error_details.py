"""The files of google.rpc.Status and google.rpc.BadRequest, for tools that print why a request was refused.

Only what the engine sends is described, under the names that googleapis gives it: three messages are not worth
a dependency.
"""

from __future__ import annotations

from google.protobuf import any_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

_INT32, _STRING, _MESSAGE = (
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_MESSAGE,
)


def add_to(pool: DescriptorPool) -> None:
    """Makes both files, and that of google.protobuf.Any, known to a pool; once more does no harm."""
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    for file in (_status(), _bad_request()):
        pool.AddSerializedFile(file.SerializeToString(deterministic=True))


def _status() -> FileDescriptorProto:
    file = FileDescriptorProto(
        name="google/rpc/status.proto",
        package="google.rpc",
        syntax="proto3",
        dependency=[any_pb2.DESCRIPTOR.name],
    )
    status = file.message_type.add(name="Status")
    status.field.extend(
        (
            _field("code", 1, _INT32),
            _field("message", 2, _STRING),
            _field("details", 3, _MESSAGE, ".google.protobuf.Any", repeated=True),
        )
    )
    return file


def _bad_request() -> FileDescriptorProto:
    file = FileDescriptorProto(name="google/rpc/error_details.proto", package="google.rpc", syntax="proto3")
    request = file.message_type.add(name="BadRequest")
    violation = ".google.rpc.BadRequest.FieldViolation"
    request.field.append(_field("field_violations", 1, _MESSAGE, violation, repeated=True))
    # As protoc writes it; not every tool makes it of the name.
    request.field[0].json_name = "fieldViolations"
    request.nested_type.add(name="FieldViolation").field.extend(
        (_field("field", 1, _STRING), _field("description", 2, _STRING))
    )
    return file


def _field(
    name: str, number: int, kind: FieldDescriptorProto.Type.ValueType, of: str = "", *, repeated: bool = False
) -> FieldDescriptorProto:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    return FieldDescriptorProto(name=name, number=number, type=kind, label=label, type_name=of or None)
