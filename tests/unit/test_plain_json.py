"""Messages as Triton's HTTP port writes them."""

import json
import math

from google.protobuf import wrappers_pb2

from penstock.pb import inference_pb2 as oip
from penstock.pb import model_config_pb2 as triton
from penstock.plain_json import plain, text


def test_integers_of_64_bits_are_numbers_and_enums_are_names() -> None:
    config = triton.ModelConfig(name="m", max_batch_size=8)
    config.input.add(name="x", data_type="TYPE_BF16", dims=[-1, 2**62])
    document = json.loads(text(plain(config)))
    assert document["input"][0]["dims"] == [-1, 2**62]
    assert document["input"][0]["data_type"] == "TYPE_BF16"
    assert (document["name"], document["max_batch_size"], document["default_model_filename"]) == ("m", 8, "")


def test_an_enum_that_has_no_name_is_its_number() -> None:
    config = triton.ModelConfig()
    config.input.add(data_type=99)
    assert plain(config)["input"][0]["data_type"] == 99


def test_what_can_be_absent_is_there_only_if_it_is() -> None:
    assert "dynamic_batching" not in plain(triton.ModelConfig())
    config = triton.ModelConfig()
    config.dynamic_batching.max_queue_delay_microseconds = 0
    assert plain(config)["dynamic_batching"]["max_queue_delay_microseconds"] == 0
    parameter = oip.InferParameter(int64_param=0)
    assert plain(parameter) == {"int64_param": 0}


def test_maps_are_objects_in_the_order_of_their_keys() -> None:
    request = oip.TraceSettingRequest()
    for name in ("b", "a"):
        request.settings[name].value.append(name)
    assert json.dumps(plain(request)["settings"]) == '{"a": {"value": ["a"]}, "b": {"value": ["b"]}}'
    statistics = oip.ModelStatistics()
    statistics.response_stats["r"].success.count = 3
    assert plain(statistics)["response_stats"]["r"]["success"] == {"count": 3, "ns": 0}


def test_bytes_are_base64_and_what_is_no_number_is_text() -> None:
    parameter = oip.ModelRepositoryParameter(bytes_param=b"\x00\xff")
    assert plain(parameter) == {"bytes_param": "AP8="}
    values = [math.nan, math.inf, -math.inf, 0.5]
    told = [plain(wrappers_pb2.DoubleValue(value=value))["value"] for value in values]
    assert told == ["NaN", "Infinity", "-Infinity", 0.5]


def test_text_is_utf8() -> None:
    assert text({"ü": "\n"}) == '{"ü":"\\n"}'.encode()
