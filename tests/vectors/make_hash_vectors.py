"""Writes hash.tsv beside this file: hashes computed by the packages that define them.

Run it in an environment of its own, which needs neither penstock nor its dependencies:

    python -m venv /tmp/vectors
    /tmp/vectors/bin/pip install tensorflow-cpu scikit-learn xxhash
    /tmp/vectors/bin/python tests/vectors/make_hash_vectors.py
"""

import random
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf
import xxhash
from sklearn.feature_extraction import FeatureHasher
from sklearn.utils import murmurhash3_32

HEADER = f"""\
# Hashes by the packages that define them, written by make_hash_vectors.py.
# Bytes are in hex, numbers in decimal, columns are separated by tabs. A line is one of
#   bytes   input  farmhash64  seed  murmur3_32  seed  xxh3_64
#   int     value  farmhash64  seed  murmur3_32  seed  xxh3_64  farmhash64 of the decimal text
#   bucket  input  buckets  bucket
#   cross   inputs (s:bytes or i:value, joined by commas)  buckets  bucket
#   oov     known inputs (likewise)  buckets behind them  inputs  ids
#   hasher  texts (bytes, joined by commas; - where there are none)  columns  with signs (1) or without (0)  sums
# farmhash64: tensorflow-cpu {version("tensorflow-cpu")}, tf.fingerprint(method="farmhash64")
# murmur3_32: scikit-learn {version("scikit-learn")}, sklearn.utils.murmurhash3_32(positive=True)
# xxh3_64:    xxhash {version("xxhash")} (xxHash {xxhash.XXHASH_VERSION}), xxhash.xxh3_64_intdigest
# int:        the 8 little-endian bytes of a signed 64-bit integer; the text is tf.strings.as_string
# bucket:     tensorflow-cpu {version("tensorflow-cpu")}, tf.strings.to_hash_bucket_fast
# cross:      tensorflow-cpu {version("tensorflow-cpu")}, tf.sparse.cross_hashed with its default key; its
#             num_buckets=0 means 2^63 - 1 buckets and is written so
# oov:        tensorflow-cpu {version("tensorflow-cpu")}, tf.lookup.StaticVocabularyTable
# hasher:     scikit-learn {version("scikit-learn")}, sklearn.feature_extraction.FeatureHasher(input_type="string")
"""

INT64_MAX = 2**63 - 1

# Every length up to two blocks of farmhash64, then the surroundings of the later boundaries: whole
# blocks of farmhash64 (64 bytes), xxh3_64's classes (128, 240) and its long blocks (1024).
LENGTHS = [*range(131), 191, 192, 193, 239, 240, 241, 255, 256, 257, 320, 1023, 1024, 1025]

TEXTS = [
    "",
    "a",
    "NL",
    "user_42",
    "Zürich",
    "東京都",
    "Ünïcödé-ключ",
    "🎬🍿",
    "merchant:0000123456789",
    "e\u0301 ≠ é",
]

# The 53 and 64 bits' ends, and the 32 bits' ones, are where a float or an int32 in between would show.
SIZES = [1, 2, 7, 42, 255, 256, 65_535, 100_004, 2**31 - 1, 2**31, 2**32 + 1, 1_700_000_000, 2**53 + 1]
INTS = [0, *SIZES, *(-size for size in SIZES), INT64_MAX, -INT64_MAX - 1]

MURMUR3_SEEDS = [0, 1, 42, 0x9747B28C, 2**32 - 1]
XXH3_SEEDS = [0, 1, 2**32, 0x9E3779B97F4A7C15, 2**64 - 1]

BUCKETS = [1, 2, 3, 10, 1_000, 65_536, 100_003, 1_000_000, 2**32, 2**32 + 1, 2**62, INT64_MAX]

CROSSES: list[list[str | bytes | int]] = [
    ["a", "d", "f"],
    ["merchant-17", "NL"],
    ["NL", "merchant-17"],
    ["", ""],
    ["Zürich", "東京都"],
    [b"\x00\xff\x00", "nul"],
    [0, 0],
    [1, 2],
    [2, 1],
    [-1, INT64_MAX],
    [-INT64_MAX - 1, 1, 0],
    ["user", 42],
    [42, "user"],
    ["a", 1, "b", 2, "c" * 65],
    [7],
    ["alone"],
]

