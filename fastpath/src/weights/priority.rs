//! Work that may wait: reading and freeing what is large while models serve.

/// A thread of this niceness gets about a tenth of a core where threads that serve want all of it, so that a model still
/// loads under full load. Reading follows it: without an I/O priority of its own, a thread has that of its niceness.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread, for good: raising it again would need a privilege.
pub fn lower() {
    // Linux applies this to a thread. One that may not keeps the priority it has.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}
