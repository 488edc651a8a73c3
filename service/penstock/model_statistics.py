"""ModelStatistics: what a model version has done so far, in Triton's form.

| field | here |
| --- | --- |
| `inference_count`, `execution_count` | rows and batches that the model has run |
| `success`, `fail` | calls, from their arrival to their answer; a call whose caller went away is a failure |
| `queue` | calls, from the end of decoding until their batch was taken |
| `compute_input` | calls: decoding, and packing of their whole batch |
| `compute_infer` | calls: the run of their whole batch |
| `compute_output` | calls: encoding of their answers |
| `batch_stats` | batches by their rows: packing, run, encoding |

There is no response cache, so `cache_hit` and `cache_miss` stay zero.
"""

from __future__ import annotations

from penstock._fastpath import VersionStatistics
from penstock.pb import inference_pb2 as oip


def model_statistics(name: str, version: int, seen: VersionStatistics) -> oip.ModelStatistics:
    """The message for one model version."""
    return oip.ModelStatistics(
        name=name,
        version=str(version),
        last_inference=seen.last_inference_ms,
        inference_count=seen.rows,
        execution_count=seen.batches,
        inference_stats=oip.InferStatistics(
            success=_duration(seen.success),
            fail=_duration(seen.fail),
            queue=_duration(seen.queue),
            compute_input=_duration(seen.compute_input),
            compute_infer=_duration(seen.compute_infer),
            compute_output=_duration(seen.compute_output),
        ),
        batch_stats=[
            oip.InferBatchStatistics(
                batch_size=rows,
                compute_input=_duration((batches, pack_ns)),
                compute_infer=_duration((batches, compute_ns)),
                compute_output=_duration((batches, encode_ns)),
            )
            for rows, batches, pack_ns, compute_ns, encode_ns in seen.by_batch_rows
        ],
    )


def _duration(counted: tuple[int, int]) -> oip.StatisticDuration:
    count, ns = counted
    return oip.StatisticDuration(count=count, ns=ns)
