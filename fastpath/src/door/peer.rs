//! The other end of a connection.

use std::net::SocketAddr;

use http::HeaderValue;

/// Who calls.
#[derive(Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// `x-forwarded-client-cert`; none without a client certificate.
    pub certificate: Option<HeaderValue>,
}
