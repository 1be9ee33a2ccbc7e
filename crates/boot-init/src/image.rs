//! The initramfs: a cpio archive in the `newc` format, uncompressed.
//!
//! Source: `Documentation/driver-api/early-userspace/buffer-format.rst`.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::plan::Step;

const MODE_DIR: u32 = 0o040_755;
const MODE_FILE: u32 = 0o100_755;
const MODE_CHAR: u32 = 0o020_600;

/// Files and the plan of an initramfs under construction.
#[derive(Debug)]
pub struct Image<W> {
    out: W,
    /// Bytes written.
    written: u64,
    /// Number of entries written, used as inode numbers.
    n_entries: u32,
    plan: String,
}

impl<W: Write> Image<W> {
    /// Starts an image with `/init` and the folders it needs.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, init: &[u8]) -> io::Result<Self> {
        let mut image = Self {
            out,
            written: 0,
            n_entries: 0,
            plan: String::new(),
        };
        for dir in ["dev", "proc", "sys", "m"] {
            image.entry(dir, MODE_DIR, (0, 0), &[])?;
        }
        // The kernel opens it for init before anything is mounted.
        image.entry("dev/console", MODE_CHAR, (5, 1), &[])?;
        image.entry("init", MODE_FILE, (0, 0), init)?;
        Ok(image)
    }

    /// Adds a file below `/m` and returns its path.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn file(&mut self, name: &str, data: &[u8]) -> io::Result<String> {
        let path = format!("m/{name}");
        self.entry(&path, MODE_FILE, (0, 0), data)?;
        Ok(format!("/{path}"))
    }

    /// Adds a step to the plan.
    pub fn step(&mut self, step: &Step) {
        // Writing to a string cannot fail.
        _ = writeln!(self.plan, "{step}");
    }

    /// Adds the plan and ends the archive.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let plan = std::mem::take(&mut self.plan);
        self.entry("plan", MODE_FILE, (0, 0), plan.as_bytes())?;
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), data: &[u8]) -> io::Result<()> {
        self.n_entries += 1;
        let data_len = u32::try_from(data.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, path.to_owned()))?;
        let name_len = path.len() as u32 + 1;
        let fields = [
            self.n_entries, // inode
            mode,
            0, // uid
            0, // gid
            1, // links
            0, // time
            data_len,
            0, // device of the file
            0,
            device.0, // device it stands for
            device.1,
            name_len,
            0, // checksum, not used in this format
        ];
        let mut header = String::from("070701");
        for field in fields {
            _ = write!(header, "{field:08x}");
        }
        self.put(header.as_bytes())?;
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(data)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        let padding = (4 - self.written % 4) % 4;
        self.put(&[0; 3][..padding as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_named() {
        let mut image = Image::new(Vec::new(), b"#!init").unwrap();
        let path = image.file("a.ko", &[1, 2, 3]).unwrap();
        assert_eq!(path, "/m/a.ko");
        image.step(&Step::Blob {
            path,
            label: "x".to_owned(),
        });
        let bytes = image.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let mut names = Vec::new();
        let mut at = 0;
        while let Some(header) = bytes.get(at..at + 110) {
            assert_eq!(&header[..6], b"070701");
            let field = |idx: usize| {
                let digits = &header[6 + idx * 8..14 + idx * 8];
                usize::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap()
            };
            let (data_len, name_len) = (field(6), field(11));
            let name = &bytes[at + 110..at + 110 + name_len - 1];
            names.push(String::from_utf8(name.to_vec()).unwrap());
            at = (at + 110 + name_len).next_multiple_of(4);
            at = (at + data_len).next_multiple_of(4);
        }
        assert_eq!(
            names,
            [
                "dev",
                "proc",
                "sys",
                "m",
                "dev/console",
                "init",
                "m/a.ko",
                "plan",
                "TRAILER!!!"
            ]
        );
        let plan = b"blob /m/a.ko x\n";
        assert!(bytes.windows(plan.len()).any(|window| window == plan));
    }
}
