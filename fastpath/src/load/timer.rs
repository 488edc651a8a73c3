//! Sleep to within some ten microseconds: tokio's timer counts milliseconds, and a loop that spins would take from the
//! server a core that is measured.

use std::io;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
pub use self::linux::Timer;

/// Wakes a schedule's thread at the times of its calls.
#[cfg(not(target_os = "linux"))]
pub struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns at once where the time has passed.
    pub async fn sleep_until(&self, time: Instant) -> io::Result<()> {
        match left_until(time) {
            Some(left) => tokio::time::sleep(left).await,
            None => tokio::task::yield_now().await,
        }
        Ok(())
    }
}

fn left_until(time: Instant) -> Option<Duration> {
    let left = time.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Duration, Instant, io, left_until};

    /// A timerfd, which the runtime waits for beside its sockets.
    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub fn new() -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            // SAFETY: an OwnedFd is open, and the same file, for as long as it lives; nothing takes it out of the AsyncFd.
            let registered = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
            registered.map(Self).map_err(Into::into)
        }

        /// Returns at once where the time has passed.
        pub async fn sleep_until(&self, time: Instant) -> io::Result<()> {
            let Some(left) = left_until(time) else {
                // Connections get their turn all the same.
                tokio::task::yield_now().await;
                return Ok(());
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once(left))?;
            let mut expirations = [0; 8];
            let read = |timer: &OwnedFd| Ok(rustix::io::read(timer, &mut expirations)?);
            self.0.async_io(Interest::READABLE, read).await.map(|_: usize| ())
        }
    }

    fn once(left: Duration) -> Itimerspec {
        let seconds = left.as_secs().cast_signed();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        Itimerspec {
            it_interval: none,
            it_value: Timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos().into() },
        }
    }
}
