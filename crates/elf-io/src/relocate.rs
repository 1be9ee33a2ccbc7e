//! Relocations of debug sections in relocatable files.
//!
//! A kernel module is an `ET_REL` file: the fields of its DWARF that refer to other sections (string offsets, addresses
//! of functions) still need the entries of `.rela.debug_*` or `.rel.debug_*` to be read. Linked images may also carry
//! such sections (`ld --emit-relocs`), but there the linker has applied them already: [`Elf::relocs`] gives none.
//!
//! Two ways to use them:
//!
//! - [`RelocCursor::value_at`] resolves single fields while the section is read front to back. It works on the raw
//!   entries where they are in the file and costs a few nanoseconds an entry. It also tells which *section* a value is
//!   relative to: in a relocatable file symbol values count from the start of their section, so two functions of
//!   different sections can have the same value, and only the pair tells them apart.
//! - [`RelocTable::apply`] makes a relocated copy of the whole section.
//!
//! Compilers and `ld -r` write entries in ascending order of offset, but nothing demands it. Whether they are is checked
//! once when the table is made (a pass over the offsets alone); if not, the table sorts a copy, stably, because entries
//! at the same offset compose in file order (gABI, "Relocation").

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use object::elf as c;

use crate::elf::{Elf, SectionIdx};
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};

/// Where a symbol is: the section that defines it (0: none), and its offset there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymValue {
    section: u32,
    value: u64,
}

/// What a relocation does to its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// Not a type that debug sections have.
    Unknown,
    /// `R_*_NONE`, and markers for the linker.
    None,
    /// S + A.
    Set,
    /// S + A, an offset in thread-local storage: not relative to a section that has an address.
    SetTls,
    /// Field + S + A.
    Add,
    /// Field - S - A.
    Sub,
    /// S + A in the low six bits of a byte.
    Set6,
    /// Field - S - A in the low six bits of a byte.
    Sub6,
    /// S + A in a ULEB128 whose length stays.
    SetUleb,
    /// Field + S + A, the same way.
    AddUleb,
    /// Field - S - A, the same way.
    SubUleb,
}

/// A relocation type: its operation and the width of its field in bytes (0 for ULEB128).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    op: Op,
    width: u8,
}

const UNKNOWN: Kind = Kind {
    op: Op::Unknown,
    width: 0,
};
const SKIP: Kind = Kind {
    op: Op::None,
    width: 0,
};

const fn kind(op: Op, width: u8) -> Kind {
    Kind { op, width }
}

/// Types below this are looked up in a table; only some of AArch64 are above.
const N_KINDS: usize = 512;

