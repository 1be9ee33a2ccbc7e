//! Opening files: a read-only mapping, or the decompressed contents of a `.gz`, `.xz` or `.zst` file.

use std::cell::Cell;
use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memmap2::{Advice, Mmap, MmapOptions, UncheckedAdvice};

use crate::error::{ErrorKind, Result};

/// Largest size to which a compressed file may grow: 16 GiB, ten times the largest known kernel image with DWARF.
pub const MAX_DECOMPRESSED_BYTES: u64 = 16 << 30;

/// Most bytes that are read from a pipe or device: 1 GiB. What comes through pipes is BTF, a few megabytes.
const MAX_READ_BYTES: u64 = 1 << 30;

/// Up to so many bytes a file is copied rather than mapped, if it is read once: what a core's own cache still holds when it
/// is looked at.
const SMALL: u64 = 1 << 20;

/// From so many bytes on it is worth another file descriptor not to touch pages.
const LARGE: u64 = 16 << 20;

/// Alignment to which advice ranges are widened or narrowed. A multiple of every page size that Linux uses.
const ADVICE_ALIGN: usize = 64 << 10;

enum Backing {
    Mapped(Mmap),
    Small(Small),
    /// Of a pipe or a device, which cannot be mapped.
    Read(Vec<u8>),
    Decompressed(Vec<u8>),
}

/// The bytes of one input file.
///
/// Files are mapped, unless they are small and [`open_briefly`](Self::open_briefly) read them; pipes are read to their
/// end. Compressed files, recognised by their magic and not by their name, are decompressed into memory.
///
/// # Concurrent changes
///
/// A mapping shows the file itself. If another process truncates the file while it is mapped, reading the lost pages
/// raises `SIGBUS`, which ends this process; if it overwrites the file in place, readers see new bytes in the middle of
/// their work. Both need somebody to modify an input of a running build. Files that are replaced by rename, as this
/// crate itself does and as compilers and linkers do, are not affected: the mapping keeps the old file.
pub struct FileMap {
    path: PathBuf,
    backing: Backing,
    /// Of a large file that is mapped, for [`Self::read_at`].
    file: Option<std::fs::File>,
}

impl FileMap {
    /// Maps the file at `path`, or decompresses it if it starts with the magic of gzip, xz or zstd.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be opened or mapped, [`ErrorKind::Decompress`] and
    /// [`ErrorKind::DecompressedTooLarge`] for compressed files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::of_file(&fs_err::File::open(path)?, path)
    }

    /// As [`open`](Self::open), for one of many files of which each is read once: a small one is copied, since that costs
    /// less than to map it, touch its pages and unmap it, which all threads of a process have to wait for. And nothing
    /// that happens to the file later on matters any more. The first file of a thread is mapped all the same: the memory
    /// for a copy is only there for the next one.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_briefly(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let small = if HAD_ONE.replace(true) { SMALL } else { 0 };
        Self::of(&fs_err::File::open(path)?, path, small)
    }

    pub(crate) fn of_file(file: &fs_err::File, path: &Path) -> Result<Self> {
        Self::of(file, path, 0)
    }

    /// `small`: the size up to which a file is read and not mapped.
    fn of(file: &fs_err::File, path: &Path, small: u64) -> Result<Self> {
        let meta = file.metadata()?;
        // A folder can be opened but not mapped, with an error that tells nobody what is wrong.
        if meta.is_dir() {
            let kind = std::io::ErrorKind::IsADirectory;
            return Err(
                std::io::Error::new(kind, format!("{}: is a directory", path.display())).into(),
            );
        }
        let plain = if meta.is_file() {
            let (opened, what) = if meta.len() <= small {
                let read = Small::read(file.file(), meta.len() as usize);
                (read.map(Backing::Small), "read")
            } else {
                (map(file.file()).map(Backing::Mapped), "map")
            };
            opened.map_err(|source| {
                let message = format!("{}: cannot {what}: {source}", path.display());
                std::io::Error::new(source.kind(), message)
            })?
        } else {
            Backing::Read(read(file)?)
        };
        let backing = match Codec::of(plain.bytes()) {
            None => plain,
            Some(codec) => {
                Backing::Decompressed(codec.decompress(plain.bytes(), MAX_DECOMPRESSED_BYTES)?)
            }
        };
        let large = matches!(backing, Backing::Mapped(_)) && meta.len() >= LARGE;
        Ok(Self {
            path: path.to_owned(),
            backing,
            file: large.then(|| file.file().try_clone().ok()).flatten(),
        })
    }

    /// The file's bytes, decompressed.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.backing.bytes()
    }

    /// Some bytes at `offset` of a large file that is mapped, without bringing its pages in: for a few bytes here and
    /// there that costs a tenth of a page fault. `None` if there is no such way, or the file ends before.
    pub fn read_at<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let file = self.file.as_ref()?;
        file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// The path that was opened, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file on disk is compressed, so that [`bytes`](Self::bytes) are not what it holds.
    pub fn is_compressed(&self) -> bool {
        matches!(self.backing, Backing::Decompressed(_))
    }

    /// Asks the system to bring the pages of `range` in at once, which costs less than a page fault for each. Advice
    /// only: failures are ignored, and so are decompressed files.
    pub fn advise_populate(&self, range: Range<usize>) {
        if let Backing::Mapped(map) = &self.backing {
            let start = (range.start.min(map.len()) / ADVICE_ALIGN) * ADVICE_ALIGN;
            let end = range.end.min(map.len());
            if start < end {
                let _ = map.advise_range(Advice::PopulateRead, start, end - start);
            }
        }
    }

    /// Gives the pages that lie wholly inside `range` back to the system. They are read from the file again when next
    /// looked at, so this changes the memory that the process occupies and nothing else. Advice only: failures are
    /// ignored, and so are decompressed files.
    pub fn advise_dontneed(&self, range: Range<usize>) {
        if let Backing::Mapped(map) = &self.backing {
            let start = range.start.min(map.len()).next_multiple_of(ADVICE_ALIGN);
            let end = (range.end.min(map.len()) / ADVICE_ALIGN) * ADVICE_ALIGN;
            if start < end {
                dont_need(map, start, end - start);
            }
        }
    }
}

