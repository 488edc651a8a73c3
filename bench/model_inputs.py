"""The inputs of the models that servers are compared with; imports nothing, for every server's environment reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Input:
    """A tensor [rows, width]; `dtype` is numpy's name for what the Open Inference Protocol calls `datatype`."""

    name: str
    datatype: str
    dtype: str
    width: int


# By the models' names, in the order of their arguments. Each gives one output, `score`, FP32 [rows, 1].
INPUTS = {
    "fraud": (Input("x", "FP32", "float32", 32),),
    "rec": (Input("dense", "FP32", "float32", 13), Input("ids", "INT64", "int64", 26)),
}
OUTPUT = "score"
