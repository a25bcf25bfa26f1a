//! The disk's thread: does one job after the other, so that a disk that is slow, frozen or full
//! costs the sampler nothing.

pub use crate::spool::order::{Done, Loaded, Lost, Order};

use crate::black_box;
use crate::clock::Moment;
use crate::health::Cause;
use crate::owner::Owner;
use crate::recorder::RING;
use crate::recorder::copy::copy;
use crate::spool::folder::{Folder, OpenError, Unsent};
use crate::spool::inventory::Found;
use crate::spool::text::{Content, Damage, Head};
use crate::spool::{Filed, Job, Key};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where the state directory is, and whose.
#[derive(Debug, Clone)]
pub struct Place {
    pub root: PathBuf,
    /// Where the flight recorder's live files are.
    pub runtime: PathBuf,
    pub owner: Owner,
    pub boot_id: String,
}

/// The way to the thread; it ends when this is dropped and everything is done.
#[derive(Debug)]
pub struct Disk {
    orders: Sender<Order>,
    pub done: UnboundedReceiver<Done>,
}

impl Disk {
    /// Starts the thread; its first word is `Done::Opened`.
    pub fn start(place: Place) -> io::Result<Disk> {
        let (orders, received) = channel();
        let (tell, done) = unbounded_channel();
        let worker = Worker { place, folder: None, tell, copied: (0, None), copy_failed: false };
        let thread = thread::Builder::new().name("disk".to_owned()).stack_size(STACK);
        thread.spawn(move || worker.run(&received))?;
        Ok(Disk { orders, done })
    }

    /// Asks for something. A thread that is gone does nothing any more, and the process is ending.
    pub fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

struct Worker {
    place: Place,
    folder: Option<Folder>,
    tell: UnboundedSender<Done>,
    /// Through which sample the recorder is copied, through which entry the black box, and whether
    /// that works.
    copied: (u64, Option<u64>),
    copy_failed: bool,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        let opened = self.open();
        self.say(Done::Opened(opened));
        while let Ok(order) = orders.recv() {
            match order {
                Order::Spool(job) => self.job(job),
                Order::Quarantine { datum, reason, when } => self
                    .try_to("keep a refused datum", |folder| {
                        folder.quarantine(&datum, &reason, when)
                    }),
                Order::Own { owner, undecided } => self.own(owner, undecided),
                Order::CopyRecorder => self.copy_recorder(),
                Order::Run(work) => work(),
            }
        }
    }

    fn open(&mut self) -> Result<Found, OpenError> {
        let Place { root, owner, boot_id, .. } = &self.place;
        let (folder, found) = Folder::open(root, owner, boot_id)?;
        self.folder = Some(folder);
        Ok(found)
    }

