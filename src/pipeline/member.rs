//! The host's part in its cluster: a task beside the others, which nothing waits for but the end.

use crate::average::Average;
use crate::clock::{Boottime, Clock};
use crate::cluster::configured;
use crate::cluster::member::{Ends, Member};
use crate::config::Config;
use crate::sampler::Sampler;
use crate::status::asked::{self, InForce};
use std::cell::OnceCell;
use std::rc::Rc;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

/// Begins to take part, where a cluster is configured; `ends` is made of where each period's
/// averages come from.
pub(super) fn take_part<C: 'static>(
    config: &Config,
    in_force: watch::Receiver<InForce>,
    place: f64,
    sampler: &mut Sampler<C>,
    clock: &Clock,
    ends: impl FnOnce(watch::Receiver<Option<Average>>) -> Ends<C>,
) -> Option<(asked::Member, JoinHandle<()>)> {
    let settings = match configured::settings(config, place) {
        Ok(settings) => settings?,
        Err(error) => {
            tracing::error!(%error, "the cluster can't be taken part in");
            return None;
        }
    };
    let (averages, closed) = watch::channel(None);
    sampler.tell(averages);
    let cluster = settings.cluster.clone();
    let ends = ends(closed);
    let deadline = ends.deadline.clone();
    let member = Member::new(settings, ends, clock.clone());
    let told = asked::Member { cluster: cluster.clone(), name: Rc::default(), seen: member.seen() };
    let name: Rc<OnceCell<String>> = told.name.clone();
    let task = spawn_local(async move {
        if let Some(known) = name_of(&cluster, in_force, deadline).await {
            tracing::info!(cluster, member = known, "this host is a member of a cluster");
            let known = name.get_or_init(|| known).clone();
            member.named(known).run().await;
        }
    });
    Some((told, task))
}

/// The host's name in its cluster, as soon as it is known; `None` where a stop comes first.
async fn name_of(
    cluster: &str,
    mut in_force: watch::Receiver<InForce>,
    mut deadline: watch::Receiver<Option<Boottime>>,
) -> Option<String> {
    let mut said = false;
    loop {
        // A reload brings another one.
        let mut identity = in_force.borrow_and_update().identity();
        let known = configured::member(&identity.borrow());
        if known.is_some() {
            return known;
        }
        if !std::mem::replace(&mut said, true) {
            tracing::info!(
                cluster,
                "this host's part in its cluster waits for its InstanceId, by which it is known there"
            );
        }
        tokio::select! {
            _ = deadline.wait_for(Option::is_some) => return None,
            Ok(()) = identity.changed() => {}
            Ok(()) = in_force.changed() => {}
        }
    }
}
