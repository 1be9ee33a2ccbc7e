//! Gives pages of a mapped file back to the system while the file is still being read.
//!
//! The pages of a kernel image's `.debug_info` are most of what its encoding occupies, and each is read once: workers
//! take CUs in ascending order, so what lies before the CUs at hand is used up. Should anybody look there again, the
//! pages come back from the page cache.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use elf_io::FileMap;

/// The `.debug_info` of a file and how far it has been used up.
#[derive(Debug)]
pub(crate) struct Pages<'f> {
    map: Option<&'f FileMap>,
    /// Where the section starts in the file.
    start: usize,
    /// The offset in the section that each worker has reached.
    reached: Vec<AtomicU64>,
    /// How many workers there are so far.
    workers: AtomicUsize,
    /// The offset in the section up to which pages have been given back.
    given: AtomicU64,
}

/// Pages are given back by so many bytes at a time: each time interrupts the threads that have them mapped.
const STEP: u64 = 8 << 20;

impl<'f> Pages<'f> {
    /// `info` is the section's contents, which may be in the mapping or, decompressed, elsewhere.
    pub(crate) fn new(map: Option<&'f FileMap>, info: &[u8], workers: usize) -> Self {
        let start = map.and_then(|map| {
            let file = map.bytes().as_ptr_range();
            let section = info.as_ptr_range();
            let inside = file.start <= section.start && section.end <= file.end;
            inside.then(|| section.start.addr() - file.start.addr())
        });
        Self {
            map: map.filter(|_| start.is_some()),
            start: start.unwrap_or(0),
            reached: (0..workers).map(|_| AtomicU64::new(u64::MAX)).collect(),
            workers: AtomicUsize::new(0),
            given: AtomicU64::new(0),
        }
    }

    /// Some bytes at an offset of the section, read without touching its pages, if there is a way.
    pub(crate) fn peek<const N: usize>(&self, off: u64) -> Option<[u8; N]> {
        self.map?.read_at((self.start as u64).checked_add(off)?)
    }

    /// Numbers one more worker.
    pub(crate) fn worker(&self) -> usize {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// A worker needs nothing before this offset of the section any more.
    pub(crate) fn reach(&self, worker: usize, off: u64) {
        let (Some(map), Some(reached)) = (self.map, self.reached.get(worker)) else {
            return;
        };
        reached.store(off, Ordering::Relaxed);
        let all = self.reached.iter().map(|r| r.load(Ordering::Relaxed)).min();
        let Some(end) = all.filter(|&end| end != u64::MAX) else {
            return;
        };
        let given = self.given.load(Ordering::Relaxed);
        if end < given.saturating_add(STEP) {
            return;
        }
        let mine = self
            .given
            .compare_exchange(given, end, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok()
            && let (Ok(from), Ok(to)) = (usize::try_from(given), usize::try_from(end))
        {
            map.advise_dontneed(self.start.saturating_add(from)..self.start.saturating_add(to));
        }
    }
}
