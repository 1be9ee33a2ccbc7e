//! Location and range lists: where parameters live, and where a function in pieces starts.
//!
//! Only what the encoder's rules ask: facts of a parameter's location as the incumbent derives them (dwarves
//! `dwarf_loader.c`, `parameter__decode_location`), and the first address of a range list.

use gimli::constants as c;
use gimli::{EndianSlice, Operation, RunTimeEndian};

use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::header::UnitHeader;
use crate::record::{Func, Loc};
use crate::{Relocate, Section, Sections, Target};

type Result<T> = std::result::Result<T, ErrorKind>;

/// What a parameter's location says about how it is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fact {
    /// `DW_OP_reg0` to `DW_OP_reg31` as 0 to 31.
    pub reg: Option<u8>,
    /// A frame offset: on the stack.
    pub stack: bool,
    /// A constant: not passed at all.
    pub constant: bool,
    /// Bytes of the first eightbyte that pieces cover, one bit each.
    pub first: u64,
    /// The same of the second.
    pub second: u64,
}

/// Derives the facts of a parameter's location.
///
/// `type_size` is the size of the parameter's type in bytes; `two_regs` whether the ABI passes an aggregate of
/// two words in two registers.
///
/// # Errors
/// On a list or expression that cannot be read.
pub fn locations<R: Relocate>(
    sections: &Sections<'_>,
    header: &UnitHeader,
    relocate: &R,
    loc: Loc,
    type_size: u64,
    two_regs: bool,
) -> Result<Fact> {
    let mut fact = Fact::default();
    let mut n = 0usize;
    let address_size = u64::from(header.address_size());
    let mut add = |expr: &[u8]| {
        entry(
            &mut fact,
            n,
            expr,
            header,
            sections.big_endian,
            type_size,
            two_regs,
            address_size,
        );
        n += 1;
    };
    match loc {
        Loc::None => {}
        Loc::Expr { off, len } => {
            let section = if header.in_types {
                sections.types
            } else {
                sections.info
            };
            let start = usize::try_from(off).unwrap_or(usize::MAX);
            let expr = section.get(start..).and_then(|s| s.get(..len as usize));
            add(expr.ok_or(ErrorKind::UnexpectedEnd(".debug_info"))?);
        }
        Loc::List(off) => {
            let run = match (header.version() >= 5, sections.big_endian) {
                (true, true) => loclists::<true>,
                (true, false) => loclists::<false>,
                (false, true) => {
                    return debug_loc::<true, R>(sections, header, relocate, off, &mut add)
                        .map(|()| fact);
                }
                (false, false) => {
                    return debug_loc::<false, R>(sections, header, relocate, off, &mut add)
                        .map(|()| fact);
                }
            };
            run(sections, header, off, &mut add)?;
        }
    }
    Ok(fact)
}

fn loclists<'d, const BE: bool>(
    s: &Sections<'d>,
    header: &UnitHeader,
    off: u64,
    add: &mut dyn FnMut(&'d [u8]),
) -> Result<()> {
    let start = usize::try_from(off).unwrap_or(usize::MAX);
    let mut cur = Cursor::<BE>::new(s.loclists, start, ".debug_loclists");
    let size = u64::from(header.address_size());
    loop {
        let kind = cur.u8()?;
        match c::DwLle(kind) {
            c::DW_LLE_end_of_list => return Ok(()),
            c::DW_LLE_base_addressx => {
                cur.uleb()?;
                continue;
            }
            c::DW_LLE_base_address => {
                cur.skip(size)?;
                continue;
            }
            c::DW_LLE_GNU_view_pair => {
                cur.uleb()?;
                cur.uleb()?;
                continue;
            }
            c::DW_LLE_startx_endx | c::DW_LLE_startx_length | c::DW_LLE_offset_pair => {
                cur.uleb()?;
                cur.uleb()?;
            }
            c::DW_LLE_default_location => {}
            c::DW_LLE_start_end => cur.skip(2 * size)?,
            c::DW_LLE_start_length => {
                cur.skip(size)?;
                cur.uleb()?;
            }
            _ => return Err(ErrorKind::UnknownForm(u64::from(kind))),
        }
        let len = cur.uleb()?;
        let at = cur.pos;
        cur.skip(len)?;
        add(&cur.data[at..cur.pos]);
    }
}

fn debug_loc<'d, const BE: bool, R: Relocate>(
    s: &Sections<'d>,
    header: &UnitHeader,
    relocate: &R,
    off: u64,
    add: &mut dyn FnMut(&'d [u8]),
) -> Result<()> {
    let start = usize::try_from(off).unwrap_or(usize::MAX);
    let mut cur = Cursor::<BE>::new(s.loc, start, ".debug_loc");
    let size = header.address_size();
    let max = if size == 8 {
        u64::MAX
    } else {
        (1 << (8 * u32::from(size))) - 1
    };
    loop {
        let at = cur.pos as u64;
        let (begin, end) = (cur.address(size)?, cur.address(size)?);
        if begin == max {
            continue;
        }
        if begin == 0 && end == 0 {
            // The end, unless relocations supply the addresses.
            let b = relocate
                .at(Section::Loc, at, size, begin)
                .map_err(ErrorKind::Relocation)?;
            let e = relocate
                .at(Section::Loc, at + u64::from(size), size, end)
                .map_err(ErrorKind::Relocation)?;
            if b == Target::default() && e == Target::default() {
                return Ok(());
            }
        }
        let len = u64::from(cur.u16()?);
        let at = cur.pos;
        cur.skip(len)?;
        add(&cur.data[at..cur.pos]);
    }
}

