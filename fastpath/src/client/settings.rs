//! How a channel is set up.

use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::keepalive::Keepalive;
use super::target::Target;

/// gRPC's default for what a client takes.
pub const MAX_RECEIVE_BYTES: usize = 4 << 20;

#[derive(Clone)]
pub struct Settings {
    pub target: Target,
    /// None: plaintext.
    pub tls: Option<Arc<ClientConfig>>,
    /// Of one answer, expanded.
    pub max_receive_bytes: usize,
    /// Of one request.
    pub max_send_bytes: usize,
    pub keepalive: Keepalive,
}

impl Settings {
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            tls: None,
            max_receive_bytes: MAX_RECEIVE_BYTES,
            // A message's prefix counts no more.
            max_send_bytes: u32::MAX as usize,
            keepalive: Keepalive::default(),
        }
    }
}
