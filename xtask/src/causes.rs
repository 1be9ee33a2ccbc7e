//! Why our BTF is known to differ from that of other encoders.
//!
//! Each cause names the change or the defect; differences that none of them
//! covers are mistakes of ours until shown otherwise.

use std::collections::HashSet;

use btf_builder::Kind;
use btf_diff::{Finding, IgnoreList, Side, What};

/// Differences to expect against the `.BTF` that Debian's packages carry,
/// by name.
const OF_PACKAGES: &str = include_str!("../known-differences/packages.txt");

/// What is known about the file that is compared.
pub(crate) struct Context<'a> {
    /// The other side is the package's own BTF, made by an old encoder.
    pub(crate) is_package: bool,
    /// A relocatable file, so a module.
    pub(crate) is_module: bool,
    /// Our BTF has no type twice, by itself or with its base.
    pub(crate) left_is_minimal: bool,
    /// Why we left a function out.
    pub(crate) skipped: &'a dyn Fn(&str) -> Vec<String>,
    /// Functions of which a part was moved elsewhere (`.cold` symbols).
    pub(crate) split_functions: &'a dyn Fn() -> HashSet<String>,
    /// Sets in `.BTF_ids` are resolved, so sorted.
    pub(crate) sets_are_sorted: &'a dyn Fn() -> bool,
    /// A section that is not loaded stands before `.data..percpu` and is larger than where loading begins.
    pub(crate) per_cpu_is_hidden: &'a dyn Fn() -> bool,
    pub(crate) known: &'a Known,
}

/// The lists, parsed.
#[derive(Debug)]
pub(crate) struct Known {
    of_packages: IgnoreList,
}

impl Known {
    pub(crate) fn load() -> anyhow::Result<Self> {
        Ok(Self {
            of_packages: IgnoreList::parse(OF_PACKAGES)?,
        })
    }
}

/// The cause of a difference, left being ours.
pub(crate) fn cause(context: &Context<'_>, finding: &Finding) -> Option<String> {
    repeated(context, finding)
        .or_else(|| function(context, finding).map(str::to_owned))
        .or_else(|| flags_of_kfuncs(context, finding).map(str::to_owned))
        .or_else(|| declared_in_base(context, finding).map(str::to_owned))
        .or_else(|| per_cpu_variable(context, finding).map(str::to_owned))
        .or_else(|| {
            let known = context.is_package.then_some(&context.known.of_packages)?;
            if is_datasec_with_known_variables(known, finding) {
                return Some("its variables".to_owned());
            }
            known.reason(finding).map(str::to_owned)
        })
}

/// Types that the other encoder has more than once.
fn repeated(context: &Context<'_>, finding: &Finding) -> Option<String> {
    let theirs = finding.what == What::Repeated && finding.side() == Some(Side::Right);
    (theirs && context.left_is_minimal)
        .then(|| "libbpf's dedup leaves equal types, ours none".to_owned())
}

