"""The command line: one module a command in `commands`, each with `add_arguments` and `run`.

Exit codes: 0 done, 1 asked and answered no (an unhealthy server), 2 the user can mend it. A user's error
is one line on standard error and no traceback.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from penstock.errors import PenstockError

_COMMANDS = {
    "serve": "serve the models of a repository over gRPC",
    "check": "validate a repository without serving; print what each model takes and gives",
    "explain": "show a row's values after every operation of a model's features, to the bits in its tensors",
    "predict": "send rows to a server and print its predictions",
    "features": "print what the features of a served model are like, and how far from training",
    "repository": "show the state of every version of a server's models; load or unload a model",
    "traffic": "show which versions answer the calls of a served model; start, promote or roll back a canary",
    "bench": "load a gRPC server with ghz's options, and report as ghz does",
    "schema": "print the JSON schema of model.toml, for editors",
    "health": "ask a server whether it can be called",
}


# As argparse puts it.
_UNKNOWN_COMMAND = re.compile(r"argument COMMAND: invalid choice: '(.*?)'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (default: the process's); gives the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["--version"]:
            # Not argparse's action, which would need the extension for every other command too.
            return _print_version()
        parser = _parser(given)
        if given and given[0].startswith("-") and given[0] not in parser.flags:
            # argparse would say that the command is missing, which is not what is wrong.
            parser.error(f"unrecognized arguments: {given[0]}")
        parsed, unknown = parser.parse_known_args(given)
        if unknown:
            parsed.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        return int(parsed.run(parsed))
    except PenstockError as error:
        return _user_error(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output, such as head, has what it wanted.
        sys.stderr.close()
        return 1


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is a `--help` away."""

    @property
    def flags(self) -> list[str]:
        """What may stand behind dashes."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        nearest = _nearest(message, self.flags)
        sys.stderr.write(f"penstock: {_one_line(message)}{nearest}; see {self.prog} --help\n")
        sys.exit(2)


def _parser(given: Sequence[str]) -> _Parser:
    parser = _Parser(prog="penstock", description="Real-time inference for TorchScript models over gRPC.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in given if not word.startswith("-")), None)
    for name, what in _COMMANDS.items():
        command = commands.add_parser(
            name, help=what, description=what[0].upper() + what[1:] + ".", allow_abbrev=False
        )
        if name == chosen:
            # Only the chosen command is imported: `health`, which is run every few seconds, stays cheap.
            module: Any = importlib.import_module(f"penstock.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run, parser=command)
    return parser


def _print_version() -> int:
    from penstock import __version__  # noqa: PLC0415 - see main

    sys.stdout.write(f"penstock {__version__}\n")
    return 0


def _user_error(error: PenstockError) -> int:
    sys.stderr.write(f"penstock: {_one_line(str(error))}\n")
    return 2


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _nearest(message: str, options: Sequence[str]) -> str:
    if command := _UNKNOWN_COMMAND.match(message):
        nearest = difflib.get_close_matches(command[1], _COMMANDS, n=1)
    elif message.startswith("unrecognized arguments: --"):
        unknown = message.removeprefix("unrecognized arguments: ").split()[0].split("=")[0]
        nearest = difflib.get_close_matches(unknown, options, n=1)
    else:
        return ""
    return f" (did you mean {nearest[0]}?)" if nearest else ""