/// Relocation types that debug sections have, as (type, kind), or `None` for machines that are not known here.
///
/// Sources: the processor supplements to the System V ABI, and binutils' `include/elf/*.h` for machines without one.
fn known_types(machine: u16, is_64: bool) -> Option<Vec<(u32, Kind)>> {
    let set = |width| kind(Op::Set, width);
    let tls = |width| kind(Op::SetTls, width);
    let mut types = vec![(0, SKIP)];
    let machine = c::Machine(machine);
    match machine {
        c::EM_X86_64 => types.extend([
            (c::R_X86_64_64.0, set(8)),
            (c::R_X86_64_32.0, set(4)),
            (c::R_X86_64_32S.0, set(4)),
            (c::R_X86_64_16.0, set(2)),
            (c::R_X86_64_8.0, set(1)),
            (c::R_X86_64_DTPOFF64.0, tls(8)),
            (c::R_X86_64_DTPOFF32.0, tls(4)),
        ]),
        c::EM_386 => types.extend([
            (c::R_386_32.0, set(4)),
            (c::R_386_16.0, set(2)),
            (c::R_386_8.0, set(1)),
            (c::R_386_TLS_LDO_32.0, tls(4)),
        ]),
        c::EM_AARCH64 => types.extend([
            // The value of R_AARCH64_NONE before the ABI withdrew it.
            (256, SKIP),
            (c::R_AARCH64_ABS64.0, set(8)),
            (c::R_AARCH64_ABS32.0, set(4)),
            (c::R_AARCH64_ABS16.0, set(2)),
            (c::R_AARCH64_P32_ABS32.0, set(4)),
            (c::R_AARCH64_TLS_DTPREL.0, tls(8)),
        ]),
        c::EM_ARM => types.extend([
            (c::R_ARM_ABS32.0, set(4)),
            (c::R_ARM_ABS16.0, set(2)),
            (c::R_ARM_ABS8.0, set(1)),
            (c::R_ARM_TLS_LDO32.0, tls(4)),
        ]),
        c::EM_S390 => types.extend([
            (c::R_390_64.0, set(8)),
            (c::R_390_32.0, set(4)),
            (c::R_390_16.0, set(2)),
            (c::R_390_8.0, set(1)),
            (c::R_390_TLS_LDO64.0, tls(8)),
            (c::R_390_TLS_LDO32.0, tls(4)),
        ]),
        c::EM_PPC => types.extend([
            (c::R_PPC_ADDR32.0, set(4)),
            (c::R_PPC_UADDR32.0, set(4)),
            (c::R_PPC_ADDR16.0, set(2)),
            (c::R_PPC_UADDR16.0, set(2)),
            (c::R_PPC_DTPREL32.0, tls(4)),
        ]),
        c::EM_PPC64 => types.extend([
            (c::R_PPC64_ADDR64.0, set(8)),
            (c::R_PPC64_UADDR64.0, set(8)),
            (c::R_PPC64_ADDR32.0, set(4)),
            (c::R_PPC64_UADDR32.0, set(4)),
            (c::R_PPC64_ADDR16.0, set(2)),
            (c::R_PPC64_UADDR16.0, set(2)),
            (c::R_PPC64_DTPREL64.0, tls(8)),
        ]),
        c::EM_RISCV => types.extend([
            (c::R_RISCV_64.0, set(8)),
            (c::R_RISCV_32.0, set(4)),
            (c::R_RISCV_TLS_DTPREL64.0, tls(8)),
            (c::R_RISCV_TLS_DTPREL32.0, tls(4)),
            (c::R_RISCV_ADD8.0, kind(Op::Add, 1)),
            (c::R_RISCV_ADD16.0, kind(Op::Add, 2)),
            (c::R_RISCV_ADD32.0, kind(Op::Add, 4)),
            (c::R_RISCV_ADD64.0, kind(Op::Add, 8)),
            (c::R_RISCV_SUB8.0, kind(Op::Sub, 1)),
            (c::R_RISCV_SUB16.0, kind(Op::Sub, 2)),
            (c::R_RISCV_SUB32.0, kind(Op::Sub, 4)),
            (c::R_RISCV_SUB64.0, kind(Op::Sub, 8)),
            (c::R_RISCV_SET8.0, set(1)),
            (c::R_RISCV_SET16.0, set(2)),
            (c::R_RISCV_SET32.0, set(4)),
            (c::R_RISCV_SET6.0, kind(Op::Set6, 1)),
            (c::R_RISCV_SUB6.0, kind(Op::Sub6, 1)),
            (c::R_RISCV_SET_ULEB128.0, kind(Op::SetUleb, 0)),
            (c::R_RISCV_SUB_ULEB128.0, kind(Op::SubUleb, 0)),
            (c::R_RISCV_RELAX.0, SKIP),
        ]),
        c::EM_LOONGARCH => types.extend([
            (c::R_LARCH_64.0, set(8)),
            (c::R_LARCH_32.0, set(4)),
            (c::R_LARCH_TLS_DTPREL64.0, tls(8)),
            (c::R_LARCH_TLS_DTPREL32.0, tls(4)),
            (c::R_LARCH_ADD8.0, kind(Op::Add, 1)),
            (c::R_LARCH_ADD16.0, kind(Op::Add, 2)),
            (c::R_LARCH_ADD32.0, kind(Op::Add, 4)),
            (c::R_LARCH_ADD64.0, kind(Op::Add, 8)),
            (c::R_LARCH_SUB8.0, kind(Op::Sub, 1)),
            (c::R_LARCH_SUB16.0, kind(Op::Sub, 2)),
            (c::R_LARCH_SUB32.0, kind(Op::Sub, 4)),
            (c::R_LARCH_SUB64.0, kind(Op::Sub, 8)),
            // gas writes ADD6 where RISC-V has SET6: the field is zero before it.
            (c::R_LARCH_ADD6.0, kind(Op::Set6, 1)),
            (c::R_LARCH_SUB6.0, kind(Op::Sub6, 1)),
            (c::R_LARCH_ADD_ULEB128.0, kind(Op::AddUleb, 0)),
            (c::R_LARCH_SUB_ULEB128.0, kind(Op::SubUleb, 0)),
            (c::R_LARCH_MARK_LA.0, SKIP),
            (c::R_LARCH_MARK_PCREL.0, SKIP),
            (c::R_LARCH_RELAX.0, SKIP),
        ]),
        c::EM_MIPS | c::EM_MIPS_RS3_LE => types.extend([
            (c::R_MIPS_64.0, set(8)),
            (c::R_MIPS_32.0, set(4)),
            (c::R_MIPS_TLS_DTPREL32.0, tls(4)),
            (c::R_MIPS_TLS_DTPREL64.0, tls(8)),
        ]),
        c::EM_SPARC | c::EM_SPARC32PLUS | c::EM_SPARCV9 => types.extend([
            (c::R_SPARC_64.0, set(8)),
            (c::R_SPARC_UA64.0, set(8)),
            (c::R_SPARC_32.0, set(4)),
            (c::R_SPARC_UA32.0, set(4)),
            (c::R_SPARC_16.0, set(2)),
            (c::R_SPARC_UA16.0, set(2)),
            (c::R_SPARC_8.0, set(1)),
            (c::R_SPARC_TLS_DTPOFF32.0, tls(4)),
            (c::R_SPARC_TLS_DTPOFF64.0, tls(8)),
        ]),
        c::EM_68K => types.extend([
            (c::R_68K_32.0, set(4)),
            (c::R_68K_16.0, set(2)),
            (c::R_68K_8.0, set(1)),
            (c::R_68K_TLS_LDO32.0, tls(4)),
        ]),
        c::EM_SH => types.extend([(c::R_SH_DIR32.0, set(4)), (c::R_SH_TLS_LDO_32.0, tls(4))]),
        c::EM_PARISC => {
            types.extend([
                (c::R_PARISC_DIR32.0, set(4)),
                (c::R_PARISC_DIR64.0, set(8)),
                (c::R_PARISC_SECREL32.0, set(4)),
            ]);
        }
        c::EM_ALPHA => types.extend([
            (c::R_ALPHA_REFQUAD.0, set(8)),
            (c::R_ALPHA_REFLONG.0, set(4)),
        ]),
        c::EM_HEXAGON => types.extend([(c::R_HEX_32.0, set(4))]),
        c::EM_XTENSA => types.extend([
            (c::R_XTENSA_32.0, set(4)),
            (c::R_XTENSA_DIFF8.0, SKIP),
            (c::R_XTENSA_DIFF16.0, SKIP),
            (c::R_XTENSA_DIFF32.0, SKIP),
        ]),
        c::EM_CSKY => types.extend([(c::R_CKCORE_ADDR32.0, set(4))]),
        c::EM_ALTERA_NIOS2 => types.extend([(c::R_NIOS2_BFD_RELOC_32.0, set(4))]),
        c::EM_MICROBLAZE => types.extend([
            (c::R_MICROBLAZE_32.0, set(4)),
            (c::R_MICROBLAZE_64_NONE.0, SKIP),
        ]),
        // R_OR1K_32, R_OR1K_16 and R_OR1K_8.
        c::EM_OPENRISC => types.extend([(1, set(4)), (2, set(2)), (3, set(1))]),
        // R_ARC_8, R_ARC_16 and R_ARC_32.
        c::EM_ARC_COMPACT | c::EM_ARC_COMPACT2 => {
            types.extend([(1, set(1)), (2, set(2)), (4, set(4))])
        }
        // R_BPF_64_ABS64, R_BPF_64_ABS32 and R_BPF_64_NODYLD32.
        c::EM_BPF => types.extend([(2, set(8)), (3, set(4)), (4, set(4))]),
        _ => return None,
    }
    // An 8-byte field in a 32-bit file holds no address; the numbers of the 64-bit types may mean something else there.
    if !is_64
        && !matches!(
            machine,
            c::EM_MIPS | c::EM_RISCV | c::EM_LOONGARCH | c::EM_PARISC
        )
    {
        types.retain(|(_, kind)| kind.width != 8);
    }
    Some(types)
}

