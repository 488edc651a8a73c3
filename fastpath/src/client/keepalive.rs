//! Notices a server that is gone without a word: PING while calls are under way, and how long sent bytes may stay unacknowledged.

use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{sleep, timeout};

/// When a connection is asked whether it lives.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    /// Between two pings. Servers count pings closer than five minutes apart as abuse.
    pub every: Duration,
    /// For the answer to one, and for the peer's acknowledgement of any bytes.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { every: Duration::from_secs(320), timeout: Duration::from_secs(20) }
    }
}

/// Ends when the server has not answered a ping in time.
pub async fn watch(mut pings: PingPong, keepalive: Keepalive, busy: impl Fn() -> bool) {
    loop {
        sleep(keepalive.every).await;
        if busy() && !matches!(timeout(keepalive.timeout, pings.ping(Ping::opaque())).await, Ok(Ok(_))) {
            return;
        }
    }
}
