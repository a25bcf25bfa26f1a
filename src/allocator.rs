//! How this process treats the host's memory. The C library's allocator keeps what was freed, and a
//! heap for each thread, because memory is cheaper than time: here it is the other way round.

/// To be called once, before other threads are started. Elsewhere than under glibc it does nothing.
pub fn be_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set();
}

/// Gives back what was freed and is still held: after a start, a backlog, a reload. Takes about a
/// tenth of a millisecond: to be called now and then only.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::trim();
}

/// To be called once, when the start is over: its code is given back too. Most of the program's
/// text is configuration, command line and set-up, mapped in as they ran; what is needed again is
/// mapped again from the page cache, at a microsecond for 64 KiB.
pub fn give_back_start() {
    give_back();
    #[cfg(target_os = "linux")]
    text::unmap();
}

#[cfg(target_os = "linux")]
mod text {
    use std::fs;
    use std::ops::Range;

    /// A map that can't be read leaves everything as it is.
    pub fn unmap() {
        let program = fs::read_link("/proc/self/exe").unwrap_or_default();
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let program = program.to_string_lossy();
        for range in maps.lines().filter_map(|line| executable(line, &program)) {
            forget(range);
        }
    }

    /// The addresses of a line of proc_pid_maps(5), if it is the program's read-only code.
    pub(super) fn executable(line: &str, program: &str) -> Option<Range<usize>> {
        let (addresses, rest) = line.split_once(' ')?;
        let is_code = rest.starts_with("r-xp ") && rest.ends_with(&format!(" {program}"));
        let (start, end) = addresses.split_once('-').filter(|_| is_code && !program.is_empty())?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(start)?..address(end)?)
    }

    /// madvise(2).
    #[expect(unsafe_code, reason = "pages are given back on no other terms")]
    fn forget(range: Range<usize>) {
        // SAFETY: the range is a private mapping of a file that nobody can write to: its pages are
        // the file's, and come back from it as they were.
        unsafe {
            libc::madvise(range.start as *mut _, range.len(), libc::MADV_DONTNEED);
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// mallopt(3). An option that this libc doesn't know changes nothing.
    #[expect(unsafe_code, reason = "the allocator is set on no other terms")]
    pub fn set() {
        // SAFETY: mallopt only sets the allocator's own parameters.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
        }
    }

    /// malloc_trim(3).
    #[expect(unsafe_code, reason = "the allocator is asked on no other terms")]
    pub fn trim() {
        // SAFETY: only memory that nobody holds is given back.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    /// Blocks from this size on, in bytes, go back to the kernel when they are freed: recordings
    /// that are read, batches of a backlog.
    const LARGE: libc::c_int = 64 * 1024;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_program_s_code_is_found() {
        let found = |line| text::executable(line, "/usr/bin/cwmem");
        let code =
            "555a969000-555acbd000 r-xp 001d5000 fe:00 10043483                   /usr/bin/cwmem";
        assert_eq!(found(code), Some(0x55_5a96_9000..0x55_5acb_d000));
        for other in [
            "",
            "nonsense r-xp  /usr/bin/cwmem",
            &code.replace("r-xp", "r--p"),
            &code.replace("r-xp", "rwxp"),
            &code.replace("/usr/bin/cwmem", "/usr/lib/libc.so.6"),
            &code.replace("/usr/bin/cwmem", "/opt/usr/bin/cwmem"),
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    /// It runs on: what it needs of its code comes back.
    #[test]
    fn a_program_outlives_it() {
        give_back_start();
        assert_eq!((1..=20).product::<u64>(), 2_432_902_008_176_640_000);
    }
}
