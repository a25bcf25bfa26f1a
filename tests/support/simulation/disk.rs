//! The state directory in memory, and the thread that works on it: what `spool::disk` and
//! `spool::folder` do, in the same order, by the same names and the same text.

use super::bug::Bug;
use super::ledger::Ledger;
use super::recorder::{Copies, Rings};
use super::time::{SECOND, Time};
use super::weather::{Dice, Disk as Fault, Weather};
use cwmem::clock::Moment;
use cwmem::health::Cause;
use cwmem::owner::Owner;
use cwmem::spool::disk::{Done, Loaded, Lost, Order};
use cwmem::spool::folder::OpenError;
use cwmem::spool::inventory::{Found, Listing, Name};
use cwmem::spool::text::{self, Content, Head};
use cwmem::spool::{Filed, Job, Key};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

/// What is on the disk.
#[derive(Default)]
pub struct Files {
    files: BTreeMap<String, Vec<u8>>,
    pub owner: Option<String>,
    pub copies: Copies,
    /// The copies before the last one: a host's crash may leave these.
    copies_before: Copies,
    /// What a host's crash may undo, the newest last.
    unflushed: Vec<Undo>,
}

struct Undo {
    at: Time,
    name: String,
    before: Option<Vec<u8>>,
}

impl Files {
    /// The names of a folder.
    pub fn names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let all = self.files.range(folder.to_owned()..);
        let mine = all.take_while(move |(name, _)| name.starts_with(folder));
        mine.map(move |(name, bytes)| (&name[folder.len()..], &**bytes))
    }

    /// Under either name.
    fn read(&self, file: Filed) -> Option<&Vec<u8>> {
        let names = [file.pending, !file.pending].map(|pending| part_name(file.key, pending));
        names.iter().find_map(|name| self.files.get(name))
    }

    fn put(&mut self, name: String, bytes: Option<Vec<u8>>, at: Time) {
        let before = match bytes {
            Some(bytes) => self.files.insert(name.clone(), bytes),
            None => self.files.remove(&name),
        };
        self.unflushed.push(Undo { at, name, before });
        if self.unflushed.len() > 200 {
            self.unflushed.drain(..100);
        }
    }

    fn rename(&mut self, from: &str, to: String, at: Time) -> bool {
        let Some(bytes) = self.files.get(from).cloned() else { return false };
        self.put(to, Some(bytes), at);
        self.put(from.to_owned(), None, at);
        true
    }

    /// The directory is flushed, and everything with it that was done before.
    fn flush(&mut self) {
        self.unflushed.clear();
    }

    /// The host is gone: what wasn't flushed is undone, back to some point.
    pub fn lose_unflushed(&mut self, now: Time, dice: &mut Dice, ledger: &mut Ledger) {
        // The file system writes its journal by itself now and then.
        self.unflushed.retain(|undo| now - undo.at < JOURNAL);
        let kept = dice.0.usize(..=self.unflushed.len());
        for Undo { name, before, .. } in self.unflushed.drain(kept..).rev() {
            let file = name.rsplit('/').next().unwrap_or_default();
            if let Some(Name::Part(key, _)) = Name::parse(Path::new(file)) {
                ledger.undone(key);
            }
            match before {
                Some(bytes) => self.files.insert(name, bytes),
                None => self.files.remove(&name),
            };
        }
        self.unflushed.clear();
        if dice.one_in(2) {
            self.copies = self.copies_before.clone();
        }
    }
}

/// The thread: does one order after the other.
pub struct Thread {
    queue: VecDeque<(u64, Order)>,
    pub done_at: Option<Time>,
    pub next_number: u64,
    folder: Option<Folder>,
    owner: Owner,
    boot_id: String,
    /// The first word is still to be said.
    opens: bool,
}

struct Folder {
    owner: String,
    taken: u64,
}

/// What the thread works with.
pub struct Around<'a> {
    pub files: &'a mut Files,
    pub rings: &'a Rings,
    pub ledger: &'a mut Ledger,
    pub weather: &'a Weather,
    pub dice: &'a mut Dice,
    pub bug: Option<Bug>,
    pub now: Time,
}