    fn job(&mut self, job: Job) {
        match job {
            Job::Write { key, closed, content } => {
                let done = match self.write(key, closed, &content) {
                    Ok(kib) => Done::Written { key, kib },
                    Err(error) => {
                        let full = error.kind() == io::ErrorKind::StorageFull
                            || error.kind() == io::ErrorKind::QuotaExceeded;
                        Done::NotWritten { key, full, reason: error.to_string() }
                    }
                };
                self.say(done);
            }
            Job::Replace { key, closed, content } => {
                let replaced =
                    self.folder.as_mut().map(|folder| folder.replace(key, closed, &content));
                self.say_not_done(Job::Replace { key, closed, content }, replaced);
            }
            Job::Mark { key, offered } => {
                let marked = self.folder.as_mut().map(|folder| folder.mark(key, offered));
                let marked = marked.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
                if offered {
                    let result = marked.map_err(|error| error.to_string());
                    self.say(Done::Marked { key, result });
                }
            }
            Job::Remove { key } => {
                let removed = self.folder.as_mut().map(|folder| folder.remove(key));
                self.say_not_done(Job::Remove { key }, removed);
            }
            Job::Drop { file, cause } => {
                let dropped = self.folder.as_mut().map(|folder| folder.drop(file));
                match dropped.transpose() {
                    Ok(dropped) => {
                        let (closed, datums) = dropped.unwrap_or((None, 0));
                        self.say(Done::Dropped { cause, closed, datums });
                    }
                    // Whoever removed it has it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.say(Done::Dropped { cause, closed: None, datums: 0 });
                    }
                    Err(error) => {
                        let reason = error.to_string();
                        self.say(Done::NotDone { job: Job::Drop { file, cause }, reason });
                    }
                }
            }
            Job::Load { files } => {
                let load = |file| Loaded { file, content: self.load(file) };
                let loaded = files.into_iter().map(load).collect();
                self.say(Done::Loaded(loaded));
            }
        }
    }

    /// What couldn't be opened before is tried again.
    fn write(&mut self, key: Key, closed: Moment, content: &Content) -> io::Result<u32> {
        if self.folder.is_none() {
            let found = self.open().map_err(io::Error::other)?;
            self.say(Done::Opened(Ok(found)));
        }
        let Some(folder) = &mut self.folder else { return Err(io::ErrorKind::NotFound.into()) };
        folder.write(key, closed, content)
    }

    fn load(&mut self, file: Filed) -> Result<(Head, Content), Lost> {
        match self.folder.as_mut().map(|folder| folder.load(file)) {
            Some(Ok(loaded)) => Ok(loaded),
            Some(Err((unsent, datums))) => {
                let later = matches!(&unsent, Unsent::Io(error)
                    if error.kind() != io::ErrorKind::NotFound);
                let cause = match &unsent {
                    Unsent::Damage(Damage::Newer { .. }) => None,
                    Unsent::Io(_) if later => None,
                    Unsent::Damage(Damage::Damaged(_)) | Unsent::Io(_) => Some(Cause::Damaged),
                    Unsent::Foreign(_) => Some(Cause::Foreign),
                };
                Err(Lost { cause, later, reason: format!("{}: {unsent}", file.key), datums })
            }
            None => Err(Lost {
                cause: None,
                later: true,
                reason: "there is no state directory".to_owned(),
                datums: 0,
            }),
        }
    }

    fn own(&mut self, owner: Owner, undecided: Option<bool>) {
        self.place.owner = owner.clone();
        let decided =
            undecided.and_then(|foreign| Some(self.folder.as_mut()?.decide(&owner, foreign)));
        match decided {
            Some(Ok(found)) => self.say(Done::Opened(Ok(found))),
            Some(Err(error)) => self.fail("take over files of an earlier run", &error),
            None => {}
        }
        self.try_to("note this host's name", |folder| folder.own(&owner));
    }

    fn copy_recorder(&mut self) {
        let (live, kept) = (self.place.runtime.join(RING), self.place.root.join(RING));
        // Without a lock on it, the directory isn't ours to write to.
        if self.folder.is_none() || !live.exists() {
            return;
        }
        let copied = copy(&live, &kept, self.copied.0).map_err(|error| error.to_string());
        let result = copied.and_then(|copied| {
            self.copied.0 = copied;
            match black_box::file::copy(&self.place.runtime, &self.place.root, self.copied.1) {
                Ok((copied, _)) => self.copied.1 = Some(copied),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.to_string()),
            }
            Ok(())
        });
        let failed = result.is_err();
        if let (Err(reason), false) = (result, self.copy_failed) {
            self.say(Done::Failed { what: "copy the flight recorder", reason });
        }
        self.copy_failed = failed;
    }

    fn try_to(&mut self, what: &'static str, act: impl FnOnce(&mut Folder) -> io::Result<()>) {
        if let Some(Err(error)) = self.folder.as_mut().map(act) {
            self.fail(what, &error);
        }
    }

    fn say_not_done(&self, job: Job, result: Option<io::Result<()>>) {
        // What isn't there any more is no matter to come back to.
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if let Some(Err(error)) = result.filter(|result| !result.as_ref().is_err_and(gone)) {
            self.say(Done::NotDone { job, reason: error.to_string() });
        }
    }

    fn fail(&self, what: &'static str, error: &io::Error) {
        self.say(Done::Failed { what, reason: error.to_string() });
    }

    /// Nobody who listens any more means that the process is ending.
    fn say(&self, done: Done) {
        let _ = self.tell.send(done);
    }
}

/// The thread reads files into the heap and calls nothing deep; tests run in it too.
const STACK: usize = 256 * 1024;
