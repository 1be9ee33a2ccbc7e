//! How many threads, and the pool they live in.

use std::num::NonZero;
use std::thread;

use anyhow::Context as _;

use crate::jobserver::{JobServer, Tokens};

/// Bytes of input that make one more thread worth starting.
///
/// A thread costs some 50 µs and, under make, a token that another recipe could use; this
/// much DWARF takes a few milliseconds. Small modules, which are most, stay on few threads
/// however many processors there are.
const BYTES_PER_THREAD: u64 = 1 << 20;

/// Threads beyond this many for each processor only cost: a slip such as `-j 100000` should
/// not bring the machine down.
const THREADS_PER_PROCESSOR: usize = 32;

/// As many threads as the machine (or the container, or the CPU mask) has processors.
pub(crate) fn all_processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A thread pool whose size make has agreed to.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: rayon::ThreadPool,
    // Dropped after the threads: a token must not be given back while it is in use.
    _tokens: Tokens,
}

impl Pool {
    /// At most `wanted` threads, or one for each processor; fewer if `input_bytes` are few or if the jobserver has
    /// fewer tokens to spare. The calling thread is one of them.
    pub(crate) fn new(
        wanted: Option<usize>,
        input_bytes: u64,
        server: Option<JobServer>,
    ) -> anyhow::Result<Self> {
        let useful = usize::try_from(input_bytes / BYTES_PER_THREAD).unwrap_or(usize::MAX);
        // To ask for the number of processors is to read a few files.
        let wanted = |most: usize| wanted.unwrap_or_else(all_processors).clamp(1, most);
        let mut wanted = match useful {
            0 => 1,
            _ => wanted(useful.saturating_add(1)),
        };
        if wanted > THREADS_PER_PROCESSOR {
            wanted = wanted.min(THREADS_PER_PROCESSOR * all_processors());
        }
        let (count, tokens) = match server {
            Some(server) => {
                let tokens = server.take(wanted - 1);
                (1 + tokens.count(), tokens)
            }
            None => (wanted, Tokens::default()),
        };
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .use_current_thread()
            .thread_name(|i| format!("worker {i}"))
            .build()
            .context("cannot start threads; try a smaller -j")?;
        Ok(Self {
            threads,
            _tokens: tokens,
        })
    }

    /// Number of threads.
    pub(crate) fn size(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Runs `work` in the pool.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_inputs_get_few_threads() {
        // `use_current_thread` allows one pool in a thread's life, hence the spawned ones.
        let size = |wanted, bytes| {
            thread::spawn(move || Pool::new(Some(wanted), bytes, None).unwrap().size())
                .join()
                .unwrap()
        };
        assert_eq!(size(64, 10_000), 1);
        assert_eq!(size(64, 3 << 20), 4);
        assert_eq!(size(2, u64::MAX), 2);
        assert_eq!(size(0, u64::MAX), 1);
    }

    #[test]
    fn an_absurd_number_of_threads_is_not_started() {
        let size = thread::spawn(|| Pool::new(Some(100_000), u64::MAX, None).unwrap().size())
            .join()
            .unwrap();
        assert_eq!(
            size,
            (THREADS_PER_PROCESSOR * all_processors()).min(100_000)
        );
    }
}
