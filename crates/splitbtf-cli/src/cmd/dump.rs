//! `splitbtf dump`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use btf_builder::{Btf, TypeId};
use btf_dump::{COptions, JsonStyle, Select};

use crate::args::{DumpArgs, DumpFormat};
use crate::btf_input;
use crate::report::{self, FAILURE, SUCCESS, USAGE};
use crate::stdout::Out;
use crate::type_name::TypeName;

const PROGRAM: &str = "splitbtf";

/// Runs the verb.
pub(crate) fn run(args: &DumpArgs) -> ExitCode {
    let request = match Request::new(args) {
        Ok(request) => request,
        Err(error) => return report::fail(PROGRAM, &error, USAGE),
    };
    match dump(args, &request) {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(error) => report::fail(PROGRAM, &error, FAILURE),
    }
}

/// The words of the command line, sorted out.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    file: PathBuf,
    format: DumpFormat,
}

impl Request {
    /// Takes `FILE`, and also bpftool's `file FILE format FORMAT`.
    fn new(args: &DumpArgs) -> anyhow::Result<Self> {
        let mut words = &args.words[..];
        if let [first, _, ..] = words
            && first == Path::new("file")
        {
            words = &words[1..];
        }
        let (file, format) = match words {
            [file] => (file, None),
            [file, word, format] if word == Path::new("format") => {
                let name = format.to_string_lossy();
                let format = <DumpFormat as clap::ValueEnum>::from_str(&name, false)
                    .ok()
                    .with_context(|| format!("unknown format '{name}'; known are raw, json, c"))?;
                (file, Some(format))
            }
            [_, second, ..] => bail!(
                "one file at a time: '{}' is one too many (the base of a split BTF is given with \
                 --base)",
                second.display()
            ),
            [] => bail!("which file?"),
        };
        if format.is_some() && (args.json || args.pretty || args.format.is_some()) {
            bail!("the format is given twice");
        }
        let json = (args.json || args.pretty).then_some(DumpFormat::Json);
        let format = format.or(args.format).or(json).unwrap_or(DumpFormat::Raw);
        if format != DumpFormat::C && (args.unsorted || args.own) {
            bail!("--unsorted and --own are about C: add --format c");
        }
        Ok(Self {
            file: file.clone(),
            format,
        })
    }
}

fn dump(args: &DumpArgs, request: &Request) -> anyhow::Result<()> {
    let base = args.base.as_deref().map(btf_input::load_base).transpose()?;
    let btf = btf_input::load(&request.file, base.as_ref())?.btf;
    let ids = ids(args, &btf).with_context(|| request.file.display().to_string())?;
    let (own, all) = match &ids {
        Some(ids) => (Select::Ids(ids), Select::Ids(ids)),
        None => (
            Select::Own,
            if args.own { Select::Own } else { Select::All },
        ),
    };
    let out = Out::new();
    let result = match request.format {
        DumpFormat::Raw => btf_dump::write_raw(&btf, own, out),
        DumpFormat::Json => {
            let style = if args.pretty {
                JsonStyle::Pretty
            } else {
                JsonStyle::Compact
            };
            btf_dump::write_json(&btf, own, style, out)
        }
        DumpFormat::C => {
            let options = COptions::default()
                .with_select(all)
                .with_sort(!args.unsorted);
            btf_dump::write_c(&btf, &options, out)
        }
    };
    result.with_context(|| request.file.display().to_string())
}

/// The types that `--type` and `--id` ask for; `None` for all.
fn ids(args: &DumpArgs, btf: &Btf) -> anyhow::Result<Option<Vec<TypeId>>> {
    if args.types.is_empty() && args.ids.is_empty() {
        return Ok(None);
    }
    let mut ids: Vec<TypeId> = Vec::new();
    for &id in &args.ids {
        if id == 0 || id >= btf.n_types() {
            bail!(
                "there is no type {id}; ids go from 1 to {}",
                btf.n_types() - 1
            );
        }
        ids.push(TypeId(id));
    }
    for name in &args.types {
        ids.extend(TypeName::parse(name).require(btf)?);
    }
    Ok(Some(ids))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn request(line: &str) -> Result<Request, String> {
        let line = ["splitbtf", "dump"]
            .into_iter()
            .chain(line.split_whitespace());
        match Cli::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .command
        {
            Command::Dump(args) => Request::new(&args).map_err(|error| error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn is(file: &str, format: DumpFormat) -> Result<Request, String> {
        Ok(Request {
            file: file.into(),
            format,
        })
    }

    #[test]
    fn bpftools_words_are_understood() {
        assert_eq!(request("vmlinux"), is("vmlinux", DumpFormat::Raw));
        assert_eq!(request("file vmlinux"), is("vmlinux", DumpFormat::Raw));
        assert_eq!(
            request("file vmlinux format c"),
            is("vmlinux", DumpFormat::C)
        );
        assert_eq!(
            request("vmlinux format raw"),
            is("vmlinux", DumpFormat::Raw)
        );
        assert_eq!(request("file"), is("file", DumpFormat::Raw));
        assert_eq!(request("-j vmlinux"), is("vmlinux", DumpFormat::Json));
        assert_eq!(
            request("-p -B vmlinux ext4.ko"),
            is("ext4.ko", DumpFormat::Json)
        );
        assert_eq!(request("--format c vmlinux"), is("vmlinux", DumpFormat::C));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(
            request("vmlinux ext4.ko")
                .unwrap_err()
                .contains("is one too many")
        );
        assert!(
            request("vmlinux format C++")
                .unwrap_err()
                .contains("known are raw, json, c")
        );
        assert!(
            request("-j vmlinux format c")
                .unwrap_err()
                .contains("given twice")
        );
        assert!(
            request("--unsorted vmlinux")
                .unwrap_err()
                .contains("--format c")
        );
    }
}
