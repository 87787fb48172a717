//! When a build is tried again that came to nothing, because no engine answered or a file could not be read. Pure; the
//! clock is an argument.

use std::time::{Duration, Instant};

use watcher::ScanError;

/// The longest pause.
const MOST: Duration = Duration::from_secs(60);

/// When a build is tried again that came to nothing: after a second, then after twice as long each time.
#[derive(Default)]
pub(super) struct Again {
    at: Option<Instant>,
    pause: Duration,
}

impl Again {
    /// It came to nothing.
    pub(super) fn later(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(Duration::from_secs(1), MOST);
        self.at = Some(now + self.pause);
    }

    /// When it is to be tried again, if it came to nothing.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether a build may begin.
    pub(super) fn may_begin(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| at <= now)
    }

    /// Whether it is to be tried again now; that is said once.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }
}

/// Whether something was written while it was to be read: it is looked at again when that is quiet.
pub(super) fn keeps_changing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ScanError::KeepsChanging(_)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Again;

    #[test]
    fn each_pause_is_twice_as_long_as_the_one_before() {
        let (mut again, now) = (Again::default(), Instant::now());
        assert!(again.may_begin(now) && !again.is_due(now));
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            again.later(now);
            let due = now + Duration::from_secs(seconds);
            assert_eq!(again.at(), Some(due));
            assert!(!again.may_begin(now) && !again.is_due(now));
            assert!(again.is_due(due) && !again.is_due(due) && again.may_begin(now), "{seconds}");
        }
    }
}
