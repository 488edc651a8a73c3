//! The limits of the door. Those that an operator may want to change are fields, the others constants with their reasons.

use std::time::Duration;

use crate::grpc::Encoding;

/// What an operator may change.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that share the connections.
    pub io_threads: usize,
    /// Whether I/O thread n stays on core n.
    pub pin_threads: bool,
    /// Largest request, as it comes and expanded.
    pub max_receive_bytes: usize,
    /// Calls at a time on one connection.
    pub max_concurrent_streams: u32,
    /// Requests at a time on one stream of requests.
    pub max_stream_in_flight: usize,
    /// Connections at a time; what comes beyond them waits in the listener's backlog.
    pub max_connections: usize,
    /// Age at which a connection is told to reconnect, 10 percent more or less.
    pub max_connection_age: Duration,
    /// How answers are compressed for clients who take that; `Identity`: not at all.
    pub response_encoding: Encoding,
}

/// An open socket that shows no TLS and no HTTP/2 in this time is closed; what linkerd gives a protocol to show itself.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is ended for its client's mistakes has to take the reason.
pub const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(1);
/// A unary request whose body does not come in this time is refused.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer that its caller has not read in this time, and a second more for each so many bytes, is given up.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(20);
pub const STALL_BYTES_PER_S: usize = 64 * 1024;
/// Calls that outlive their connection's age get this long.
pub const AGE_GRACE: Duration = Duration::from_mins(1);
/// A connection on which nothing comes for so long is asked for a sign of life, and closed where none comes within the
/// second: a peer that is gone without a word is found within 80 s.
pub const KEEPALIVE_TIME: Duration = Duration::from_mins(1);
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a client may ping while no calls flow, and how many earlier ones are forgiven.
pub const PING_INTERVAL: Duration = Duration::from_mins(5);
pub const PING_STRIKES: u32 = 2;
/// SETTINGS frames without a call between them; a client sends one or two in its life.
pub const SETTINGS_STRIKES: u32 = 32;

/// Calls that were reset before anybody could look at them, with no answer sent between them (CVE-2023-44487). Callers
/// who give up do so later, unless this side is late; ten times what one connection may have open leaves room for that.
pub const EARLY_RESETS: u32 = 1000;

/// Tokens and trace contexts take a part of it.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// A whole batch of small requests fits without a word about windows; larger messages come window by window.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// At least; as many streams as are allowed can each have their window full and not stand in the way of others.
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What one connection may read before the others of its thread have their turn.
pub const TURN_BYTES: usize = 64 * 1024;
/// What requests that have not come to their end may hold in one I/O thread: 32 of the default's largest.
pub const MAX_UNFINISHED_BYTES: usize = 128 * 1024 * 1024;
/// Streams that were reset for a client's mistakes (CVE-2025-8671). The count never falls, so that a connection's age bounds
/// it too.
pub const MAX_FAULTS: usize = 1024;
/// DATA frames without content that do not end a stream, and neither a call nor content between them.
pub const EMPTY_DATA: u32 = 1000;
/// Streams that were reset here and whose frames may still be on their way: what a client has sent before it read of it.
pub const REMEMBERED_RESETS: usize = 256;
/// A header block as it comes, in one frame or several: a list of the allowed size, without any compression, and as much again.
pub const MAX_BLOCK_BYTES: usize = 2 * MAX_HEADER_LIST_BYTES as usize;
pub const MAX_BLOCK_FRAMES: u32 = 16;
/// What may lie unsent while more is read, and while tasks write more: four of TLS's largest records.
pub const MAX_UNSENT_BYTES: usize = 64 * 1024;
/// What a connection keeps of the memory for that, when all has gone.
pub const KEPT_UNSENT_BYTES: usize = 4 * MAX_UNSENT_BYTES;
/// Answers up to this size are written at once where there is room; longer ones as their caller reads.
pub const WHOLE_ANSWER_BYTES: usize = 64 * 1024;
/// Answers up to this size wait for their reader without an end: at most 400 KiB on a connection of 100 streams. Looking
/// for room costs each answer a little.
pub const UNREAD_ANSWER_BYTES: usize = 4 * 1024;
/// Answers below this size are not compressed: there is nothing to gain.
pub const MIN_COMPRESSED_BYTES: usize = 1024;
