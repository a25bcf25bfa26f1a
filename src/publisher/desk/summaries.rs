//! What this host says for its cluster: kept in time or not at all, and said once.

use crate::clock::Moment;
use crate::datum::Datum;
use crate::dimension::Dimension;
use crate::health::Cause;
use crate::publisher::Settings;
use crate::publisher::desk::Desk;
use crate::sampler::ClusterSummary;
use crate::spool::text::Content;
use crate::spool::{Entry, Key};
use std::sync::Arc;

impl Desk {
    /// Keeps a period's summary, which goes the way of all data from here on. One that comes too
    /// late is skipped: another member may have claimed a later period meanwhile.
    pub fn speak(&mut self, summary: &ClusterSummary, now: Moment) {
        let ClusterSummary { cluster, period, figures, until } = summary;
        if now.boot > *until {
            tracing::warn!(%period, "the cluster's summary is skipped: it came too late after its claim");
            return;
        }
        let pair = Dimension { name: Datum::CLUSTER.to_owned(), value: cluster.clone() };
        let dimensions: Arc<[Dimension]> = [pair].into();
        let Settings { publications, resolution, .. } = &self.settings;
        let (namespace, resolution) = (&publications.native.namespace, *resolution);
        let datum = |figure| Datum::new(namespace.clone(), dimensions.clone(), resolution, figure);
        let content = Content { datums: figures.iter().map(datum).collect(), pending: None };
        // No sample of this host is in it: what its file's name says is safe already.
        let key = Key { period: *period, through: self.spool.taken_through(), extra: 0 };
        let stale = now.boot.plus(self.settings.every);
        let lost = self.spool.keep(Entry::new(key, now.boot, stale, now, content));
        self.lose(Cause::MemoryFull, lost, now.boot);
    }

    /// A request was answered ambiguously: what it said for the cluster may be there, and isn't
    /// said again. A host's own data is: its minima, maxima and averages survive a repeat.
    pub(super) fn forget_summaries(&mut self, origins: impl Iterator<Item = (Key, bool)>) {
        let mut said: Vec<Key> = origins.filter(|(_, is)| *is).map(|(key, _)| key).collect();
        said.dedup();
        for key in said {
            self.let_go(key);
            if self.spool.give_up(key) > 0 {
                let period = key.period;
                tracing::warn!(%period, "the cluster's summary may have arrived, and isn't sent again");
            }
        }
    }

    pub(super) fn note_summaries(&mut self, datums: &[Datum]) {
        let periods = datums.iter().filter(|datum| datum.is_summary());
        let newest = periods.map(|datum| datum.timestamp).max();
        self.last_summary = self.last_summary.max(newest);
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::{Boottime, Moment, Timestamp};
    use crate::datum::Resolution;
    use crate::distribution::Statistics;
    use crate::identity::dress::Publications;
    use crate::identity::fixture::{Given, laptop, set};
    use crate::owner::Owner;
    use crate::publisher::Settings;
    use crate::publisher::desk::{Act, Desk, Whose};
    use crate::sampler::{ClusterSummary, Part};
    use crate::sink::{Answer, Outcome, RetryCause};
    use crate::spool::disk::Done;
    use crate::spool::inventory::Found;
    use crate::units::Unit;
    use crate::window::Figure;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_795_443_600_000);

    fn moment(seconds: u64) -> Moment {
        let wall = NOW.plus(Duration::from_secs(seconds));
        Moment { wall, boot: Boottime(0).plus(Duration::from_secs(1_000 + seconds)) }
    }

    fn settings() -> Settings {
        Settings {
            publications: Publications::native("EC2/Memory".into(), vec![set("Host")]),
            resolution: Resolution::Standard,
            every: Duration::from_secs(60),
            health: false,
            max_requests_per_second: 5,
            max_bytes: 64 * 1024 * 1024,
            max_age: crate::delivery::MAX_AGE,
        }
    }

    fn figure(name: &'static str) -> Figure {
        let statistics = Statistics::Values { values: [3.0].into(), counts: [1].into() };
        let (name, unit) = (name.into(), Unit::Count);
        Figure { name, publication: 0, unit, timestamp: NOW, statistics, beside: None }
    }

    fn summary(until: u64) -> ClusterSummary {
        let until = moment(until).boot;
        ClusterSummary {
            cluster: "web".into(),
            period: NOW,
            figures: vec![figure("ClusterMembers")],
            until,
        }
    }

    fn outcome(outcome: Outcome) -> Answer {
        Answer { outcome, service_time: None }
    }

    fn desk_with_summary() -> Desk {
        let mut desk = Desk::new(
            settings(),
            Given::default().on(&laptop()),
            Whose { owner: Owner::parse("machine-id:a"), boot_id: "a".to_owned() },
            moment(0),
        );
        desk.disk(Done::Opened(Ok(Found::default())), moment(0));
        let figures = vec![figure("One"), figure("Two")];
        let due = moment(1).boot;
        let part = Part { period: NOW, due, ends: false, figures, through: 60 };
        desk.keep(&part, moment(1));
        desk.speak(&summary(2), moment(2));
        desk
    }

    #[test]
    fn a_summary_comes_in_time_or_not_at_all_and_takes_no_samples() {
        let mut desk = desk_with_summary();
        desk.speak(&summary(2), moment(3));
        assert_eq!(desk.backlog(moment(3).boot).publishes, 2);
        assert_eq!(desk.taken_through(), 0, "the samples of the part aren't safe yet");
        let Act::Put(batch) = desk.next(moment(9)) else { panic!("nothing is sent") };
        let said: Vec<_> = batch.datums.iter().filter(|datum| datum.is_summary()).collect();
        assert_eq!((batch.datums.len(), said.len()), (3, 1));
        assert_eq!(said[0].dimensions[0].value, "web");
        desk.answered(&outcome(Outcome::Accepted), moment(9), 0.5);
        let backlog = desk.backlog(moment(9).boot);
        assert_eq!((backlog.last_summary, backlog.publishes), (Some(NOW), 0));
    }

    #[test]
    fn a_summary_that_may_have_arrived_is_not_said_again() {
        for (ambiguous, left) in [(true, 2), (false, 3)] {
            let mut desk = desk_with_summary();
            assert!(matches!(desk.next(moment(9)), Act::Put(_)));
            let retry = Outcome::Retry {
                cause: RetryCause::Network,
                after: None,
                reason: String::new(),
                ambiguous,
            };
            desk.answered(&outcome(retry), moment(9), 0.5);
            let Act::Put(batch) = desk.next(moment(100)) else { panic!("nothing is sent") };
            assert_eq!(batch.datums.len(), left);
            assert_eq!(desk.backlog(moment(100).boot).last_summary, None);
            assert_eq!(desk.backlog(moment(100).boot).dropped(), 0);
        }
    }
}
