//! Phase B: moving a module from its `.BTF.base` to the kernel's BTF
//! (`btf_relocate`), as far as it can fail.
//!
//! The distilled base names the types that the module needs. Each must have
//! exactly one counterpart in the kernel; then ids and string offsets of the
//! module could be rewritten, which is not done here.

use hashbrown::HashMap;

use crate::breach::{Phase, relocation};
use crate::raw::{Raw, Rec, kind};
use crate::rule::{Errno, Rule};

type Map<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// What is known so far about a distilled type (`id_map`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mapped {
    No,
    /// Part of a struct of the module, so its size must agree.
    Embedded,
    To(u32),
}

/// A distilled type, by name and then by falling size (`btf_name_info`).
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    name: &'a [u8],
    /// 31 bits, as in the kernel.
    size: u32,
    id: u32,
}

/// Checks that `split`, whose base is the distilled one, can be moved to
/// `base`.
pub(crate) fn check_relocation(split: &Raw<'_>, base: &Raw<'_>) -> Phase {
    let Some(distilled) = split.base else {
        return Ok(());
    };
    check_kinds(distilled)?;
    let n_distilled = distilled.n_types();
    let mut map = vec![Mapped::No; n_distilled as usize];
    mark_embedded(split, n_distilled, &mut map)?;
    let names = map_types(distilled, base, &mut map)?;
    rewrite_ids(split)?;
    rewrite_strings(split, distilled, &names)
}

/// `btf_relocate_validate_distilled_base`.
fn check_kinds(distilled: &Raw<'_>) -> Phase {
    for rec in distilled.own() {
        let (id, number) = (rec.id, rec.kind());
        let allowed = matches!(
            number,
            kind::INT | kind::FLOAT | kind::ENUM | kind::STRUCT | kind::UNION | kind::FWD
        );
        let fail = |rule, text: String| {
            let mut breach = relocation(rule, Errno::Einval, id, rec.off, text.into_bytes());
            breach.in_distilled_base = true;
            Err(breach)
        };
        if !allowed {
            return fail(
                Rule::DistilledKind,
                format!("type [{id}] in distilled based BTF has unexpected kind [{number}]"),
            );
        }
        if rec.name_off() == 0 {
            return fail(
                Rule::DistilledAnonymous,
                format!(
                    "type [{id}], kind [{number}] is invalid for distilled base BTF; \
                     it is anonymous"
                ),
            );
        }
    }
    Ok(())
}

