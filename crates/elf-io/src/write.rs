//! Putting a planned file in place of an existing one: temporary file in the same folder, then rename. The temporary file
//! has no name until it is complete, where the file system can do that, so that whatever ends this process leaves nothing
//! behind.

use std::fs::{File, FileTimes, Metadata, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, XattrFlags, fgetxattr, flistxattr, fsetxattr, linkat,
};

use crate::elf::Elf;
use crate::error::{ErrorKind, Result};
use crate::open::FileMap;
use crate::rewrite::{ImageOverflow, Patch, Rewrite, SectionEdit};

/// How [`write_sections`] and [`write_file`] treat the target.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// For sections of a linked image.
    pub overflow: ImageOverflow,
    /// Wait until the new file is on the disk before it takes the target's name. Without this a crash of the *system*
    /// soon afterwards may lose it, as it may with compilers and linkers; a crash of this program never does.
    pub sync: bool,
}

/// What [`write_sections`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteReport {
    /// The file that was written: the target, symbolic links resolved.
    pub path: PathBuf,
    /// Its size in bytes.
    pub file_bytes: u64,
    /// Whether its bytes were already the wanted ones, so that only its modification time was set.
    pub unchanged: bool,
    /// See [`Rewrite::dead_bytes`].
    pub dead_bytes: u64,
    /// See [`Rewrite::drops_signature`].
    pub dropped_signature: bool,
}

/// Writes a copy of the ELF file `input` with `edits` and `patches` applied to `target`, which may be the same file.
///
/// The target is replaced as a whole or not at all: the new file is written without a name, or where that cannot be had
/// under a temporary one in the same folder, and then renamed. On any error the target is as it was and the temporary
/// file is gone. A target that is a symbolic link stays one, and the file that it points to is replaced. Mode, owner and
/// extended attributes are those of the target, or of the input if there is no target yet. Other hard links to the target
/// keep the old contents.
///
/// If a target already has the wanted contents, only its modification time changes, as `make` expects of a recipe.
///
/// # Errors
///
/// Those of [`Elf::parse`] and [`Rewrite::plan`]; [`ErrorKind::CompressedTarget`] if the input is compressed;
/// [`ErrorKind::NotRegularFile`]; [`ErrorKind::Io`] if the input cannot be read; and [`ErrorKind::Write`] if the target
/// cannot be written, which includes one without write permission and an owner that this process may not give to a file.
pub fn write_sections(
    input: &Path,
    target: &Path,
    edits: &[SectionEdit<'_>],
    patches: &[Patch<'_>],
    options: WriteOptions,
) -> Result<WriteReport> {
    let mut source = fs_err::File::open(input)?;
    let map = FileMap::of_file(&source, input)?;
    if map.is_compressed() {
        return Err(ErrorKind::CompressedTarget {
            path: input.to_owned(),
        }
        .into());
    }
    let elf = Elf::parse(map.bytes())?;
    let rewrite = Rewrite::plan(&elf, edits, patches, options.overflow)?;
    let input_meta = source.metadata()?;
    let place = Place::of(target, input_meta.permissions().mode())?;
    let mut report = WriteReport {
        path: place.path.clone(),
        file_bytes: rewrite.len(),
        unchanged: false,
        dead_bytes: rewrite.dead_bytes(),
        dropped_signature: rewrite.drops_signature(),
    };
    let same =
        |old: &Existing| (old.meta.dev(), old.meta.ino()) == (input_meta.dev(), input_meta.ino());
    if let Some(old) = place.existing.as_ref().filter(|old| same(old))
        && rewrite.is_unchanged()
    {
        let now = FileTimes::new().set_modified(SystemTime::now());
        old.file
            .set_times(now)
            .map_err(|error| cannot("set its time", &place.path, error))?;
        report.unchanged = true;
        return Ok(report);
    }
    place.replace(options.sync, |out| {
        source.rewind()?;
        // Between two files this is copy_file_range, which shares the blocks where the file system can.
        let copied = io::copy(&mut source.file().take(rewrite.prefix_len()), out)?;
        if copied != rewrite.prefix_len() {
            return Err(io::Error::other(
                "the input became shorter while it was read",
            ));
        }
        out.set_len(rewrite.len())?;
        rewrite.for_each_change(&mut |at, bytes| out.write_all_at(bytes, at))
    })?;
    Ok(report)
}

/// Writes `bytes` to `target` the way [`write_sections`] does. A new file gets the mode that the process's umask gives
/// to new files. A target that is not a regular file, such as `/dev/stdout`, is written to instead of being replaced.
///
/// # Errors
///
/// [`ErrorKind::Write`], and [`ErrorKind::NotRegularFile`] for a folder.
pub fn write_file(target: &Path, bytes: &[u8], options: WriteOptions) -> Result<()> {
    if fs_err::metadata(target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        let written = File::options()
            .write(true)
            .open(target)
            .and_then(|mut out| out.write_all(bytes));
        return Ok(written.map_err(|error| cannot("write", target, error))?);
    }
    Place::of(target, 0o666)?.replace(options.sync, |out| out.write_all(bytes))
}

/// Where a file goes.
struct Place {
    /// The target, symbolic links resolved.
    path: PathBuf,
    existing: Option<Existing>,
    /// Mode of a new file, before the umask.
    mode: u32,
}

/// The file that is replaced.
struct Existing {
    /// Open for writing.
    file: File,
    meta: Metadata,
}

impl Place {
    fn of(target: &Path, mode: u32) -> Result<Self> {
        let find = |path: std::result::Result<PathBuf, io::Error>| {
            path.map_err(|error| cannot("find it", target, error))
        };
        let path = match std::fs::symlink_metadata(target) {
            // A link is not to be replaced but what it leads to.
            Ok(meta) if meta.is_symlink() => find(std::fs::canonicalize(target))?,
            Ok(_) => target.to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: target.to_owned(),
                    existing: None,
                    mode,
                });
            }
            Err(error) => find(Err(error))?,
        };
        let meta = std::fs::metadata(&path).map_err(|error| cannot("find it", &path, error))?;
        if !meta.is_file() {
            return Err(ErrorKind::NotRegularFile { path }.into());
        }
        // Renaming asks for permissions on the folder only. Whoever protects a file from writing means its contents.
        let file = File::options()
            .write(true)
            .open(&path)
            .map_err(|error| cannot("open it for writing", &path, error))?;
        Ok(Self {
            path,
            existing: Some(Existing { file, meta }),
            mode,
        })
    }

    /// Gives the place the contents that `fill` writes.
    fn replace(&self, sync: bool, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(self.path.file_name().unwrap_or_default());
        let mode = if self.existing.is_some() {
            0o600
        } else {
            self.mode & 0o777
        };
        let mut temp = tempfile::Builder::new();
        temp.prefix(&prefix)
            .suffix(".tmp")
            .permissions(Permissions::from_mode(mode));
        let write = |out: &mut File| {
            let write = || {
                fill(out)?;
                if let Some(existing) = &self.existing {
                    existing.give_attributes(out)?;
                }
                if sync { out.sync_all() } else { Ok(()) }
            };
            write().map_err(|error| cannot("write", &self.path, error))
        };
        let not_created = |error: io::Error| {
            // Its text names a file that never was.
            let error = error.kind().into();
            cannot("create a temporary file beside it", &self.path, error)
        };
        let complete = match unnamed(folder, mode) {
            Some(mut out) => {
                write(&mut out)?;
                let named = temp.make_in(folder, |path| give_name(&out, path));
                named.map_err(not_created)?.into_temp_path()
            }
            None => {
                let mut temp = temp.tempfile_in(folder).map_err(not_created)?;
                write(temp.as_file_mut())?;
                temp.into_temp_path()
            }
        };
        // On failure the temporary file is removed with the error.
        complete
            .persist(&self.path)
            .map_err(|error| cannot("replace it", &self.path, error.error))?;
        Ok(())
    }
}

