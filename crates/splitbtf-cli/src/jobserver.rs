//! GNU make's jobserver: taking tokens for extra threads and giving them back.
//!
//! Recipes of the kernel build that call the encoder begin with `+`, so the jobserver of
//! `make -jN` reaches us through `MAKEFLAGS`. Each token is one byte in a pipe; a process
//! owns one slot to begin with and takes a token for every further one. We only ever take
//! what lies there at the moment, without waiting: with fewer threads the work is done too.
//!
//! A pipe handed down by number is reopened through `/proc/self/fd` and not adopted. That
//! needs no `unsafe`, and `O_NONBLOCK` then stays off the open file description that make
//! and its other children share.
//!
//! A token that is not given back is lost to the whole build, so that one who interrupts or
//! terminates this process gets them back as well: a thread waits for the signal, returns the
//! tokens and then lets the signal do what it does by default.
//!
//! Source: GNU make manual, "POSIX Jobserver Interaction".

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Tokens taken from a jobserver; dropping the value gives them back.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    held: Arc<Held>,
}

impl Tokens {
    /// Number of tokens held.
    pub(crate) fn count(&self) -> usize {
        self.held.lock().bytes.len()
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.held.lock().give_back();
    }
}

/// What [`Tokens`] and the thread that waits for signals both see.
#[derive(Debug, Default)]
struct Held(Mutex<Debt>);

impl Held {
    fn lock(&self) -> std::sync::MutexGuard<'_, Debt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokens and whom they belong to.
#[derive(Debug, Default)]
struct Debt {
    /// The bytes read. Make asks that each be returned as it was.
    bytes: Vec<u8>,
    server: Option<File>,
}

impl Debt {
    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(server) = &mut self.server {
            // If make is gone there is no one left to want them.
            let _ = server.write_all(&bytes);
        }
    }
}

