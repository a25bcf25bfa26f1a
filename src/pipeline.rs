//! Puts the parts together: signals in, samples through, requests out.
//!
//! The sampler produces, the publisher consumes; this is the only place that knows both. A stop
//! ends the sampler first; the closed channel ends the publisher.

mod member;
mod settings;

pub use settings::wanted;

use crate::clock::{Boottime, Clock};
use crate::cluster::member::Ends;
use crate::config::Config;
use crate::identity::discover::discover;
use crate::identity::imds::Imds;
use crate::identity::{Identity, Local};
use crate::log;
use crate::notify::{self, Notifier};
use crate::publisher::{Behind, Publisher, Summary, Told, Whose};
use crate::sampler::{Memory, Reload, Sampler};
use crate::sink::Sink;
use crate::state::{self, Kept};
use crate::status::asked::{self, Asked, InForce};
use crate::status::{self, socket};
use member::take_part;
use settings::{publisher_settings, sampler_settings};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, spawn_local};

/// What an operator asks of the running daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Reload,
    Stop,
}

/// Everything outside that the pipeline is run in.
pub struct World<M, L> {
    pub clock: Clock,
    pub random: fastrand::Rng,
    pub notifier: Notifier,
    pub local: Local,
    pub imds: Imds,
    /// This host's place in the publishing interval, 0..1.
    pub place: f64,
    /// What outlives the process.
    pub kept: Kept,
    /// Makes the sink that a configuration asks for.
    pub make_sink: M,
    /// Reads the configuration again; the error is for people.
    pub load: L,
}

/// Runs until a stop, and through every reload, on a `LocalRuntime`.
///
/// The sampler is what wakes each second; the others are tasks of their own, so that they aren't
/// asked each time whether they have something to do.
pub async fn run<S, M, L, F>(
    config: Config,
    world: World<M, L>,
    signals: mpsc::UnboundedReceiver<Signal>,
) -> Summary
where
    S: Sink + 'static,
    M: FnMut(&Config, watch::Receiver<Identity>) -> S + 'static,
    L: Fn() -> F + 'static,
    F: Future<Output = Result<Config, String>> + 'static,
{
    let clock = world.clock.clone();
    let (identity, names) = watch::channel(identity_of(&config, &world.local));
    let (parts, closed) = mpsc::unbounded_channel();
    let (reload, reloads) = mpsc::unbounded_channel();
    let (deadline, until) = watch::channel(None);
    let (stop, stopped) = oneshot::channel::<()>();
    let World { clock: _, mut random, notifier, local, imds, place, kept, mut make_sink, load } =
        world;
    let taken_through = kept.taken_through();
    let Kept { whose, disk, found, recorder, black_box, inherited } = kept;
    let (told_taken, taken) = watch::channel(0);
    let boot_id = whose.boot_id.clone();
    let memory = Memory { recorder, black_box, inherited, taken_through, taken, boot_id };
    let settings = sampler_settings(&config, place);
    let out = parts.downgrade();
    let mut sampler = Sampler::new(settings, clock.clone(), notifier, memory, parts);
    let in_force = watch::Sender::new(asked::in_force(&config, names.clone()));
    let sink = make_sink(&config, names.clone());
    let behind =
        Behind { settings: publisher_settings(&config, &identity.borrow()), sink, identity: names };
    let (told_backlog, _) = watch::channel(None);
    let member =
        take_part(&config, in_force.subscribe(), place, &mut sampler, &clock, |averages| Ends {
            averages,
            backlog: told_backlog.subscribe(),
            deadline: until.clone(),
            out,
        });
    let (member, task) = member.unzip();
    let asked = Asked {
        member,
        started: clock.now(),
        whose: whose.clone(),
        seen: sampler.seen(),
        backlog: told_backlog.subscribe(),
        in_force: in_force.subscribe(),
    };
    let socket = config.state.runtime_directory.join(status::SOCKET);
    let status = socket::serve(socket, clock.clone(), move |now| asked.report(now));
    let told = Told { taken: told_taken, backlog: told_backlog };
    let fork = random.fork();
    let publisher =
        Publisher::new(clock.clone(), behind, whose.clone(), (disk, found), told, until, fork);
    let publisher = publisher.run(closed);
    let outside = Outside { clock, random, local, imds, place, whose, make_sink, load };
    let control = Control { config, outside, identity, in_force, reload, deadline };
    let sampler = sampler.run(reloads, async {
        // An error means that the control is gone: no one could stop it any more.
        let _ = stopped.await;
    });
    let publisher = spawn_local(publisher);
    spawn_local(control.run(signals, stop));
    spawn_local(status);
    spawn_local(sampler).await.unwrap_or_else(panic_on);
    let summary = publisher.await.unwrap_or_else(panic_on);
    if let Some(task) = task {
        task.await.unwrap_or_else(panic_on);
    }
    summary
}

/// Nobody cancels these tasks: one can only have panicked, which goes on here.
fn panic_on<T>(error: JoinError) -> T {
    std::panic::resume_unwind(error.into_panic())
}

