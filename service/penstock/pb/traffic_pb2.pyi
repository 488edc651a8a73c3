from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTrafficRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class GetTrafficResponse(_message.Message):
    __slots__ = ("traffic",)
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    traffic: ModelTraffic
    def __init__(self, traffic: _Optional[_Union[ModelTraffic, _Mapping[str, _Any]]] = ...) -> None: ...

class SetTrafficRequest(_message.Message):
    __slots__ = ("model_name", "canary_version", "weight")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    CANARY_VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    canary_version: str
    weight: float
    def __init__(self, model_name: _Optional[str] = ..., canary_version: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class SetTrafficResponse(_message.Message):
    __slots__ = ("traffic",)
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    traffic: ModelTraffic
    def __init__(self, traffic: _Optional[_Union[ModelTraffic, _Mapping[str, _Any]]] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class PromoteResponse(_message.Message):
    __slots__ = ("traffic",)
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    traffic: ModelTraffic
    def __init__(self, traffic: _Optional[_Union[ModelTraffic, _Mapping[str, _Any]]] = ...) -> None: ...

class RollBackRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class RollBackResponse(_message.Message):
    __slots__ = ("traffic",)
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    traffic: ModelTraffic
    def __init__(self, traffic: _Optional[_Union[ModelTraffic, _Mapping[str, _Any]]] = ...) -> None: ...

class ModelTraffic(_message.Message):
    __slots__ = ("model_name", "labels", "stable_version", "canary_version", "canary_weight", "rolled_back", "set_at_runtime", "versions")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STABLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CANARY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CANARY_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FIELD_NUMBER: _ClassVar[int]
    SET_AT_RUNTIME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    labels: _containers.ScalarMap[str, str]
    stable_version: str
    canary_version: str
    canary_weight: float
    rolled_back: str
    set_at_runtime: bool
    versions: _containers.RepeatedCompositeFieldContainer[VersionTraffic]
    def __init__(self, model_name: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., stable_version: _Optional[str] = ..., canary_version: _Optional[str] = ..., canary_weight: _Optional[float] = ..., rolled_back: _Optional[str] = ..., set_at_runtime: _Optional[bool] = ..., versions: _Optional[_Iterable[_Union[VersionTraffic, _Mapping[str, _Any]]]] = ...) -> None: ...

class VersionTraffic(_message.Message):
    __slots__ = ("version", "weight")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    version: str
    weight: float
    def __init__(self, version: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...
