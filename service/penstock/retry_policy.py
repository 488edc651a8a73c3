"""The service config for channels of gRPC's own libraries, whose numbers `Client` keeps to as well."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("service_config.json")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The numbers of gRFC A6; times in seconds."""

    max_attempts: int
    initial_backoff_s: float
    max_backoff_s: float
    backoff_multiplier: float
    codes: frozenset[str]
    max_tokens: float
    token_ratio: float


def service_config() -> str:
    """JSON, for the option `grpc.service_config` of a channel.

    Example:
        grpc.insecure_channel("localhost:8001", [("grpc.service_config", penstock.service_config())])

    """
    return _FILE.read_text()


def retry_policy() -> RetryPolicy:
    """What the service config says of retries."""
    config = json.loads(service_config())
    policy = config["methodConfig"][0]["retryPolicy"]
    throttling = config["retryThrottling"]
    return RetryPolicy(
        policy["maxAttempts"],
        _seconds(policy["initialBackoff"]),
        _seconds(policy["maxBackoff"]),
        policy["backoffMultiplier"],
        frozenset(policy["retryableStatusCodes"]),
        throttling["maxTokens"],
        throttling["tokenRatio"],
    )


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
