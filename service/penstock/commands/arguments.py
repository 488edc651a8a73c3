"""What several commands that call a server take, and how they tell that a call failed."""

from __future__ import annotations

import argparse
import sys

from penstock.call_error import CallError
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


def add_call_options(parser: argparse.ArgumentParser, timeout_s: float) -> None:
    """Declares how the server is called; `timeout_s` is the default."""
    parser.add_argument(
        "--timeout-s",
        type=positive_seconds,
        default=timeout_s,
        metavar="S",
        help="timeout of the call, retries included (default: %(default)s s)",
    )
    parser.add_argument(
        "--tls", action="store_true", help="use TLS with grpc's root certificates (default: plaintext)"
    )


def tell_failure(error: CallError) -> int:
    """One line on standard error; gives the exit code."""
    sentence = "".join(character if character.isprintable() else " " for character in str(error))
    sys.stderr.write(f"penstock: {sentence}\n")
    return 1
