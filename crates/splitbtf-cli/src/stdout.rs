//! Standard output that may go away.
//!
//! A reader such as `head` closes the pipe when it has enough. That is no error: what is
//! left of the output is dropped and the work goes on, since files may depend on it.

use std::io::{self, BufWriter, Stdout, Write};

/// Buffered standard output.
#[derive(Debug)]
pub(crate) struct Out {
    /// `None` once the reader is gone.
    inner: Option<BufWriter<Stdout>>,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self {
            inner: Some(BufWriter::with_capacity(1 << 16, io::stdout())),
        }
    }

    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(inner) = &mut self.inner else {
            return Ok(());
        };
        match write(inner) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // What is buffered would fail again when dropped.
                if let Some(inner) = self.inner.take() {
                    drop(inner.into_parts());
                }
                Ok(())
            }
            result => result,
        }
    }
}

/// Never fails with [`io::ErrorKind::BrokenPipe`].
impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.attempt(|inner| inner.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|inner| inner.flush())
    }
}
