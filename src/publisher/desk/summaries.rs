//! What this host says for its cluster: kept in time or not at all, and said once.

use crate::batch::Parcel;
use crate::clock::{Boottime, Moment, Timestamp};
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
            self.skip(*period, figures.len(), now.boot);
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
        let entry = Entry::new(key, now.boot, stale, now, content).once(*until);
        let lost = self.spool.keep(entry);
        self.lose(Cause::MemoryFull, lost, now.boot);
    }

    /// What isn't on the disk in time is never sent.
    pub(super) fn skip_late(&mut self, now: Boottime) {
        for (period, datums) in self.spool.late(now) {
            self.skip(period, datums, now);
        }
    }

    fn skip(&mut self, period: Timestamp, datums: usize, now: Boottime) {
        tracing::warn!(%period, "the cluster's summary is skipped: it wasn't on the disk in time after its claim");
        self.lose(Cause::Summary, datums, now);
    }

    /// A request was answered ambiguously: what it said for the cluster may be there, and isn't
    /// said again. A host's own data is: its minima, maxima and averages survive a repeat.
    pub(super) fn forget_summaries(&mut self, parcel: &Parcel<Key>, now: Boottime) {
        let datums = parcel.batch.datums.iter().zip(&parcel.origins);
        let said = datums.filter(|(datum, _)| datum.is_summary()).map(|(_, key)| *key);
        let mut said: Vec<Key> = said.collect();
        said.dedup();
        for key in said {
            // Given up first: put back, it would lose its mark before its file is gone.
            let datums = self.spool.give_up(key);
            self.let_go(key);
            if datums > 0 {
                let period = key.period;
                tracing::warn!(%period, "the cluster's summary may have arrived, and isn't sent again");
                self.lose(Cause::Summary, datums, now);
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
    use crate::distribution::Statistics;
    use crate::identity::fixture::{Given, laptop};
    use crate::owner::Owner;
    use crate::publisher::desk::{Act, Desk, Whose};
    use crate::publisher::fixture::settings;
    use crate::sampler::{ClusterSummary, Part};
    use crate::sink::{Answer, Outcome, RetryCause};
    use crate::spool::Job;
    use crate::spool::disk::{Done, Order};
    use crate::spool::inventory::Found;
    use crate::units::Unit;
    use crate::window::Figure;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_795_443_600_000);

    fn moment(seconds: u64) -> Moment {
        let wall = NOW.plus(Duration::from_secs(seconds));
        Moment { wall, boot: Boottime(0).plus(Duration::from_secs(1_000 + seconds)) }
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

    /// With a part of its own and a summary that has to be written by the second 2.
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

    /// What comes next where the disk does at once what it is asked for, with what it was asked.
    fn next(desk: &mut Desk, now: Moment) -> (Act, String) {
        let mut asked = String::new();
        loop {
            let act = desk.next(now);
            let orders = desk.orders();
            if orders.is_empty() {
                return (act, asked);
            }
            for order in orders {
                let Order::Spool(job) = order else { continue };
                match job {
                    Job::Write { key, .. } => {
                        asked.push_str("write ");
                        desk.disk(Done::Written { key, kib: 4 }, now);
                    }
                    Job::Mark { key, offered: true } => {
                        asked.push_str("mark ");
                        desk.disk(Done::Marked { key, result: Ok(()) }, now);
                    }
                    Job::Mark { .. } => asked.push_str("unmark "),
                    Job::Remove { .. } => asked.push_str("remove "),
                    Job::Load { .. } => asked.push_str("load "),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// How many datums of the host's own and of the cluster are sent together.
    fn sent(act: &Act) -> (usize, usize) {
        let Act::Put(batch) = act else { return (0, 0) };
        let said = batch.datums.iter().filter(|datum| datum.is_summary()).count();
        (batch.datums.len() - said, said)
    }

    fn lost(desk: &Desk) -> u64 {
        desk.backlog(moment(0).boot).dropped()
    }

    #[test]
    fn a_summary_comes_in_time_or_not_at_all_and_takes_no_samples() {
        let mut desk = desk_with_summary();
        desk.speak(&summary(2), moment(3));
        assert_eq!((desk.backlog(moment(3).boot).publishes, lost(&desk)), (2, 1));
        assert_eq!(desk.taken_through(), 0, "the samples of the part aren't safe yet");
        let (act, asked) = next(&mut desk, moment(2));
        assert_eq!((sent(&act), asked.as_str()), ((2, 0), "write write "));
        desk.answered(&outcome(Outcome::Accepted), moment(2), 0.5);
        let (act, asked) = next(&mut desk, moment(2));
        assert_eq!((sent(&act), asked.as_str()), ((0, 1), "remove mark "));
        let Act::Put(batch) = act else { panic!("nothing is sent") };
        assert_eq!(batch.datums[0].dimensions[0].value, "web");
        desk.answered(&outcome(Outcome::Accepted), moment(2), 0.5);
        let backlog = desk.backlog(moment(9).boot);
        assert_eq!((backlog.last_summary, backlog.publishes, lost(&desk)), (Some(NOW), 0, 1));
    }

    #[test]
    fn a_summary_that_the_disk_has_too_late_is_never_sent() {
        for second in [3, 60] {
            let mut desk = desk_with_summary();
            desk.next(moment(2));
            // It is first, as the samples of the part aren't in it.
            let orders = desk.orders();
            let [Order::Spool(Job::Write { key, .. })] = orders[..] else { panic!("no write") };
            desk.disk(Done::Written { key, kib: 4 }, moment(second));
            let (act, asked) = next(&mut desk, moment(second));
            assert_eq!((sent(&act), asked.as_str(), lost(&desk)), ((2, 0), "remove write ", 1));
            desk.answered(&outcome(Outcome::Accepted), moment(second), 0.5);
            assert_eq!(sent(&next(&mut desk, moment(second + 9)).0), (0, 0));
        }
    }

    #[test]
    fn a_summary_does_not_go_from_memory() {
        let mut desk = desk_with_summary();
        // The disk says nothing; the host's own data waits for a second only.
        let act = desk.next(moment(9));
        assert_eq!((sent(&act), lost(&desk)), ((2, 0), 1));
    }

    #[test]
    fn a_summary_that_may_have_arrived_is_not_said_again() {
        let retry = |ambiguous| {
            let (cause, reason) = (RetryCause::Network, String::new());
            Some(outcome(Outcome::Retry { cause, after: None, reason, ambiguous }))
        };
        // What was cut off has no answer at all.
        for (answer, said, then) in [
            (retry(true), false, "remove "),
            (None, false, "remove "),
            (retry(false), true, "unmark load "),
        ] {
            let mut desk = desk_with_summary();
            next(&mut desk, moment(2));
            desk.answered(&outcome(Outcome::Accepted), moment(2), 0.5);
            assert_eq!(sent(&next(&mut desk, moment(2)).0), (0, 1));
            match answer {
                Some(answer) => desk.answered(&answer, moment(2), 0.5),
                None => desk.unanswered(moment(2).boot),
            }
            let (act, asked) = next(&mut desk, moment(40));
            assert_eq!((sent(&act), asked.as_str()), ((0, 0), then));
            assert_eq!(
                (lost(&desk), desk.backlog(moment(40).boot).last_summary),
                (u64::from(!said), None)
            );
        }
    }

    #[test]
    fn the_last_words_wait_for_a_mark() {
        let mut desk = desk_with_summary();
        next(&mut desk, moment(2));
        desk.answered(&outcome(Outcome::Accepted), moment(2), 0.5);
        desk.stop(moment(2).boot);
        assert_eq!(sent(&next(&mut desk, moment(2)).0), (0, 1));
        desk.answered(&outcome(Outcome::Accepted), moment(2), 0.5);
        assert_eq!(next(&mut desk, moment(2)).0, Act::End);
    }
}