VOCABULARIES: list[list[str] | list[int]] = [TEXTS[1:6], [0, -1, 42, INT64_MAX]]
OOV_INPUTS: list[list[str] | list[int]] = [[*TEXTS, "A", "nobody", "x" * 70], [*INTS, 43]]
OOV_BUCKETS = [1, 2, 64, 1_000_003]

BAGS = [[], ["a"], ["a", "a"], ["a", "b", "c"], TEXTS, [f"word{place}" for place in range(40)]]
COLUMNS = [1, 2, 7, 16, 100]


def inputs() -> list[bytes]:
    random_bytes = random.Random(20_240_229)
    binary = [random_bytes.randbytes(length) for length in LENGTHS]
    zeros = [bytes(length) for length in (1, 3, 4, 8, 16, 17, 33, 65, 128)]
    return binary + zeros + [text.encode() for text in TEXTS] + [b"a\x00b", b"\x00a", b"a\x00"]


def farmhash64(data: bytes) -> int:
    little_endian = tf.fingerprint(tf.constant([data]), method="farmhash64").numpy()
    return int.from_bytes(little_endian.tobytes(), "little")


def hashes(data: bytes, turn: int) -> list[object]:
    """Farmhash64, and both seeded hashes with the seeds whose turn it is."""
    murmur3_seed, xxh3_seed = MURMUR3_SEEDS[turn % 5], XXH3_SEEDS[turn % 5]
    return [
        farmhash64(data),
        murmur3_seed,
        murmurhash3_32(data, seed=murmur3_seed, positive=True),
        xxh3_seed,
        xxhash.xxh3_64_intdigest(data, seed=xxh3_seed),
    ]


def cross(parts: list[str | bytes | int], buckets: int) -> int:
    columns = [
        tf.constant([[part]], dtype=tf.int64 if isinstance(part, int) else tf.string) for part in parts
    ]
    crossed = tf.sparse.cross_hashed(columns, num_buckets=0 if buckets == INT64_MAX else buckets)
    return int(crossed.values[0])


def cross_text(part: str | bytes | int) -> str:
    if isinstance(part, int):
        return f"i:{part}"
    return "s:" + (part.encode() if isinstance(part, str) else part).hex()


def lines() -> Iterator[list[object]]:
    for turn, data in enumerate(inputs()):
        yield ["bytes", data.hex(), *hashes(data, turn)]
    for turn, value in enumerate(INTS):
        text = tf.strings.as_string(tf.constant(value, tf.int64)).numpy()
        yield ["int", value, *hashes(value.to_bytes(8, "little", signed=True), turn), farmhash64(text)]
    for text in TEXTS[:4]:
        for buckets in BUCKETS:
            yield ["bucket", text.encode().hex(), buckets, int(tf.strings.to_hash_bucket_fast(text, buckets))]
    for parts in CROSSES:
        for buckets in (1_000_000, INT64_MAX):
            yield ["cross", ",".join(map(cross_text, parts)), buckets, cross(parts, buckets)]


def oov_ids(known: list[str] | list[int], buckets: int, values: list[str] | list[int]) -> list[int]:
    dtype = tf.int64 if isinstance(known[0], int) else tf.string
    places = tf.lookup.KeyValueTensorInitializer(
        tf.constant(known, dtype), tf.range(len(known), dtype=tf.int64)
    )
    table = tf.lookup.StaticVocabularyTable(places, buckets, lookup_key_dtype=dtype)
    return table.lookup(tf.constant(values, dtype)).numpy().tolist()


def row_lines() -> Iterator[list[object]]:
    for known, values in zip(VOCABULARIES, OOV_INPUTS, strict=True):
        for buckets in OOV_BUCKETS:
            ids = oov_ids(known, buckets, values)
            texts = [",".join(map(cross_text, some)) for some in (known, values)]
            yield ["oov", texts[0], buckets, texts[1], ",".join(map(str, ids))]
    for bag in BAGS:
        for columns in COLUMNS:
            for signs in (True, False):
                hasher = FeatureHasher(columns, input_type="string", alternate_sign=signs)
                sums = hasher.transform([bag]).toarray()[0].astype(int).tolist()
                texts = [",".join(text.encode().hex() for text in bag) if bag else "-"]
                yield ["hasher", texts[0], columns, int(signs), ",".join(map(str, sums))]


def main() -> None:
    rows = ["\t".join(map(str, line)) + "\n" for line in [*lines(), *row_lines()]]
    Path(__file__).with_name("hash.tsv").write_text(HEADER + "".join(rows), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
