"""TensorFlow's part of bench.decode: the 40-feature row by tf.io.parse_example.

`python bench/decode_tensorflow.py FOLDER` runs in the environment that tensorflow_setup.sh makes and imports nothing of
this project. FOLDER holds `work.json` (the features' names, the buckets, mean and deviation) and one file of records
for each number of rows. It writes the tensors of each way into FOLDER, then runs what each line of standard input
asks for.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Tensors = tuple[Any, Any, Any]
Decode = Callable[[Any], Tensors]


class Work:
    """What is to be done with a record's features, by names."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.floats: list[str] = described["floats"]
        self.strings: list[str] = described["strings"]
        self.lists: list[str] = described["lists"]
        self.buckets: int = described["buckets"]
        self.mean: float = described["mean"]
        self.std: float = described["std"]
        # Lists of a length known before are what TensorFlow parses fastest.
        self.features = {
            **{name: tf.io.FixedLenFeature([], tf.float32) for name in self.floats},
            **{name: tf.io.FixedLenFeature([], tf.string) for name in self.strings},
            **{name: tf.io.FixedLenFeature([described["list_values"]], tf.int64) for name in self.lists},
        }

    def joined_first(self, records: Any) -> Tensors:
        """One operation for all features of a kind."""
        parsed = tf.io.parse_example(records, self.features)
        dense = tf.stack([parsed[name] for name in self.floats], axis=1)
        texts = tf.stack([parsed[name] for name in self.strings], axis=1)
        ids = tf.concat([parsed[name] for name in self.lists], axis=1)
        return self._standardize(dense), self._hash(texts), self._hash(tf.strings.as_string(ids))

    def joined_last(self, records: Any) -> Tensors:
        """One operation a feature."""
        parsed = tf.io.parse_example(records, self.features)
        return (
            tf.stack([self._standardize(parsed[name]) for name in self.floats], axis=1),
            tf.stack([self._hash(parsed[name]) for name in self.strings], axis=1),
            tf.concat([self._hash(tf.strings.as_string(parsed[name])) for name in self.lists], axis=1),
        )

    def single(self, record: Any) -> Tensors:
        """One record alone, by the operation that takes no batch."""
        parsed = tf.io.parse_single_example(record, self.features)
        dense = tf.stack([parsed[name] for name in self.floats])
        texts = tf.stack([parsed[name] for name in self.strings])
        ids = tf.concat([parsed[name] for name in self.lists], axis=0)
        return self._standardize(dense), self._hash(texts), self._hash(tf.strings.as_string(ids))

    def _standardize(self, values: Any) -> Any:
        return (values - self.mean) / self.std

    def _hash(self, texts: Any) -> Any:
        return tf.strings.to_hash_bucket_fast(texts, self.buckets)


def ways(work: Work) -> dict[str, Decode]:
    """Every form that TensorFlow offers, by name; those called `single` take one record and no batch."""

    def compiled(decode: Decode, shape: list[int | None]) -> Decode:
        function: Any = tf.function(decode, input_signature=[tf.TensorSpec(shape, tf.string)])
        made: Decode = function.get_concrete_function()
        return made

    return {
        "eager": work.joined_first,
        "tf.function": compiled(work.joined_first, [None]),
        "tf.function, an op a feature": compiled(work.joined_last, [None]),
        "tf.function, single": compiled(work.single, []),
    }


def main() -> None:
    # One thread: the figures are of one core.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    folder = Path(sys.argv[1])
    described = json.loads((folder / "work.json").read_text())
    decodes = ways(Work(described))
    inputs: dict[tuple[str, int], Any] = {}
    for rows in described["rows"]:
        records = [bytes.fromhex(line) for line in (folder / f"records-{rows}").read_text().split()]
        for number, (way, decode) in enumerate(decodes.items()):
            if way.endswith("single") and rows > 1:
                continue
            inputs[way, rows] = tf.constant(records[0] if way.endswith("single") else records)
            tensors = [np.asarray(tensor).reshape(rows, -1) for tensor in decode(inputs[way, rows])]
            np.savez(folder / f"tensors-{rows}-{number}.npz", *tensors)
    ready = {"version": tf.__version__, "ways": list(decodes), "runs": list(inputs)}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        way, rows, repeats = json.loads(line)
        decode, records = decodes[way], inputs[way, rows]
        # Of the whole process, whichever of its threads does the work.
        started = time.process_time()
        for _ in range(repeats):
            decode(records)
        print(json.dumps(time.process_time() - started), flush=True)


if __name__ == "__main__":
    main()
