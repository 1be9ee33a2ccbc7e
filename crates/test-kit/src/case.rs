//! A case: the sources of one directory under `testdata/c`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;

use crate::directive::{self, Directive, Key};
use crate::matrix::{Compiler, Leg, Link, Target};

/// A source file and its directives.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name in the case's directory.
    pub file: String,
    /// Its `//#` comments.
    pub directives: Vec<Directive>,
}

impl Source {
    /// Reads the source at `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be read or a directive is malformed.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let directives = directive::parse(&text).with_context(|| path.display().to_string())?;
        Ok(Self { file, directives })
    }

    /// Values of the directives of this key that hold in a leg.
    pub fn values<'a>(
        &'a self,
        key: &'a Key,
        labels: &'a [String],
    ) -> impl Iterator<Item = &'a str> {
        self.directives
            .iter()
            .filter(move |d| d.key == *key && d.holds(labels))
            .map(|d| d.value.as_str())
    }
}

/// A directory of sources that are built and encoded together.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of the directory: what the case shows.
    pub name: String,
    /// The directory.
    pub dir: PathBuf,
    /// The main source, `case.*`, whose directives shape the matrix.
    pub main: Source,
    /// The sources of the file to encode in link order, the main one included.
    pub sources: Vec<Source>,
    /// The sources of its base, if it is a module.
    pub base: Vec<Source>,
}

/// Extensions of what can be compiled; other files of a case are headers, linker
/// scripts and the like.
const SOURCES: [&str; 5] = ["c", "cc", "S", "s", "rs"];

/// Whether the name is that of something to compile.
pub fn is_source(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| SOURCES.iter().any(|s| e == *s))
}

/// The sources of a directory, by name.
///
/// # Errors
///
/// If the directory or a source cannot be read.
pub fn sources_in(dir: &Path) -> Result<Vec<Source>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| is_source(path))
        .collect();
    paths.sort();
    paths.iter().map(|path| Source::load(path)).collect()
}

impl Case {
    /// Reads the case in `dir`.
    ///
    /// # Errors
    ///
    /// If a source cannot be read, a directive is malformed, or the sources that
    /// the directives name are not the sources that are there.
    pub fn load(dir: &Path) -> Result<Self> {
        let name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut all = sources_in(dir)?;
        let main = all
            .iter()
            .position(|source| source.file.starts_with("case."))
            .with_context(|| format!("{}: no source called case.*", dir.display()))?;
        let main = all.remove(main);

        let words = |key: Key| -> Option<Vec<String>> {
            let found = main.directives.iter().find(|d| d.key == key)?;
            Some(found.value.split_whitespace().map(str::to_owned).collect())
        };
        let (order, base_order) = (words(Key::Sources), words(Key::Base).unwrap_or_default());
        let mut take = |file: &str| -> Result<Source> {
            if file == main.file {
                return Ok(main.clone());
            }
            let found = all.iter().position(|source| source.file == file);
            Ok(all.remove(found.with_context(|| format!("{name}: no source called {file}"))?))
        };
        let base = base_order
            .iter()
            .map(|file| take(file))
            .collect::<Result<Vec<_>>>()?;
        let sources = match order {
            Some(order) => {
                let sources = order
                    .iter()
                    .map(|file| take(file))
                    .collect::<Result<Vec<_>>>()?;
                ensure!(all.is_empty(), "{name}: {} is in no list", all[0].file);
                sources
            }
            None => std::iter::once(main.clone()).chain(all).collect(),
        };
        Ok(Self {
            name,
            dir: dir.to_owned(),
            main,
            sources,
            base,
        })
    }

    /// Reads every case of a directory, by name.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_all(dir: &Path) -> Result<Vec<Self>> {
        let mut dirs: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path());
            }
        }
        dirs.sort();
        dirs.iter().map(|dir| Self::load(dir)).collect()
    }

    /// Every combination the directives ask for.
    ///
    /// # Errors
    ///
    /// If a directive of the matrix has a word that is unknown.
    pub fn legs(&self) -> Result<Vec<Leg>> {
        let words = |key: &Key, default: &str| -> Vec<String> {
            let value = self.main.directives.iter().find(|d| d.key == *key);
            let value = value.map_or(default, |d| d.value.as_str());
            value.split_whitespace().map(str::to_owned).collect()
        };
        let link = if self.sources.len() == 1 {
            "object"
        } else {
            "relocatable"
        };
        let mut variants: Vec<Option<String>> = Vec::new();
        for directive in &self.main.directives {
            if let Key::Variant(name) = &directive.key
                && !variants.contains(&Some(name.clone()))
            {
                variants.push(Some(name.clone()));
            }
        }
        if variants.is_empty() {
            variants.push(None);
        }
        let mut legs = Vec::new();
        for compiler in words(&Key::Compilers, "gcc clang") {
            for dwarf in words(&Key::Dwarf, "4 5") {
                for target in words(&Key::Targets, "native") {
                    for link in words(&Key::Link, link) {
                        for opt in words(&Key::Opt, "-O2") {
                            for variant in &variants {
                                legs.push(Leg {
                                    compiler: Compiler::parse(&compiler)?,
                                    dwarf: dwarf.parse().context("a DWARF version")?,
                                    target: Target::parse(&target)?,
                                    link: Link::parse(&link)?,
                                    opt: opt.clone(),
                                    variant: variant.clone(),
                                });
                            }
                        }
                    }
                }
            }
        }
        Ok(legs)
    }

    /// All directives that bear on what a run must give: those of the main source,
    /// then of the others in link order.
    pub fn directives(&self) -> impl Iterator<Item = (&str, &Directive)> {
        let others = self
            .sources
            .iter()
            .filter(|source| source.file != self.main.file);
        std::iter::once(&self.main)
            .chain(others)
            .flat_map(|source| source.directives.iter().map(|d| (source.file.as_str(), d)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn case(files: &[(&str, &str)]) -> Result<Case> {
        let scratch = Scratch::new("case");
        for (name, text) in files {
            fs::write(scratch.join(name), text).unwrap();
        }
        Case::load(scratch.path())
    }

    #[test]
    fn sources_are_in_the_order_the_directive_gives() {
        let case = case(&[
            ("case.c", "//#sources: b.c case.c\n//#base: a.c\n"),
            ("a.c", ""),
            ("b.c", ""),
            ("x.h", ""),
        ])
        .unwrap();
        let files = |sources: &[Source]| -> Vec<String> {
            sources.iter().map(|source| source.file.clone()).collect()
        };
        assert_eq!(files(&case.sources), ["b.c", "case.c"]);
        assert_eq!(files(&case.base), ["a.c"]);
    }

    #[test]
    fn a_source_that_no_list_names_is_an_error() {
        assert!(case(&[("case.c", "//#sources: case.c\n"), ("b.c", "")]).is_err());
        assert!(case(&[("case.c", "//#sources: case.c c.c\n")]).is_err());
        assert!(case(&[("other.c", "")]).is_err());
    }

    #[test]
    fn the_matrix_is_the_product_of_its_lists() {
        let case = case(&[("case.c", "//#dwarf: 5\n//#variant a:\n//#variant b:\n")]).unwrap();
        let names: Vec<String> = case
            .legs()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names.len(), 4);
        assert!(names[0].starts_with("gcc-dwarf5-") && names[0].ends_with("-object-O2-a"));
    }
}
