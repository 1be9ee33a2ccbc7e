//! Bugs must not end a batch.
//!
//! A panic is a bug of this program, but to its user it is one file that could not be encoded:
//! an error like any other, on one line, with the place to report. With `RUST_BACKTRACE` in
//! the environment the usual account is printed as well.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;

/// Where the latest panic began.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics quiet from now on; [`caught`] speaks of them.
pub(crate) fn silence() {
    let verbose = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string);
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
        if verbose {
            usual(info);
        }
    }));
}

/// The result of `work`; a panic in it, on whatever thread of the pool, becomes an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    // What was in work is dropped with the panic and never looked at again.
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(anyhow!(
            "internal error: {} (at {}); this is a bug of splitbtf, please report it",
            message(&*payload),
            place.as_deref().unwrap_or("an unknown place")
        ))
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_other_results_pass() {
        let error = caught::<()>(|| panic!("no {} here", 7))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("internal error: no 7 here (at "),
            "{error}"
        );
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
        assert_eq!(
            caught::<()>(|| Err(anyhow!("x"))).unwrap_err().to_string(),
            "x"
        );
    }
}
