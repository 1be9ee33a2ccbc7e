//! Buffered output with the few conversions a dump is made of.
//!
//! A dump of a kernel is ten megabytes of short pieces, so `write!` and its
//! dynamic formatting are kept off the path.

use std::io::{self, Write};

/// Bytes collected before they are handed on.
const CHUNK: usize = 64 << 10;

/// Collects pieces and writes them in large chunks. An error is kept and
/// reported by [`finish`](Self::finish); pieces after it are dropped.
pub(crate) struct Sink<W> {
    out: W,
    buf: Vec<u8>,
    error: Option<io::Error>,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            buf: Vec::with_capacity(CHUNK + 4096),
            error: None,
        }
    }

    /// Whether writing has failed, so that there is no point in going on.
    pub(crate) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
        if self.buf.len() >= CHUNK {
            self.flush();
        }
    }

    #[inline]
    pub(crate) fn text(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.buf.push(byte);
    }

    pub(crate) fn uint(&mut self, number: impl Into<u64>) {
        push_uint(&mut self.buf, number.into());
    }

    pub(crate) fn int(&mut self, number: impl Into<i64>) {
        let number = number.into();
        if number < 0 {
            self.byte(b'-');
        }
        push_uint(&mut self.buf, number.unsigned_abs());
    }

    /// Hands on what is collected, and returns where it went.
    pub(crate) fn flushed(&mut self) -> io::Result<&mut W> {
        self.flush();
        match &self.error {
            // An `io::Error` cannot be cloned, and this one is still to be
            // reported at the end.
            Some(error) => Err(error.kind().into()),
            None => Ok(&mut self.out),
        }
    }

    fn flush(&mut self) {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(&self.buf)
        {
            self.error = Some(error);
        }
        self.buf.clear();
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        match self.error {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

/// Appends `number` in decimal.
#[inline]
pub(crate) fn push_uint(buf: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buf.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_in_decimal() {
        let mut out = Vec::new();
        let mut sink = Sink::new(&mut out);
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            sink.uint(number);
            sink.byte(b' ');
        }
        for number in [0, -1, i64::MIN, i64::MAX] {
            sink.int(number);
            sink.byte(b' ');
        }
        sink.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "0 7 10 4294967295 18446744073709551615 \
             0 -1 -9223372036854775808 9223372036854775807 "
        );
    }

    /// Fails from the second write on.
    struct Full(bool);

    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_is_reported_at_the_end() {
        let mut sink = Sink::new(Full(false));
        for _ in 0..10 {
            sink.put(&[0; CHUNK]);
        }
        assert!(sink.has_failed());
        let error = sink.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
