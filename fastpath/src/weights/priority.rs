//! Work that may wait: reading and freeing what is large while models serve.

use rustix::process::{getpriority_process, setpriority_process};

/// A thread of this niceness gets about a tenth of a core where threads that serve want all of it, so that a model still
/// loads under full load. Reading follows it: without an I/O priority of its own, a thread has that of its niceness.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread, for good: raising it again would need a privilege.
pub fn lower() {
    // Linux applies this to a thread. One that is lower already, or may not, keeps the priority it has.
    if getpriority_process(None).is_ok_and(|now| now < NICENESS) {
        let _ = setpriority_process(None, NICENESS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_is_lowered_and_no_other() {
        let before = getpriority_process(None).unwrap();
        let lowered = std::thread::spawn(|| {
            lower();
            getpriority_process(None).unwrap()
        });
        assert_eq!(lowered.join().unwrap(), before.max(NICENESS));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