impl Backing {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Small(small) => &small.bytes[..small.len],
            Self::Read(bytes) | Self::Decompressed(bytes) => bytes,
        }
    }
}

/// The contents of a small file.
struct Small {
    /// As long as the longest one that the thread has read.
    bytes: Vec<u8>,
    len: usize,
}

thread_local! {
    /// Whether the thread has opened a file briefly.
    static HAD_ONE: Cell<bool> = const { Cell::new(false) };
    /// Memory for its next [`Small`].
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Small {
    /// Reads a file of `len` bytes; less of it if it has become shorter.
    fn read(file: &std::fs::File, len: usize) -> std::io::Result<Self> {
        let mut bytes = SPARE.take();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        let mut small = Self { bytes, len: 0 };
        while small.len < len {
            let rest = &mut small.bytes[small.len..len];
            match file.read_at(rest, small.len as u64) {
                Ok(0) => break,
                Ok(n) => small.len += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(small)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // In a thread that ends there is nobody left to use it.
        let _ = SPARE.try_with(|spare| spare.set(std::mem::take(&mut self.bytes)));
    }
}

/// All that a pipe or device has to give, which a device such as `/dev/zero` must not do for ever.
fn read(mut file: &fs_err::File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref()
        .take(MAX_READ_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_READ_BYTES {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!(
                "{}: gives more than {MAX_READ_BYTES} bytes; put them into a file",
                file.path().display()
            ),
        ));
    }
    Ok(bytes)
}

impl AsRef<[u8]> for FileMap {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl fmt::Debug for FileMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileMap")
            .field("path", &self.path)
            .field("len", &self.bytes().len())
            .field("compressed", &self.is_compressed())
            .finish()
    }
}

#[expect(
    unsafe_code,
    reason = "mapping a file is the point of this module; see SAFETY and `FileMap`"
)]
fn map(file: &std::fs::File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is read-only and private, and it lives in a `FileMap` that never hands out anything but
    // shared slices of it. What remains is that others may change the file underneath, which Rust cannot rule out: the
    // documentation of `FileMap` says what happens then. No code here relies on bytes staying the same between two
    // reads for memory safety: every offset read from them is checked against the slice where it is used.
    unsafe { MmapOptions::new().map_copy_read_only(file) }
}

#[expect(unsafe_code, reason = "MADV_DONTNEED; see SAFETY")]
fn dont_need(map: &Mmap, offset: usize, len: usize) {
    // SAFETY: MADV_DONTNEED discards changes made in memory, which makes it unsafe in general. This mapping is
    // read-only and backed by a file, so there are none and the pages come back with the same contents.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, len) };
}

#[derive(Clone, Copy)]
enum Codec {
    Gzip,
    Xz,
    Zstd,
}

impl Codec {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // Or a frame that is to be skipped, as pzstd begins with.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    fn decompress(self, bytes: &[u8], limit: u64) -> Result<Vec<u8>> {
        let fail = |error| ErrorKind::Decompress {
            format: self.name(),
            error,
        };
        // One byte more than allowed tells a file of exactly the limit from a larger one.
        let mut out = Vec::new();
        match self {
            Self::Gzip => flate2::read::MultiGzDecoder::new(bytes)
                .take(limit + 1)
                .read_to_end(&mut out),
            Self::Xz => liblzma::read::XzDecoder::new_multi_decoder(bytes)
                .take(limit + 1)
                .read_to_end(&mut out),
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(bytes)
                .and_then(|decoder| decoder.take(limit + 1).read_to_end(&mut out)),
        }
        .map_err(fail)?;
        if out.len() as u64 > limit {
            return Err(ErrorKind::DecompressedTooLarge { limit }.into());
        }
        Ok(out)
    }
}
