//! Was this module built against this base?
//!
//! Nothing in the format ties a split BTF to its base: no checksum, no count.
//! But the split goes on counting where its base ended, and that leaves marks:
//!
//! - Encoders store whole strings, so an offset into the *right* base points
//!   at the start of a string; into another base it mostly points into the
//!   middle of one.
//! - Ids of the right base lead to kinds that make sense where they are used:
//!   a FUNC refers to a FUNC_PROTO, a member has a size.
//! - Every own string is used by some own type. So the distance between the
//!   offsets in use and the places where own strings start is the length of
//!   the base's string section. In the same way, every own prototype is used
//!   by another type, which gives away how many types the base had.
//!
//! The last two need no base at all: they *tell* which base was meant.

use std::fmt;

use crate::check::{Checked, Options};
use crate::header::{check_header, check_strings};
use crate::meta::index_leniently;
use crate::raw::{Raw, Rec, bitfield_size, kind};
use crate::resolve::{has_no_size, is_source_only};

/// Above this share of suspicious base references, in percent, the base is
/// called wrong. Good modules have none; among the modules of two Debian
/// kernels tried against each other's base the lowest share was far higher.
const SUSPICIOUS_PERCENT: u64 = 5;

/// How far back from the last own string or type the search for the base's
/// extent begins. An encoder leaves few strings and types unused, and those
/// that nothing refers to (functions, variables, tags) may be the last ones.
const MAX_UNUSED_STRINGS: usize = 64;

/// What a module's BTF says about the base it was built against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BaseFit {
    /// Names that lie in the base.
    pub n_base_strings: u64,
    /// Of these, offsets that point into the middle of a string.
    pub mid_string: u64,
    /// Names that lie neither in the base nor in the module.
    pub missing_strings: u64,
    /// References to types.
    pub n_refs: u64,
    /// Of these, to ids that do not exist.
    pub missing_types: u64,
    /// Of these, to types of a kind that cannot stand there.
    pub wrong_kinds: u64,
    /// Members that run past their struct or into the next member.
    pub misfit_members: u64,
    /// Length in bytes of the base's strings.
    pub base_str_len: u32,
    /// Length in bytes of the strings of the base the module was built
    /// against, as far as its own strings give it away.
    pub meant_str_len: Option<u32>,
    /// Number of types, void included, of the base.
    pub base_n_types: u32,
    /// Number of types, void included, of the base the module was built
    /// against, as far as its own types give it away.
    pub meant_n_types: Option<u32>,
}

impl BaseFit {
    /// Whether the module was evidently built against another base.
    pub fn is_wrong(&self) -> bool {
        let other_strings = self
            .meant_str_len
            .is_some_and(|meant| meant != self.base_str_len);
        let other_types = self
            .meant_n_types
            .is_some_and(|meant| meant != self.base_n_types);
        let share = |bad: u64, all: u64| bad > 0 && bad * 100 >= all * SUSPICIOUS_PERCENT;
        let n_strings = self.n_base_strings + self.missing_strings;
        other_strings
            || other_types
            || share(self.mid_string + self.missing_strings, n_strings)
            || share(
                self.missing_types + self.wrong_kinds + self.misfit_members,
                self.n_refs,
            )
    }
}

/// The evidence in one sentence, or that there is none.
impl fmt::Display for BaseFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.meant_n_types, self.meant_str_len) {
            // Only void comes before the first own type.
            (Some(1), _) if self.base_n_types > 1 => parts.push("built without a base".to_owned()),
            (Some(types), Some(strings))
                if (types, strings) != (self.base_n_types, self.base_str_len) =>
            {
                parts.push(format!(
                    "built against a base of {types} types and {strings} bytes of strings, \
                     this one has {} and {}",
                    self.base_n_types, self.base_str_len
                ));
            }
            (Some(types), None) if types != self.base_n_types => parts.push(format!(
                "built against a base of {types} types, this one has {}",
                self.base_n_types
            )),
            (None, Some(strings)) if strings != self.base_str_len => parts.push(format!(
                "built against a base with {strings} bytes of strings, this one has {}",
                self.base_str_len
            )),
            _ => {}
        }
        let counts = [
            (
                self.mid_string,
                self.n_base_strings,
                "names start inside a string of the base",
            ),
            (
                self.missing_strings,
                self.n_base_strings + self.missing_strings,
                "names lie outside the strings",
            ),
            (
                self.missing_types,
                self.n_refs,
                "references lead to no type",
            ),
            (
                self.wrong_kinds,
                self.n_refs,
                "references lead to a type of an impossible kind",
            ),
        ];
        for (bad, all, text) in counts {
            if bad > 0 {
                parts.push(format!("{bad} of {all} {text}"));
            }
        }
        if self.misfit_members > 0 {
            parts.push(format!(
                "{} members do not fit their struct",
                self.misfit_members
            ));
        }
        if parts.is_empty() {
            return f.write_str("nothing speaks against this base");
        }
        f.write_str(&parts.join("; "))
    }
}

