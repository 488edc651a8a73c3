"""Trains the example models: `python -m examples.train [--models FOLDER] [--figures] [NAME…]`.

A model's folder appears whole or not at all.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import torch
from tqdm import tqdm

from examples import figures, heldout
from examples.dataset import Split
from examples.example import Example
from examples.fit import fit
from examples.matchmaking.train import EXAMPLE as MATCHMAKING
from examples.metrics import METRICS
from examples.model_folder import ModelFolder
from examples.recommendation.train import EXAMPLE as RECOMMENDATION
from examples.scam_mail.train import EXAMPLE as SCAM_MAIL

EXAMPLES = {example.name: example for example in (RECOMMENDATION, SCAM_MAIL, MATCHMAKING)}


def train(example: Example, models: Path) -> heldout.OfflineMetrics:
    """Writes `models/<name>` and says how good the model is on held-out rows."""
    split = example.split()
    # A model is called as its folder, so the unfinished one stands under its own name elsewhere.
    unfinished = models / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    folder = ModelFolder(unfinished / example.name)
    measured = _write(example, split, folder)
    shutil.rmtree(models / example.name, ignore_errors=True)
    folder.path.rename(models / example.name)
    unfinished.rmdir()
    return measured


def _write(example: Example, split: Split, folder: ModelFolder) -> heldout.OfflineMetrics:
    folder.write_features(example.template, split.train)
    # Batches are so small that a second thread would only be waited for, and sums depend on the number.
    torch.set_num_threads(1)
    torch.manual_seed(example.settings.seed)
    network = example.network(folder.known_values())
    rows = (folder.tensors(split.train), split.train.truth)
    epochs = fit(network, example.loss, rows, example.settings)
    # disable=None: no bar where nobody looks on.
    bar = tqdm(epochs, example.name, example.settings.epochs, unit="epoch", leave=False, disable=None)
    for loss in bar:
        bar.set_postfix(loss=f"{loss:.4f}")
    folder.write_model(network)
    scores = folder.scores(folder.tensors(split.heldout))
    metric, truth = METRICS[example.metric].of, split.heldout.truth
    baselines = example.baselines(split)
    measured = heldout.OfflineMetrics(
        metric=example.metric,
        model=metric(truth, scores),
        baselines={name: metric(truth, says) for name, says in baselines.items()},
        train_rows=len(split.train),
        heldout_rows=len(split.heldout),
        context=list(example.context),
    )
    heldout.write(folder.version_path, split.heldout, scores, measured)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.train", description="Trains the example models."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(EXAMPLES)}; none: all"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="the model repository (models)")
    parser.add_argument(
        "--figures", action="store_true", help="write the table of figures in examples/README.md"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EXAMPLES)
    if unknown:
        parser.error(f"no example is called {', '.join(sorted(unknown))}; there are {', '.join(EXAMPLES)}")
    if arguments.figures and arguments.names:
        parser.error("--figures needs all examples; give no names")
    measured: dict[str, heldout.OfflineMetrics] = {}
    for name in arguments.names or EXAMPLES:
        started = time.perf_counter()
        measured[name] = train(EXAMPLES[name], arguments.models)
        print(f"{figures.line(name, measured[name])}  {time.perf_counter() - started:.1f} s", flush=True)
    if arguments.figures:
        figures.write_table([(EXAMPLES[name], numbers) for name, numbers in measured.items()])


if __name__ == "__main__":
    main()
