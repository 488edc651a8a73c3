"""Messages of penstock/v1/prediction.proto. Written by proto/generate.py; do not edit."""

from .pool import POOL as _POOL, message_class as _message_class

DESCRIPTOR = _POOL.AddSerializedFile(
    b'\n\x1cpenstock/v1/prediction.proto\x12\x0bpenstock.v1'
    b'"\xe8\x02\n\x0ePredictRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02id\x12.\n\x07context\x18\x04 \x01(\x0b2\x14.penstock.v1.ExampleR\x07context\x120\n\x08examples\x18\x05 \x03(\x0b2\x14.penstock.v1.ExampleR\x08examples\x12-\n\x07columns\x18\x06 \x03(\x0b2\x13.penstock.v1.ColumnR\x07columns\x12\x18\n\x07outputs\x18\x07 \x03(\tR\x07outputs\x12\x18\n\x07receipt\x18\x08 \x01(\x08R\x07receipt\x12\x1c\n\tunordered\x18\t \x01(\x08R\tunordered\x12\x1f\n\x0brouting_key\x18\n \x01(\tR\nroutingKey'
    b'"<\n\x07Example\x121\n\x08features\x18\x01 \x01(\x0b2\x15.penstock.v1.FeaturesR\x08features'
    b'"\x9a\x01\n\x08Features\x12<\n\x07feature\x18\x01 \x03(\x0b2".penstock.v1.Features.FeatureEntryR\x07feature\x1aP\n\x0cFeatureEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12*\n\x05value\x18\x02 \x01(\x0b2\x14.penstock.v1.FeatureR\x05value:\x028\x01'
    b'"\xbc\x01\n\x07Feature\x127\n\nbytes_list\x18\x01 \x01(\x0b2\x16.penstock.v1.BytesListH\x00R\tbytesList\x127\n\nfloat_list\x18\x02 \x01(\x0b2\x16.penstock.v1.FloatListH\x00R\tfloatList\x127\n\nint64_list\x18\x03 \x01(\x0b2\x16.penstock.v1.Int64ListH\x00R\tint64ListB\x06\n\x04kind'
    b'"!\n\tBytesList\x12\x14\n\x05value\x18\x01 \x03(\x0cR\x05value'
    b'"!\n\tFloatList\x12\x14\n\x05value\x18\x01 \x03(\x02R\x05value'
    b'"!\n\tInt64List\x12\x14\n\x05value\x18\x01 \x03(\x03R\x05value'
    b'"\x84\x03\n\x06Column\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12-\n\x06floats\x18\x02 \x01(\x0b2\x13.penstock.v1.FloatsH\x00R\x06floats\x120\n\x07doubles\x18\x03 \x01(\x0b2\x14.penstock.v1.DoublesH\x00R\x07doubles\x12\'\n\x04ints\x18\x04 \x01(\x0b2\x11.penstock.v1.IntsH\x00R\x04ints\x127\n\nfixed_ints\x18\x05 \x01(\x0b2\x16.penstock.v1.FixedIntsH\x00R\tfixedInts\x120\n\x07strings\x18\x06 \x01(\x0b2\x14.penstock.v1.StringsH\x00R\x07strings\x12*\n\x05bytes\x18\x07 \x01(\x0b2\x12.penstock.v1.BytesH\x00R\x05bytes\x12\x1f\n\x0brow_lengths\x18\x08 \x03(\rR\nrowLengths\x12\x1a\n\x08validity\x18\t \x01(\x0cR\x08validityB\x08\n\x06values'
    b'"\x1e\n\x06Floats\x12\x14\n\x05value\x18\x01 \x03(\x02R\x05value'
    b'"\x1f\n\x07Doubles\x12\x14\n\x05value\x18\x01 \x03(\x01R\x05value'
    b'"\x1c\n\x04Ints\x12\x14\n\x05value\x18\x01 \x03(\x03R\x05value'
    b'"!\n\tFixedInts\x12\x14\n\x05value\x18\x01 \x03(\x10R\x05value'
    b'"\x1f\n\x07Strings\x12\x14\n\x05value\x18\x01 \x03(\tR\x05value'
    b'"\x1d\n\x05Bytes\x12\x14\n\x05value\x18\x01 \x03(\x0cR\x05value'
    b'"\xc4\x01\n\x0fPredictResponse\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02id\x12-\n\x07outputs\x18\x04 \x03(\x0b2\x13.penstock.v1.OutputR\x07outputs\x12.\n\x07receipt\x18\x05 \x01(\x0b2\x14.penstock.v1.ReceiptR\x07receipt'
    b'"\xc6\x01\n\x06Output\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x14\n\x05shape\x18\x02 \x03(\x03R\x05shape\x12-\n\x06floats\x18\x03 \x01(\x0b2\x13.penstock.v1.FloatsH\x00R\x06floats\x120\n\x07doubles\x18\x04 \x01(\x0b2\x14.penstock.v1.DoublesH\x00R\x07doubles\x12\'\n\x04ints\x18\x05 \x01(\x0b2\x11.penstock.v1.IntsH\x00R\x04intsB\x08\n\x06values'
    b'"\xb5\x01\n\x07Receipt\x12\x1b\n\tdecode_ns\x18\x01 \x01(\x04R\x08decodeNs\x12\x19\n\x08queue_ns\x18\x02 \x01(\x04R\x07queueNs\x12\x17\n\x07pack_ns\x18\x03 \x01(\x04R\x06packNs\x12\x1d\n\ncompute_ns\x18\x04 \x01(\x04R\tcomputeNs\x12\x1b\n\tencode_ns\x18\x05 \x01(\x04R\x08encodeNs\x12\x1d\n\nbatch_rows\x18\x06 \x01(\rR\tbatchRows'
    b'"\x90\x01\n\x15PredictStreamResponse\x12:\n\x08response\x18\x01 \x01(\x0b2\x1c.penstock.v1.PredictResponseH\x00R\x08response\x121\n\x05error\x18\x02 \x01(\x0b2\x19.penstock.v1.PredictErrorH\x00R\x05errorB\x08\n\x06result'
    b'"x\n\x0cPredictError\x12\x0e\n\x02id\x18\x01 \x01(\tR\x02id\x12\x12\n\x04code\x18\x02 \x01(\x05R\x04code\x12\x18\n\x07message\x18\x03 \x01(\tR\x07message\x12*\n\x11retry_pushback_ms\x18\x04 \x01(\x05R\x0fretryPushbackMs'
    b'2\xa8\x01\n\nPrediction\x12D\n\x07Predict\x12\x1b.penstock.v1.PredictRequest\x1a\x1c.penstock.v1.PredictResponse\x12T\n\rPredictStream\x12\x1b.penstock.v1.PredictRequest\x1a".penstock.v1.PredictStreamResponse(\x010\x01'
    b"B'\n\x0bpenstock.v1P\x01Z\x16penstock/v1;penstockv1b\x06proto3"
)

