"""`penstock check [REPO [MODEL]]`: what models take and give, found by loading and running each once."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from penstock import config
from penstock.errors import ModelLoadError
from penstock.program_table import as_json, describe

if TYPE_CHECKING:
    from penstock.repository import Candidate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the repository, one model of it, `--no-load` and `--json`."""
    parser.add_argument("repository", nargs="?", metavar="REPO", help=config.help_line("repository"))
    parser.add_argument("model", nargs="?", metavar="MODEL", help="only this model of it (default: all)")
    parser.add_argument(
        "--no-load", action="store_true", help="read model.toml alone; model files need only exist"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 when every model can be served, else 2 with a line for each that cannot. Raises RepositoryError."""
    settings = config.load_settings({"repository": arguments.repository})
    from penstock import repository  # noqa: PLC0415 - torch takes seconds to import

    models = repository.scan(settings.repository, arguments.model)
    documents = []
    for model in models:
        if not arguments.json:
            about = f": {model.spec.description}" if model.spec.description else ""
            sys.stdout.write(f"{model.name} version {model.version}{about}\n\n{describe(model.spec)}\n")
            sys.stdout.flush()
        error = None if arguments.no_load else _error(model)
        documents.append(_document(model, error))
    if arguments.json:
        sys.stdout.write(json.dumps({"models": documents}, ensure_ascii=False, indent=2) + "\n")
    return 2 if any(document["error"] for document in documents) else 0


def _error(model: Candidate) -> str | None:
    try:
        model.try_out()
    except ModelLoadError as error:
        sys.stderr.write(f"penstock: {error}\n")
        return str(error)
    return None


def _document(model: Candidate, error: str | None) -> dict[str, Any]:
    return {"name": model.name, "version": model.version, "error": error, **as_json(model.spec)}