/// The opcode and operation of each step of an expression; what cannot be read ends it.
type Op<'a> = (u8, Operation<EndianSlice<'a, RunTimeEndian>>);

fn operations<'a>(expr: &'a [u8], header: &UnitHeader, big_endian: bool) -> Vec<Op<'a>> {
    let endian = if big_endian {
        RunTimeEndian::Big
    } else {
        RunTimeEndian::Little
    };
    let encoding = gimli::Encoding {
        format: if header.encoding.dwarf64 {
            gimli::Format::Dwarf64
        } else {
            gimli::Format::Dwarf32
        },
        version: header.version(),
        address_size: header.address_size(),
    };
    let mut rest = EndianSlice::new(expr, endian);
    let mut ops = Vec::new();
    while let Some(&opcode) = rest.slice().first() {
        match Operation::parse(&mut rest, encoding) {
            Ok(op) => ops.push((opcode, op)),
            Err(_) => break,
        }
    }
    ops
}

fn reg_of(opcode: u8) -> Option<u8> {
    let first = c::DW_OP_reg0.0;
    if (first..first + 32).contains(&opcode) {
        Some(opcode - first)
    } else {
        None
    }
}

fn breg_of(opcode: u8) -> Option<u8> {
    let first = c::DW_OP_breg0.0;
    if (first..first + 32).contains(&opcode) {
        Some(opcode - first)
    } else {
        None
    }
}

fn is_constant(opcode: u8) -> bool {
    let lit = c::DW_OP_lit0.0;
    (lit..lit + 32).contains(&opcode) || opcode == c::DW_OP_constu.0 || opcode == c::DW_OP_consts.0
}

/// Takes in the `n`th entry of a parameter's location.
fn entry(
    fact: &mut Fact,
    n: usize,
    expr: &[u8],
    header: &UnitHeader,
    big_endian: bool,
    type_size: u64,
    two_regs: bool,
    address_size: u64,
) {
    // The commonest entries after the first are neither first nor an entry value: nothing to learn from them
    // unless pieces are wanted.
    let entry_value = matches!(expr.first(), Some(&op) if op == c::DW_OP_entry_value.0 || op == c::DW_OP_GNU_entry_value.0);
    let pieces = type_size > address_size && two_regs;
    if n > 0 && !entry_value && !pieces {
        return;
    }
    let ops = operations(expr, header, big_endian);
    let Some(last) = ops.last() else { return };
    let ends_in_value = last.0 == c::DW_OP_stack_value.0;
    let len = if ops.len() == 2 && ends_in_value {
        1
    } else {
        ops.len()
    };
    let first = ops[0].0;
    let set_reg = |fact: &mut Fact, reg: u8| {
        if fact.reg.is_none() {
            fact.reg = Some(reg);
        }
    };
    if len == 1 {
        if let Some(reg) = reg_of(first) {
            if n == 0 {
                set_reg(fact, reg);
            }
        } else if let Some(reg) = breg_of(first) {
            if n == 0 && ends_in_value {
                set_reg(fact, reg);
            }
        } else if first == c::DW_OP_fbreg.0 {
            fact.stack |= n == 0;
        } else if is_constant(first) {
            fact.constant |= n == 0;
        } else if let Operation::EntryValue { expression } = ops[0].1 {
            let inner = operations(expression.slice(), header, big_endian);
            if let [(opcode, _)] = inner[..]
                && let Some(reg) = reg_of(opcode)
            {
                set_reg(fact, reg);
            }
        }
        return;
    }
    if is_constant(first) {
        fact.constant |= n == 0;
        return;
    }
    if !pieces {
        if n == 0 {
            let has_value = ops[1..].iter().any(|o| o.0 == c::DW_OP_stack_value.0);
            if let Some(reg) = reg_of(first) {
                set_reg(fact, reg);
            } else if let Some(reg) = breg_of(first)
                && has_value
            {
                set_reg(fact, reg);
            }
        }
        return;
    }
    let mut off = 0u64;
    for (i, (opcode, op)) in ops.iter().enumerate() {
        if *opcode == c::DW_OP_piece.0 {
            let Operation::Piece { size_in_bits, .. } = *op else {
                continue;
            };
            let bytes = size_in_bits / 8;
            if i == 0 {
                off = bytes;
                continue;
            }
            if off < address_size {
                fact.first |= 1u64.checked_shl(off as u32).unwrap_or(0);
            } else {
                fact.second |= 1u64
                    .checked_shl(u32::try_from(off - address_size).unwrap_or(64))
                    .unwrap_or(0);
            }
            off = off.saturating_add(bytes);
        } else if let Some(reg) = reg_of(*opcode)
            && (off < address_size || fact.reg.is_none())
        {
            set_reg(fact, reg);
        }
    }
}

