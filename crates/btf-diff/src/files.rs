//! Comparing files and folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btf_builder::Btf;
use btf_file::BtfFile;

use crate::diff::{Diff, DiffOpts};
use crate::universe::Universe;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it. It is part of this error's text.
    pub fault: FileFault,
}

/// See [`FileError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// There is no BTF to be had of it; another base may be needed.
    #[error(transparent)]
    File(#[from] btf_file::Fault),
    /// The folder cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file is compared with a folder.
    #[error("one is a folder and the other is not")]
    FileAndFolder,
    /// Two files of a folder go by the same name.
    #[error("'{0}' is there twice")]
    SameName(String),
}

/// One side of a comparison of files.
#[derive(Clone, Debug)]
pub struct Input {
    /// A raw BTF, an ELF file with `.BTF`, or a folder of either.
    pub path: PathBuf,
    /// The base of all of them, if they are split BTF.
    pub base: Option<Arc<Btf>>,
}

/// The difference of two files, or of the files of one name in two folders.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FileDiff {
    /// What the files go by: the file name without `.ko`, `.btf` and the
    /// suffixes of compression and debug files.
    pub name: String,
    /// The result.
    pub result: FileResult,
}

/// See [`FileDiff`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum FileResult {
    /// Both sides have it.
    Compared(Box<Diff>),
    /// The right folder has no such file.
    OnlyLeft,
    /// The left folder has no such file.
    OnlyRight,
}

impl FileDiff {
    /// Whether the files are there on both sides and equal but for what was
    /// explained.
    pub fn is_equal(&self) -> bool {
        matches!(&self.result, FileResult::Compared(diff) if diff.is_equal())
    }
}

/// Reads the BTF of a raw file or of an ELF file's `.BTF` section.
///
/// # Errors
/// [`FileError`] with the path.
pub fn load(path: &Path, base: Option<Arc<Btf>>) -> Result<Btf, FileError> {
    let file = BtfFile::read(path)?;
    file.parse(base.as_ref()).map_err(|fault| FileError {
        path: path.to_owned(),
        fault: fault.into(),
    })
}

impl From<btf_file::Error> for FileError {
    fn from(error: btf_file::Error) -> Self {
        Self {
            path: error.path,
            fault: error.fault.into(),
        }
    }
}

/// Compares two files, or the files of two folders (and of the folders within
/// them) by name. All of them share one graph, so that a base is read and
/// sorted into classes once.
///
/// # Errors
/// [`FileError`] for the first file that cannot be read.
pub fn diff_files(
    left: &Input,
    right: &Input,
    opts: &DiffOpts<'_>,
) -> Result<Vec<FileDiff>, FileError> {
    let files = match (left.path.is_dir(), right.path.is_dir()) {
        (false, false) => BTreeMap::from([(
            name_of(&left.path),
            [Some(left.path.clone()), Some(right.path.clone())],
        )]),
        (true, true) => {
            let mut files = BTreeMap::<_, [Option<PathBuf>; 2]>::new();
            for (side, input) in [left, right].into_iter().enumerate() {
                for (name, path) in files_in(&input.path)? {
                    files.entry(name).or_default()[side] = Some(path);
                }
            }
            files
        }
        _ => {
            return Err(FileError {
                path: left.path.clone(),
                fault: FileFault::FileAndFolder,
            });
        }
    };

    let mut loaded = Vec::new();
    for (name, paths) in files {
        let load_side = |path: &Option<PathBuf>, input: &Input| {
            let load = |path: &PathBuf| load(path, input.base.clone());
            path.as_ref().map(load).transpose()
        };
        // A file that is on one side only need not be readable.
        let both = paths.iter().all(Option::is_some);
        let sides = if both {
            [load_side(&paths[0], left)?, load_side(&paths[1], right)?]
        } else {
            [None, None]
        };
        loaded.push((name, paths, sides));
    }
    let mut universe = Universe::new();
    let sides: Vec<_> = loaded
        .iter()
        .map(|(_, _, [left, right])| match (left, right) {
            (Some(left), Some(right)) => Some((universe.add(left), universe.add(right))),
            _ => None,
        })
        .collect();
    let partition = universe.partition();
    Ok(loaded
        .iter()
        .zip(sides)
        .map(|((name, paths, _), sides)| FileDiff {
            name: name.clone(),
            result: match sides {
                Some((left, right)) => {
                    FileResult::Compared(Box::new(partition.diff(left, right, opts)))
                }
                None if paths[0].is_some() => FileResult::OnlyLeft,
                None => FileResult::OnlyRight,
            },
        })
        .collect())
}

/// The name without what tells raw BTF, modules and debug files apart.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut name = name.as_ref();
    while let Some(stem) = [".btf", ".ko", ".debug", ".gz", ".xz", ".zst"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .filter(|stem| !stem.is_empty())
    {
        name = stem;
    }
    name.to_owned()
}

/// Modules and raw BTF files below a folder, by name.
fn files_in(folder: &Path) -> Result<BTreeMap<String, PathBuf>, FileError> {
    let fault = |path: &Path, fault: FileFault| FileError {
        path: path.to_owned(),
        fault,
    };
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs_err::read_dir(&folder).map_err(|e| fault(&folder, e.into()))?;
        for entry in entries {
            let entry = entry.map_err(|e| fault(&folder, e.into()))?;
            let kind = entry.file_type().map_err(|e| fault(&folder, e.into()))?;
            let path = entry.path();
            // Links to folders are not followed: /lib/modules has some that
            // lead to the sources.
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = name_of(&path);
            let is_input = path
                .file_name()
                .is_some_and(|file| file.to_string_lossy() != name);
            if is_input && found.insert(name.clone(), path).is_some() {
                return Err(fault(&folder, FileFault::SameName(name)));
            }
        }
    }
    Ok(found)
}
