//! A checked view over an ELF file: its header, section headers and section contents.
//!
//! Section headers are decoded once, into one vector. Contents stay where they are; each access to them is checked, so
//! that a damaged section that nobody needs does no harm.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use object::elf;

use crate::compress;
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::relocate::SymValue;

/// Index of a section in the section header table. 0 is the null section, which stands for "undefined".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionIdx(pub u32);

impl SectionIdx {
    /// The index as a subscript of [`Elf::sections`].
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One section header, its fields widened to 64 bits.
#[derive(Debug, Clone, Copy)]
pub struct Section<'d> {
    /// The name's bytes, without the terminating NUL.
    pub name: &'d [u8],
    /// `sh_name`: offset of the name in the section header string table.
    pub name_offset: u32,
    /// `sh_type`, one of `SHT_*`.
    pub sh_type: u32,
    /// `sh_flags`, a combination of `SHF_*`.
    pub flags: u64,
    /// `sh_addr`; 0 in relocatable files.
    pub addr: u64,
    /// `sh_offset` in bytes from the start of the file.
    pub offset: u64,
    /// `sh_size` in bytes.
    pub size: u64,
    /// `sh_link`.
    pub link: u32,
    /// `sh_info`.
    pub info: u32,
    /// `sh_addralign` in bytes; 0 and 1 both mean none.
    pub addralign: u64,
    /// `sh_entsize` in bytes.
    pub entsize: u64,
}

impl Section<'_> {
    /// The name for messages.
    pub fn name_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.name)
    }

    /// Whether the section occupies bytes of the file.
    #[inline]
    pub fn has_file_bytes(&self) -> bool {
        self.sh_type != elf::SHT_NULL.0 && self.sh_type != elf::SHT_NOBITS.0
    }

    /// Whether the section is part of the memory image (`SHF_ALLOC`).
    #[inline]
    pub fn is_alloc(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }
}

/// A parsed ELF file.
#[derive(Debug)]
pub struct Elf<'d> {
    data: &'d [u8],
    encoding: Encoding,
    e_type: u16,
    machine: u16,
    e_flags: u32,
    shoff: u64,
    shstrndx: u32,
    sections: Vec<Section<'d>>,
    pub(crate) sym_values: OnceLock<Arc<[SymValue]>>,
}

/// Offsets of the fields of `ElfXX_Ehdr` that are read here.
pub(crate) struct HeaderLayout {
    pub(crate) size: usize,
    pub(crate) phoff: usize,
    pub(crate) shoff: usize,
    pub(crate) flags: usize,
    pub(crate) phentsize: usize,
    pub(crate) phnum: usize,
    pub(crate) shentsize: usize,
    pub(crate) shnum: usize,
    pub(crate) shstrndx: usize,
    /// Size of `ElfXX_Shdr`.
    pub(crate) section_header: usize,
}

impl HeaderLayout {
    pub(crate) const fn of(encoding: Encoding) -> Self {
        if encoding.is_64 {
            Self {
                size: 64,
                phoff: 32,
                shoff: 40,
                flags: 48,
                phentsize: 54,
                phnum: 56,
                shentsize: 58,
                shnum: 60,
                shstrndx: 62,
                section_header: 64,
            }
        } else {
            Self {
                size: 52,
                phoff: 28,
                shoff: 32,
                flags: 36,
                phentsize: 42,
                phnum: 44,
                shentsize: 46,
                shnum: 48,
                shstrndx: 50,
                section_header: 40,
            }
        }
    }
}