/// One relocation entry.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    symbol: u32,
    r_type: u32,
    /// `None` if the addend is in the field (`SHT_REL`).
    addend: Option<u64>,
}

/// How the raw entries of a table are laid out.
#[derive(Debug, Clone, Copy)]
struct Format {
    encoding: Encoding,
    rela: bool,
    /// 64-bit little-endian MIPS stores `r_info` as a symbol and four bytes, not as one integer.
    mips64_le: bool,
    /// 64-bit SPARC keeps data of its own in the upper bits of the type.
    sparc64: bool,
    size: usize,
}

impl Format {
    /// `data` as entries of [`Entries::Rela64Le`], if this is their format.
    fn rela64_le<'d>(&self, data: &'d [u8]) -> Option<&'d [[u8; 24]]> {
        let plain = self.encoding.is_64 && !self.encoding.big_endian && self.rela;
        (plain && !self.mips64_le && !self.sparc64).then_some(data.as_chunks().0)
    }

    #[inline]
    fn offset_at(&self, data: &[u8], index: usize) -> Option<u64> {
        self.encoding.word(data, index * self.size)
    }

    #[inline]
    fn decode(&self, data: &[u8], index: usize) -> Option<Entry> {
        let encoding = self.encoding;
        let raw = data.get(index * self.size..)?.get(..self.size)?;
        let offset = encoding.word(raw, 0)?;
        if encoding.is_64 {
            let mut info = encoding.u64(raw, 8)?;
            if self.mips64_le {
                info = info << 32 | u64::from(((info >> 32) as u32).swap_bytes());
            }
            let mut r_type = info as u32;
            if self.sparc64 {
                r_type &= 0xff;
            }
            let addend = if self.rela {
                Some(encoding.u64(raw, 16)?)
            } else {
                None
            };
            Some(Entry {
                offset,
                symbol: (info >> 32) as u32,
                r_type,
                addend,
            })
        } else {
            let info = encoding.u32(raw, 4)?;
            // Addends are signed; address arithmetic wraps at the width of the field.
            let addend = if self.rela {
                Some(encoding.u32(raw, 8)? as i32 as u64)
            } else {
                None
            };
            Some(Entry {
                offset,
                symbol: info >> 8,
                r_type: info & 0xff,
                addend,
            })
        }
    }
}

