"""TraceSetting and LogSettings: this server's settings in Triton's words.

What a server logs is its operator's to say: on the command line, and by callers only where the setting `settings_rpcs`
lets them. To where it logs is said on the command line alone, since a path from a caller would be a file that a caller
writes. Calls are not traced.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from penstock import log
from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip

_INVALID_ARGUMENT = 3
_UNIMPLEMENTED = 12

_NO_TRACES = "Calls are not traced, so there is nothing to set; send no settings to read that."
_UNCHANGEABLE = (
    "Log settings are not changed by callers of this server, whose setting settings_rpcs is off; "
    "send no settings to read them."
)

_TRACE = {
    "trace_level": "OFF",
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "",
}
# Triton's switches by the severity that they switch.
_SWITCHES = {"log_error": "error", "log_warning": "warning", "log_info": "info"}
_VERBOSE = "log_verbose_level"
# Settings that can be sent, but not changed: the only value that each may have, and why.
_FIXED = {
    "log_file": ("", "the log goes to standard error"),
    "log_format": ("default", "the form of a line is set by log_format when the server starts"),
}
_KEYS = (*_FIXED, *_SWITCHES, _VERBOSE)


def trace_settings(settings: Mapping[str, Any]) -> oip.TraceSettingResponse:
    """That nothing is traced. Raises CallFailed where something is to be changed."""
    if settings:
        raise CallFailed(_UNIMPLEMENTED, _NO_TRACES)
    values = {
        name: oip.TraceSettingResponse.SettingValue(value=[value] if value else [])
        for name, value in _TRACE.items()
    }
    return oip.TraceSettingResponse(settings=values)


def log_settings(settings: Mapping[str, Any], *, changeable: bool) -> oip.LogSettingsResponse:
    """Which events this process logs, once it has changed that as `settings` say: all of them, or none.

    Raises CallFailed.
    """
    if settings:
        if not changeable:
            raise CallFailed(_UNIMPLEMENTED, _UNCHANGEABLE)
        switches = dict(filter(None, (_switch(name, value) for name, value in settings.items())))
        # Before, so that a change is on record that ends the record.
        log.info("log settings change", **switches)
        log.enable(switches)
    value, enabled = oip.LogSettingsResponse.SettingValue, log.enabled()
    return oip.LogSettingsResponse(
        settings={
            **{name: value(string_param=fixed) for name, (fixed, _) in _FIXED.items()},
            **{name: value(bool_param=enabled[severity]) for name, severity in _SWITCHES.items()},
            _VERBOSE: value(uint32_param=int(enabled["debug"])),
        }
    )


def _switch(name: str, value: Any) -> tuple[str, bool] | None:
    """The severity that a setting switches, and to what; None: it changes nothing."""
    kind = value.WhichOneof("parameter_choice")
    if severity := _SWITCHES.get(name):
        if kind != "bool_param":
            raise _invalid(name, "must be true or false")
        return severity, value.bool_param
    if name == _VERBOSE:
        if kind != "uint32_param":
            raise _invalid(name, "must be an integer of 0 or more")
        # There is one level of detail below info.
        return "debug", value.uint32_param > 0
    if name in _FIXED:
        fixed, why = _FIXED[name]
        if kind != "string_param" or value.string_param != fixed:
            raise _invalid(name, f"can only be {fixed!r}, because {why}")
        return None
    near = difflib.get_close_matches(name, _KEYS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise CallFailed(
        _INVALID_ARGUMENT, f"Setting {name[:128]!r} is not one of {', '.join(_KEYS)}{hint or '.'}"
    )


def _invalid(name: str, what: str) -> CallFailed:
    return CallFailed(_INVALID_ARGUMENT, f"Setting {name} {what}.")
