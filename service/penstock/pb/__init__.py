"""Stubs generated from proto/: the messages and services that penstock speaks.

| module | service | what it carries |
| --- | --- | --- |
| `prediction_pb2`, `prediction_pb2_grpc` | `penstock.v1.Prediction` | features |
| `feature_statistics_pb2`, `feature_statistics_pb2_grpc` | `penstock.v1.FeatureStatistics` | what features are like |
| `probe_pb2`, `probe_pb2_grpc` | `penstock.v1.Probe` | readiness as a gRPC status |
| `inference_pb2`, `inference_pb2_grpc` | `inference.GRPCInferenceService` | tensors: Open Inference Protocol, Triton's extensions |
| `model_config_pb2` | | what its ModelConfig RPC answers |
| `health_pb2`, `health_pb2_grpc` | `grpc.health.v1.Health` | who can be called, as a message |
| `reflection_pb2`, `reflection_pb2_grpc` | `grpc.reflection.v1.ServerReflection` | what is served |

    from penstock.pb import prediction_pb2, prediction_pb2_grpc

    stub = prediction_pb2_grpc.PredictionStub(channel)  # PredictionAsyncStub types a grpc.aio channel
    answer = stub.Predict(prediction_pb2.PredictRequest(model_name="fraud"), timeout=0.1)

The messages live in a descriptor pool of their own (`pool.POOL`) and need nothing but protobuf and,
for `*_pb2_grpc`, grpcio. `make proto` writes everything here but this file and pool.py.
"""