enum Entries<'d> {
    /// What nearly every kernel module has, decoded without a branch: 64-bit little-endian `SHT_RELA` with plain
    /// `r_info`, in ascending order of offset.
    Rela64Le(&'d [[u8; 24]]),
    /// Any other format in ascending order of offset, read in place.
    Raw { data: &'d [u8], format: Format },
    /// Anything else.
    Sorted(Vec<Entry>),
}

/// The relocations of one section, in ascending order of offset. Immutable: any number of threads may have
/// [cursors](Self::cursor) on it.
pub struct RelocTable<'d> {
    entries: Entries<'d>,
    len: usize,
    kinds: Box<[Kind; N_KINDS]>,
    /// Kinds from [`N_KINDS`] on.
    high_kinds: Vec<(u32, Kind)>,
    symbols: Arc<[SymValue]>,
    encoding: Encoding,
    machine: u16,
    name: String,
}

impl fmt::Debug for RelocTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelocTable")
            .field("section", &self.name)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The value of a field after relocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelocValue {
    /// The section that `value` is relative to. `None` if the field has no relocation, if the symbol is undefined,
    /// absolute or common, or if the field is a difference of two places in one section.
    pub section: Option<SectionIdx>,
    /// Bytes from the start of that section: S + A in the ABI's terms, cut to the width of the field.
    pub value: u64,
}

