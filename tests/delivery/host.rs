//! A tree of kernel files whose memory is another with each sample.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// Changes its memory until it is dropped.
pub struct Host {
    folder: TempDir,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub fn start() -> Host {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pressure")).unwrap();
        fs::write(folder.path().join("pressure/memory"), "some total=0\nfull total=0\n").unwrap();
        fs::write(folder.path().join("vmstat"), "oom_kill 0\n").unwrap();
        let meminfo = File::create(folder.path().join("meminfo")).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let end = ends.clone();
        // The lines keep their length, so that one write changes the file at once.
        let write = move |turn: u64| {
            let available = FLOOR + turn * STRIDE % (TOTAL - FLOOR);
            let text = format!(
                "MemTotal: {TOTAL} kB\nMemFree: 1000000 kB\nMemAvailable: {available:>8} kB\n"
            );
            meminfo.write_all_at(text.as_bytes(), 0).unwrap();
        };
        write(0);
        let thread = std::thread::spawn(move || {
            for turn in 1.. {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                write(turn);
                std::thread::sleep(TURN);
            }
        });
        Host { folder, ends, thread: Some(thread) }
    }

    /// For an agent's configuration.
    pub fn config(&self) -> String {
        format!("sample.proc_root = {:?}\n", self.root())
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// In kB.
const TOTAL: u64 = 16_777_216;
/// A quarter: more than what is called pressure.
const FLOOR: u64 = 4_194_304;
/// Prime, and over a tenth of a percent of the whole: neighbours are told apart.
const STRIDE: u64 = 1_234_577;
/// Several between two samples.
const TURN: Duration = Duration::from_millis(30);
