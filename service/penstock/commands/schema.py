"""`penstock schema`: the JSON schema of model.toml, by which editors complete and check the file."""

from __future__ import annotations

import argparse
import sys
from importlib import resources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says how an editor is told of it."""
    parser.epilog = (
        'Write it beside the repository, and put "#:schema ../model.schema.json" into the first line of each '
        "model.toml: Even Better TOML and Taplo read that."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Gives 0."""
    sys.stdout.write(resources.files("penstock").joinpath("model.schema.json").read_text(encoding="utf-8"))
    return 0