/// Looks for signs that the split BTF `data` was built against something
/// other than `base`.
///
/// `data` need not pass the kernel's checks; `None` if its header or strings
/// cannot even be read.
pub fn base_fit(data: &[u8], base: &Checked<'_>, options: &Options) -> Option<BaseFit> {
    u32::try_from(data.len()).ok()?;
    let mut raw = Raw::new(data, options.target, Some(&base.raw));
    check_header(&mut raw, options.kernel).ok()?;
    check_strings(&mut raw, options.kernel).ok()?;
    index_leniently(&mut raw);

    let mut fit = BaseFit {
        base_str_len: raw.start_str,
        base_n_types: raw.start_id,
        meant_str_len: meant_str_len(&raw),
        meant_n_types: meant_n_types(&raw),
        ..BaseFit::default()
    };
    for rec in raw.own() {
        rec.each_str(|off| {
            if off == 0 {
                return;
            }
            if !raw.str_exists(off) {
                fit.missing_strings += 1;
            } else if off < raw.start_str {
                fit.n_base_strings += 1;
                fit.mid_string += u64::from(!raw.is_str_start(off));
            }
        });
        rec.each_ref(|_, _, id| {
            fit.n_refs += 1;
            fit.missing_types += u64::from(!raw.exists(id));
        });
        fit.wrong_kinds += wrong_kinds(&rec, |id| raw.exists(id).then(|| raw.kind_of(id)));
        fit.misfit_members += misfit_members(&raw, &rec);
    }
    Some(fit)
}

/// References of `rec` to kinds that cannot stand there. `kind_of` gives
/// `None` for ids about which nothing is to be said.
pub(crate) fn wrong_kinds(rec: &Rec<'_>, kind_of: impl Fn(u32) -> Option<u32>) -> u64 {
    let mut wrong = 0;
    let n_params = rec.vlen() as usize;
    rec.each_ref(|place, idx, id| {
        let Some(target) = kind_of(id) else { return };
        let no_value = is_source_only(target) || has_no_size(target);
        let fits = match rec.kind() {
            kind::FUNC => target == kind::FUNC_PROTO,
            kind::DATASEC => target == kind::VAR,
            kind::DECL_TAG => matches!(
                target,
                kind::FUNC | kind::STRUCT | kind::UNION | kind::VAR | kind::TYPEDEF
            ),
            kind::ARRAY if place == "index type" => {
                target == kind::INT || crate::raw::is_modifier(target)
            }
            kind::ARRAY | kind::STRUCT | kind::UNION | kind::VAR => !no_value,
            kind::FUNC_PROTO if place == "return type" => id == 0 || !no_value,
            kind::FUNC_PROTO => !no_value || (id == 0 && idx + 1 == n_params),
            _ => !is_source_only(target) && target != kind::FUNC,
        };
        wrong += u64::from(!fits);
    });
    wrong
}

/// Plain members that run past the end of the struct or, in a struct, into
/// the member behind them.
pub(crate) fn misfit_members(raw: &Raw<'_>, rec: &Rec<'_>) -> u64 {
    if !rec.is_composite() {
        return 0;
    }
    let mut misfits = 0;
    let mut next_start = u64::from(rec.size()) * 8;
    let n_members = rec.elems::<3>().len();
    for idx in (0..n_members).rev() {
        let [_, ty, word] = rec.elem(idx);
        let start = u64::from(rec.member_offset(word));
        let width = match bitfield_size(rec.kflag(), word) {
            0 => member_bits(raw, ty),
            width => Some(u64::from(width)),
        };
        if width.is_some_and(|width| start + width > next_start) {
            misfits += 1;
        }
        if rec.kind() == kind::STRUCT {
            next_start = start;
        }
    }
    misfits
}

