"""`penstock traffic ADDRESS MODEL`: which versions answer a model's calls; starts, promotes and rolls back a canary."""

from __future__ import annotations

import argparse
import sys

from google.protobuf.json_format import MessageToJson

from penstock.call_error import CallError
from penstock.channel import DEFAULT_TIMEOUT_S
from penstock.client import Client
from penstock.commands.arguments import add_call_options, address, tell_failure
from penstock.pb import traffic_pb2 as pb
from penstock.text_table import output_width, table

_HEAD = ("version", "share", "labels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the server's address, the model, and what to change."""
    parser.add_argument(
        "address", type=address, metavar="ADDRESS", help="host:port of a server, such as localhost:8001"
    )
    parser.add_argument("model", metavar="MODEL", help="the model's name in the server's repository")
    parser.add_argument(
        "--canary",
        metavar="VERSION",
        help="the version to try out, or its label (default with --weight: the present canary)",
    )
    parser.add_argument(
        "--weight",
        type=_share,
        metavar="SHARE",
        help="the canary's share of the calls that name no version, such as 0.1 or 10%%",
    )
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument("--promote", action="store_true", help="make the canary the stable version")
    verbs.add_argument("--roll-back", action="store_true", help="give the canary nothing more")
    parser.add_argument("--json", action="store_true", help="print the server's answer as JSON, not a table")
    add_call_options(parser, DEFAULT_TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 1 where the call failed."""
    if args.canary is not None and args.weight is None:
        args.parser.error("--canary needs --weight, the share that it gets")
    if args.weight is not None and (args.promote or args.roll_back):
        args.parser.error("--weight goes with neither --promote nor --roll-back")
    try:
        with Client(args.address, timeout_s=args.timeout_s, tls=args.tls) as client:
            traffic = _asked(client, args)
    except CallError as error:
        return tell_failure(error)
    if args.json:
        text = MessageToJson(
            traffic, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(told(traffic))
    return 0


def told(traffic: pb.ModelTraffic) -> str:
    """Who answers calls that name no version, and a line for each version that serves."""
    rows = []
    for version in traffic.versions:
        labels = sorted(label for label, labelled in traffic.labels.items() if labelled == version.version)
        rows.append((version.version, f"{version.weight:.2%}", ", ".join(labels)))
    return f"{_summary(traffic)}\n\n{table(_HEAD, rows, output_width())}"


def _summary(traffic: pb.ModelTraffic) -> str:
    stable = (
        f"stable version {traffic.stable_version}" if traffic.stable_version else "no stable version serves"
    )
    parts = [f"{traffic.model_name}: {stable}"]
    if traffic.canary_version:
        parts.append(f"canary version {traffic.canary_version} at {traffic.canary_weight:.2%}")
    if traffic.rolled_back:
        parts.append(f"rolled back because {traffic.rolled_back}")
    parts.append("set at run time" if traffic.set_at_runtime else "as model.toml says")
    return "; ".join(parts)


def _asked(client: Client, args: argparse.Namespace) -> pb.ModelTraffic:
    if args.promote:
        return client.promote(args.model)
    if args.roll_back:
        return client.roll_back(args.model)
    if args.weight is not None:
        return client.set_traffic(args.model, args.canary or "", args.weight)
    return client.traffic(args.model)


def _share(text: str) -> float:
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if number != text.strip() else 1)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed: a share of 0 to 1, or such as 10%")
    return share