impl Thread {
    pub fn start(owner: Owner, boot_id: String, around: &mut Around) -> Thread {
        let mut thread = Thread {
            queue: VecDeque::new(),
            done_at: None,
            next_number: 0,
            folder: None,
            owner,
            boot_id,
            opens: true,
        };
        thread.begin(around);
        thread
    }

    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.opens
    }

    /// Whether some of the parts are yet to be removed or changed.
    pub fn concerns(&self, key: Key) -> bool {
        self.queue.iter().any(|(_, order)| match order {
            Order::Spool(Job::Remove { key: other } | Job::Replace { key: other, .. }) => {
                *other == key
            }
            Order::Spool(Job::Drop { file, .. }) => file.key == key,
            _ => false,
        })
    }

    pub fn order(&mut self, order: Order, around: &mut Around) {
        self.queue.push_back((self.next_number, order));
        self.next_number += 1;
        if self.done_at.is_none() {
            self.begin(around);
        }
    }

    fn begin(&mut self, around: &mut Around) {
        let spell = around.weather.disk_at(around.now);
        let latency = match spell.map(|spell| spell.what) {
            Some(Fault::Slow) => around.dice.time(50_000, 4 * SECOND),
            _ => around.dice.time(100, 8_000),
        };
        let thaw = spell.filter(|spell| spell.what == Fault::Frozen).map(|spell| spell.until);
        self.done_at = Some(thaw.unwrap_or(around.now) + latency);
    }

    /// The order under way is done.
    pub fn done(&mut self, around: &mut Around) -> Result<Vec<Done>, String> {
        self.done_at = None;
        let mut done = Vec::new();
        if std::mem::take(&mut self.opens) {
            done.push(Done::Opened(self.open(around)));
        } else if let Some((number, order)) = self.queue.pop_front() {
            self.execute(number, order, around, &mut done)?;
        }
        if !self.queue.is_empty() {
            self.begin(around);
        }
        Ok(done)
    }

    /// The process is gone in the middle of an order.
    pub fn die(mut self, around: &mut Around) {
        let Some((_, Order::Spool(Job::Write { key, closed, content }))) = self.queue.pop_front()
        else {
            return;
        };
        match around.dice.0.u32(..3) {
            0 => {
                let name = format!("{SPOOL}{}.partial", Name::Part(key, false));
                around.files.put(name, Some(b"{\"cwmem_sp".to_vec()), around.now);
            }
            1 if self.folder.is_some() => drop(self.write(key, closed, &content, around)),
            _ => {}
        }
    }

    fn execute(
        &mut self,
        number: u64,
        order: Order,
        around: &mut Around,
        done: &mut Vec<Done>,
    ) -> Result<(), String> {
        match order {
            Order::Spool(job) => self.job(number, job, around, done)?,
            Order::Own { owner, undecided } => {
                self.owner = owner;
                if let (Some(false), true) = (undecided, self.folder.is_some()) {
                    done.push(match fault(around) {
                        Some(error) => {
                            Done::Failed { what: "take over", reason: error.to_string() }
                        }
                        None => Done::Opened(Ok(self.take_over(around))),
                    });
                }
                let _ = self.own(around);
            }
            Order::CopyRecorder => {
                if let (Some(_), None, Some(live)) =
                    (&self.folder, fault(around), &around.rings.live)
                {
                    if around.dice.one_in(4) {
                        around.files.copies_before = around.files.copies.clone();
                    }
                    around.files.copies.update(live);
                }
            }
            Order::Quarantine { .. } | Order::Run(_) => {}
        }
        Ok(())
    }

    fn job(
        &mut self,
        number: u64,
        job: Job,
        around: &mut Around,
        done: &mut Vec<Done>,
    ) -> Result<(), String> {
        match job {
            Job::Write { key, closed, content } => {
                done.extend(self.ensure_open(around));
                done.push(match self.write(key, closed, &content, around) {
                    Ok(kib) => Done::Written { key, kib },
                    Err(error) => {
                        let full = error.kind() == io::ErrorKind::StorageFull;
                        Done::NotWritten { key, full, reason: error.to_string() }
                    }
                });
            }
            Job::Replace { key, closed, content } => {
                let replaced = self.replace(key, closed, &content, around);
                let job = Job::Replace { key, closed, content };
                self.note(number, key, job, replaced, around, done);
            }
            // There is no cluster here.
            Job::Mark { .. } => {}
            Job::Remove { key } => {
                let removed = self.remove(key, around);
                self.note(number, key, Job::Remove { key }, removed, around, done);
            }
            Job::Drop { file, cause } => {
                let bytes = around.files.read(file).cloned().unwrap_or_default();
                done.push(match self.remove(file.key, around) {
                    Ok(()) if self.folder.is_some() => {
                        let head = text::read(&bytes).ok();
                        let closed = head.map(|(head, _)| (head.closed(), head.boot_id));
                        let datums = around.ledger.gave_up(&bytes)?;
                        Done::Dropped { cause, closed, datums }
                    }
                    Ok(()) => Done::Dropped { cause, closed: None, datums: 0 },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Done::Dropped { cause, closed: None, datums: 0 }
                    }
                    Err(error) => {
                        let job = Job::Drop { file, cause };
                        Done::NotDone { job, reason: error.to_string() }
                    }
                });
            }
            Job::Load { files } => {
                let load = |file| Loaded { file, content: self.load(file, around) };
                done.push(Done::Loaded(files.into_iter().map(load).collect()));
            }
        }
        Ok(())
    }

    fn note(
        &self,
        number: u64,
        key: Key,
        job: Job,
        result: io::Result<()>,
        around: &mut Around,
        done: &mut Vec<Done>,
    ) {
        match result {
            Ok(()) if self.folder.is_some() => around.ledger.settled(key, number),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => done.push(Done::NotDone { job, reason: error.to_string() }),
        }
    }

    fn open(&mut self, around: &mut Around) -> Result<Found, OpenError> {
        let failed = |source| OpenError::Io { path: PathBuf::from("state"), source };
        if let Some(error) = fault(around) {
            return Err(failed(error));
        }
        let stored = around.files.owner.as_deref().map(Owner::parse);
        let mut found = Found::default();
        match stored {
            Some(stored) if self.owner.undecided(&stored) => {
                found.undecided = Some(stored);
                let names: Vec<_> =
                    around.files.names(SPOOL).map(|(name, _)| name.to_owned()).collect();
                for name in names {
                    let to = format!("{UNDECIDED}{name}");
                    around.files.rename(&format!("{SPOOL}{name}"), to, around.now);
                }
            }
            _ => around.files.owner = Some(self.owner.to_string()),
        }
        let listing = self.list(around);
        self.folder = Some(Folder { owner: self.owner.to_string(), taken: listing.taken });
        (found.files, found.taken_through) = (listing.files, listing.taken_through);
        drop_completed(&mut found.files, around);
        Ok(found)
    }

    fn list(&mut self, around: &mut Around) -> Listing {
        let mut names = Vec::new();
        let mut partial = Vec::new();
        for (name, bytes) in around.files.names(SPOOL) {
            match Name::parse(Path::new(name)) {
                Some(Name::Partial) => partial.push(name.to_owned()),
                Some(Name::Taken(_)) if around.bug == Some(Bug::BlindToMarks) => {}
                Some(name) => names.push((name, kib(bytes))),
                None => {}
            }
        }
        for name in partial {
            around.files.put(format!("{SPOOL}{name}"), None, around.now);
        }
        let undecided = around.files.names(UNDECIDED);
        let listing =
            Listing::of(names, undecided.filter_map(|(name, _)| Name::parse(Path::new(name))));
        for older in &listing.older {
            around.files.put(taken_name(*older), None, around.now);
        }
        listing
    }

    fn ensure_open(&mut self, around: &mut Around) -> Option<Done> {
        if self.folder.is_some() {
            return None;
        }
        self.open(around).ok().map(|found| Done::Opened(Ok(found)))
    }

    fn own(&mut self, around: &mut Around) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        folder.owner = self.owner.to_string();
        if around.files.owner.as_ref() != Some(&folder.owner) {
            may_write(around)?;
            around.files.owner = Some(folder.owner.clone());
        }
        Ok(())
    }

    /// What waited until the host knew its instance is its own.
    fn take_over(&mut self, around: &mut Around) -> Found {
        let mut found = Found::default();
        let names: Vec<_> = around
            .files
            .names(UNDECIDED)
            .map(|(name, bytes)| (name.to_owned(), kib(bytes)))
            .collect();
        for (name, kib) in names {
            let from = format!("{UNDECIDED}{name}");
            if let Some(Name::Part(key, pending)) = Name::parse(Path::new(&name)) {
                around.files.rename(&from, format!("{SPOOL}{name}"), around.now);
                found.files.push(Filed { key, kib, pending });
            } else {
                let kept = format!("{SPOOL}{name}");
                match (Name::parse(Path::new(&name)), &mut self.folder) {
                    (Some(Name::Taken(through)), Some(folder)) if through > folder.taken => {
                        let before = std::mem::replace(&mut folder.taken, through);
                        around.files.rename(&from, kept, around.now);
                        around.files.put(taken_name(before), None, around.now);
                    }
                    _ => around.files.put(from, None, around.now),
                }
            }
        }
        found
    }

    fn write(
        &mut self,
        key: Key,
        closed: Moment,
        content: &Content,
        around: &mut Around,
    ) -> io::Result<u32> {
        let Some(folder) = &self.folder else { return Err(io::ErrorKind::NotFound.into()) };
        may_write(around)?;
        let head = Head::new(&folder.owner, &self.boot_id, key.through, closed);
        let bytes = text::write(&head, content);
        let kib = kib(&bytes);
        if around.bug == Some(Bug::PhantomWrite) && around.dice.one_in(20) {
            return Ok(kib);
        }
        let name = part_name(key, content.waits());
        around.files.put(name, Some(bytes), around.now);
        around.files.flush();
        around.ledger.written(key);
        Ok(kib)
    }

    fn replace(
        &mut self,
        key: Key,
        closed: Moment,
        content: &Content,
        around: &mut Around,
    ) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        may_write(around)?;
        let head = Head::new(&folder.owner, &self.boot_id, key.through, closed);
        let pending = content.waits();
        around.files.put(part_name(key, pending), Some(text::write(&head, content)), around.now);
        if around.files.files.contains_key(&part_name(key, !pending)) {
            around.files.put(part_name(key, !pending), None, around.now);
        }
        Ok(())
    }

    fn remove(&mut self, key: Key, around: &mut Around) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        if let Some(error) = fault(around).filter(|_| !is_full(around)) {
            return Err(error);
        }
        let names = [part_name(key, false), part_name(key, true)];
        if key.through <= folder.taken {
            for name in names {
                if around.files.files.contains_key(&name) {
                    around.files.put(name, None, around.now);
                }
            }
            return Ok(());
        }
        let taken = taken_name(key.through);
        let moved = names.iter().any(|name| around.files.rename(name, taken.clone(), around.now));
        if !moved {
            return Ok(());
        }
        let before = std::mem::replace(&mut folder.taken, key.through);
        if before > 0 {
            around.files.put(taken_name(before), None, around.now);
        }
        Ok(())
    }

    fn load(&mut self, file: Filed, around: &mut Around) -> Result<(Head, Content), Lost> {
        let lost = |cause: Option<Cause>, reason: &str| {
            let later = cause.is_none();
            Lost { cause, later, reason: reason.to_owned(), datums: 0 }
        };
        let Some(folder) = &self.folder else { return Err(lost(None, "no state directory")) };
        if fault(around).is_some() && !is_full(around) {
            return Err(lost(None, "it can't be read now"));
        }
        let bytes = around.files.read(file);
        let bytes = bytes.ok_or_else(|| lost(Some(Cause::Damaged), "it isn't there"))?;
        let (head, content) =
            text::read(bytes).map_err(|damage| lost(Some(Cause::Damaged), &damage.to_string()))?;
        let same_boot = head.boot_id == self.boot_id;
        match same_boot || Owner::parse(&folder.owner).is_same(&Owner::parse(&head.owner)) {
            true => Ok((head, content)),
            false => Err(lost(Some(Cause::Foreign), "foreign")),
        }
    }
}

