//! `splitbtf explain`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use btf_builder::{Btf, Kind, TypeId};
use btf_diff::describe;
use splitbtf::{Mismatch, SkipReason, Skipped};

use crate::args::ExplainArgs;
use crate::difference;
use crate::engine::{self, OpenedBase};
use crate::jobs::Pool;
use crate::jobserver::JobServer;
use crate::report::{self, FAILURE, SUCCESS};
use crate::stdout::Out;
use crate::type_name::TypeName;

const PROGRAM: &str = "splitbtf";

/// Runs the verb.
pub(crate) fn run(args: &ExplainArgs) -> ExitCode {
    match explain(args) {
        Ok(true) => ExitCode::from(SUCCESS),
        Ok(false) => ExitCode::from(FAILURE),
        Err(error) => report::fail(PROGRAM, &error, FAILURE),
    }
}

/// Explains each name; returns whether there was something to say of each.
fn explain(args: &ExplainArgs) -> anyhow::Result<bool> {
    let pool = Pool::new(None, u64::MAX, JobServer::from_env())?;
    let options = engine::options(&args.rules);
    let bytes = std::fs::metadata(&args.file).map_or(0, |meta| meta.len());
    let encoded = pool.run(|| -> anyhow::Result<_> {
        let base = match &args.base {
            Some(path) => Some(OpenedBase::new(path, bytes).finish(&options, true)?),
            None => None,
        };
        engine::read(&args.file, base.as_ref(), &options)
    })?;
    let subject = Subject {
        btf: &encoded.btf,
        skipped: &encoded.skipped,
    };
    let mut out = Out::new();
    let mut all_known = true;
    for text in &args.names {
        match subject.explain(TypeName::parse(text)) {
            Ok(answer) => out
                .write_all(answer.as_bytes())
                .and_then(|()| out.flush())
                .context("cannot write to standard output")?,
            Err(error) => {
                all_known = false;
                report::complain(
                    PROGRAM,
                    format_args!("{}: {}", args.file.display(), report::chain(&error)),
                );
            }
        }
    }
    Ok(all_known)
}

/// A result that is asked about.
struct Subject<'a> {
    btf: &'a Btf,
    skipped: &'a [Skipped],
}

