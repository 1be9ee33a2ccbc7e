//! The symbol table, `SHT_SYMTAB`.

use std::ops::Range;

use object::elf;

use crate::elf::{Elf, SectionIdx, c_string};
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::relocate::RelocTable;

/// The bits of `e_flags` that name the ABI of 64-bit PowerPC code; 0 if it does not say.
const EF_PPC64_ABI: u32 = 3;

/// One symbol.
#[derive(Debug, Clone, Copy)]
pub struct Sym<'d> {
    /// The name's bytes, without the terminating NUL.
    pub name: &'d [u8],
    /// `st_value`: an address in linked files, bytes from the start of the section in relocatable ones.
    pub value: u64,
    /// `st_size` in bytes.
    pub size: u64,
    /// Section index with `SHN_XINDEX` resolved. The other reserved values (`SHN_ABS` and so on) stay as they are,
    /// `0xff00` to `0xffff`: see [`section`](Self::section).
    pub shndx: u32,
    /// Whether `shndx` came from `SHT_SYMTAB_SHNDX`, so that it is an index even from `0xff00` on.
    pub extended: bool,
    /// `st_info`: binding in the upper four bits, type in the lower.
    pub info: u8,
    /// `st_other`: visibility.
    pub other: u8,
}

impl Sym<'_> {
    /// The symbol's type, one of `STT_*`.
    #[inline]
    pub const fn sym_type(&self) -> u8 {
        self.info & 0xf
    }

    /// The symbol's binding, one of `STB_*`.
    #[inline]
    pub const fn binding(&self) -> u8 {
        self.info >> 4
    }

    /// The section that the symbol is defined in; `None` if it is undefined, absolute or common.
    #[inline]
    pub fn section(&self) -> Option<SectionIdx> {
        section_of(self.shndx, self.extended)
    }
}

/// Where the code of functions is, which on some machines is not where their symbols are:
///
/// - the lowest bit of a function's value on 32-bit ARM says that it is Thumb code (ELF for the ARM Architecture
///   §5.5.3);
/// - a function symbol of 64-bit PowerPC under its first ABI is for a descriptor in `.opd`, whose first doubleword is
///   the address of the code (64-bit PowerPC ELF ABI Supplement §3.2.5).
///
/// DWARF has the address of the code.
#[derive(Debug)]
pub struct CodePlaces<'d> {
    thumb: bool,
    encoding: Encoding,
    descriptors: Option<Descriptors<'d>>,
}

/// The section `.opd`.
#[derive(Debug)]
struct Descriptors<'d> {
    idx: SectionIdx,
    relocatable: bool,
    addr: u64,
    data: &'d [u8],
    relocs: Option<RelocTable<'d>>,
}

impl CodePlaces<'_> {
    /// The section and the place in it where the code of a function symbol begins, as [`Sym::section`] and
    /// [`Sym::value`] have them.
    pub fn of(&self, sym: &Sym<'_>) -> (Option<SectionIdx>, u64) {
        let own = (sym.section(), sym.value);
        if sym.sym_type() != elf::STT_FUNC.0 {
            return own;
        }
        if self.thumb {
            return (own.0, own.1 & !1);
        }
        let described = self.descriptors.as_ref();
        described
            .and_then(|d| d.entry(sym, self.encoding))
            .unwrap_or(own)
    }
}

impl Descriptors<'_> {
    /// Where the descriptor of a function leads; `None` if it has none that can be read.
    fn entry(&self, sym: &Sym<'_>, encoding: Encoding) -> Option<(Option<SectionIdx>, u64)> {
        if sym.section() != Some(self.idx) {
            return None;
        }
        let at = if self.relocatable {
            sym.value
        } else {
            sym.value.checked_sub(self.addr)?
        };
        let raw = encoding.u64(self.data, usize::try_from(at).ok()?)?;
        let Some(relocs) = &self.relocs else {
            return Some((None, raw));
        };
        let value = relocs.cursor().value_at(at, 8, raw).ok()?;
        Some((value.section, value.value))
    }
}

#[inline]
fn section_of(shndx: u32, extended: bool) -> Option<SectionIdx> {
    (shndx != 0 && (extended || shndx < u32::from(elf::SHN_LORESERVE))).then_some(SectionIdx(shndx))
}

/// The symbols of a file in table order, the null symbol at index 0 included. Random access by [`get`](Self::get), and
/// an iterator.
#[derive(Debug, Clone)]
pub struct Symbols<'d> {
    encoding: Encoding,
    table: &'d [u8],
    strings: &'d [u8],
    extended: &'d [u8],
    next: usize,
    section: Option<SectionIdx>,
}

/// A symbol without its name.
#[derive(Clone, Copy)]
pub(crate) struct RawSym {
    pub(crate) name: u32,
    pub(crate) value: u64,
    pub(crate) size: u64,
    pub(crate) shndx: u32,
    pub(crate) extended: bool,
    pub(crate) info: u8,
    pub(crate) other: u8,
}

impl RawSym {
    fn with_name(self, name: &[u8]) -> Sym<'_> {
        Sym {
            name,
            value: self.value,
            size: self.size,
            shndx: self.shndx,
            extended: self.extended,
            info: self.info,
            other: self.other,
        }
    }

    pub(crate) fn section(&self) -> Option<SectionIdx> {
        section_of(self.shndx, self.extended)
    }
}