impl<'d> Elf<'d> {
    /// Parses the header and the section headers of `data`, the bytes of a whole file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotElf`] without the ELF magic; [`ErrorKind::BadHeader`], [`ErrorKind::Truncated`],
    /// [`ErrorKind::BadSectionIndex`] and [`ErrorKind::BadSectionName`] for damaged headers. Section contents are not
    /// looked at, apart from the section header string table.
    pub fn parse(data: &'d [u8]) -> Result<Self> {
        if !data.starts_with(b"\x7fELF") {
            return Err(ErrorKind::NotElf.into());
        }
        let truncated = |what, offset: u64, size: u64| ErrorKind::Truncated {
            what,
            offset,
            size,
            file_size: data.len() as u64,
        };
        let ident = data
            .first_chunk::<16>()
            .ok_or_else(|| truncated("ELF identification", 0, 16))?;
        let is_64 = match ident[4] {
            1 => false,
            2 => true,
            class => {
                return Err(ErrorKind::BadHeader {
                    field: "EI_CLASS",
                    value: class.into(),
                }
                .into());
            }
        };
        let big_endian = match ident[5] {
            1 => false,
            2 => true,
            order => {
                return Err(ErrorKind::BadHeader {
                    field: "EI_DATA",
                    value: order.into(),
                }
                .into());
            }
        };
        if ident[6] != 1 {
            return Err(ErrorKind::BadHeader {
                field: "EI_VERSION",
                value: ident[6].into(),
            }
            .into());
        }
        let encoding = Encoding { big_endian, is_64 };
        let layout = HeaderLayout::of(encoding);
        let header = data
            .get(..layout.size)
            .ok_or_else(|| truncated("ELF header", 0, layout.size as u64))?;
        // The header is complete, so these reads cannot fail: 0 is never used.
        let half = |at| encoding.u16(header, at).unwrap_or(0);
        let shoff = encoding.word(header, layout.shoff).unwrap_or(0);
        let mut elf = Self {
            data,
            encoding,
            e_type: half(16),
            machine: half(18),
            e_flags: encoding.u32(header, layout.flags).unwrap_or(0),
            shoff,
            shstrndx: 0,
            sections: Vec::new(),
            sym_values: OnceLock::new(),
        };
        if shoff == 0 {
            return Ok(elf);
        }

        let entsize = half(layout.shentsize);
        if usize::from(entsize) != layout.section_header {
            return Err(ErrorKind::BadHeader {
                field: "e_shentsize",
                value: entsize.into(),
            }
            .into());
        }
        let entsize = layout.section_header as u64;
        let table_error =
            |count: u64| truncated("section header table", shoff, count.saturating_mul(entsize));
        let table = usize::try_from(shoff)
            .ok()
            .and_then(|at| data.get(at..))
            .ok_or_else(|| table_error(1))?;
        let first = table
            .get(..layout.section_header)
            .ok_or_else(|| table_error(1))?;
        // From 0xff00 sections on, their number and the index of the name table are in the null section's header.
        let null = decode_section(encoding, first);
        let count = match half(layout.shnum) {
            0 => null.size,
            count => count.into(),
        };
        elf.shstrndx = match half(layout.shstrndx) {
            n if n == elf::SHN_XINDEX.0 => null.link,
            n => n.into(),
        };
        let table = count
            .checked_mul(entsize)
            .and_then(|size| usize::try_from(size).ok())
            .and_then(|size| table.get(..size))
            .ok_or_else(|| table_error(count))?;
        elf.sections = table
            .chunks_exact(layout.section_header)
            .map(|raw| decode_section(encoding, raw))
            .collect();

        if elf.shstrndx == u32::from(elf::SHN_UNDEF.0) {
            return Ok(elf);
        }
        elf.section("e_shstrndx", elf.shstrndx)?;
        let names = elf.raw_section_data(SectionIdx(elf.shstrndx))?;
        for (index, section) in (0u32..).zip(&mut elf.sections) {
            let offset = section.name_offset;
            section.name =
                c_string(names, offset).ok_or(ErrorKind::BadSectionName { index, offset })?;
        }
        Ok(elf)
    }