/// Bits a value of type `id` takes; `None` if unknown or unknowable. An INT
/// counts by its own width, as old-style bitfields need it.
pub(crate) fn member_bits(raw: &Raw<'_>, id: u32) -> Option<u64> {
    let mut id = id;
    let mut n_elems: u64 = 1;
    for _ in 0..64 {
        let rec = raw.rec(id)?;
        match rec.kind() {
            kind::INT => return n_elems.checked_mul(u64::from(rec.word(3) & 0xff)),
            kind::PTR => {
                return n_elems.checked_mul(u64::from(raw.target.pointer_size) * 8);
            }
            kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 | kind::FLOAT => {
                return n_elems.checked_mul(u64::from(rec.size()) * 8);
            }
            kind::ARRAY => {
                n_elems = n_elems.checked_mul(u64::from(rec.word(5)))?;
                id = rec.word(3);
            }
            kind if crate::raw::is_modifier(kind) => id = rec.ty(),
            _ => return None,
        }
    }
    None
}

/// Length of the base's strings: that of the given base if it takes every own
/// string to an offset in use, else the one shift that takes every own string
/// that is in use to an offset in use, and every offset behind it back.
///
/// The given base comes first because strings may end in one another. Then
/// offsets also lead into the middle of own strings, and the search could
/// settle on a shift that happens to avoid these.
fn meant_str_len(raw: &Raw<'_>) -> Option<u32> {
    let mut used = Vec::new();
    for rec in raw.own() {
        rec.each_str(|off| used.push(off));
    }
    used.sort_unstable();
    used.dedup();
    let last_used = *used.last()?;

    let mut starts = vec![0_u32];
    starts.extend(memchr::memchr_iter(0, raw.strings).map(|nul| nul as u32 + 1));
    starts.pop();
    // The empty string is stored at most once and used at offset 0.
    starts.retain(|&start| raw.strings[start as usize] != 0);

    let mut given = (starts.iter()).map(|&start| start.checked_add(raw.start_str));
    if starts.len() >= 2 && given.all(|off| off.is_some_and(|off| used.binary_search(&off).is_ok()))
    {
        return Some(raw.start_str);
    }

    let candidates = starts.iter().rev().take(MAX_UNUSED_STRINGS);
    let mut found = candidates
        .filter_map(|start| last_used.checked_sub(*start))
        .filter(|&shift| {
            let behind = &used[used.partition_point(|&off| off < shift)..];
            behind
                .iter()
                .all(|off| starts.binary_search(&(off - shift)).is_ok())
                // A single string would match anything.
                && behind.len() >= 2
                && behind.len() + MAX_UNUSED_STRINGS / 8 >= starts.len()
        });
    let first = found.next()?;
    // Two answers are none.
    match found.next() {
        None => Some(first),
        Some(_) => None,
    }
}

/// Number of types of the base: the one shift under which all references to
/// own types make sense and every own prototype is used. (Not so pointers and
/// arrays: types of static variables stay behind when the variables go.)
fn meant_n_types(raw: &Raw<'_>) -> Option<u32> {
    let mut used = Vec::new();
    for rec in raw.own() {
        rec.each_ref(|_, _, id| used.push(id));
    }
    used.sort_unstable();
    used.dedup();
    let last_used = *used.last()?;

    let kinds: Vec<u32> = raw.own().map(|rec| rec.kind()).collect();
    let protos: Vec<u32> = (0..)
        .zip(raw.own())
        .filter(|(_, rec)| rec.kind() == kind::FUNC_PROTO)
        .map(|(local, _)| local)
        .collect();
    if protos.is_empty() {
        return None;
    }

    let makes_sense = |shift: u32| {
        protos
            .iter()
            .all(|local| used.binary_search(&(shift + local)).is_ok())
            && raw.own().all(|rec| {
                wrong_kinds(&rec, |id| {
                    kinds.get(id.checked_sub(shift)? as usize).copied()
                }) == 0
            })
    };
    let n_own = kinds.len() as u32;
    let mut found = (0..n_own)
        .rev()
        .filter_map(|local| last_used.checked_sub(local))
        .filter(|&shift| shift.checked_add(n_own).is_some() && makes_sense(shift));
    let first = found.next()?;
    match found.next() {
        None => Some(first),
        Some(_) => None,
    }
}