impl<'d> Elf<'d> {
    /// The relocations of section `target`. `None` if it has none, or if the file is not `ET_REL`: the linker has
    /// applied the ones that a linked image still lists.
    ///
    /// Offsets are those in the decompressed contents. Symbol values are read once for the file, order is checked once
    /// for the table.
    ///
    /// # Errors
    ///
    /// If the relocation sections or the symbol table are damaged, or [`ErrorKind::UnsupportedMachine`].
    pub fn relocs(&self, target: SectionIdx) -> Result<Option<RelocTable<'d>>> {
        if !self.is_relocatable() {
            return Ok(None);
        }
        let encoding = self.encoding();
        let machine = self.machine();
        let mut raw = Vec::new();
        for (index, section) in (0u32..).zip(self.sections()) {
            let rela = section.sh_type == c::SHT_RELA.0;
            if !(rela || section.sh_type == c::SHT_REL.0)
                || section.info != target.0
                || section.size == 0
            {
                continue;
            }
            let size = if encoding.is_64 { 8 } else { 4 } * if rela { 3 } else { 2 };
            let symbols = self.symbols()?.section();
            let sized = section.entsize == size as u64 && section.size.is_multiple_of(size as u64);
            if !sized || symbols != Some(SectionIdx(section.link)) {
                return Err(ErrorKind::BadTable {
                    index,
                    name: section.name_lossy().into_owned(),
                    what: if sized {
                        "relocation table of the symbol table"
                    } else {
                        "relocation table"
                    },
                    size: section.size,
                    entsize: section.entsize,
                }
                .into());
            }
            let format = Format {
                encoding,
                rela,
                mips64_le: encoding.is_64 && !encoding.big_endian && machine == c::EM_MIPS.0,
                sparc64: encoding.is_64 && machine == c::EM_SPARCV9.0,
                size,
            };
            raw.push((self.raw_section_data(SectionIdx(index))?, format));
        }
        if raw.is_empty() {
            return Ok(None);
        }

        let name = self
            .section("relocated section", target.0)?
            .name_lossy()
            .into_owned();
        let Some(types) = known_types(machine, encoding.is_64) else {
            return Err(ErrorKind::UnsupportedMachine {
                section: name,
                machine,
            }
            .into());
        };
        let mut kinds = Box::new([UNKNOWN; N_KINDS]);
        let mut high_kinds = Vec::new();
        for (r_type, kind) in types {
            match kinds.get_mut(r_type as usize) {
                Some(slot) => *slot = kind,
                None => high_kinds.push((r_type, kind)),
            }
        }
        let len = raw
            .iter()
            .map(|(data, format)| data.len() / format.size)
            .sum();
        let entries = match raw[..] {
            [(data, format)] if is_sorted(data, format) => match format.rela64_le(data) {
                Some(entries) => Entries::Rela64Le(entries),
                None => Entries::Raw { data, format },
            },
            _ => {
                let mut entries = Vec::with_capacity(len);
                for (data, format) in raw {
                    entries.extend(
                        (0..data.len() / format.size)
                            .filter_map(|index| format.decode(data, index)),
                    );
                }
                entries.sort_by_key(|entry| entry.offset);
                Entries::Sorted(entries)
            }
        };
        let symbols = self.sym_values()?;
        Ok(Some(RelocTable {
            entries,
            len,
            kinds,
            high_kinds,
            symbols,
            encoding,
            machine,
            name,
        }))
    }

    fn sym_values(&self) -> Result<Arc<[SymValue]>> {
        if let Some(values) = self.sym_values.get() {
            return Ok(values.clone());
        }
        let symbols = self.symbols()?;
        let value = |index| {
            let sym = symbols.raw(index)?;
            let section = sym.section();
            // The value of a common symbol is its alignment. Processor-specific indices (small common and the like) are
            // treated the same way; undefined symbols have the value 0 already.
            let defined = section.is_some() || sym.shndx == u32::from(c::SHN_ABS.0);
            Some(SymValue {
                section: section.map_or(0, |s| s.0),
                value: if defined { sym.value } else { 0 },
            })
        };
        let values: Arc<[SymValue]> = (0..symbols.n_symbols()).filter_map(value).collect();
        Ok(self.sym_values.get_or_init(|| values).clone())
    }
}

/// The `index`th 64-bit integer of a [`Entries::Rela64Le`] entry.
#[inline(always)]
fn le_u64(entry: &[u8; 24], index: usize) -> u64 {
    let (words, _) = entry.as_chunks::<8>();
    u64::from_le_bytes(words[index])
}