PredictRequest = _message_class(DESCRIPTOR.message_types_by_name["PredictRequest"], __name__)
Example = _message_class(DESCRIPTOR.message_types_by_name["Example"], __name__)
Features = _message_class(DESCRIPTOR.message_types_by_name["Features"], __name__)
Feature = _message_class(DESCRIPTOR.message_types_by_name["Feature"], __name__)
BytesList = _message_class(DESCRIPTOR.message_types_by_name["BytesList"], __name__)
FloatList = _message_class(DESCRIPTOR.message_types_by_name["FloatList"], __name__)
Int64List = _message_class(DESCRIPTOR.message_types_by_name["Int64List"], __name__)
Column = _message_class(DESCRIPTOR.message_types_by_name["Column"], __name__)
Floats = _message_class(DESCRIPTOR.message_types_by_name["Floats"], __name__)
Doubles = _message_class(DESCRIPTOR.message_types_by_name["Doubles"], __name__)
Ints = _message_class(DESCRIPTOR.message_types_by_name["Ints"], __name__)
FixedInts = _message_class(DESCRIPTOR.message_types_by_name["FixedInts"], __name__)
Strings = _message_class(DESCRIPTOR.message_types_by_name["Strings"], __name__)
Bytes = _message_class(DESCRIPTOR.message_types_by_name["Bytes"], __name__)
PredictResponse = _message_class(DESCRIPTOR.message_types_by_name["PredictResponse"], __name__)
Output = _message_class(DESCRIPTOR.message_types_by_name["Output"], __name__)
Receipt = _message_class(DESCRIPTOR.message_types_by_name["Receipt"], __name__)
PredictStreamResponse = _message_class(DESCRIPTOR.message_types_by_name["PredictStreamResponse"], __name__)
PredictError = _message_class(DESCRIPTOR.message_types_by_name["PredictError"], __name__)
