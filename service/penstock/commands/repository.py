"""`penstock repository ADDRESS`: the versions of a server's models; loads and unloads one where callers may."""

from __future__ import annotations

import argparse
import sys

from google.protobuf.json_format import MessageToJson

from penstock.call_error import CallError
from penstock.client import Client
from penstock.commands.arguments import add_call_options, address, tell_failure
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
    add_call_options(parser, _TIMEOUT_S)


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
        return tell_failure(error)
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
