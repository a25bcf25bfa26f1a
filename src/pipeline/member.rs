//! The host's part in its cluster: a task beside the others, which nothing waits for but the end.

use crate::average::Average;
use crate::clock::Clock;
use crate::cluster::configured;
use crate::cluster::member::{Ends, Member};
use crate::config::Config;
use crate::identity::Identity;
use crate::sampler::Sampler;
use crate::status::asked;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

/// Begins to take part, where a cluster is configured; `ends` is made of where each period's
/// averages come from.
pub(super) fn take_part<C: 'static>(
    config: &Config,
    identity: &Identity,
    place: f64,
    sampler: &mut Sampler<C>,
    clock: &Clock,
    ends: impl FnOnce(watch::Receiver<Option<Average>>) -> Ends<C>,
) -> Option<(asked::Member, JoinHandle<()>)> {
    let settings = match configured::settings(config, identity, place) {
        Ok(settings) => settings?,
        Err(error) => {
            tracing::error!(%error, "the cluster can't be taken part in");
            return None;
        }
    };
    let (averages, closed) = watch::channel(None);
    sampler.tell(averages);
    let (cluster, name) = (settings.cluster.clone(), settings.member.clone());
    tracing::info!(cluster, member = name, "this host is a member of a cluster");
    let member = Member::new(settings, ends(closed), clock.clone());
    let seen = member.seen();
    Some((asked::Member { cluster, name, seen }, spawn_local(member.run())))
}
