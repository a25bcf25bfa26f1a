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

/// To be called once, when the start is over: its code and constants are given back too, and the
/// libraries'. Most of what was mapped in is configuration, command line and set-up, with its
/// neighbours, as the kernel maps 64 KiB or a large folio at a fault. What is needed again is mapped
/// again from the page cache, at a microsecond a fault.
pub fn give_back_start() {
    give_back();
    #[cfg(target_os = "linux")]
    files::unmap();
}

#[cfg(target_os = "linux")]
mod files {
    use std::fs;
    use std::ops::Range;

    /// A map that can't be read leaves everything as it is.
    pub fn unmap() {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        as_in_their_files(&maps).for_each(forget);
    }

    /// The addresses of the private mappings of files that nobody can write to and nobody has
    /// written to, by proc_pid_smaps(5): code, and constants that needed no relocation.
    pub(super) fn as_in_their_files(smaps: &str) -> impl Iterator<Item = Range<usize>> {
        let mut mapping = None;
        smaps.lines().filter_map(move |line| {
            let (first, rest) = line.split_once(' ')?;
            match first {
                "Anonymous:" => return mapping.take().filter(|_| rest.trim() == "0 kB"),
                field if field.ends_with(':') => {}
                addresses => mapping = range(addresses).filter(|_| is_of_a_file_to_read(rest)),
            }
            None
        })
    }

    /// By what follows the addresses in a mapping's first line. The kernel's own mappings, such as
    /// the vDSO, have no file.
    fn is_of_a_file_to_read(rest: &str) -> bool {
        (rest.starts_with("r-xp ") || rest.starts_with("r--p ")) && rest.contains(" /")
    }

    fn range(addresses: &str) -> Option<Range<usize>> {
        let (start, end) = addresses.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(start)?..address(end)?)
    }

    /// madvise(2).
    #[expect(unsafe_code, reason = "pages are given back on no other terms")]
    fn forget(range: Range<usize>) {
        // SAFETY: the range is a private mapping of a file that nobody can write to nor has written
        // to: its pages are the file's, and come back from it as they were.
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

    /// Two lines of a mapping's two dozen.
    fn mapping(first: &str, written: &str) -> String {
        format!(
            "{first}\nRss:                2780 kB\nAnonymous:    {written:>10} kB\nVmFlags: rd ex mr mw me\n"
        )
    }

    #[test]
    fn only_what_is_in_its_file_all_the_same_is_found() {
        let found = |smaps: &str| {
            files::as_in_their_files(smaps)
                .map(|range| (range.start, range.end))
                .collect::<Vec<_>>()
        };
        let code =
            "555a969000-555acbd000 r-xp 001d5000 fe:00 10043483                   /usr/bin/cwmem";
        let addresses = (0x55_5a96_9000, 0x55_5acb_d000);
        let constants = code.replace("r-xp", "r--p");
        assert_eq!(found(&mapping(code, "0")), [addresses]);
        assert_eq!(found(&mapping(&constants, "0")), [addresses]);
        let nothing = vec![];
        assert_eq!(found(&mapping(&constants, "272")), nothing, "relocated");
        for other in ["rw-p", "rwxp", "r-xs", "r--s", "---p"] {
            assert_eq!(found(&mapping(&code.replace("r-xp", other), "0")), nothing, "{other}");
        }
        let of_the_kernel = code.replace("/usr/bin/cwmem", "[vdso]");
        assert_eq!(found(&mapping(&of_the_kernel, "0")), nothing);
        // What one mapping lacks isn't taken from the next.
        let two = format!("{code}\n{}", mapping(&of_the_kernel, "0"));
        assert_eq!(found(&two), nothing);
        let both = mapping(code, "0") + &mapping(&constants, "0");
        assert_eq!(found(&both), [addresses, addresses]);
        assert_eq!(found("nonsense\n\nAnonymous: 0 kB\n"), nothing);
    }

    /// It runs on: what it needs of its code comes back.
    #[test]
    fn a_program_outlives_it() {
        give_back_start();
        assert_eq!((1..=20).product::<u64>(), 2_432_902_008_176_640_000);
    }
}
