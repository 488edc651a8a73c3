"""Types of arguments that several commands take."""

from __future__ import annotations

import argparse

from penstock.channel import checked_address, checked_timeout_s


def address(text: str) -> str:
    """A server's address."""
    try:
        return checked_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive_seconds(text: str) -> float:
    """A timeout in seconds."""
    try:
        return checked_timeout_s(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed: seconds above 0") from None
