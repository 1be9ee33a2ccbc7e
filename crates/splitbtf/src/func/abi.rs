//! How an architecture passes parameters, and which structs nobody can tell the place of.
//!
//! DWARF does not say whether a struct is packed. That is inferred from how its members lie, and so from the sizes and
//! natural alignments of all types.

use std::ops::Range;

use dwarf_reader::{TypeRef, TypeTag, Unit};
use elf_io::consts as elf;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::param_of;

/// How an architecture passes parameters (dwarves `arch__nr_register_params`, `arch__set_register_params`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abi {
    /// Number of argument registers.
    pub(super) n_regs: usize,
    /// DWARF numbers of the argument registers, empty where they are not known.
    pub(super) regs: &'static [u8],
    /// An aggregate of two words goes in two registers.
    pub(super) two_regs: bool,
    /// Bytes to which a member of a scalar type is aligned at most, however large it is.
    max_align: u64,
}

impl Abi {
    pub(crate) fn of(machine: u16) -> Self {
        const X86_64: &[u8] = &[5, 4, 1, 2, 8, 9];
        const ARM: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7];
        const S390: &[u8] = &[2, 3, 4, 5, 6];
        let (n_regs, regs): (usize, &[u8]) = match object::elf::Machine(machine) {
            elf::EM_X86_64 => (6, X86_64),
            elf::EM_AARCH64 | elf::EM_ARM => (8, ARM),
            elf::EM_S390 => (5, S390),
            elf::EM_SPARC | elf::EM_SPARCV9 => (6, &[]),
            elf::EM_ARC | elf::EM_MIPS | elf::EM_PPC | elf::EM_PPC64 | elf::EM_RISCV => (8, &[]),
            _ => (0, &[]),
        };
        Self {
            n_regs,
            regs,
            two_regs: object::elf::Machine(machine) != elf::EM_S390,
            // By the System V ABI supplements of these two; all other targets of Linux align
            // eight bytes to eight.
            max_align: match object::elf::Machine(machine) {
                elf::EM_386 => 4,
                elf::EM_68K => 2,
                _ => 16,
            },
        }
    }
}

/// Size of a type in bytes: its own, or that of the first type it leads to that has one.
pub(super) fn type_size(unit: &Unit, mut r: TypeRef, address_size: u64) -> u64 {
    for _ in 0..=unit.types.len() {
        let Some(i) = unit.type_at(r) else { return 0 };
        let t = &unit.types[i];
        if t.tag == TypeTag::Pointer {
            return address_size;
        }
        if t.size != 0 && t.tag != TypeTag::Array {
            return t.size;
        }
        r = if t.declaration { t.origin } else { t.ty };
    }
    0
}

/// Strips what does not change how a type is passed.
fn strip(unit: &Unit, mut r: TypeRef) -> Option<usize> {
    for _ in 0..=unit.types.len() {
        let i = unit.type_at(r)?;
        match unit.types[i].tag {
            TypeTag::Typedef
            | TypeTag::Const
            | TypeTag::Volatile
            | TypeTag::Restrict
            | TypeTag::Transparent => r = unit.types[i].ty,
            _ => return Some(i),
        }
    }
    None
}

/// Whether a struct that the prototype passes on the stack is packed, so that nobody can tell where it lies
/// (dwarves `ftype__has_uncertain_arg_loc`, looking through typedefs and counting slots rather than parameters).
pub(super) fn has_uncertain_location(
    unit: &Unit,
    range: Range<usize>,
    abi: Abi,
    address_size: u64,
) -> bool {
    // The first argument is on the stack only where no registers are known.
    if range.len() <= abi.n_regs.min(1) {
        return false;
    }
    let mut slots = 0usize;
    for (n, p) in range.enumerate() {
        let (_, ty, _) = param_of(unit, p);
        let size = type_size(unit, ty, address_size);
        let on_stack = slots >= abi.n_regs || n >= abi.n_regs;
        if on_stack
            && let Some(i) = strip(unit, ty)
            && unit.types[i].tag == TypeTag::Struct
            && !unit.types[i].name.is_none()
            && is_packed(unit, i, abi, address_size)
        {
            return true;
        }
        let words = usize::try_from(size.div_ceil(address_size.max(1))).unwrap_or(usize::MAX);
        let limit = if abi.two_regs { 2 } else { 1 };
        if words <= limit {
            slots = slots.saturating_add(words.max(1));
        }
    }
    false
}

/// Infers packing: no hole, and a member or the size off its natural alignment.
fn is_packed(unit: &Unit, i: usize, abi: Abi, address_size: u64) -> bool {
    let t = &unit.types[i];
    let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
    let mut alignments = Alignments {
        unit,
        address_size,
        max_align: abi.max_align,
        known: HashMap::default(),
    };
    let mut end = 0u64;
    let mut largest = 1u64;
    let mut misaligned = false;
    for m in members {
        if m.width != 0 || m.bit_off == u64::MAX || m.is_inheritance() {
            end = m.bit_off.saturating_add(u64::from(m.width));
            continue;
        }
        if m.bit_off > end.next_multiple_of(8) {
            return false;
        }
        let align = alignments.of(m.ty, 0).max(1);
        largest = largest.max(align);
        misaligned |= (m.bit_off / 8) % align != 0;
        end = m
            .bit_off
            .saturating_add(full_size(unit, m.ty, address_size, 0).saturating_mul(8));
    }
    if end.div_ceil(8) < t.size {
        return false;
    }
    misaligned || !t.size.is_multiple_of(largest)
}

fn full_size(unit: &Unit, r: TypeRef, address_size: u64, depth: u32) -> u64 {
    let Some(i) = strip(unit, r) else { return 0 };
    let t = &unit.types[i];
    match t.tag {
        TypeTag::Array if depth < 32 => {
            full_size(unit, t.ty, address_size, depth + 1).saturating_mul(t.size)
        }
        TypeTag::Pointer => address_size,
        _ => t.size,
    }
}

/// Natural alignments of types, in bytes.
struct Alignments<'u> {
    unit: &'u Unit,
    address_size: u64,
    /// That of `Abi`.
    max_align: u64,
    /// Of structs and unions, by index of the type. While one is looked at it counts as 1, so that a struct that is a
    /// member of itself comes to an end, and one that many others share is looked at once.
    known: HashMap<usize, u64, FixedState>,
}

impl Alignments<'_> {
    fn of(&mut self, r: TypeRef, depth: u32) -> u64 {
        let unit = self.unit;
        let Some(i) = strip(unit, r) else { return 1 };
        let t = &unit.types[i];
        if depth > 32 {
            return 1;
        }
        match t.tag {
            TypeTag::Array => self.of(t.ty, depth + 1),
            TypeTag::Pointer => self.address_size.min(self.max_align),
            TypeTag::Struct | TypeTag::Union => {
                if let Some(&known) = self.known.get(&i) {
                    return known;
                }
                self.known.insert(i, 1);
                let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
                let largest = members.iter().map(|m| self.of(m.ty, depth + 1)).max();
                let largest = largest.unwrap_or(1);
                self.known.insert(i, largest);
                largest
            }
            _ => t.size.clamp(1, self.max_align),
        }
    }
}
