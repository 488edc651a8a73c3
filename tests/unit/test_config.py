"""Settings: where they may be set, which place is stronger, and what is said of a wrong one."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest

from penstock.config import Settings, add_flags, help_line, load_settings
from penstock.errors import ConfigError

NAMES = [field.name for field in dataclasses.fields(Settings)]


def test_without_any_setting_the_defaults_hold() -> None:
    assert load_settings({}, {}) == Settings()


def test_a_server_that_nobody_configured_is_not_open_to_the_network() -> None:
    assert (Settings().host, Settings().metrics_host) == ("127.0.0.1", "127.0.0.1")


def test_flag_beats_file_beats_variable_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("port = 2\nmetrics_port = 2\n")
    environment = {"PENSTOCK_PORT": "3", "PENSTOCK_METRICS_PORT": "3", "PENSTOCK_INTRA_OP_THREADS": "3"}
    settings = load_settings({"config": str(file), "port": "1"}, environment)
    assert (settings.port, settings.metrics_port, settings.intra_op_threads) == (1, 2, 3)
    assert settings.host == Settings().host


def test_the_file_may_be_named_by_a_variable_and_a_flag_names_another(tmp_path: Path) -> None:
    for name, port in (("a.toml", 1), ("b.toml", 2)):
        (tmp_path / name).write_text(f"port = {port}\n")
    environment = {"PENSTOCK_CONFIG": str(tmp_path / "a.toml")}
    assert load_settings({}, environment).port == 1
    assert load_settings({"config": str(tmp_path / "b.toml")}, environment).port == 2


# Another value than the default, of settings with choices.
OTHER_TEXTS = {
    "door": "grpcio",
    "model_control": "poll",
    "response_compression": "zstd",
    "log_format": "json",
    "log_level": "error",
}
NEEDED_BESIDE = {
    "tls_certificate": {"tls_key": "file.pem"},
    "tls_key": {"tls_certificate": "file.pem"},
    "tls_client_ca": {"tls_certificate": "file.pem", "tls_key": "file.pem"},
    "load_models": {"model_control": "explicit"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_flag_a_key_and_a_variable(name: str, tmp_path: Path) -> None:
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        text, value, toml = str(not default).lower(), not default, str(not default).lower()
    elif isinstance(default, str):
        value = text = OTHER_TEXTS.get(name, "other")
        toml = f'"{value}"'
    else:
        value = default + 1 if name != "default_timeout_ms" else default - 1
        text = toml = str(value)
    file = tmp_path / "penstock.toml"
    file.write_text(f"{name} = {toml}\n")
    beside = {f"PENSTOCK_{other.upper()}": text for other, text in NEEDED_BESIDE.get(name, {}).items()}
    parser = argparse.ArgumentParser()
    add_flags(parser)
    flag = [] if name == "repository" else ["--" + name.replace("_", "-")]
    given = [f"--no-{name.replace('_', '-')}"] if value is False else [*flag, text]
    from_flag = load_settings(vars(parser.parse_args(given)), beside)
    assert getattr(from_flag, name) == value
    assert getattr(load_settings({"config": str(file)}, beside), name) == value
    assert getattr(load_settings({}, beside | {f"PENSTOCK_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"tls_certificate": "a.pem"}, "tls_key"),
        ({"tls_key": "a.pem"}, "tls_certificate"),
        ({"tls_client_ca": "a.pem"}, "tls_certificate"),
    ],
)
def test_a_tls_file_without_those_it_needs_is_refused(given: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigError, match=f"^{missing}: found nothing, allowed: a PEM file, because "):
        load_settings(given, {})


@pytest.mark.parametrize("name", NAMES)
def test_help_gives_default_unit_and_variable(name: str) -> None:
    line = help_line(name)
    assert "(default: " in line
    assert f"[PENSTOCK_{name.upper()}]" in line
    for suffix, unit in (("_bytes", "bytes"), ("_ms", "ms"), ("_s", "s")):
        if name.endswith(suffix):
            assert f"in {unit} " in line
            break


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PENSTOCK_PORT": "x"}, "PENSTOCK_PORT: found 'x', allowed: a whole number from 0 to 65535"),
        ({"PENSTOCK_PORT": "65536"}, "found '65536'"),
        ({"PENSTOCK_PORT": ""}, "found ''"),
        ({"PENSTOCK_PORT": "8001.5"}, "found '8001.5'"),
        ({"PENSTOCK_HOST": ""}, "PENSTOCK_HOST: found '', allowed: printable text"),
        ({"PENSTOCK_HOST": "a\nb"}, "found 'a\\nb'"),
        ({"PENSTOCK_REFLECTION": "maybe"}, "found 'maybe', allowed: true or false"),
        ({"PENSTOCK_LOG_FORMAT": "yaml"}, "found 'yaml', allowed: 'human' or 'json'"),
        ({"PENSTOCK_DRAIN_DELAY_S": "nan"}, "found 'nan', allowed: a number from 0 to 3600 s"),
        (
            {"PENSTOCK_MAX_RECEIVE_BYTES": str(65 << 20)},
            "allowed: a whole number from 1024 to 67108864 bytes",
        ),
        ({"PENSTOCK_PROT": "1"}, "'PENSTOCK_PROT' is not a setting; the nearest is PENSTOCK_PORT"),
        (
            {"PENSTOCK_MAX_TIMEOUT_MS": "1000"},
            "default_timeout_ms: found 30000, allowed: at most max_timeout_ms",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_found_and_what_is_allowed(
    environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({}, environment)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("prot = 1", "'prot' is not a setting; the nearest is port"),
        ("port = '8001'", "port: found '8001', allowed: a whole number from 0 to 65535"),
        ("port = true", "port: found True"),
        ("port = 1.0", "port: found 1.0"),
        ("reflection = 1", "reflection: found 1, allowed: true or false"),
        ("[port]", "port: found {}"),
        ("port = ", "not TOML: "),
    ],
)
def test_a_wrong_key_is_named_with_its_file(toml: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as caught:
        load_settings({"config": str(file)}, {})
    assert str(caught.value).startswith(f"{file}: ")
    assert sentence in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot be read: No such file"):
        load_settings({"config": str(tmp_path / "nothing.toml")}, {})


def test_a_whole_number_is_a_number_of_seconds(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("drain_timeout_s = 5\n")
    assert load_settings({"config": str(file)}, {}).drain_timeout_s == 5.0


def test_what_kubernetes_says_of_a_service_called_penstock_is_no_setting() -> None:
    environment = {
        "PENSTOCK_SERVICE_HOST": "10.0.0.1",
        "PENSTOCK_SERVICE_PORT": "8001",
        "PENSTOCK_SERVICE_PORT_GRPC": "8001",
        "PENSTOCK_PORT": "tcp://10.0.0.1:8001",
        "PENSTOCK_PORT_8001_TCP": "tcp://10.0.0.1:8001",
        "PENSTOCK_PORT_8001_TCP_ADDR": "10.0.0.1",
        "PENSTOCK_METRICS_PORT": "tcp://10.0.0.2:8002",
        "PENSTOCK_METRICS_SERVICE_HOST": "10.0.0.2",
    }
    assert load_settings({}, environment) == Settings()