    /// The bytes of the whole file.
    #[inline]
    pub fn data(&self) -> &'d [u8] {
        self.data
    }

    /// Class and byte order.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// `e_type`, one of `ET_*`.
    #[inline]
    pub fn e_type(&self) -> u16 {
        self.e_type
    }

    /// `e_machine`, one of `EM_*`.
    #[inline]
    pub fn machine(&self) -> u16 {
        self.machine
    }

    /// `e_flags`; the meaning depends on the machine.
    #[inline]
    pub fn e_flags(&self) -> u32 {
        self.e_flags
    }

    /// Whether this is a relocatable file (`ET_REL`): a compiler's object or a kernel module.
    #[inline]
    pub fn is_relocatable(&self) -> bool {
        self.e_type == elf::ET_REL.0
    }

    /// `e_shoff`: file offset of the section header table, 0 if there is none.
    pub fn section_table_offset(&self) -> u64 {
        self.shoff
    }

    /// Index of the section header string table, 0 if there is none.
    pub fn section_names_idx(&self) -> SectionIdx {
        SectionIdx(self.shstrndx)
    }

    /// All section headers in file order, the null section included, so that subscripts are section indices.
    #[inline]
    pub fn sections(&self) -> &[Section<'d>] {
        &self.sections
    }

    /// The first section of that name.
    pub fn section_by_name(&self, name: impl AsRef<[u8]>) -> Option<SectionIdx> {
        self.sections_by_name(name).next()
    }

    /// Every section of that name, in file order. Relocatable files may have several, as members of COMDAT groups.
    pub fn sections_by_name<N: AsRef<[u8]>>(
        &self,
        name: N,
    ) -> impl Iterator<Item = SectionIdx> + use<'_, 'd, N> {
        (0u32..)
            .zip(&self.sections)
            .skip(1)
            .filter(move |(_, s)| s.name == name.as_ref())
            .map(|(i, _)| SectionIdx(i))
    }

    pub(crate) fn section(&self, what: &'static str, index: u32) -> Result<&Section<'d>> {
        let error = || ErrorKind::BadSectionIndex {
            what,
            index: index.into(),
            count: self.sections.len(),
        };
        Ok(self.sections.get(index as usize).ok_or_else(error)?)
    }

    /// The contents of a section as they are in the file, compressed or not. Empty for `SHT_NOBITS`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SectionOutOfFile`] if they are not wholly inside the file.
    pub fn raw_section_data(&self, idx: SectionIdx) -> Result<&'d [u8]> {
        let section = self.section("section contents", idx.0)?;
        if !section.has_file_bytes() {
            return Ok(&[]);
        }
        let range = || {
            let start = usize::try_from(section.offset).ok()?;
            self.data
                .get(start..start.checked_add(usize::try_from(section.size).ok()?)?)
        };
        range().ok_or_else(|| {
            ErrorKind::SectionOutOfFile {
                index: idx.0,
                name: section.name_lossy().into_owned(),
                offset: section.offset,
                size: section.size,
                file_size: self.data.len() as u64,
            }
            .into()
        })
    }

    /// The contents of a section, decompressed if it is `SHF_COMPRESSED` or an old `.zdebug_*`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SectionOutOfFile`] and [`ErrorKind::BadCompression`].
    pub fn section_data(&self, idx: SectionIdx) -> Result<Cow<'d, [u8]>> {
        let data = self.raw_section_data(idx)?;
        let section = self.section("section contents", idx.0)?;
        let header = if section.flags & elf::SHF_COMPRESSED.0 != 0 {
            compress::Header::Gabi
        } else if section.name.starts_with(b".zdebug_") {
            compress::Header::Gnu
        } else {
            return Ok(Cow::Borrowed(data));
        };
        if section.sh_type == elf::SHT_NOBITS.0 {
            // `objcopy --only-keep-debug` and `eu-strip` keep the flags of sections whose contents they drop.
            return Ok(Cow::Borrowed(data));
        }
        compress::decompress(data, &header, self.encoding).map_err(|reason| {
            let name = section.name_lossy().into_owned();
            ErrorKind::BadCompression {
                index: idx.0,
                name,
                reason,
            }
            .into()
        })
    }
}

fn decode_section<'d>(encoding: Encoding, raw: &[u8]) -> Section<'d> {
    // `raw` is exactly one header long, so no read fails.
    let u32_at = |at| encoding.u32(raw, at).unwrap_or(0);
    let word = |at| encoding.word(raw, at).unwrap_or(0);
    let [flags, addr, offset, size, link, info, addralign, entsize] = if encoding.is_64 {
        [8, 16, 24, 32, 40, 44, 48, 56]
    } else {
        [8, 12, 16, 20, 24, 28, 32, 36]
    };
    Section {
        name: b"",
        name_offset: u32_at(0),
        sh_type: u32_at(4),
        flags: word(flags),
        addr: word(addr),
        offset: word(offset),
        size: word(size),
        link: u32_at(link),
        info: u32_at(info),
        addralign: word(addralign),
        entsize: word(entsize),
    }
}

/// The bytes from `offset` to the next NUL, `None` if the table ends before one.
pub(crate) fn c_string(table: &[u8], offset: u32) -> Option<&[u8]> {
    let tail = table.get(offset as usize..)?;
    memchr::memchr(0, tail).map(|len| &tail[..len])
}