impl<'d> Elf<'d> {
    /// Where the code of the file's functions is.
    ///
    /// # Errors
    ///
    /// If the file has function descriptors and they or their relocations cannot be read.
    pub fn code_places(&self) -> Result<CodePlaces<'d>> {
        let encoding = self.encoding();
        let mut places = CodePlaces {
            thumb: self.machine() == elf::EM_ARM.0,
            encoding,
            descriptors: None,
        };
        let first_abi = self.e_flags() & EF_PPC64_ABI < 2;
        if self.machine() == elf::EM_PPC64.0
            && first_abi
            && let Some(idx) = self.section_by_name(".opd")
        {
            places.descriptors = Some(Descriptors {
                idx,
                relocatable: self.is_relocatable(),
                addr: self.section(".opd", idx.0)?.addr,
                data: self.raw_section_data(idx)?,
                relocs: self.relocs(idx)?,
            });
        }
        Ok(places)
    }

    /// The symbols of the file's `SHT_SYMTAB`; none if it has none (a stripped file).
    ///
    /// # Errors
    ///
    /// If the table, its string table or its table of extended section indices are not inside the file or do not fit
    /// their format.
    pub fn symbols(&self) -> Result<Symbols<'d>> {
        let encoding = self.encoding();
        let mut symbols = Symbols {
            encoding,
            table: &[],
            strings: &[],
            extended: &[],
            next: 0,
            section: None,
        };
        let Some(index) = (0u32..)
            .zip(self.sections())
            .find(|(_, s)| s.sh_type == elf::SHT_SYMTAB.0)
            .map(|(i, _)| i)
        else {
            return Ok(symbols);
        };
        let section = self.section("symbol table", index)?;
        let entsize = symbols.entsize() as u64;
        if section.entsize != entsize || !section.size.is_multiple_of(entsize) {
            return Err(ErrorKind::BadTable {
                index,
                name: section.name_lossy().into_owned(),
                what: "symbol table",
                size: section.size,
                entsize: section.entsize,
            }
            .into());
        }
        symbols.section = Some(SectionIdx(index));
        symbols.table = self.raw_section_data(SectionIdx(index))?;
        self.section("sh_link of the symbol table", section.link)?;
        symbols.strings = self.raw_section_data(SectionIdx(section.link))?;
        let extended = (0u32..)
            .zip(self.sections())
            .find(|(_, s)| s.sh_type == elf::SHT_SYMTAB_SHNDX.0 && s.link == index);
        if let Some((extended, _)) = extended {
            symbols.extended = self.raw_section_data(SectionIdx(extended))?;
        }
        Ok(symbols)
    }
}

impl<'d> Symbols<'d> {
    fn entsize(&self) -> usize {
        if self.encoding.is_64 { 24 } else { 16 }
    }

    /// Number of symbols in the table, whatever has been iterated.
    pub fn n_symbols(&self) -> usize {
        self.table.len() / self.entsize()
    }

    /// The section that holds the table, `None` in a file without one.
    pub fn section(&self) -> Option<SectionIdx> {
        self.section
    }

    #[inline]
    pub(crate) fn raw(&self, index: usize) -> Option<RawSym> {
        let encoding = self.encoding;
        let size = self.entsize();
        let raw = self.table.get(index.checked_mul(size)?..)?.get(..size)?;
        let (value, size, info) = if encoding.is_64 {
            (8, 16, 4)
        } else {
            (4, 8, 12)
        };
        let mut shndx = u32::from(encoding.u16(raw, info + 2)?);
        let extended = shndx == u32::from(elf::SHN_XINDEX.0);
        if extended {
            // Without a table of extended indices nothing is known: undefined.
            shndx = encoding
                .u32(self.extended, index.checked_mul(4)?)
                .unwrap_or(0);
        }
        Some(RawSym {
            name: encoding.u32(raw, 0)?,
            value: encoding.word(raw, value)?,
            size: encoding.word(raw, size)?,
            shndx,
            extended,
            info: raw[info],
            other: raw[info + 1],
        })
    }

    /// The symbols of a part of the table for which `wanted` holds, which sees them without their names: to find the end
    /// of a name takes longer than all the rest. That the others have names is checked all the same.
    pub fn filtered(
        &self,
        part: Range<usize>,
        wanted: impl Fn(&Sym<'d>) -> bool,
    ) -> impl Iterator<Item = Result<Sym<'d>>> {
        // No NUL follows later ones.
        let names_end = memchr::memrchr(0, self.strings).map_or(0, |last| last + 1);
        part.filter_map(move |index| {
            let raw = self.raw(index)?;
            let has_name = raw.name == 0 || (raw.name as usize) < names_end;
            if has_name && !wanted(&raw.with_name(b"")) {
                return None;
            }
            self.get(index)
        })
    }

    /// The symbol at `index` of the table, `None` beyond its end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadSymbolName`].
    #[inline]
    pub fn get(&self, index: usize) -> Option<Result<Sym<'d>>> {
        let raw = self.raw(index)?;
        Some(match c_string(self.strings, raw.name) {
            Some(name) => Ok(raw.with_name(name)),
            // An unnamed symbol needs no string table.
            None if raw.name == 0 => Ok(raw.with_name(b"")),
            None => Err(ErrorKind::BadSymbolName {
                index: index as u32,
                offset: raw.name,
            }
            .into()),
        })
    }
}

impl<'d> Iterator for Symbols<'d> {
    type Item = Result<Sym<'d>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let sym = self.get(self.next)?;
        self.next += 1;
        Some(sym)
    }
}