impl Subject<'_> {
    fn explain(&self, name: TypeName<'_>) -> anyhow::Result<String> {
        let mut text = String::new();
        for skipped in self
            .skipped
            .iter()
            .filter(|skipped| skipped.name == name.name)
        {
            let _ = writeln!(text, "function {}: left out", skipped.name);
            for reason in &skipped.reasons {
                let _ = writeln!(text, "    {}", meaning(*reason));
            }
        }
        let ids = name.ids(self.btf);
        if ids.is_empty() && text.is_empty() {
            let error = name.require(self.btf).err();
            let error = error.unwrap_or_else(|| anyhow::anyhow!("no type is called so"));
            let error = if name.is_function() {
                error.context(
                    "a function is encoded if its DWARF has a definition, with names for all \
                     parameters, and the symbol table has it as a function",
                )
            } else {
                error
            };
            return Err(error);
        }
        let (base, own): (Vec<TypeId>, Vec<TypeId>) =
            ids.into_iter().partition(|&id| id < self.btf.start_id());
        for (n, &id) in own.iter().enumerate() {
            self.own(&mut text, id, &base);
            let same_kind = |other: &&TypeId| self.kind(**other) == self.kind(id);
            if let Some(&first) = own[..n].iter().find(same_kind) {
                self.differ(&mut text, [id, first], "the file", |id| {
                    format!("[{}]", id.0)
                });
            }
        }
        if own.is_empty() {
            for id in base {
                let _ = writeln!(
                    text,
                    "{}: in the base as [{}]; the file adds none of its own",
                    self.describe(id),
                    id.0
                );
            }
        }
        Ok(text)
    }

    /// Why `own` is there although the base has types of its name.
    fn own(&self, text: &mut String, own: TypeId, base: &[TypeId]) {
        let what = self.describe(own);
        let kind = self.kind(own);
        let alike: Vec<_> = base
            .iter()
            .copied()
            .filter(|&id| self.kind(id) == kind)
            .collect();
        if !self.btf.is_split() {
            let _ = writeln!(text, "{what}: encoded as [{}]", own.0);
            return;
        }
        if matches!(kind, Kind::Var | Kind::Datasec) {
            let _ = writeln!(
                text,
                "{what}: [{}]; variables are never shared with a base",
                own.0
            );
            return;
        }
        if alike.is_empty() {
            let _ = writeln!(
                text,
                "{what}: [{}] is new; the base has no {} of this name{}",
                own.0,
                word(kind),
                match base.first() {
                    Some(&other) => format!(", but {} as [{}]", self.describe(other), other.0),
                    None => String::new(),
                }
            );
            return;
        }
        for id in alike {
            self.differ(text, [own, id], "the base", |id| {
                let of_base = id < self.btf.start_id();
                let side = if of_base { "the base" } else { "the file" };
                side.to_owned()
            });
        }
    }

    /// Why the first type is not the second one, which is `whose`. `side` says of either where it is.
    fn differ(
        &self,
        text: &mut String,
        ids: [TypeId; 2],
        whose: &str,
        side: impl Fn(TypeId) -> String,
    ) {
        let what = self.describe(ids[0]);
        let [own, other] = ids;
        let (own_no, other_no) = (own.0, other.0);
        let _ = writeln!(
            text,
            "{what}: [{own_no}] is not the [{other_no}] of {whose}"
        );
        let line = match btf_dedup::explain(self.btf, own, other) {
            Some(found) => {
                let sides = ids.map(side);
                difference::in_words(self.btf, &found, sides.each_ref().map(String::as_str))
            }
            None => {
                "no difference: the types are the same, and one of them is a duplicate; please \
                 report this"
                    .to_owned()
            }
        };
        let _ = writeln!(text, "    {line}");
    }

    fn kind(&self, id: TypeId) -> Kind {
        self.btf.ty(id).map_or(Kind::Void, |ty| ty.kind())
    }

    fn describe(&self, id: TypeId) -> String {
        match self.btf.ty(id) {
            Some(ty) if matches!(ty.kind(), Kind::Func | Kind::Var | Kind::Typedef) => {
                format!("{} {}", word(ty.kind()), ty.name_str())
            }
            _ => describe(self.btf, id),
        }
    }
}

/// What people call a kind.
fn word(kind: Kind) -> String {
    match kind {
        Kind::Func => "function".to_owned(),
        Kind::Var => "variable".to_owned(),
        kind => kind.name().to_lowercase(),
    }
}

/// A reason, and what is behind it.
fn meaning(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::UnexpectedRegister => {
            "unexpected register: a parameter is not passed where the calling convention puts it, \
             so that a program reading it there would get something else"
        }
        SkipReason::Inconsistent(Mismatch::Return) => {
            "inconsistent prototype: its return type differs between CUs"
        }
        SkipReason::Inconsistent(Mismatch::Count(..)) => {
            "inconsistent prototype: its number of parameters differs between CUs"
        }
        SkipReason::Inconsistent(Mismatch::Parameter) => {
            "inconsistent prototype: the type of a parameter differs between CUs"
        }
        SkipReason::UncertainParameterLocation => {
            "uncertain parameter location: a packed or over-aligned struct is passed on the stack"
        }
        SkipReason::ReorderedParameters => {
            "reordered parameters: the compiler passes them in another order than the source has"
        }
        SkipReason::OptimizedParameters => {
            "optimized parameters: the function as the compiler made it, often a clone (.isra, \
             .constprop), lacks some of them; the feature true_signature encodes it as it is"
        }
        SkipReason::AmbiguousAddress => {
            "ambiguous address: several functions have this name, at different addresses"
        }
        _ => "for a reason that this version has no words for",
    }
}