/// Gives the tokens back when a signal is about to end the process.
///
/// From here on the signals reach the process through this thread only, so that it has to be
/// there as long as the process is, tokens or none.
fn give_back_when_terminated(held: Arc<Held>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let waiting = thread::Builder::new().name("signals".to_owned());
    waiting.spawn(move || {
        for signal in signals.forever() {
            // Kept locked: nobody takes tokens any more.
            let mut debt = held.lock();
            debt.give_back();
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// The jobserver of this process' environment.
#[derive(Debug)]
pub(crate) struct JobServer {
    read: File,
    write: File,
}

impl JobServer {
    /// Connects to the jobserver of the make that runs us, if one does and handed it down.
    pub(crate) fn from_env() -> Option<Self> {
        Self::from_makeflags(&std::env::var_os("MAKEFLAGS")?)
    }

    /// Connects to the jobserver that a value of `MAKEFLAGS` tells of. `None` if it tells of
    /// none, or of one that was not handed down to this process.
    fn from_makeflags(makeflags: &OsStr) -> Option<Self> {
        let (read, write) = match Auth::find(makeflags)? {
            Auth::Fifo(path) => (path.clone(), path),
            Auth::Pipe(read, write) => (
                PathBuf::from(format!("/proc/self/fd/{read}")),
                format!("/proc/self/fd/{write}").into(),
            ),
        };
        Some(Self {
            read: open_fifo(&read, false).ok()?,
            write: open_fifo(&write, true).ok()?,
        })
    }

    /// Takes up to `wanted` of the tokens that are free now; none if they could not be given
    /// back whatever happens.
    pub(crate) fn take(self, wanted: usize) -> Tokens {
        let tokens = Tokens::default();
        if wanted == 0 || give_back_when_terminated(Arc::clone(&tokens.held)).is_err() {
            return tokens;
        }
        let mut read = self.read;
        let mut debt = tokens.held.lock();
        debt.server = Some(self.write);
        let mut byte = [0];
        while debt.bytes.len() < wanted {
            match read.read(&mut byte) {
                Ok(1) => debt.bytes.push(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // No token is free, or make is gone.
                Ok(_) | Err(_) => break,
            }
        }
        drop(debt);
        tokens
    }
}

/// Opens one end of a FIFO or pipe without ever blocking on it.
///
/// Anything else under that name or number (descriptors get reused when a recipe without
/// `+` runs us) is refused.
fn open_fifo(path: &Path, write: bool) -> io::Result<File> {
    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut options = OpenOptions::new();
    // A FIFO must be open for reading somewhere before it can be opened for writing
    // without blocking; make holds it open, and we opened the reading end first.
    options
        .read(!write)
        .write(write)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
    options.open(path)
}

/// How `MAKEFLAGS` says to reach the jobserver.
#[derive(Debug, PartialEq, Eq)]
enum Auth {
    /// `--jobserver-auth=fifo:PATH`, make 4.4.
    Fifo(PathBuf),
    /// `--jobserver-auth=R,W`, or `--jobserver-fds=R,W` before make 4.2.
    Pipe(u32, u32),
}

impl Auth {
    /// The last one in a value of `MAKEFLAGS`, as make asks of readers.
    fn find(makeflags: &OsStr) -> Option<Self> {
        let value = words(makeflags.as_bytes())
            .into_iter()
            .filter_map(|word| {
                [&b"--jobserver-auth="[..], b"--jobserver-fds="]
                    .iter()
                    .find_map(|name| word.strip_prefix(*name).map(<[u8]>::to_vec))
            })
            .next_back()?;
        if let Some(path) = value.strip_prefix(b"fifo:") {
            return Some(Self::Fifo(OsString::from_vec(path.to_vec()).into()));
        }
        let (read, write) = std::str::from_utf8(&value).ok()?.split_once(',')?;
        // Negative numbers are make's way to say that the pipe was not handed down.
        Some(Self::Pipe(read.parse().ok()?, write.parse().ok()?))
    }
}

/// Splits at blanks; make writes a blank inside a word as backslash and blank.
fn words(makeflags: &[u8]) -> Vec<Vec<u8>> {
    let mut words = vec![Vec::new()];
    let mut bytes = makeflags.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => words.push(Vec::new()),
            b'\\' => words.last_mut().expect("never empty").extend(bytes.next()),
            _ => words.last_mut().expect("never empty").push(byte),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    fn auth(makeflags: &str) -> Option<Auth> {
        Auth::find(OsStr::new(makeflags))
    }

    #[test]
    fn makeflags_of_all_makes_are_understood() {
        let pipe = Some(Auth::Pipe(3, 4));
        assert_eq!(auth(" -j --jobserver-fds=3,4"), pipe);
        assert_eq!(auth("s -j8 --jobserver-auth=3,4 -- V=1"), pipe);
        assert_eq!(
            auth("--jobserver-auth=fifo:/tmp/a\\ b"),
            Some(Auth::Fifo("/tmp/a b".into()))
        );
        assert_eq!(auth("--jobserver-auth=7,8 --jobserver-auth=3,4"), pipe);
    }

    #[test]
    fn absent_or_unusable_jobservers_are_none() {
        assert_eq!(auth(""), None);
        assert_eq!(auth("-j8"), None);
        assert_eq!(auth("--jobserver-auth=-2,-2"), None);
        assert_eq!(auth("--jobserver-auth=x"), None);
        assert!(JobServer::from_makeflags(OsStr::new("--jobserver-auth=9998,9999")).is_none());
        assert!(JobServer::from_makeflags(OsStr::new("--jobserver-auth=fifo:/dev/null")).is_none());
    }

    #[test]
    fn tokens_of_a_pipe_are_taken_without_waiting_and_given_back_unchanged() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"ab+").unwrap();
        let flags = format!(
            "--jobserver-auth={},{}",
            reader.as_raw_fd(),
            writer.as_raw_fd()
        );
        let connect = || JobServer::from_makeflags(OsStr::new(&flags)).unwrap();

        let two = connect().take(2);
        assert_eq!(two.count(), 2);
        let rest = connect().take(5);
        assert_eq!(rest.count(), 1);
        assert_eq!(connect().take(5).count(), 0);

        drop(rest);
        drop(two);
        let mut back = [0; 3];
        reader.read_exact(&mut back).unwrap();
        back.sort_unstable();
        assert_eq!(&back, b"+ab");
    }
}
