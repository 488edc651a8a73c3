"""Messages of penstock/v1/traffic.proto. Written by proto/generate.py; do not edit."""

from .pool import POOL as _POOL, message_class as _message_class

DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n\x19penstock/v1/traffic.proto\x12\x0bpenstock.v1'
    b'"2\n\x11GetTrafficRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName'
    b'"I\n\x12GetTrafficResponse\x123\n\x07traffic\x18\x01 \x01(\x0b2\x19.penstock.v1.ModelTrafficR\x07traffic'
    b'"q\n\x11SetTrafficRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12%\n\x0ecanary_version\x18\x02 \x01(\tR\rcanaryVersion\x12\x16\n\x06weight\x18\x03 \x01(\x01R\x06weight'
    b'"I\n\x12SetTrafficResponse\x123\n\x07traffic\x18\x01 \x01(\x0b2\x19.penstock.v1.ModelTrafficR\x07traffic'
    b'"/\n\x0ePromoteRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName'
    b'"F\n\x0fPromoteResponse\x123\n\x07traffic\x18\x01 \x01(\x0b2\x19.penstock.v1.ModelTrafficR\x07traffic'
    b'"0\n\x0fRollBackRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName'
    b'"G\n\x10RollBackResponse\x123\n\x07traffic\x18\x01 \x01(\x0b2\x19.penstock.v1.ModelTrafficR\x07traffic'
    b'"\x9a\x03\n\x0cModelTraffic\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12=\n\x06labels\x18\x02 \x03(\x0b2%.penstock.v1.ModelTraffic.LabelsEntryR\x06labels\x12%\n\x0estable_version\x18\x03 \x01(\tR\rstableVersion\x12%\n\x0ecanary_version\x18\x04 \x01(\tR\rcanaryVersion\x12#\n\rcanary_weight\x18\x05 \x01(\x01R\x0ccanaryWeight\x12\x1f\n\x0brolled_back\x18\x06 \x01(\tR\nrolledBack\x12$\n\x0eset_at_runtime\x18\x07 \x01(\x08R\x0csetAtRuntime\x127\n\x08versions\x18\x08 \x03(\x0b2\x1b.penstock.v1.VersionTrafficR\x08versions\x1a9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01'
    b'"B\n\x0eVersionTraffic\x12\x18\n\x07version\x18\x01 \x01(\tR\x07version\x12\x16\n\x06weight\x18\x02 \x01(\x01R\x06weight'
    b'2\xb6\x02\n\x07Traffic\x12M\n\nGetTraffic\x12\x1e.penstock.v1.GetTrafficRequest\x1a\x1f.penstock.v1.GetTrafficResponse\x12M\n\nSetTraffic\x12\x1e.penstock.v1.SetTrafficRequest\x1a\x1f.penstock.v1.SetTrafficResponse\x12D\n\x07Promote\x12\x1b.penstock.v1.PromoteRequest\x1a\x1c.penstock.v1.PromoteResponse\x12G\n\x08RollBack\x12\x1c.penstock.v1.RollBackRequest\x1a\x1d.penstock.v1.RollBackResponse'
    b'B5\n\x0bpenstock.v1B\x0cTrafficProtoP\x01Z\x16penstock/v1;penstockv1b\x06proto3'
)

GetTrafficRequest = _message_class(DESCRIPTOR.message_types_by_name["GetTrafficRequest"], __name__)
GetTrafficResponse = _message_class(DESCRIPTOR.message_types_by_name["GetTrafficResponse"], __name__)
SetTrafficRequest = _message_class(DESCRIPTOR.message_types_by_name["SetTrafficRequest"], __name__)
SetTrafficResponse = _message_class(DESCRIPTOR.message_types_by_name["SetTrafficResponse"], __name__)
PromoteRequest = _message_class(DESCRIPTOR.message_types_by_name["PromoteRequest"], __name__)
PromoteResponse = _message_class(DESCRIPTOR.message_types_by_name["PromoteResponse"], __name__)
RollBackRequest = _message_class(DESCRIPTOR.message_types_by_name["RollBackRequest"], __name__)
RollBackResponse = _message_class(DESCRIPTOR.message_types_by_name["RollBackResponse"], __name__)
ModelTraffic = _message_class(DESCRIPTOR.message_types_by_name["ModelTraffic"], __name__)
VersionTraffic = _message_class(DESCRIPTOR.message_types_by_name["VersionTraffic"], __name__)
