from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFeatureStatisticsRequest(_message.Message):
    __slots__ = ("model_name", "model_version", "features")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFeatureStatisticsResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "sample_every", "dropped_rows", "since_load", "window", "baseline_rows", "features")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_EVERY_FIELD_NUMBER: _ClassVar[int]
    DROPPED_ROWS_FIELD_NUMBER: _ClassVar[int]
    SINCE_LOAD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    BASELINE_ROWS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    sample_every: int
    dropped_rows: int
    since_load: StatisticsSpan
    window: StatisticsSpan
    baseline_rows: int
    features: _containers.RepeatedCompositeFieldContainer[FeatureSummary]
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., sample_every: _Optional[int] = ..., dropped_rows: _Optional[int] = ..., since_load: _Optional[_Union[StatisticsSpan, _Mapping[str, _Any]]] = ..., window: _Optional[_Union[StatisticsSpan, _Mapping[str, _Any]]] = ..., baseline_rows: _Optional[int] = ..., features: _Optional[_Iterable[_Union[FeatureSummary, _Mapping[str, _Any]]]] = ...) -> None: ...

class StatisticsSpan(_message.Message):
    __slots__ = ("seconds", "rows", "sampled_rows")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_ROWS_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    rows: int
    sampled_rows: int
    def __init__(self, seconds: _Optional[float] = ..., rows: _Optional[int] = ..., sampled_rows: _Optional[int] = ...) -> None: ...

class FeatureSummary(_message.Message):
    __slots__ = ("name", "type", "since_load", "window", "baseline", "refused")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SINCE_LOAD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    since_load: FeatureFigures
    window: FeatureFigures
    baseline: FeatureFigures
    refused: FeatureRefusals
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., since_load: _Optional[_Union[FeatureFigures, _Mapping[str, _Any]]] = ..., window: _Optional[_Union[FeatureFigures, _Mapping[str, _Any]]] = ..., baseline: _Optional[_Union[FeatureFigures, _Mapping[str, _Any]]] = ..., refused: _Optional[_Union[FeatureRefusals, _Mapping[str, _Any]]] = ...) -> None: ...

class FeatureFigures(_message.Message):
    __slots__ = ("rows", "default_rows", "values", "unknown_values", "out_of_range_values", "clipped_values", "outside_boundaries_values", "outside_training_values", "not_finite_values", "missing_ratio", "default_ratio", "unknown_ratio", "out_of_range_ratio", "mean_length", "mean", "min", "max", "quantiles", "drift")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ROWS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_VALUES_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_RANGE_VALUES_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_VALUES_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_BOUNDARIES_VALUES_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_TRAINING_VALUES_FIELD_NUMBER: _ClassVar[int]
    NOT_FINITE_VALUES_FIELD_NUMBER: _ClassVar[int]
    MISSING_RATIO_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_RATIO_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_RATIO_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_RANGE_RATIO_FIELD_NUMBER: _ClassVar[int]
    MEAN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    default_rows: int
    values: int
    unknown_values: int
    out_of_range_values: int
    clipped_values: int
    outside_boundaries_values: int
    outside_training_values: int
    not_finite_values: int
    missing_ratio: float
    default_ratio: float
    unknown_ratio: float
    out_of_range_ratio: float
    mean_length: float
    mean: float
    min: float
    max: float
    quantiles: _containers.RepeatedCompositeFieldContainer[FeatureQuantile]
    drift: FeatureDrift
    def __init__(self, rows: _Optional[int] = ..., default_rows: _Optional[int] = ..., values: _Optional[int] = ..., unknown_values: _Optional[int] = ..., out_of_range_values: _Optional[int] = ..., clipped_values: _Optional[int] = ..., outside_boundaries_values: _Optional[int] = ..., outside_training_values: _Optional[int] = ..., not_finite_values: _Optional[int] = ..., missing_ratio: _Optional[float] = ..., default_ratio: _Optional[float] = ..., unknown_ratio: _Optional[float] = ..., out_of_range_ratio: _Optional[float] = ..., mean_length: _Optional[float] = ..., mean: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., quantiles: _Optional[_Iterable[_Union[FeatureQuantile, _Mapping[str, _Any]]]] = ..., drift: _Optional[_Union[FeatureDrift, _Mapping[str, _Any]]] = ...) -> None: ...

class FeatureQuantile(_message.Message):
    __slots__ = ("probability", "value")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    probability: float
    value: float
    def __init__(self, probability: _Optional[float] = ..., value: _Optional[float] = ...) -> None: ...

class FeatureDrift(_message.Message):
    __slots__ = ("psi", "psi_by_chance", "rows")
    PSI_FIELD_NUMBER: _ClassVar[int]
    PSI_BY_CHANCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    psi: float
    psi_by_chance: float
    rows: int
    def __init__(self, psi: _Optional[float] = ..., psi_by_chance: _Optional[float] = ..., rows: _Optional[int] = ...) -> None: ...

class FeatureRefusals(_message.Message):
    __slots__ = ("missing", "range", "vocabulary", "form")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    missing: int
    range: int
    vocabulary: int
    form: int
    def __init__(self, missing: _Optional[int] = ..., range: _Optional[int] = ..., vocabulary: _Optional[int] = ..., form: _Optional[int] = ...) -> None: ...