fn is_sorted(data: &[u8], format: Format) -> bool {
    // One specialised loop for what nearly every module of the world is: a comparison for each 24 bytes.
    let Format { encoding, size, .. } = format;
    if encoding.is_64 && !encoding.big_endian && size == 24 {
        let (entries, _) = data.as_chunks::<24>();
        let offset = |entry: &[u8; 24]| {
            entry
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        return entries.is_sorted_by_key(offset);
    }
    data.chunks_exact(size)
        .is_sorted_by_key(|entry| encoding.word(entry, 0))
}

impl<'d> RelocTable<'d> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry. [`Elf::relocs`] gives no such table.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The offsets of the entries in bytes from the start of the section, ascending.
    pub fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.len).map(|index| self.offset_at(index))
    }

    /// A cursor at the first entry.
    pub fn cursor(&self) -> RelocCursor<'_, 'd> {
        let fast = match self.entries {
            Entries::Rela64Le(entries) => entries,
            _ => &[],
        };
        RelocCursor {
            table: self,
            fast,
            index: 0,
            next_offset: self.offset_at(0),
            usual: Usual::default(),
        }
    }

    /// Offset of entry `index`; `u64::MAX` beyond the last.
    #[inline]
    fn offset_at(&self, index: usize) -> u64 {
        match &self.entries {
            Entries::Rela64Le(entries) => entries
                .get(index)
                .map_or(u64::MAX, |entry| le_u64(entry, 0)),
            Entries::Raw { data, format } => format.offset_at(data, index).unwrap_or(u64::MAX),
            Entries::Sorted(entries) => entries.get(index).map_or(u64::MAX, |entry| entry.offset),
        }
    }

    #[inline]
    fn entry(&self, index: usize) -> Option<Entry> {
        match &self.entries {
            Entries::Rela64Le(entries) => entries.get(index).map(|entry| {
                let info = le_u64(entry, 1);
                Entry {
                    offset: le_u64(entry, 0),
                    symbol: (info >> 32) as u32,
                    r_type: info as u32,
                    addend: Some(le_u64(entry, 2)),
                }
            }),
            Entries::Raw { data, format } => format.decode(data, index),
            Entries::Sorted(entries) => entries.get(index).copied(),
        }
    }

    #[inline]
    fn kind(&self, r_type: u32) -> Kind {
        match self.kinds.get(r_type as usize) {
            Some(kind) => *kind,
            None => self
                .high_kinds
                .iter()
                .find(|(high, _)| *high == r_type)
                .map_or(UNKNOWN, |(_, kind)| *kind),
        }
    }

    #[inline]
    fn symbol(&self, entry: &Entry) -> Result<SymValue> {
        self.symbols
            .get(entry.symbol as usize)
            .copied()
            .ok_or_else(|| self.bad_symbol(entry))
    }

    #[cold]
    fn bad_symbol(&self, entry: &Entry) -> crate::Error {
        let Entry { offset, symbol, .. } = *entry;
        ErrorKind::BadRelocationSymbol {
            section: self.name.clone(),
            offset,
            symbol,
            count: self.symbols.len(),
        }
        .into()
    }

    #[cold]
    fn unknown_type(&self, entry: &Entry) -> crate::Error {
        let Entry { offset, r_type, .. } = *entry;
        ErrorKind::UnknownRelocation {
            section: self.name.clone(),
            offset,
            r_type,
            machine: self.machine,
        }
        .into()
    }

    /// The value of a field after one more entry has been applied to it.
    fn step(&self, entry: &Entry, kind: Kind, field: RelocValue) -> Result<RelocValue> {
        let SymValue { section, value } = self.symbol(entry)?;
        let section = (section != 0).then_some(SectionIdx(section));
        let target = value.wrapping_add(entry.addend.unwrap_or(0));
        let implicit = if entry.addend.is_none() {
            field.value
        } else {
            0
        };
        let (section, value) = match kind.op {
            Op::Unknown => return Err(self.unknown_type(entry)),
            Op::None => return Ok(field),
            Op::Set | Op::SetUleb => (section, target.wrapping_add(implicit)),
            Op::SetTls => (None, target.wrapping_add(implicit)),
            Op::Add | Op::AddUleb => (field.section.or(section), field.value.wrapping_add(target)),
            Op::Sub | Op::SubUleb => {
                let rest = if field.section == section {
                    None
                } else {
                    field.section
                };
                (rest, field.value.wrapping_sub(target))
            }
            Op::Set6 => (section, field.value & !0x3f | target & 0x3f),
            Op::Sub6 => (
                None,
                field.value & !0x3f | field.value.wrapping_sub(target) & 0x3f,
            ),
        };
        Ok(RelocValue {
            section,
            value: cut(value, kind.width),
        })
    }

    /// The contents `data` of the section with all relocations applied, every section taken to start at address 0.
    /// Borrowed if there is nothing to apply.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownRelocation`], [`ErrorKind::BadRelocationSymbol`] and
    /// [`ErrorKind::RelocationOutOfSection`].
    pub fn apply<'s>(&self, data: Cow<'s, [u8]>) -> Result<Cow<'s, [u8]>> {
        let mut out = data;
        for index in 0..self.len {
            let Some(entry) = self.entry(index) else {
                break;
            };
            let kind = self.kind(entry.r_type);
            match kind.op {
                Op::None => continue,
                Op::Unknown => return Err(self.unknown_type(&entry)),
                _ => {}
            }
            let outside = || ErrorKind::RelocationOutOfSection {
                section: self.name.clone(),
                offset: entry.offset,
                width: kind.width.max(1),
            };
            let start = usize::try_from(entry.offset).map_err(|_| outside())?;
            if kind.width == 0 {
                let tail = out.to_mut().get_mut(start..).ok_or_else(outside)?;
                let end = tail
                    .iter()
                    .position(|byte| byte & 0x80 == 0)
                    .ok_or_else(outside)?;
                let field = &mut tail[..=end];
                let old = field
                    .iter()
                    .rev()
                    .fold(0u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
                let new = self
                    .step(
                        &entry,
                        kind,
                        RelocValue {
                            section: None,
                            value: old,
                        },
                    )?
                    .value;
                for (i, byte) in field.iter_mut().enumerate() {
                    let bits = new.checked_shr(7 * i as u32).unwrap_or(0) as u8 & 0x7f;
                    *byte = *byte & 0x80 | bits;
                }
                continue;
            }
            let end = start
                .checked_add(usize::from(kind.width))
                .ok_or_else(outside)?;
            let field = out.to_mut().get_mut(start..end).ok_or_else(outside)?;
            let old = RelocValue {
                section: None,
                value: self.encoding.get(field),
            };
            let new = self.step(&entry, kind, old)?;
            self.encoding.put(field, new.value);
        }
        Ok(out)
    }
}

