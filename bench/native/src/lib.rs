//! What `floor` and `openloop` share: their flags and gRPC's frame. Nothing of penstock is in here, so that the
//! server under measurement is never compared with itself.

pub mod flags;
pub mod grpc;
