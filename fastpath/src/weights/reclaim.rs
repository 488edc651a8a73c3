//! Gives memory back to the system on a thread of low priority.
//!
//! torch lets go of a storage on whatever thread drops the last tensor, often with the interpreter's lock held; to unmap
//! 300 MB takes milliseconds.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::memory::Pages;
use super::priority;

static WAITING_BYTES: AtomicUsize = AtomicUsize::new(0);

/// What has been let go of and is not the system's yet.
pub fn waiting_bytes() -> usize {
    WAITING_BYTES.load(Ordering::Relaxed)
}

/// Unmaps the pages soon, on another thread; at once where there can be none.
pub fn unmap_later(pages: Pages) {
    static THREAD: OnceLock<Option<Sender<Pages>>> = OnceLock::new();
    if let Some(thread) = THREAD.get_or_init(start) {
        let bytes = pages.len();
        WAITING_BYTES.fetch_add(bytes, Ordering::Relaxed);
        // Where the thread is gone, the error holds the pages and unmaps them when dropped.
        if thread.send(pages).is_err() {
            WAITING_BYTES.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

fn start() -> Option<Sender<Pages>> {
    let (sender, given) = channel::<Pages>();
    let unmap = move || {
        priority::lower();
        for pages in given {
            let bytes = pages.len();
            drop(pages);
            WAITING_BYTES.fetch_sub(bytes, Ordering::Relaxed);
        }
    };
    thread::Builder::new().name("penstock-reclaim".into()).spawn(unmap).ok()?;
    Some(sender)
}