/// A part under both names: the older file goes.
fn drop_completed(files: &mut Vec<Filed>, around: &mut Around) {
    files.sort_by_key(|file| (file.key, file.pending));
    let doubled: Vec<_> = files.windows(2).filter(|two| two[0].key == two[1].key).collect();
    let doubled: Vec<_> = doubled.into_iter().map(|two| two[0].key).collect();
    for key in doubled {
        let bytes = around.files.files.get(&part_name(key, false)).cloned().unwrap_or_default();
        let completed = text::read(&bytes).is_ok_and(|(_, content)| content.pending.is_none());
        around.files.put(part_name(key, completed), None, around.now);
        files.retain(|file| file.key != key || file.pending != completed);
    }
}

/// What the disk says to everything but taking away.
fn fault(around: &Around) -> Option<io::Error> {
    match around.weather.disk_at(around.now)?.what {
        Fault::Failing => Some(io::Error::from_raw_os_error(5)),
        Fault::Full => Some(io::ErrorKind::StorageFull.into()),
        Fault::Frozen | Fault::Slow => None,
    }
}

fn may_write(around: &Around) -> io::Result<()> {
    fault(around).map_or(Ok(()), Err)
}

fn is_full(around: &Around) -> bool {
    around.weather.disk_at(around.now).is_some_and(|spell| spell.what == Fault::Full)
}

fn part_name(key: Key, pending: bool) -> String {
    format!("{SPOOL}{}", Name::Part(key, pending))
}

fn taken_name(through: u64) -> String {
    format!("{SPOOL}{}", Name::Taken(through))
}

fn kib(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len().div_ceil(4_096) * 4).unwrap_or(u32::MAX)
}

pub const SPOOL: &str = "spool/";
pub const UNDECIDED: &str = "undecided/";
/// ext4's `commit` is 5 s; dirty pages are written after 30 s.
const JOURNAL: Time = 35 * SECOND;
