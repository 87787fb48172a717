//! When to look again at what cannot be watched. Pure: the clock is an argument. An interval that found nothing doubles
//! the next, one that found something starts from the shortest; and looking takes at most a tenth of the time.

use std::time::{Duration, Instant};

/// So long as looking took, so many times that is waited at least.
const WAITED_PER_LOOK: u32 = 10;
/// An answer that never comes is not waited for longer.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// The rhythm of looking again.
#[derive(Clone, Debug)]
pub(crate) struct Polling {
    shortest: Duration,
    longest: Duration,
    interval: Duration,
    next: Instant,
}

impl Polling {
    pub(crate) fn new(now: Instant, shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, interval: shortest, next: now + shortest }
    }

    /// When to look.
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Looking has begun.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.next = now + LONGEST_LOOK;
    }

    /// Looking has ended.
    pub(crate) fn answer(&mut self, now: Instant, took: Duration, has_found: bool) {
        self.interval = if has_found { self.shortest } else { self.longest.min(self.interval * 2) };
        self.next = now + self.interval.max(took.saturating_mul(WAITED_PER_LOOK).min(LONGEST_LOOK));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Polling;

    #[test]
    fn the_interval_adapts_to_what_is_found_and_to_what_looking_costs() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut polling = Polling::new(start, second, second * 8);
        assert_eq!(polling.deadline(), start + second);
        polling.ask(start);
        assert_eq!(polling.deadline(), start + second * 30);
        let mut waited = |took: Duration, has_found: bool| {
            polling.answer(start, took, has_found);
            polling.deadline() - start
        };
        let quick = Duration::from_millis(10);
        let waits = [false, false, false, false].map(|has_found| waited(quick, has_found));
        assert_eq!(waits, [second * 2, second * 4, second * 8, second * 8]);
        assert_eq!(waited(quick, true), second);
        assert_eq!(waited(second, true), second * 10);
        assert_eq!(waited(second * 60, false), second * 30);
    }
}
