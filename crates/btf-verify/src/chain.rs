//! Phase T: chains of modifiers (`btf_check_type_tags`).
//!
//! Chains end early at ids already found good, so what passes depends on the
//! order of ids: a hundred CONSTs that each modify the previous one pass,
//! thirty-three that each modify the next one do not.

use crate::breach::{Phase, of_type};
use crate::raw::{Raw, kind};
use crate::rule::{Errno, Rule};
use crate::version::KernelVersion;

/// Longest chain of modifiers.
const CHAIN_LIMIT: u32 = 32;

/// Walks each own modifier to the first type that is none. Ids of the base
/// count as good.
pub(crate) fn check_chains(raw: &Raw<'_>, kernel: KernelVersion) -> Phase {
    let start = raw.first_own();
    let mut good = start - 1;
    for id in start..raw.n_types() {
        let Some(mut rec) = raw.rec(id) else { continue };
        if !rec.is_modifier() {
            continue;
        }
        let offset = rec.off;
        let mut steps = 0;
        let mut in_tags = rec.kind() == kind::TYPE_TAG;
        let mut current = id;
        while rec.is_modifier() {
            if steps == CHAIN_LIMIT {
                return Err(of_type(
                    Rule::ChainLength,
                    Errno::Eloop,
                    id,
                    offset,
                    "Max chain length or cycle detected",
                ));
            }
            steps += 1;
            if rec.kind() == kind::TYPE_TAG {
                if !in_tags && !kernel.free_tag_order() {
                    return Err(of_type(
                        Rule::TagOrder,
                        Errno::Einval,
                        id,
                        offset,
                        "Type tags don't precede modifiers",
                    ));
                }
            } else {
                in_tags = false;
            }
            if current <= good {
                break;
            }
            current = rec.ty();
            if !raw.exists(current) {
                return Err(of_type(
                    Rule::ChainTarget,
                    Errno::Einval,
                    id,
                    offset + 8,
                    "",
                ));
            }
            match raw.rec(current) {
                Some(next) => rec = next,
                None => break,
            }
        }
        good = id;
    }
    Ok(())
}