#[inline]
fn cut(value: u64, width: u8) -> u64 {
    if matches!(width, 1 | 2 | 4) {
        value & ((1 << (8 * width)) - 1)
    } else {
        value
    }
}

/// A position in a [`RelocTable`]. Asking for ascending offsets is cheap: a nanosecond or two for each entry passed, and
/// the logarithm of the distance for long jumps. Going back costs a binary search.
#[derive(Debug, Clone)]
pub struct RelocCursor<'t, 'd> {
    table: &'t RelocTable<'d>,
    /// The entries of a [`Entries::Rela64Le`] table; empty for the others.
    fast: &'d [[u8; 24]],
    /// The next entry, and its offset (`u64::MAX` at the end).
    index: usize,
    next_offset: u64,
    usual: Usual,
}

/// What the last entry that sets a field was, but for its place and addend: most entries of a section are alike.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    /// Symbol and type as the entry has them.
    info: u64,
    /// Width of the field in bytes; 0 as long as there was no such entry.
    width: u8,
    /// The symbol's value.
    value: u64,
}

impl RelocCursor<'_, '_> {
    /// The value of the field of `size` bytes at `offset`, if the next entry is its only one and like the last one.
    /// `None` says nothing; [`Self::value_at`] does.
    #[inline(always)]
    pub fn usual_value_at(&mut self, offset: u64, size: u8) -> Option<u64> {
        let [entry, next] = self.fast.get(self.index..)?.first_chunk()?;
        let (usual, next_offset) = (self.usual, le_u64(next, 0));
        let alike = le_u64(entry, 1) == usual.info && size == usual.width;
        if self.next_offset != offset || next_offset == offset || !alike {
            return None;
        }
        self.index += 1;
        self.next_offset = next_offset;
        Some(cut(usual.value.wrapping_add(le_u64(entry, 2)), size))
    }