/// What of the world the control needs.
struct Outside<M, L> {
    clock: Clock,
    random: fastrand::Rng,
    local: Local,
    imds: Imds,
    place: f64,
    whose: Whose,
    make_sink: M,
    load: L,
}

/// Follows the signals and the host's identity.
struct Control<S, M, L> {
    config: Config,
    outside: Outside<M, L>,
    identity: watch::Sender<Identity>,
    in_force: watch::Sender<InForce>,
    reload: mpsc::UnboundedSender<Box<Reload<Box<Behind<S>>>>>,
    deadline: watch::Sender<Option<Boottime>>,
}

enum Never {}

impl<S, M, L, F> Control<S, M, L>
where
    M: FnMut(&Config, watch::Receiver<Identity>) -> S,
    L: Fn() -> F,
    F: Future<Output = Result<Config, String>>,
{
    async fn run(
        mut self,
        mut signals: mpsc::UnboundedReceiver<Signal>,
        stop: oneshot::Sender<()>,
    ) -> Never {
        while let Some(config) = self.next_config(&mut signals).await {
            self.apply(config);
            notify::ready();
        }
        self.stop(stop);
        std::future::pending().await
    }

    /// The configuration that a reload brings, the host being found out about meanwhile; `None` at
    /// a stop.
    async fn next_config(&self, signals: &mut mpsc::UnboundedReceiver<Signal>) -> Option<Config> {
        let reloaded = async {
            loop {
                match signals.recv().await {
                    Some(Signal::Reload) => {
                        if let Some(config) = self.reload().await {
                            return Some(config);
                        }
                    }
                    Some(Signal::Stop) => return None,
                    // Nobody is left to say anything.
                    None => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            config = reloaded => config,
            never = self.discover() => match never {},
        }
    }

    /// Finds out what the configuration needs of the host; then there is nothing more to do until
    /// the next configuration.
    async fn discover(&self) -> Never {
        let identity = self.identity.borrow().clone();
        let wanted = wanted(&identity, &self.config);
        let Outside { imds, clock, random, .. } = &self.outside;
        let publish = |identity: &Identity| {
            self.identity.send_replace(identity.clone());
        };
        discover(identity, wanted, imds.clone(), clock.clone(), random.clone(), publish).await;
        std::future::pending().await
    }

    fn stop(&self, stop: oneshot::Sender<()>) {
        let until = self.outside.clock.now().boot.plus(self.config.publish.grace);
        self.deadline.send_replace(Some(until));
        tracing::info!("stopping: the open period is closed and sent");
        notify::stopping();
        // Fails only where the sampler has ended by itself.
        let _ = stop.send(());
    }

    /// The new configuration; `None` where it is refused.
    async fn reload(&self) -> Option<Config> {
        notify::reloading();
        match (self.outside.load)().await {
            Ok(config) => match needs_restart(&self.config, &config) {
                None => Some(config),
                Some(keys) => {
                    tracing::error!(
                        "the new configuration changes {keys}, which needs a restart: it is refused, the old one stays in force"
                    );
                    notify::ready();
                    None
                }
            },
            Err(problems) => {
                for problem in problems.lines() {
                    tracing::error!("the new configuration is wrong: {problem}");
                }
                tracing::error!("the new configuration is refused: the old one stays in force");
                notify::ready();
                None
            }
        }
    }

    fn apply(&mut self, config: Config) {
        log::apply(config.log);
        let mut identity = identity_of(&config, &self.outside.local);
        identity.continue_from(&self.identity.borrow());
        let settings = publisher_settings(&config, &identity);
        // A channel of its own: what was closed before is dressed with the names of its time.
        let (identity, names) = watch::channel(identity);
        let sink = (self.outside.make_sink)(&config, names.clone());
        self.in_force.send_replace(asked::in_force(&config, names.clone()));
        // Boxed: a channel has room for many messages of the largest kind.
        let behind = Box::new(Behind { settings, sink, identity: names });
        let recorder = state::reopen(&self.config, &config, &self.outside.whose);
        let settings = sampler_settings(&config, self.outside.place);
        // Fails only where the sampler is gone: the process is ending.
        let _ = self.reload.send(Box::new(Reload { settings, recorder, behind }));
        self.identity = identity;
        self.config = config;
        tracing::info!("the new configuration is in force");
    }
}

/// What a reload cannot change.
fn needs_restart(before: &Config, after: &Config) -> Option<String> {
    let keys = [
        ("state.directory", before.state.directory != after.state.directory),
        (
            "state.runtime_directory",
            before.state.runtime_directory != after.state.runtime_directory,
        ),
        ("recorder.duration", before.recorder != after.recorder),
        ("[cluster]", before.cluster != after.cluster),
        (
            "publish.period of a cluster's member",
            after.cluster.is_some() && before.publish.period != after.publish.period,
        ),
    ];
    let keys: Vec<_> = keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

/// The host's identity as far as it is known without asking.
pub fn identity_of(config: &Config, local: &Local) -> Identity {
    let region = config.cloudwatch.region.as_deref();
    Identity::new(&config.identity, region, &config.dimensions, local)
}
