//! Gives memory back to the system on a thread of low priority.
//!
//! torch lets go of a storage on whatever thread drops the last tensor, often with the interpreter's lock held; to unmap
//! 300 MB takes milliseconds.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::memory::Pages;
use super::priority;

/// Unmaps the pages soon, on another thread; at once where there can be none.
pub fn unmap_later(pages: Pages) {
    static THREAD: OnceLock<Option<Sender<Pages>>> = OnceLock::new();
    if let Some(thread) = THREAD.get_or_init(start) {
        // Where the thread is gone, the error holds the pages and unmaps them when dropped.
        let _ = thread.send(pages);
    }
}

fn start() -> Option<Sender<Pages>> {
    let (sender, given) = channel::<Pages>();
    let unmap = move || {
        priority::lower();
        given.into_iter().for_each(drop);
    };
    thread::Builder::new().name("penstock-reclaim".into()).spawn(unmap).ok()?;
    Some(sender)
}
