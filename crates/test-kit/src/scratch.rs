//! Scratch directories.

use std::path::{Path, PathBuf};

/// A directory that is removed with the value, unless `SPLITBTF_KEEP_SCRATCH`
/// is set: then it stays and its path is printed.
#[derive(Debug)]
pub struct Scratch {
    dir: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// A new directory whose name contains `label`.
    ///
    /// # Panics
    ///
    /// If the system's temporary directory cannot be written.
    pub fn new(label: &str) -> Self {
        let label: String = label
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let dir = tempfile::Builder::new()
            .prefix(&format!("splitbtf-{label}-"))
            .tempdir()
            .expect("a scratch directory in the system's temporary directory");
        let path = dir.path().to_owned();
        Self {
            dir: Some(dir),
            path,
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` in the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    #[expect(
        clippy::print_stderr,
        reason = "the path is what the variable asks for"
    )]
    fn drop(&mut self) {
        if std::env::var_os("SPLITBTF_KEEP_SCRATCH").is_some()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("kept: {}", dir.keep().display());
        }
    }
}
