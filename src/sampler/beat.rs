//! The sampler's two tasks: the beat, which wakes it, and what else may come.

use crate::sampler::{Reload, Sampler};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

impl<C> Sampler<C> {
    /// Samples until `stop` resolves or everyone behind is gone; what is open then is closed.
    ///
    /// The beat is a task of its own, so that a second asks no one else whether there is something
    /// to do: with cold caches, each question costs a good part of a sample.
    pub async fn run(
        self,
        mut reloads: mpsc::UnboundedReceiver<Box<Reload<C>>>,
        stop: impl Future<Output = ()>,
    ) where
        C: 'static,
    {
        let (mut taken, parts) = (self.taken.clone(), self.parts.clone());
        let sampler = Rc::new(RefCell::new(self));
        let mut beating = spawn_local(beat(sampler.clone()));
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(reload) = reloads.recv() => {
                    sampler.borrow_mut().reload(*reload);
                    beating.abort();
                    beating = spawn_local(beat(sampler.clone()));
                }
                Ok(()) = taken.changed() => {
                    let taken = *taken.borrow_and_update();
                    sampler.borrow_mut().note_taken(taken);
                }
                () = parts.closed() => return beating.abort(),
                Err(error) = &mut beating => std::panic::resume_unwind(error.into_panic()),
            }
        }
        beating.abort();
        let mut sampler = sampler.borrow_mut();
        let now = sampler.clock.now();
        let part = sampler.periods.stop(now);
        sampler.send_part(part);
    }
}

/// Wakes the sampler whenever it has something to do.
async fn beat<C>(sampler: Rc<RefCell<Sampler<C>>>) {
    let clock = sampler.borrow().clock.clone();
    let mut alarm = clock.alarm();
    let mut now = clock.now();
    loop {
        let (wake, again) = {
            let sampler = sampler.borrow();
            (sampler.next_wake(now), sampler.interval().duration())
        };
        alarm.until_and_again(wake, again).await;
        now = clock.now();
        sampler.borrow_mut().wake(now);
    }
}
