//! `cwmem run`: the daemon, with the process's own signals, files and environment.

use crate::clock::Clock;
use crate::command::check::scopes::container;
use crate::command::outside;
use crate::config::{Config, Problems};
use crate::exit::Exit;
use crate::notify::Notifier;
use crate::pipeline::{self, Signal, World};
use crate::publisher::Summary;
use crate::state;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc;

/// Reads the configuration again, the same way each time.
pub type Loader = Arc<dyn Fn() -> Result<Config, Problems> + Send + Sync>;

pub async fn run(config: Config, load: Loader, clock: Clock) -> Exit {
    let signals = match follow_signals() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be followed");
            return Exit::Unavailable;
        }
    };
    let local = outside::local(&config);
    let place = outside::place(&config, &local);
    let imds = match outside::imds() {
        Ok(imds) => imds,
        Err(error) => {
            tracing::error!(%error, "AWS_EC2_METADATA_SERVICE_ENDPOINT makes no sense");
            return Exit::Config;
        }
    };
    let identity = pipeline::identity_of(&config, &local);
    let kept = match state::open(&config, &identity, Path::new(outside::MACHINE_ID), &clock).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Temporary;
        }
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        interval = ?config.sample.interval.duration(),
        period = ?config.publish.period,
        namespace = config.metrics.namespace,
        "sampling begins"
    );
    if let Some((evidence, remedy)) = container(&config) {
        tracing::warn!("{evidence}: {remedy}");
    }
    let world = World {
        notifier: Notifier::from_environment(clock.now().boot),
        random: fastrand::Rng::new(),
        imds,
        local,
        place,
        kept,
        make_sink: {
            let clock = clock.clone();
            move |config: &Config, identity| outside::cloudwatch(config, identity, clock.clone())
        },
        load: move || {
            let load = load.clone();
            async move {
                let loaded = tokio::task::spawn_blocking(move || load()).await;
                let loaded = loaded.map_err(|error| format!("it cannot be read: {error}"))?;
                loaded.map_err(|problems| problems.to_string())
            }
        },
        clock,
    };
    let summary = pipeline::run(config, world, signals).await;
    tell(summary);
    Exit::Ok
}

fn tell(summary: Summary) {
    let Summary { delivered, dropped, waiting, undelivered } = summary;
    if undelivered > 0 {
        tracing::error!(
            delivered,
            dropped,
            waiting,
            undelivered,
            "stopped; what could be neither delivered nor written to the state directory within publish.grace is lost"
        );
    } else if waiting > 0 {
        tracing::warn!(
            delivered,
            dropped,
            waiting,
            "stopped; what could not be delivered waits in the state directory for the next start"
        );
    } else {
        tracing::info!(delivered, dropped, "stopped; everything is delivered");
    }
}

/// SIGHUP reloads; the first SIGTERM or SIGINT stops, the second exits at once.
fn follow_signals() -> io::Result<mpsc::UnboundedReceiver<Signal>> {
    let mut reload = unix::signal(SignalKind::hangup())?;
    let mut terminate = unix::signal(SignalKind::terminate())?;
    let mut interrupt = unix::signal(SignalKind::interrupt())?;
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut stopping = false;
        loop {
            let (signal, number) = tokio::select! {
                Some(()) = reload.recv() => (Signal::Reload, 1),
                Some(()) = terminate.recv() => (Signal::Stop, 15),
                Some(()) = interrupt.recv() => (Signal::Stop, 2),
                else => return,
            };
            if signal == Signal::Stop && std::mem::replace(&mut stopping, true) {
                // As a shell shows a process that died of the signal.
                std::process::exit(128 + number);
            }
            if sender.send(signal).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