/// Range lists of functions.
#[derive(Debug)]
pub enum Ranges {}

impl Ranges {
    /// The starts of all ranges of a function that has `DW_AT_ranges`, in the list's order.
    ///
    /// # Errors
    /// On a list that cannot be read.
    pub fn starts<R: Relocate>(
        sections: &Sections<'_>,
        header: &UnitHeader,
        relocate: &R,
        func: &Func,
    ) -> Result<Vec<Target>> {
        let mut starts = Vec::new();
        let Some(off) = func.ranges else {
            return Ok(starts);
        };
        match (header.version() >= 5, sections.big_endian) {
            (true, true) => {
                rnglists::<true, R>(sections, header, relocate, func, off, &mut starts)?
            }
            (true, false) => {
                rnglists::<false, R>(sections, header, relocate, func, off, &mut starts)?
            }
            (false, true) => {
                debug_ranges::<true, R>(sections, header, relocate, func, off, &mut starts)?
            }
            (false, false) => {
                debug_ranges::<false, R>(sections, header, relocate, func, off, &mut starts)?
            }
        }
        Ok(starts)
    }
}

fn plus(base: Target, off: u64) -> Target {
    Target {
        value: base.value.wrapping_add(off),
        ..base
    }
}

fn rnglists<const BE: bool, R: Relocate>(
    s: &Sections<'_>,
    header: &UnitHeader,
    relocate: &R,
    func: &Func,
    off: u64,
    starts: &mut Vec<Target>,
) -> Result<()> {
    let start = usize::try_from(off).unwrap_or(usize::MAX);
    let mut cur = Cursor::<BE>::new(s.rnglists, start, ".debug_rnglists");
    let size = header.address_size();
    let mut base = func.unit_base;
    let address = |cur: &mut Cursor<'_, BE>| -> Result<Target> {
        let at = cur.pos as u64;
        let raw = cur.address(size)?;
        relocate
            .at(Section::Rnglists, at, size, raw)
            .map_err(ErrorKind::Relocation)
    };
    let indexed = |cur: &mut Cursor<'_, BE>| -> Result<Target> {
        let off = cur
            .uleb()?
            .checked_mul(u64::from(size))
            .and_then(|n| n.checked_add(func.addr_base));
        let off = off.ok_or(ErrorKind::UnexpectedEnd(".debug_addr"))?;
        let start = usize::try_from(off).unwrap_or(usize::MAX);
        let raw = Cursor::<BE>::new(s.addr, start, ".debug_addr").address(size)?;
        relocate
            .at(Section::Addr, off, size, raw)
            .map_err(ErrorKind::Relocation)
    };
    loop {
        let kind = cur.u8()?;
        match c::DwRle(kind) {
            c::DW_RLE_base_address => base = address(&mut cur)?,
            c::DW_RLE_start_end => {
                starts.push(address(&mut cur)?);
                address(&mut cur)?;
            }
            c::DW_RLE_start_length => {
                starts.push(address(&mut cur)?);
                cur.uleb()?;
            }
            c::DW_RLE_offset_pair => {
                let begin = cur.uleb()?;
                cur.uleb()?;
                starts.push(plus(base, begin));
            }
            c::DW_RLE_base_addressx => base = indexed(&mut cur)?,
            c::DW_RLE_startx_endx | c::DW_RLE_startx_length => {
                starts.push(indexed(&mut cur)?);
                cur.uleb()?;
            }
            c::DW_RLE_end_of_list => return Ok(()),
            _ => return Err(ErrorKind::UnknownForm(u64::from(kind))),
        }
    }
}

fn debug_ranges<const BE: bool, R: Relocate>(
    s: &Sections<'_>,
    header: &UnitHeader,
    relocate: &R,
    func: &Func,
    off: u64,
    starts: &mut Vec<Target>,
) -> Result<()> {
    let start = usize::try_from(off).unwrap_or(usize::MAX);
    let mut cur = Cursor::<BE>::new(s.ranges, start, ".debug_ranges");
    let size = header.address_size();
    let max = if size == 8 {
        u64::MAX
    } else {
        (1 << (8 * u32::from(size))) - 1
    };
    let mut base = func.unit_base;
    loop {
        let at = cur.pos as u64;
        let (begin, end) = (cur.address(size)?, cur.address(size)?);
        let b = relocate
            .at(Section::Ranges, at, size, begin)
            .map_err(ErrorKind::Relocation)?;
        let e = relocate
            .at(Section::Ranges, at + u64::from(size), size, end)
            .map_err(ErrorKind::Relocation)?;
        if begin == max {
            base = e;
        } else if b == Target::default() && e == Target::default() {
            return Ok(());
        } else if b.section != 0 {
            starts.push(b);
        } else {
            starts.push(plus(base, b.value));
        }
    }
}
