"""TraceSetting and LogSettings: this server's settings in Triton's words, to be read and not to be changed.

What a server logs, and to where, is its operator's to say on the command line, not a caller's. Calls are not traced.
"""

from __future__ import annotations

import logging

from penstock.pb import inference_pb2 as oip

UNCHANGEABLE = "The settings of a server that runs are not changed by callers; send no settings to read them."

_TRACE = {
    "trace_level": "OFF",
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "",
}


def trace_settings() -> oip.TraceSettingResponse:
    """That nothing is traced."""
    values = {
        name: oip.TraceSettingResponse.SettingValue(value=[value] if value else [])
        for name, value in _TRACE.items()
    }
    return oip.TraceSettingResponse(settings=values)


def log_settings() -> oip.LogSettingsResponse:
    """Which events this process logs, and that it logs to no file but to standard error."""
    logger = logging.getLogger("penstock")
    value = oip.LogSettingsResponse.SettingValue
    return oip.LogSettingsResponse(
        settings={
            "log_file": value(string_param=""),
            "log_error": value(bool_param=logger.isEnabledFor(logging.ERROR)),
            "log_warning": value(bool_param=logger.isEnabledFor(logging.WARNING)),
            "log_info": value(bool_param=logger.isEnabledFor(logging.INFO)),
            "log_verbose_level": value(uint32_param=int(logger.isEnabledFor(logging.DEBUG))),
            "log_format": value(string_param="default"),
        }
    )