    /// The value of the field of `size` bytes at `offset` of the section, whose bytes there read `in_place`.
    ///
    /// Without a relocation that is `in_place` itself, in no section. Only entries exactly at `offset` count.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownRelocation`], [`ErrorKind::BadRelocationSymbol`], and [`ErrorKind::RelocationWidth`] if the
    /// relocation is not `size` bytes wide.
    #[inline]
    pub fn value_at(&mut self, offset: u64, size: u8, in_place: u64) -> Result<RelocValue> {
        if self.next_offset != offset && !self.seek(offset) {
            return Ok(RelocValue {
                section: None,
                value: in_place,
            });
        }
        // The usual case, small enough to be inlined: one entry that sets a field of just this width.
        if let (Some(entry), Some(next)) =
            (self.fast.get(self.index), self.fast.get(self.index + 1))
        {
            let info = le_u64(entry, 1);
            let next_offset = le_u64(next, 0);
            let kind = self.table.kinds.get(info as u32 as usize);
            let symbol = self.table.symbols.get((info >> 32) as usize);
            if let (Some(kind), Some(symbol)) = (kind, symbol)
                && kind.op == Op::Set
                && kind.width == size
                && next_offset != offset
            {
                self.index += 1;
                self.next_offset = next_offset;
                self.usual = Usual {
                    info,
                    width: size,
                    value: symbol.value,
                };
                return Ok(RelocValue {
                    section: (symbol.section != 0).then_some(SectionIdx(symbol.section)),
                    value: cut(symbol.value.wrapping_add(le_u64(entry, 2)), size),
                });
            }
        }
        self.take(offset, size, in_place)
    }

    /// Whether a relocation is exactly at `offset`. Moves the cursor there.
    #[inline]
    pub fn has_entry_at(&mut self, offset: u64) -> bool {
        self.next_offset == offset || self.seek(offset)
    }

    /// Moves to the first entry at or behind `offset` and says whether it is at `offset`.
    #[inline]
    fn seek(&mut self, offset: u64) -> bool {
        if self.next_offset < offset {
            // Most fields are the next one or a few further on.
            for _ in 0..8 {
                self.index += 1;
                self.next_offset = self.table.offset_at(self.index);
                if self.next_offset >= offset {
                    return self.next_offset == offset && offset != u64::MAX;
                }
            }
            self.gallop(offset);
        } else if self.index > 0 && self.table.offset_at(self.index - 1) >= offset {
            self.search(0, self.index, offset);
        }
        self.next_offset == offset && self.index < self.table.len
    }

    /// Moves forward over many entries: doubles the step until it is too far, then halves.
    #[cold]
    fn gallop(&mut self, offset: u64) {
        let mut low = self.index;
        let mut step = 8;
        while self.table.offset_at(low + step) < offset {
            low += step;
            step *= 2;
        }
        self.search(low, low + step, offset);
    }

    /// Moves to the first entry of `low..high` at or behind `offset`, to `high` if there is none.
    #[cold]
    fn search(&mut self, mut low: usize, mut high: usize, offset: u64) {
        high = high.min(self.table.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.table.offset_at(middle) < offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.index = low;
        self.next_offset = self.table.offset_at(low);
    }

    /// Resolves the entries at `offset`, which is where the cursor stands, and moves past them.
    #[inline(never)]
    fn take(&mut self, offset: u64, size: u8, in_place: u64) -> Result<RelocValue> {
        let table = self.table;
        let mut field = RelocValue {
            section: None,
            value: in_place,
        };
        while self.next_offset == offset {
            let Some(entry) = table.entry(self.index) else {
                break;
            };
            let kind = table.kind(entry.r_type);
            if kind.width != size && kind.width != 0 {
                let section = table.name.clone();
                return Err(ErrorKind::RelocationWidth {
                    section,
                    offset,
                    size,
                    width: kind.width,
                }
                .into());
            }
            field = table.step(&entry, kind, field)?;
            self.index += 1;
            self.next_offset = table.offset_at(self.index);
        }
        Ok(field)
    }
}
