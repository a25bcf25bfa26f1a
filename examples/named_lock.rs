//! One at a time, wherever it runs: a lock of a database server's, held while something is done.
//!
//!     cargo run --example named_lock -- mysql://ops@127.0.0.1:3306 nightly-backup
//!
//! Start it twice: the second waits until the first is done, is interrupted, or is killed. A
//! password is the content of the file that a third argument names.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

use cwmem::clock::Clock;
use cwmem::cluster::database::{Database, Options};
use cwmem::cluster::name::LockName;
use cwmem::cluster::named_lock::{LockError, NamedLock};
use cwmem::cluster::password::PasswordFile;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(name)) = (arguments.next(), arguments.next()) else {
        eprintln!("expected: named_lock mysql://USER@HOST:PORT NAME [PASSWORD-FILE]");
        return ExitCode::FAILURE;
    };
    let password_file = arguments.next().map(PathBuf::from).map(PasswordFile::named);
    match run(&url, &name, password_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str, name: &str, password_file: Option<PasswordFile>) -> Result<(), Box<dyn Error>> {
    let options = Options {
        password_file,
        // Where this stands still or its host is cut off, the lock is free after so long.
        wait_timeout: Duration::from_secs(10),
        ..Options::default()
    };
    let database = Database::from_url(url, options)?;
    let name = LockName::command(name)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(hold(&database, &name))?)
}

async fn hold(database: &Database, name: &LockName) -> Result<(), LockError> {
    let session = database.connect(Duration::from_secs(5)).await?;
    println!("session {} waits for {name}", session.id());
    let mut lock = NamedLock::acquire(session, name, Duration::from_secs(60)).await?;
    for second in 1..=5 {
        println!("second {second} of work that nobody else does now");
        Clock::System.sleep(Duration::from_secs(1)).await;
        // An error ends this: the guard goes, and the session with it.
        lock.still_held().await?;
    }
    lock.release().await?;
    println!("released");
    Ok(())
}
