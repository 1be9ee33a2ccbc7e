//! The small kernel-like program under `testdata/kernel`: an image and modules.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use fs_err as fs;

use crate::build;
use crate::case::{self, Case, Source};
use crate::directive;
use crate::matrix::{Leg, Link};
use crate::prebuilt;

/// The sources of the image and of each module.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The image.
    pub vmlinux: Case,
    /// The modules, by name.
    pub modules: Vec<Case>,
}

/// A built kernel.
#[derive(Debug, Clone)]
pub struct Files {
    /// The linked image, with DWARF and without BTF.
    pub vmlinux: PathBuf,
    /// The modules in the order of [`Kernel::modules`], each `NAME.ko`.
    pub modules: Vec<PathBuf>,
}

impl Kernel {
    /// Reads the sources in `dir`.
    ///
    /// # Errors
    ///
    /// If a source cannot be read or a directive is malformed.
    pub fn load(dir: &Path) -> Result<Self> {
        let vmlinux = image(
            &dir.join("vmlinux"),
            "//#cflags: -I../include -fno-pie -fno-common\n\
             //#ldflags: -Wl,-T,@/vmlinux.lds\n",
        )?;
        let mut modules = Vec::new();
        for entry in fs::read_dir(dir.join("modules"))? {
            let path = entry?.path();
            modules.push(image(
                &path,
                "//#cflags: -I../../include -fno-pie -DMODULE\n",
            )?);
        }
        modules.sort_by(|a, b| a.name.cmp(&b.name));
        ensure!(!modules.is_empty(), "{}: no modules", dir.display());
        Ok(Self { vmlinux, modules })
    }

    /// The files of `dir`, compiled earlier, and how they were: the first line of
    /// `dir/MADE_BY` has the labels of the leg.
    ///
    /// # Errors
    ///
    /// If that line is not of this form.
    pub fn prebuilt(&self, dir: &Path) -> Result<(Files, Leg)> {
        let made_by = fs::read_to_string(dir.join("MADE_BY"))?;
        let labels = made_by.lines().next().unwrap_or_default();
        let leg = prebuilt::parse_leg(labels.split_whitespace())?;
        let modules = self
            .modules
            .iter()
            .map(|module| dir.join(format!("{}.ko", module.name)))
            .collect();
        Ok((
            Files {
                vmlinux: dir.join("vmlinux"),
                modules,
            },
            leg,
        ))
    }

    /// Builds everything into `out`, compiled as `leg` says.
    ///
    /// # Errors
    ///
    /// If a tool is missing or fails.
    pub fn build(&self, leg: &Leg, out: &Path) -> Result<Files> {
        let vmlinux = out.join("vmlinux");
        build_image(&self.vmlinux, leg, Link::Executable, out, &vmlinux)?;
        let modules = self
            .modules
            .iter()
            .map(|module| {
                let path = out.join(format!("{}.ko", module.name));
                build_image(module, leg, Link::Relocatable, out, &path)?;
                Ok(path)
            })
            .collect::<Result<_>>()?;
        Ok(Files { vmlinux, modules })
    }
}

/// All sources of a directory as one case, with flags for all of them.
fn image(dir: &Path, flags: &str) -> Result<Case> {
    let sources = case::sources_in(dir)?;
    ensure!(!sources.is_empty(), "{}: no sources", dir.display());
    let main = Source {
        file: String::new(),
        directives: directive::parse(flags)?,
    };
    let name = dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Case {
        name,
        dir: dir.to_owned(),
        main,
        sources,
        base: Vec::new(),
    })
}

fn build_image(case: &Case, leg: &Leg, link: Link, out: &Path, product: &Path) -> Result<()> {
    let objects = out.join(format!("{}.objects", case.name));
    fs::create_dir_all(&objects)?;
    let leg = Leg {
        link,
        ..leg.clone()
    };
    let built = build::build(case, &leg, &objects)?;
    fs::rename(built.product, product)?;
    fs::remove_dir_all(objects)?;
    Ok(())
}