/// `btf_mark_embedded_composite_type_ids` for each struct of the module.
fn mark_embedded(split: &Raw<'_>, n_distilled: u32, map: &mut [Mapped]) -> Phase {
    for rec in split.own().filter(Rec::is_composite) {
        for [_, ty, _] in rec.elems() {
            let mut next = ty;
            let mut steps = 0;
            while next != 0 {
                let Some(target) = split.rec(next) else {
                    return Err(dangling(&rec));
                };
                next = match target.kind() {
                    kind if crate::raw::is_modifier(kind) => target.ty(),
                    kind::ARRAY => target.word(3),
                    kind::STRUCT | kind::UNION => {
                        if next < n_distilled {
                            map[next as usize] = Mapped::Embedded;
                        }
                        0
                    }
                    _ => 0,
                };
                // Longer than there are types: it goes round in a circle.
                steps += 1;
                if steps > split.n_types() {
                    return Err(relocation(
                        Rule::DistilledLoop,
                        Errno::Eloop,
                        rec.id,
                        rec.off,
                        Vec::new(),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn dangling(rec: &Rec<'_>) -> Box<crate::Breach> {
    relocation(
        Rule::DistilledDangling,
        Errno::Einval,
        rec.id,
        rec.off,
        Vec::new(),
    )
}

/// `btf_relocate_map_distilled_base`; returns the string offsets of the
/// distilled base that have a counterpart.
fn map_types(distilled: &Raw<'_>, base: &Raw<'_>, map: &mut [Mapped]) -> Phase<Map<u32, u32>> {
    let mut candidates: Vec<_> = distilled
        .own()
        .map(|rec| Candidate {
            name: distilled.str_at(rec.name_off()).unwrap_or(b""),
            size: rec.size() & 0x7fff_ffff,
            id: rec.id,
        })
        .collect();
    // Void takes part, with an empty name.
    candidates.push(Candidate {
        name: b"",
        size: 0,
        id: 0,
    });
    candidates.sort_by(|a, b| a.name.cmp(b.name).then(b.size.cmp(&a.size)));

    let mut n_composites: Map<u32, u32> = Map::default();
    for rec in base.own().filter(Rec::is_composite) {
        *n_composites.entry(rec.name_off()).or_default() += 1;
    }

    let mut names = Map::default();
    for rec in base.own() {
        if rec.name_off() == 0 {
            continue;
        }
        let needs_size = match rec.kind() {
            kind::INT | kind::FLOAT | kind::ENUM | kind::ENUM64 => true,
            kind::FWD => false,
            kind::STRUCT | kind::UNION => n_composites.get(&rec.name_off()) > Some(&1),
            _ => continue,
        };
        let name = base.str_at(rec.name_off()).unwrap_or(b"");
        let size = rec.size() & 0x7fff_ffff;
        let first = candidates.partition_point(|candidate| {
            candidate.name < name || (needs_size && candidate.name == name && candidate.size > size)
        });
        let hits = candidates[first..]
            .iter()
            .take_while(|hit| hit.name == name && (!needs_size || hit.size == size));
        for hit in hits {
            let Some(target) = distilled.rec(hit.id) else {
                let text = format!(
                    "base BTF id [{}] maps to invalid distilled base BTF id [{}]",
                    rec.id, hit.id
                );
                return Err(relocation(
                    Rule::DistilledVoid,
                    Errno::Einval,
                    hit.id,
                    rec.off,
                    text.into_bytes(),
                ));
            };
            let slot = &mut map[hit.id as usize];
            if !is_counterpart(&target, &rec, *slot == Mapped::Embedded) {
                continue;
            }
            if let Mapped::To(earlier) = *slot {
                let mut text = b"distilled base BTF type '".to_vec();
                text.extend_from_slice(name);
                let (size, id) = (rec.size(), rec.id);
                text.extend_from_slice(
                    format!(
                        "' [{}], size {size} has multiple candidates of the same size \
                         (ids [{id}, {earlier}]) in base BTF",
                        hit.id
                    )
                    .as_bytes(),
                );
                return Err(distilled_breach(Rule::DistilledAmbiguous, &target, text));
            }
            *slot = Mapped::To(rec.id);
            names.insert(target.name_off(), rec.name_off());
        }
    }

    for rec in distilled.own() {
        if !matches!(map[rec.id as usize], Mapped::To(_)) {
            let mut text = b"distilled base BTF type '".to_vec();
            text.extend_from_slice(distilled.str_at(rec.name_off()).unwrap_or(b""));
            text.extend_from_slice(
                format!("' [{}] is not mapped to base BTF id", rec.id).as_bytes(),
            );
            return Err(distilled_breach(Rule::DistilledUnmapped, &rec, text));
        }
    }
    Ok(names)
}

fn distilled_breach(rule: Rule, rec: &Rec<'_>, text: Vec<u8>) -> Box<crate::Breach> {
    let mut breach = relocation(rule, Errno::Einval, rec.id, rec.off, text);
    breach.in_distilled_base = true;
    breach
}

/// Whether type `base` of the kernel may stand for `distilled`. Name and, if
/// the search wanted it, size already agree.
///
/// Two oddities are the kernel's: a FWD looks at the *struct's* `kind_flag`
/// to tell struct from union, and a struct takes a type of any kind.
fn is_counterpart(distilled: &Rec<'_>, base: &Rec<'_>, embedded: bool) -> bool {
    match distilled.kind() {
        kind::FWD => match base.kind() {
            kind::FWD => distilled.kflag() == base.kflag(),
            kind::STRUCT => !base.kflag(),
            kind::UNION => base.kflag(),
            _ => false,
        },
        kind::INT => {
            let encoding = |rec: &Rec<'_>| rec.word(3) >> 24 & 0x0f;
            base.kind() == kind::INT && encoding(base) == encoding(distilled)
        }
        kind::FLOAT => base.kind() == kind::FLOAT,
        kind::ENUM => matches!(base.kind(), kind::ENUM | kind::ENUM64),
        kind::STRUCT | kind::UNION => !embedded || base.size() == distilled.size(),
        _ => false,
    }
}

/// `btf_relocate_rewrite_type_id`: the kernel looks each id up in a table
/// without asking whether it is there.
fn rewrite_ids(split: &Raw<'_>) -> Phase {
    for rec in split.own() {
        let mut missing = false;
        rec.each_ref(|_, _, id| missing |= !split.exists(id));
        if missing {
            return Err(dangling(&rec));
        }
    }
    Ok(())
}

/// `btf_relocate_rewrite_strs`: strings of the distilled base survive only as
/// names of mapped types.
fn rewrite_strings(split: &Raw<'_>, distilled: &Raw<'_>, names: &Map<u32, u32>) -> Phase {
    let own_start = distilled.hdr.str_len;
    for rec in split.own() {
        let mut missing = None;
        rec.each_str(|off| {
            if off != 0 && off < own_start && !names.contains_key(&off) {
                missing.get_or_insert(off);
            }
        });
        if let Some(off) = missing {
            // The kernel prints the string at 0, not the one it misses, and
            // ends the line without a newline.
            let text = format!("string '' [offset {off}] is not mapped to base BTF");
            return Err(relocation(
                Rule::DistilledString,
                Errno::Enoent,
                rec.id,
                rec.off,
                text.into_bytes(),
            ));
        }
    }
    Ok(())
}
