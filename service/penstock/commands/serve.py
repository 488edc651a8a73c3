"""`penstock serve [REPO]`: serves until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import os
import signal
from typing import NoReturn

from penstock import config, log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the repository and one flag a setting."""
    config.add_flags(parser)
    parser.epilog = (
        "A flag is stronger than the TOML file, the file than a variable, a variable than the default."
    )


def run(arguments: argparse.Namespace) -> NoReturn:
    """Ends the process once stopped. Raises ConfigError, RepositoryError, ListenError or TlsError."""
    # The event loop puts its own in place of it. Until then the kernel would end the process as killed, and would
    # not deliver the signal at all to process 1 of a container.
    signal.signal(signal.SIGTERM, _end)
    settings = config.load_settings(vars(arguments))
    log.set_up(settings.log_format, settings.log_level)
    config.silence_grpc()
    # torch takes seconds to import: a bad setting is told before, and `--help` does without.
    from penstock import server  # noqa: PLC0415

    server.serve(settings)


def _end(*_: object) -> None:
    """Nothing is served yet, so nothing is to be finished; an import that is cut short is not to be unwound."""
    os._exit(0)
