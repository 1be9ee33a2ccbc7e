//! From the paths of a command line to the files to work on.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

/// Endings of compressed modules.
const COMPRESSED: [&str; 3] = [".gz", ".xz", ".zst"];

/// A file by device and number: what differs in these is not the same. Hard links to one file are, and yet go by
/// themselves, since here files are replaced and not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FileId(u64, u64);

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// One file to work on, or why there is none.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Size in bytes as it lies on the disk. Only used to order and to estimate.
    pub(crate) len: u64,
    file: Option<FileId>,
    /// What went wrong with finding it.
    pub(crate) error: Option<anyhow::Error>,
}

impl Input {
    fn failed(path: &Path, error: anyhow::Error) -> Self {
        Self {
            path: path.to_owned(),
            len: 0,
            file: None,
            error: Some(error),
        }
    }

    fn found(path: PathBuf, metadata: &Metadata) -> Self {
        Self {
            path,
            len: metadata.len(),
            file: Some(FileId::of(metadata)),
            error: None,
        }
    }

    /// Whether the name says that the module is compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        uncompressed_name(self.path.file_name().unwrap_or_default()).is_some()
    }
}

/// The files that `paths` stand for, in the order given; those of a folder sorted by path.
///
/// A file stands for itself whatever its name. A folder stands for all kernel modules below
/// it, compressed ones included; symbolic links in it are not followed, since they lead to
/// modules of other folders or round in circles. A file named twice is taken once. A path
/// that leads nowhere becomes an input with an error.
pub(crate) fn collect(paths: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut seen: HashMap<FileId, Vec<PathBuf>> = HashMap::new();
    let mut failed = HashSet::new();
    let mut add = |input: Input| {
        let is_new = match input.file {
            Some(file) => {
                let paths = seen.entry(file).or_default();
                let is_new = !paths.iter().any(|path| lead_to_same(path, &input.path));
                paths.push(input.path.clone());
                is_new
            }
            None => failed.insert(fs::canonicalize(&input.path).unwrap_or(input.path.clone())),
        };
        if is_new {
            inputs.push(input);
        }
    };
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let mut found = Vec::new();
                if let Err((place, error)) = walk(path, &mut found) {
                    add(Input::failed(
                        &place,
                        anyhow!(error).context("cannot list the folder"),
                    ));
                } else if found.is_empty() {
                    let error = anyhow!("no kernel module (*.ko) in this folder or below it");
                    add(Input::failed(path, error));
                }
                found.sort_by(|a, b| a.0.cmp(&b.0));
                for (path, metadata) in found {
                    add(Input::found(path, &metadata));
                }
            }
            Ok(metadata) => add(Input::found(path.clone(), &metadata)),
            Err(error) => add(Input::failed(path, anyhow!(error).context("cannot open"))),
        }
    }
    inputs
}

/// The first of `inputs` that `path` leads to as well.
pub(crate) fn find<'i>(inputs: &'i [Input], path: &Path) -> Option<&'i Input> {
    // To resolve paths takes a system call for each of their parts, and nearly all files can be told apart by one.
    let file = FileId::of(&fs::metadata(path).ok()?);
    let same = inputs.iter().filter(|input| input.file == Some(file));
    same.into_iter()
        .find(|input| lead_to_same(&input.path, path))
}

/// Whether two paths are the same once symbolic links are resolved.
pub(crate) fn lead_to_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Collects the modules below `dir`; fails with the folder that could not be read.
fn walk(dir: &Path, found: &mut Vec<(PathBuf, Metadata)>) -> Result<(), (PathBuf, io::Error)> {
    let at = |error| (dir.to_owned(), error);
    for entry in fs::read_dir(dir).map_err(at)? {
        let entry = entry.map_err(at)?;
        let file_type = entry.file_type().map_err(at)?;
        if file_type.is_dir() {
            walk(&entry.path(), found)?;
        } else if file_type.is_file() && is_module_name(&entry.file_name()) {
            found.push((entry.path(), entry.metadata().map_err(at)?));
        }
    }
    Ok(())
}

/// Whether a file of that name is a kernel module, compressed or not.
fn is_module_name(name: &OsStr) -> bool {
    uncompressed_name(name)
        .unwrap_or(name)
        .as_bytes()
        .ends_with(b".ko")
}

