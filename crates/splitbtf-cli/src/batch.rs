//! Many files over one thread pool.
//!
//! Files are started in order of size, the largest first, so that no long one is left to a
//! single thread at the end; results are handed over in the order of the inputs all the
//! same. No more files are in work at a time than there are threads, which bounds memory
//! however many files there are, and a thread that finds no further file helps with the CUs
//! of those still in work.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::jobs::Pool;

/// Calls `work(i)` for every index of `sizes` and `done(i, result)` in ascending order of
/// `i`, as soon as all results before it are there.
pub(crate) fn run<R: Send>(
    pool: &Pool,
    sizes: &[u64],
    work: impl Fn(usize) -> R + Sync,
    done: impl FnMut(usize, R) + Send,
) {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    // Stable: files of one size start in input order.
    order.sort_by_key(|&i| Reverse(sizes[i]));
    let next = AtomicUsize::new(0);
    let in_order = Mutex::new(InOrder {
        waiting: std::iter::repeat_with(|| None).take(sizes.len()).collect(),
        next: 0,
        done,
    });
    let drain = || {
        while let Some(&i) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(i);
            in_order
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .put(i, result);
        }
    };
    pool.run(|| {
        rayon::scope(|scope| {
            for _ in 0..pool.size().min(sizes.len()) {
                scope.spawn(|_| drain());
            }
        });
    });
}

/// Results that wait for those before them.
struct InOrder<R, F> {
    waiting: Vec<Option<R>>,
    /// Index of the first result that has not been handed over.
    next: usize,
    done: F,
}

impl<R, F: FnMut(usize, R)> InOrder<R, F> {
    fn put(&mut self, i: usize, result: R) {
        self.waiting[i] = Some(result);
        while let Some(result) = self.waiting.get_mut(self.next).and_then(Option::take) {
            (self.done)(self.next, result);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which four files start and in which their results come out.
    fn orders(threads: usize) -> (Vec<usize>, Vec<usize>) {
        std::thread::spawn(move || {
            let pool = Pool::new(Some(threads), u64::MAX, None).unwrap();
            let started = Mutex::new(Vec::new());
            let mut finished = Vec::new();
            run(
                &pool,
                &[10, 30, 20, 30],
                |i| {
                    started.lock().unwrap().push(i);
                    i
                },
                |i, result| {
                    assert_eq!(i, result);
                    finished.push(i);
                },
            );
            (started.into_inner().unwrap(), finished)
        })
        .join()
        .unwrap()
    }

    #[test]
    fn the_largest_start_first_and_results_keep_the_input_order() {
        assert_eq!(orders(1), (vec![1, 3, 2, 0], vec![0, 1, 2, 3]));
    }

    #[test]
    fn results_keep_the_input_order_on_many_threads() {
        for _ in 0..50 {
            assert_eq!(orders(8).1, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn no_input_is_no_work() {
        let pool = Pool::new(Some(1), 0, None).unwrap();
        run(
            &pool,
            &[],
            |_| unreachable!("nothing to do"),
            |_, ()| unreachable!("no result"),
        );
    }
}