/// Where processes find their open files by number.
const OPEN_FILES: &str = "/proc/self/fd";

/// A file in `folder` that has no name; `None` if the file system has no such files, or they cannot be named later on.
fn unnamed(folder: &Path, mode: u32) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::from_raw_mode(mode)).ok()?;
    Path::new(OPEN_FILES).exists().then(|| file.into())
}

/// Gives a file without a name this one, which nothing may have yet.
fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let open = format!("{OPEN_FILES}/{}", file.as_raw_fd());
    linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

impl Existing {
    /// Gives `out` the owner, mode and extended attributes of this file.
    fn give_attributes(&self, out: &File) -> io::Result<()> {
        let new = out.metadata()?;
        // The owner first: changing it clears set-user-id bits, and file capabilities.
        if (new.uid(), new.gid()) != (self.meta.uid(), self.meta.gid()) {
            fchown(out, Some(self.meta.uid()), Some(self.meta.gid())).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot keep the owner: {error}"))
            })?;
        }
        out.set_permissions(Permissions::from_mode(self.meta.mode() & 0o7777))?;
        self.give_xattrs(out);
        Ok(())
    }

    /// Copies extended attributes (SELinux labels, access control lists) as far as that is permitted: file systems
    /// differ in which of them they have and who may set them.
    fn give_xattrs(&self, out: &File) {
        let mut names = Vec::with_capacity(XATTR_MAX);
        if flistxattr(&self.file, rustix::buffer::spare_capacity(&mut names)).is_err() {
            return;
        }
        for name in names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            // These two are checksums of the old contents.
            if name == b"security.ima" || name == b"security.evm" {
                continue;
            }
            let mut value = Vec::with_capacity(XATTR_MAX);
            if fgetxattr(&self.file, name, rustix::buffer::spare_capacity(&mut value)).is_ok() {
                let _ = fsetxattr(out, name, &value, XattrFlags::empty());
            }
        }
    }
}

/// Largest list of names and largest value that Linux has (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const XATTR_MAX: usize = 65536;

fn cannot(action: &'static str, path: &Path, error: io::Error) -> ErrorKind {
    ErrorKind::Write {
        path: path.to_owned(),
        action,
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use test_kit::tool;

    use super::*;

    #[test]
    fn who_ends_while_writing_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        if unnamed(folder.path(), 0o600).is_none() {
            return tool::skip("who_ends_while_writing", "a file system with unnamed files");
        }
        let names = || {
            let entries = fs_err::read_dir(folder.path()).unwrap();
            let name = |entry: io::Result<fs_err::DirEntry>| entry.unwrap().file_name();
            entries.map(name).collect::<Vec<OsString>>()
        };
        let target = folder.path().join("target");
        for (contents, n_before) in [("new", 0), ("newer", 1)] {
            let place = Place::of(&target, 0o666).unwrap();
            let fill = |out: &mut File| {
                out.write_all(contents.as_bytes())?;
                // Were this process killed here, that would be all there is.
                assert_eq!(names().len(), n_before);
                Ok(())
            };
            place.replace(false, fill).unwrap();
            assert_eq!(names(), ["target"]);
            assert_eq!(fs_err::read_to_string(&target).unwrap(), contents);
        }
    }
}
