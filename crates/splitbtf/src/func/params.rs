//! Where a function's parameters are, and whether that is where its calling convention has them.

use dwarf_reader::{Fact, Loc, Relocate, Str, TypeRef, TypeTag, Unit};

use super::abi::{Abi, type_size};
use super::{Candidate, Judge, param_of};
use crate::cu::Worker;
use crate::diag::DiagKind;

/// What is known of one parameter of a candidate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ParamInfo {
    fact: Fact,
    pub(super) has_loc: bool,
    const_value: bool,
    size: u64,
    in_memory: bool,
    pub(super) optimized: bool,
    pub(super) unexpected: bool,
    /// Position among the function's parameters.
    pub(super) idx: u32,
}

/// Position of a parameter among those of its function.
fn position_of(unit: &Unit, param: usize) -> u32 {
    // Parameters of a function stand together; the function is the last that starts at or before.
    let off = unit.func_params[param].off;
    let f = unit.funcs.partition_point(|f| f.off <= off);
    for func in unit.funcs[..f].iter().rev().take(8) {
        let range = func.first as usize..(func.first + func.n) as usize;
        if range.contains(&param) {
            return param as u32 - func.first;
        }
    }
    0
}

/// The only member of a struct that a parameter's pieces cover.
pub(super) fn used_member(
    unit: &Unit,
    r: TypeRef,
    info: &ParamInfo,
    address_size: u64,
) -> Option<(Str, TypeRef)> {
    if info.fact.first.count_ones() + info.fact.second.count_ones() != 1 {
        return None;
    }
    let byte = if info.fact.first != 0 {
        u64::from(info.fact.first.trailing_zeros())
    } else {
        address_size + u64::from(info.fact.second.trailing_zeros())
    };
    let mut r = r;
    for _ in 0..=unit.types.len() {
        let t = unit.types[unit.type_at(r)?];
        if t.tag == TypeTag::Struct || t.tag == TypeTag::Union {
            let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
            let m = members
                .iter()
                .find(|m| m.bit_off == byte * 8 && !m.name.is_none())?;
            return Some((m.name, m.ty));
        }
        r = t.ty;
    }
    None
}

impl Judge {
    /// What the parameter `p` of the function `f` says of itself.
    pub(super) fn gather<R: Relocate>(
        &self,
        w: &mut Worker<'_, '_>,
        p: usize,
        f: usize,
        abi: Abi,
        relocate: &R,
    ) -> ParamInfo {
        let param = w.unit.func_params[p];
        let header = w.unit.headers[w.unit.funcs[f].header as usize];
        let address_size = u64::from(header.address_size());
        let (_, ty, _) = param_of(&w.unit, p);
        let size = type_size(&w.unit, ty, address_size);
        let limit = if abi.two_regs {
            2 * address_size
        } else {
            address_size
        };
        let mut info = ParamInfo {
            has_loc: param.loc != Loc::None,
            const_value: param.const_value,
            size,
            in_memory: size > limit,
            ..ParamInfo::default()
        };
        if info.has_loc {
            let facts = dwarf_reader::locations(
                w.text.sections,
                &header,
                relocate,
                param.loc,
                size,
                abi.two_regs,
            );
            match facts {
                Ok(fact) => info.fact = fact,
                Err(_) => w.warn(DiagKind::BadLocation, param.off, param.name),
            }
        }
        info
    }

    /// What a concrete instance knows about its parameters holds for the abstract one too.
    pub(super) fn share_with_origins(&mut self, w: &Worker<'_, '_>) {
        for c in &mut self.candidates {
            let func = w.unit.funcs[c.func as usize];
            for p in func.first as usize..(func.first + func.n) as usize {
                let (_, _, Some(o)) = param_of(&w.unit, p) else {
                    continue;
                };
                let own = self.infos[p];
                let origin_idx = position_of(&w.unit, o);
                c.reordered |= own.idx != origin_idx;
                let origin = &mut self.infos[o];
                origin.has_loc |= own.has_loc;
                origin.const_value |= own.const_value;
                origin.fact.constant |= own.fact.constant;
                origin.fact.stack |= own.fact.stack;
                if own.fact.reg.is_some() {
                    origin.fact.reg = own.fact.reg;
                }
                if own.size != 0 {
                    origin.size = own.size;
                }
                origin.in_memory |= own.in_memory;
                origin.fact.first |= own.fact.first;
                origin.fact.second |= own.fact.second;
            }
        }
    }

    /// Marks parameters that are optimised out or in the wrong register.
    pub(super) fn analyze(&mut self, w: &Worker<'_, '_>, abi: Abi, c: Candidate) {
        let func = w.unit.funcs[c.func as usize];
        let range = func.first as usize..(func.first + func.n) as usize;
        let address_size = u64::from(w.unit.headers[func.header as usize].address_size());
        let slots_of = |info: &ParamInfo| {
            if !abi.two_regs || info.size <= address_size {
                1
            } else {
                usize::try_from(info.size.div_ceil(address_size))
                    .unwrap_or(usize::MAX)
                    .max(1)
            }
        };
        let mut index = 0usize;
        if func.clang && !c.signature_changed {
            for p in range {
                let info = &mut self.infos[p];
                let slots = slots_of(info);
                if info.in_memory {
                    continue;
                }
                if index >= abi.n_regs {
                    break;
                }
                // Where nobody wrote down the ABI's registers, no register is the wrong one.
                if let Some(reg) = info.fact.reg
                    && !abi.regs.is_empty()
                {
                    let end = index.saturating_add(slots).min(abi.n_regs);
                    let window = abi.regs.get(index..end).unwrap_or_default();
                    info.unexpected |= !window.contains(&reg);
                }
                index = index.saturating_add(slots);
            }
            return;
        }
        let true_signature = w.features.true_signature && c.signature_changed;
        for p in range.clone() {
            let next_reg = if p + 1 < range.end {
                self.infos[p + 1].fact.reg
            } else {
                None
            };
            let info = &mut self.infos[p];
            let slots = slots_of(info);
            let consumed = if info.in_memory { 1 } else { slots };
            let available = index < abi.n_regs;
            let expected = if available { abi.regs.get(index) } else { None };
            let keeps_slots = next_reg.is_some_and(|reg| {
                let next = index.saturating_add(slots);
                next < abi.n_regs && abi.regs.get(next) == Some(&reg)
            });
            if info.has_loc {
                if true_signature && info.fact.constant {
                    info.optimized = true;
                    continue;
                }
                if !available {
                    continue;
                }
                if true_signature && info.fact.stack {
                    if info.in_memory {
                        continue;
                    }
                    info.unexpected = true;
                } else {
                    match (info.fact.reg, expected) {
                        (None, _) if true_signature => info.unexpected = true,
                        (None, _) => info.optimized = true,
                        (Some(reg), Some(&expected)) if reg != expected => info.unexpected = true,
                        _ => {
                            if true_signature && (info.fact.first | info.fact.second) != 0 {
                                let whole = info.fact.first != 0 && info.fact.second != 0;
                                if whole || keeps_slots {
                                    index = index.saturating_add(slots);
                                    continue;
                                }
                                if info.fact.first.count_ones() + info.fact.second.count_ones() == 1
                                {
                                    // Passed as the one member that is used.
                                    index += 1;
                                    continue;
                                }
                            }
                        }
                    }
                }
            } else if info.const_value && !func.clang {
                info.optimized = true;
            } else if true_signature {
                if available && keeps_slots {
                    index = index.saturating_add(slots);
                    continue;
                }
                info.optimized = true;
                continue;
            }
            index = index.saturating_add(consumed);
        }
    }
}
