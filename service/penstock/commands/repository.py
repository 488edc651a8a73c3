"""`penstock repository ADDRESS`: the versions of a server's models; loads and unloads one where callers may."""

from __future__ import annotations

import argparse
import sys

from google.protobuf.json_format import MessageToJson

from penstock.call_error import CallError
from penstock.client import Client
from penstock.commands.arguments import address, positive_seconds
from penstock.pb import inference_pb2 as oip
from penstock.text_table import output_width, printable, table

_HEAD = ("model", "version", "state", "reason")
# A model of gigabytes on a busy disk.
_TIMEOUT_S = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the server's address and what to change."""
    parser.add_argument(
        "address", type=address, metavar="ADDRESS", help="host:port of a server, such as localhost:8001"
    )
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument("--load", metavar="MODEL", help="load what the model's folder holds now")
    verbs.add_argument("--unload", metavar="MODEL", help="take the model out of service")
    parser.add_argument("--json", action="store_true", help="print the server's index as JSON, not a table")
    parser.add_argument(
        "--timeout-s",
        type=positive_seconds,
        default=_TIMEOUT_S,
        metavar="S",
        help="timeout of each call, retries included (default: %(default)s s)",
    )
    parser.add_argument(
        "--tls", action="store_true", help="use TLS with grpc's root certificates (default: plaintext)"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the index, after the change if one is asked for. Exit code 0, or 1 where a call failed."""
    try:
        with Client(args.address, timeout_s=args.timeout_s, tls=args.tls) as client:
            if args.load is not None:
                client.load_model(args.load)
            elif args.unload is not None:
                client.unload_model(args.unload)
            index = client.repository_index()
    except CallError as error:
        sentence = "".join(character if character.isprintable() else " " for character in str(error))
        sys.stderr.write(f"penstock: {sentence}\n")
        return 1
    if args.json:
        text = MessageToJson(
            index, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(told(index))
    return 0


def told(index: oip.RepositoryIndexResponse) -> str:
    """A line for each version."""
    if not index.models:
        return "no model is loaded\n"
    rows = [
        [printable(text) for text in (model.name, model.version, model.state, model.reason)]
        for model in index.models
    ]
    return table(_HEAD, rows, output_width())