/// The name without the ending of a compressor; `None` if it has none.
fn uncompressed_name(name: &OsStr) -> Option<&OsStr> {
    COMPRESSED
        .iter()
        .find_map(|ending| name.as_bytes().strip_suffix(ending.as_bytes()))
        .map(OsStr::from_bytes)
}

/// Where in `dir` the BTF of `input` goes: `DIR/name.ko.btf`, for `name.ko.xz` too.
pub(crate) fn output_in(dir: &Path, input: &Path) -> anyhow::Result<PathBuf> {
    let name = input.file_name().context("the path has no file name")?;
    let mut name = uncompressed_name(name).unwrap_or(name).to_owned();
    name.push(".btf");
    Ok(dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "b/z.ko",
            "b/a.ko.xz",
            "a/m.ko",
            "a/m.ko.debug",
            "a/vmlinux",
            "c.ko.zst",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        dir
    }

    fn names(dir: &Path, inputs: &[Input]) -> Vec<String> {
        inputs
            .iter()
            .map(|input| {
                input
                    .path
                    .strip_prefix(dir)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn a_folder_stands_for_the_modules_below_it_in_order() {
        let dir = folder();
        let inputs = collect(&[dir.path().to_owned()]);
        assert_eq!(
            names(dir.path(), &inputs),
            ["a/m.ko", "b/a.ko.xz", "b/z.ko", "c.ko.zst"]
        );
        assert_eq!(
            inputs.iter().map(Input::is_compressed).collect::<Vec<_>>(),
            [false, true, false, true]
        );
        assert_eq!(inputs[0].len, 6);
    }

    #[test]
    fn order_of_arguments_is_kept_and_nothing_is_taken_twice() {
        let dir = folder();
        let inputs = collect(&[
            dir.path().join("b/z.ko"),
            dir.path().join("b"),
            dir.path().join("a/vmlinux"),
        ]);
        assert_eq!(
            names(dir.path(), &inputs),
            ["b/z.ko", "b/a.ko.xz", "a/vmlinux"]
        );
    }

    #[test]
    fn a_file_is_known_again_by_another_path_but_not_by_a_hard_link() {
        let dir = folder();
        let file = dir.path().join("b/z.ko");
        let (soft, hard) = (dir.path().join("soft.ko"), dir.path().join("hard.ko"));
        std::os::unix::fs::symlink("b/z.ko", &soft).unwrap();
        fs::hard_link(&file, &hard).unwrap();
        let around = dir.path().join("b/../b/z.ko");
        let inputs = collect(&[file, soft.clone(), hard.clone(), around.clone()]);
        assert_eq!(names(dir.path(), &inputs), ["b/z.ko", "hard.ko"]);
        let found = |path: &Path| find(&inputs, path).map(|input| input.path.clone());
        assert_eq!(found(&soft).as_ref(), Some(&inputs[0].path));
        assert_eq!(found(&around).as_ref(), Some(&inputs[0].path));
        assert_eq!(found(&hard).as_ref(), Some(&hard));
        assert_eq!(found(&dir.path().join("a/m.ko")), None);
        assert_eq!(found(&dir.path().join("none")), None);
    }

    #[test]
    fn links_in_folders_are_not_followed() {
        let dir = folder();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("m.ko", dir.path().join("a/link.ko")).unwrap();
        assert_eq!(
            names(dir.path(), &collect(&[dir.path().join("a")])),
            ["a/m.ko"]
        );
    }

    #[test]
    fn what_leads_nowhere_is_an_input_with_an_error() {
        let dir = folder();
        fs::create_dir(dir.path().join("empty")).unwrap();
        let inputs = collect(&[dir.path().join("empty"), dir.path().join("none.ko")]);
        let errors: Vec<_> = inputs
            .iter()
            .map(|input| format!("{:#}", input.error.as_ref().unwrap()))
            .collect();
        assert_eq!(
            errors[0],
            "no kernel module (*.ko) in this folder or below it"
        );
        assert!(
            errors[1].starts_with("cannot open: No such file"),
            "{}",
            errors[1]
        );
    }

    #[test]
    fn output_is_named_for_the_module_without_its_compression() {
        let name = |input| output_in(Path::new("o"), Path::new(input)).unwrap();
        assert_eq!(name("x/ext4.ko"), Path::new("o/ext4.ko.btf"));
        assert_eq!(name("x/ext4.ko.xz"), Path::new("o/ext4.ko.btf"));
        assert_eq!(name("vmlinux"), Path::new("o/vmlinux.btf"));
    }
}
