//! Touched places, each with the time it was told at, to batches. Pure: the clock is an argument, and the caller waits
//! until [`Debounce::deadline`].
//!
//! One save of an editor is a handful of events within a few milliseconds and shall be answered at once; a checkout of
//! another branch is hundreds of files, with pauses, and shall be one batch. What lasts longer is likely to go on longer,
//! so the quiet that ends a batch is 20 ms, and as much again as the batch has lasted, and a millisecond for each place
//! but the first; never above 300 ms. So no batch waits for much more than twice its own length, and a pause while files
//! are written ends it only if it is longer than all that went before. A fixed quiet period takes the place of all this.
//!
//! What never ends is cut: at 2 s, or at ten fixed quiet periods if that is longer. Somebody who sets 500 ms wants few
//! batches, but not to wait forever for a tool that writes every 400 ms.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::place::Place;

/// The quiet that ends a batch of one place.
const SHORTEST: Duration = Duration::from_millis(20);
/// The longest quiet an adaptive batch waits for.
const LONGEST: Duration = Duration::from_millis(300);
/// What each further place adds to the quiet.
const PER_PLACE: Duration = Duration::from_millis(1);
/// The age at which a batch ends, quiet or not.
const OLDEST: Duration = Duration::from_secs(2);
/// That age in fixed quiet periods, if it is longer.
const OLDEST_PERIODS: u32 = 10;

/// Gathers events to batches.
#[derive(Clone, Debug, Default)]
pub struct Debounce {
    fixed: Option<Duration>,
    open: Option<Batch>,
}

/// What was touched between two silences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// When the first event of it was told.
    pub began: Instant,
    /// When the last one was.
    pub ended: Instant,
    /// Where something happened.
    pub touched: Touched,
}

/// Where something happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Touched {
    /// At these places.
    Places(BTreeSet<Place>),
    /// Anywhere: events were lost.
    Everything,
}

impl Debounce {
    /// With a quiet period that adapts, or a fixed one.
    #[must_use]
    pub fn new(fixed: Option<Duration>) -> Self {
        Self { fixed, open: None }
    }

    /// Adds a touched place.
    pub fn touch(&mut self, now: Instant, place: Place) {
        if let Touched::Places(places) = &mut self.at(now).touched {
            places.insert(place);
        }
    }

    /// Adds that anything may have been touched.
    pub fn touch_everything(&mut self, now: Instant) {
        self.at(now).touched = Touched::Everything;
    }

    /// When [`take`](Self::take) will give a batch, if nothing more comes; `None` while there is none.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let open = self.open.as_ref()?;
        let (quiet, oldest) = match self.fixed {
            Some(fixed) => (fixed, OLDEST.max(fixed.saturating_mul(OLDEST_PERIODS))),
            None => (open.quiet(), OLDEST),
        };
        Some((open.ended + quiet).min(open.began + oldest))
    }

    /// The batch, if it has ended.
    pub fn take(&mut self, now: Instant) -> Option<Batch> {
        if self.deadline()? > now {
            return None;
        }
        self.open.take()
    }

    fn at(&mut self, now: Instant) -> &mut Batch {
        let new = || Batch { began: now, ended: now, touched: Touched::Places(BTreeSet::new()) };
        let open = self.open.get_or_insert_with(new);
        open.ended = open.ended.max(now);
        open
    }
}

impl Batch {
    fn quiet(&self) -> Duration {
        let lasted = self.ended.saturating_duration_since(self.began);
        let n_further = match &self.touched {
            Touched::Places(places) => u32::try_from(places.len().saturating_sub(1)).unwrap_or(u32::MAX),
            Touched::Everything => u32::MAX,
        };
        (SHORTEST + PER_PLACE.saturating_mul(n_further)).saturating_add(lasted).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::{Debounce, Touched};
    use crate::place::Place;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn place(number: u64) -> Place {
        Place::File(PathBuf::from(number.to_string()))
    }

    /// After how many milliseconds the batches end, and how many places are in each, if events come at these times.
    fn batches(fixed: Option<Duration>, times: impl IntoIterator<Item = u64>) -> Vec<(u64, usize)> {
        let (start, mut debounce, mut batches) = (Instant::now(), Debounce::new(fixed), Vec::new());
        let mut take = |debounce: &mut Debounce, until: Instant| {
            while let Some(deadline) = debounce.deadline().filter(|deadline| *deadline <= until) {
                assert!(debounce.take(deadline - Duration::from_nanos(1)).is_none());
                let batch = debounce.take(deadline).unwrap();
                let Touched::Places(places) = batch.touched else { panic!("nothing was lost") };
                batches.push(((deadline - start).as_millis().try_into().unwrap(), places.len()));
            }
        };
        for (number, time) in (0..).zip(times) {
            take(&mut debounce, start + ms(time));
            debounce.touch(start + ms(time), place(number));
        }
        take(&mut debounce, start + Duration::from_secs(1 << 30));
        batches
    }

    #[test]
    fn a_save_is_a_batch_after_twenty_milliseconds() {
        assert_eq!(batches(None, [0]), [(20, 1)]);
        // An editor that writes beside and renames.
        assert_eq!(batches(None, [0, 0, 1, 2, 2]), [(2 + 20 + 4 + 2, 5)]);
        assert_eq!(batches(None, [0, 100]), [(20, 1), (120, 1)]);
    }

    #[test]
    fn a_checkout_with_pauses_is_one_batch() {
        let burst = |from: u64| (0..200).map(move |number| from + number / 10);
        let times = burst(0).chain(burst(150)).chain(burst(400));
        assert_eq!(batches(None, times), [(400 + 19 + 300, 600)]);
    }

    #[test]
    fn what_never_ends_is_cut() {
        let ends: Vec<u64> = batches(None, (0..5_000).step_by(10)).iter().map(|batch| batch.0).collect();
        assert_eq!(ends, [2_000, 4_000, 4_990 + 300]);
        let ends: Vec<u64> = batches(Some(ms(500)), (0..12_000).step_by(400)).iter().map(|batch| batch.0).collect();
        assert_eq!(ends, [5_000, 10_200, 11_600 + 500]);
    }

    #[test]
    fn a_fixed_period_is_kept() {
        assert_eq!(batches(Some(ms(500)), [0, 400, 800, 1_400]), [(1_300, 3), (1_900, 1)]);
        assert_eq!(batches(Some(ms(0)), [0, 1]), [(0, 1), (1, 1)]);
    }

    #[test]
    fn what_was_lost_is_everything() {
        let (now, mut debounce) = (Instant::now(), Debounce::new(None));
        assert_eq!(debounce.deadline(), None);
        debounce.touch(now, place(1));
        debounce.touch_everything(now);
        debounce.touch(now, place(2));
        let batch = debounce.take(now + ms(300)).unwrap();
        assert_eq!(batch.touched, Touched::Everything);
        assert_eq!((debounce.deadline(), debounce.take(now + ms(900))), (None, None));
    }
}