/// Tags by flags of kfuncs, in a file whose sets were sorted by ids.
fn flags_of_kfuncs(context: &Context<'_>, finding: &Finding) -> Option<&'static str> {
    let info = finding.any();
    let by_flag = info.kind == Kind::DeclTag && info.name == "bpf_fastcall";
    (by_flag && (context.sets_are_sorted)()).then_some(
        "in resolved .BTF_ids pahole takes a kfunc's flags from where the id was before the set \
         was sorted",
    )
}

/// Types of a module that refer to what the base only declares.
fn declared_in_base(context: &Context<'_>, finding: &Finding) -> Option<&'static str> {
    let is_forward = |change: &String| {
        let types = change
            .split_once(": `")
            .and_then(|(_, types)| types.strip_suffix(" (forward)`")?.split_once("` -> `"));
        types.is_some_and(|(left, right)| left == right)
    };
    let only_forwards = finding.what == What::Changed && finding.changes.iter().all(is_forward);
    (context.is_module && only_forwards).then_some(
        "where the base only declares what the module defines, ours refers to the definition",
    )
}

/// Per-CPU variables of a module that the other encoder takes to be elsewhere.
fn per_cpu_variable(context: &Context<'_>, finding: &Finding) -> Option<&'static str> {
    let ours = finding.what == What::Missing && finding.side() == Some(Side::Left);
    let variable = matches!(finding.any().kind, Kind::Var | Kind::Datasec);
    (ours && variable && context.is_module && (context.per_cpu_is_hidden)()).then_some(
        "where debug sections come before .data..percpu, pahole takes its variables to be in one of them",
    )
}

/// Functions that the other encoder judges otherwise.
fn function(context: &Context<'_>, finding: &Finding) -> Option<&'static str> {
    const RELOCATABLE: &str = "in modules pahole compares DWARF addresses with section-relative \
                               symbol values, so it does not see clones";
    const RANGES: &str = "pahole takes functions with a cold part to be at address 0, so it does \
                          not see that they are clones";
    const RANGES_NAMES: &str = "pahole takes functions with a cold part to be at address 0, so it \
                                names their parameters as another of that name does";
    const AMBIGUOUS: &str = "pahole's check for one name at two addresses misses the last name, \
                             and copies at address 0";
    let info = finding.any();
    if info.kind != Kind::Func {
        return None;
    }
    if finding.what == What::Changed {
        let names_only = finding
            .changes
            .iter()
            .all(|change| change.contains(": name -> `"));
        return match names_only {
            true if context.is_module => Some(RELOCATABLE),
            true if (context.split_functions)().contains(&info.name) => Some(RANGES_NAMES),
            _ => None,
        };
    }
    if finding.what != What::Missing || finding.side() != Some(Side::Right) {
        return None;
    }
    let reasons = (context.skipped)(&info.name);
    if reasons.is_empty() {
        return None;
    }
    if reasons.iter().any(|reason| reason == "ambiguous address") {
        return Some(AMBIGUOUS);
    }
    // The remaining reasons count only for clones, which pahole sees in linked
    // files unless they were split.
    if (context.split_functions)().contains(&info.name) {
        return Some(RANGES);
    }
    context.is_module.then_some(RELOCATABLE)
}

/// Whether a section differs only in variables that are differences of their
/// own on the list.
fn is_datasec_with_known_variables(known: &IgnoreList, finding: &Finding) -> bool {
    let (What::Changed, Some(left)) = (finding.what, &finding.left) else {
        return false;
    };
    left.kind == Kind::Datasec
        && finding.changes.iter().all(|change| {
            let name = change
                .strip_prefix("variable `")
                .and_then(|rest| rest.strip_suffix("`: only left"));
            name.is_some_and(|name| {
                let mut var = left.clone();
                var.kind = Kind::Var;
                name.clone_into(&mut var.name);
                let finding = Finding {
                    what: What::Missing,
                    left: Some(var),
                    right: None,
                    changes: Vec::new(),
                    reason: None,
                };
                known.reason(&finding).is_some()
            })
        })
}

#[cfg(test)]
mod tests {
    use btf_builder::TypeId;
    use btf_diff::TypeInfo;

    use super::*;

    /// Linux 6.1's `__x64_sys_remap_file_pages`: `COND_SYSCALL` makes a weak one whose parameter is `__unused`, and
    /// the strong one has a cold part.
    #[test]
    fn names_of_a_weak_definition_are_expected_where_the_strong_one_has_a_cold_part() {
        let function = |name: &str, change: &str| {
            let info = TypeInfo {
                id: TypeId(1),
                kind: Kind::Func,
                name: name.to_owned(),
                decl: String::new(),
            };
            Finding {
                what: What::Changed,
                left: Some(info.clone()),
                right: Some(info),
                changes: vec![change.to_owned()],
                reason: None,
            }
        };
        let context = Context {
            is_package: false,
            is_module: false,
            left_is_minimal: true,
            skipped: &|_| Vec::new(),
            split_functions: &|| HashSet::from(["split".to_owned()]),
            sets_are_sorted: &|| false,
            per_cpu_is_hidden: &|| false,
            known: &Known::load().unwrap(),
        };
        let name = "parameter 0 `regs`: name -> `__unused`";
        assert!(cause(&context, &function("split", name)).is_some());
        assert_eq!(cause(&context, &function("whole", name)), None);
        let ty = "parameter 0 `regs`: type int -> long";
        assert_eq!(cause(&context, &function("split", ty)), None);
    }
}
