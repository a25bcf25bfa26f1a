//! How the C library's allocator is to treat the host's memory: glibc keeps what was freed, and a
//! heap for each thread, because memory is cheaper than time. Here it is the other way round.

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
