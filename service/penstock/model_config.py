"""ModelConfig: what model.toml says, in Triton's form.

What callers send stands under `input`, so a model with features lists its features. Shapes are those of one row, as
always where `max_batch_size` is not zero.
"""

from __future__ import annotations

from penstock._fastpath import ModelSpec, TensorSpec, VersionPolicy
from penstock.pb import model_config_pb2 as triton

_DATATYPES = {"BYTES": "TYPE_STRING"}


# What a version's folder holds.
_MODEL_FILE = "model.pt"


def model_config(spec: ModelSpec, platform: str) -> triton.ModelConfig:
    """The message for a model; `platform` is what the protocol calls what runs it."""
    config = triton.ModelConfig(
        name=spec.name,
        platform=platform,
        backend="pytorch",
        max_batch_size=spec.max_batch_rows,
        default_model_filename=_MODEL_FILE,
        version_policy=_version_policy(spec.version_policy),
        input=[
            triton.ModelInput(name=tensor.name, data_type=_data_type(tensor), dims=tensor.shape[1:])
            for tensor in spec.takes
        ],
        output=[
            triton.ModelOutput(name=tensor.name, data_type=_data_type(tensor), dims=tensor.shape[1:])
            for tensor in spec.outputs
        ],
        instance_group=[
            triton.ModelInstanceGroup(
                name=f"{spec.name}_0", count=spec.instances, kind=triton.ModelInstanceGroup.KIND_CPU
            )
        ],
    )
    # Set even where the delay is zero: requests of several callers do share batches.
    config.dynamic_batching.max_queue_delay_microseconds = spec.max_queue_delay_us
    return config


def _version_policy(policy: VersionPolicy) -> triton.ModelVersionPolicy:
    kinds = triton.ModelVersionPolicy
    if policy.latest is not None:
        return kinds(latest=kinds.Latest(num_versions=policy.latest))
    if policy.specific:
        return kinds(specific=kinds.Specific(versions=policy.specific))
    return kinds(all=kinds.All())


def _data_type(tensor: TensorSpec) -> str:
    return _DATATYPES.get(tensor.datatype, f"TYPE_{tensor.datatype}")
