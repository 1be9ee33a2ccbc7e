//! Planning a file with sections added, replaced or removed, everything else staying where it is.
//!
//! `objcopy` and libelf lay a file out anew. That is slow for a module whose DWARF is a hundred times its `.BTF`, and in
//! a linked image it separates sections from the program headers that describe them. Here nothing moves:
//!
//! ```text
//!   before                          after
//!   +---------------------------+   +---------------------------+
//!   | ELF header                |   | ELF header (e_sh* fields) |
//!   | program headers           |   | program headers           |
//!   | sections                  |   | sections                  |
//!   | old .BTF                  |   | new .BTF if it fits, or 0 |
//!   | sections                  |   | sections                  |
//!   | .shstrtab                 |   | .shstrtab (+ new names)   |
//!   +---------------------------+   | .BTF, .BTF.base that did  |
//!   | section headers           |   |   not fit                 |
//!   +---------------------------+   +---------------------------+
//!                                   | section headers           |
//!                                   +---------------------------+
//! ```
//!
//! The *body* is all that must stay: headers, segments, the contents of the sections that are not edited, and bytes that
//! nothing describes but that are not zero. What is left over is ours: the old contents of edited sections, the old
//! section headers, padding. The new contents go to the first run of such bytes that is large enough, else behind the
//! body; then come the section headers.
//!
//! The plan is a function of the body and the edits. Where earlier versions of an edited section were makes no
//! difference, because the places they leave are zeroed and so become padding. Hence rewriting a file that this module
//! wrote gives the same bytes again, and a file does not grow when it is rewritten often. The price: if the new contents
//! do not fit where the old ones were in the middle of a file, that many bytes are dead until something fits there.
//! [`Rewrite::dead_bytes`] counts them.

use std::collections::BTreeMap;
use std::ops::Range;

use object::elf as c;

use crate::elf::{Elf, HeaderLayout, Section, SectionIdx};
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};

/// A change to one section, found by its name.
#[derive(Debug, Clone, Copy)]
pub struct SectionEdit<'a> {
    /// The name, such as `.BTF`.
    pub name: &'a str,
    /// The new contents: the section is added if the file does not have it. `None` removes it if the file has it.
    pub data: Option<&'a [u8]>,
}

/// New bytes for a part of a section whose size stays.
#[derive(Debug, Clone, Copy)]
pub struct Patch<'a> {
    /// Which section. It must not be compressed, and not be edited at the same time.
    pub section: SectionIdx,
    /// Bytes from the start of the section.
    pub offset: u64,
    /// What to put there.
    pub bytes: &'a [u8],
}

/// What to do if a section that is part of a linked image's memory (`SHF_ALLOC`) gets contents that are larger than its
/// place. Its neighbours' addresses are fixed, so it cannot grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageOverflow {
    /// Refuse, [`ErrorKind::NoRoom`].
    #[default]
    Refuse,
    /// Put the new contents behind the image, in a section of the same name that is no longer part of the memory. Tools
    /// that read the section from the file see the new contents; the program itself still has the old ones.
    MoveOut,
}

/// Alignment of contents that this module places. The kernel reads BTF as 32-bit words.
const CONTENTS_ALIGN: u64 = 4;
/// Alignment of the section header table, as libelf expects it of 64-bit files.
const TABLE_ALIGN: u64 = 8;

/// The end of a signed kernel module (`include/linux/module_signature.h`).
const SIGNATURE_MAGIC: &[u8] = b"~Module signature appended~\n";

/// A planned file: a prefix of the input, some places in it overwritten, and a new tail.
#[derive(Debug)]
pub struct Rewrite<'d, 'a> {
    input: &'d [u8],
    /// Number of bytes of the input that the output starts with.
    prefix: usize,
    /// Bytes to write over the prefix, ascending and disjoint.
    overlays: Vec<(usize, Overlay<'a>)>,
    /// What follows the prefix, as pieces at ascending offsets, zero between them.
    tail: Vec<(u64, Overlay<'a>)>,
    len: u64,
    dead_bytes: u64,
    drops_signature: bool,
}

#[derive(Debug)]
enum Overlay<'a> {
    Bytes(&'a [u8]),
    Owned(Vec<u8>),
    Zeros(usize),
}

impl Overlay<'_> {
    fn write_to(&self, out: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        match self {
            Self::Bytes(bytes) => out(bytes),
            Self::Owned(bytes) => out(bytes),
            Self::Zeros(len) => {
                let mut left = *len;
                while left > 0 {
                    let n = left.min(ZEROS.len());
                    out(&ZEROS[..n])?;
                    left -= n;
                }
                Ok(())
            }
        }
    }
}

/// A section header that is about to be written.
#[derive(Debug, Clone, Copy)]
struct Header {
    name: u32,
    sh_type: u32,
    flags: u64,
    addr: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    addralign: u64,
    entsize: u64,
}

impl Header {
    const NULL: Self = Self {
        name: 0,
        sh_type: 0,
        flags: 0,
        addr: 0,
        offset: 0,
        size: 0,
        link: 0,
        info: 0,
        addralign: 0,
        entsize: 0,
    };

    fn of(section: &Section<'_>) -> Self {
        Self {
            name: section.name_offset,
            sh_type: section.sh_type,
            flags: section.flags,
            addr: section.addr,
            offset: section.offset,
            size: section.size,
            link: section.link,
            info: section.info,
            addralign: section.addralign,
            entsize: section.entsize,
        }
    }

    fn is_null(&self) -> bool {
        self.sh_type == c::SHT_NULL.0
    }

    fn encode(&self, encoding: Encoding, out: &mut Vec<u8>) {
        let word = if encoding.is_64 { 8 } else { 4 };
        let fields = [
            (self.name.into(), 4),
            (self.sh_type.into(), 4),
            (self.flags, word),
            (self.addr, word),
            (self.offset, word),
            (self.size, word),
            (self.link.into(), 4),
            (self.info.into(), 4),
            (self.addralign, word),
            (self.entsize, word),
        ];
        for (value, width) in fields {
            let at = out.len();
            out.resize(at + width, 0);
            encoding.put(&mut out[at..], value);
        }
    }
}

/// A set of file ranges, ascending, disjoint and not adjacent.
#[derive(Debug, Default)]
struct Ranges(Vec<Range<u64>>);

impl Ranges {
    fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut all: Vec<_> = ranges.into_iter().filter(|r| r.start < r.end).collect();
        all.sort_by_key(|r| r.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(all.len());
        for range in all {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    fn end(&self) -> u64 {
        self.0.last().map_or(0, |r| r.end)
    }

    /// The parts of `within` that are in no range.
    fn gaps(&self, within: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = within.start;
        let first = self.0.partition_point(|r| r.end <= within.start);
        for range in &self.0[first..] {
            if range.start >= within.end {
                break;
            }
            if at < range.start {
                gaps.push(at..range.start);
            }
            at = at.max(range.end);
        }
        if at < within.end {
            gaps.push(at..within.end);
        }
        gaps
    }
}

impl<'d> Elf<'d> {
    /// Number of bytes that the contents of `idx` may have without anything else of a linked image moving: its present
    /// size, or in a kernel image the distance from `__start_BTF` to `__stop_BTF` (the kernel takes all of that for
    /// BTF, whatever the section header says). `None` if the section may have any size, because the file is relocatable
    /// or the section is not part of the image.
    ///
    /// The kernel accepts no bytes after its BTF, so contents that are to be booted must fill this room exactly.
    ///
    /// # Errors
    ///
    /// If the symbol table is damaged.
    pub fn image_room(&self, idx: SectionIdx) -> Result<Option<u64>> {
        let section = self.section("image_room", idx.0)?;
        if self.is_relocatable() || !section.is_alloc() {
            return Ok(None);
        }
        if section.sh_type == c::SHT_NOBITS.0 {
            return Ok(Some(0));
        }
        let mut room = section.size;
        if section.name == b".BTF" {
            let (mut start, mut stop) = (None, None);
            for sym in self.symbols()? {
                let sym = sym?;
                match sym.name {
                    b"__start_BTF" => start = Some(sym.value),
                    b"__stop_BTF" => stop = Some(sym.value),
                    _ => {}
                }
            }
            if let (Some(start), Some(stop)) = (start, stop)
                && start == section.addr
                && let Some(between) = stop.checked_sub(start)
            {
                room = between;
            }
        }
        // Whatever the symbols say, it ends before the next section and before the end of the file.
        let others = self
            .sections()
            .iter()
            .filter(|s| s.has_file_bytes() && s.size != 0);
        let next = others
            .map(|s| s.offset)
            .filter(|at| *at > section.offset)
            .min();
        let end = next.unwrap_or(u64::MAX).min(self.data().len() as u64);
        Ok(Some(room.min(end.saturating_sub(section.offset))))
    }
}

impl<'d, 'a> Rewrite<'d, 'a> {
    /// Plans `elf` with `edits` and `patches` applied.
    ///
    /// Added sections are `SHT_PROGBITS` without flags or address, aligned to 4; their headers come last, so that no
    /// section changes its index. Replaced sections keep header index, flags and address. A removed section leaves an
    /// inactive header (`SHT_NULL`) unless it was the last, for the same reason.
    ///
    /// A signature that `scripts/sign-file` appended to a module does not cover the new contents and is dropped, see
    /// [`drops_signature`](Self::drops_signature).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NoSectionNames`] if the file has no section header string table;
    /// - [`ErrorKind::AmbiguousSection`] if the file has several sections of an edited name, or the edits do;
    /// - [`ErrorKind::RelocatedSection`] if relocations apply to an edited section (BPF objects of LLVM have them);
    /// - [`ErrorKind::NoRoom`] as [`ImageOverflow`] says;
    /// - [`ErrorKind::PatchOutOfSection`] for a patch outside its section, or of a section that is edited too;
    /// - [`ErrorKind::TooLarge`] if a 32-bit file would exceed 4 GiB;
    /// - [`ErrorKind::SectionOutOfFile`] if a section that must stay is not wholly in the file.
    pub fn plan(
        elf: &Elf<'d>,
        edits: &[SectionEdit<'a>],
        patches: &[Patch<'a>],
        overflow: ImageOverflow,
    ) -> Result<Self> {
        Planner::new(elf, edits, overflow)?.finish(patches)
    }

    /// Size of the planned file in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the planned file has no bytes. It always has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that earlier contents of edited sections occupied and that now nothing uses.
    pub fn dead_bytes(&self) -> u64 {
        self.dead_bytes
    }

    /// Whether the input is a signed module, whose signature the planned file does not have.
    pub fn drops_signature(&self) -> bool {
        self.drops_signature
    }

    /// Whether the planned file is the input, byte for byte.
    pub fn is_unchanged(&self) -> bool {
        if self.len != self.input.len() as u64 {
            return false;
        }
        let mut same = true;
        let result = self.for_each_change(&mut |at, bytes| {
            let at = at as usize;
            same = same && self.input.get(at..at + bytes.len()) == Some(bytes);
            // The error only ends the walk.
            if same {
                Ok(())
            } else {
                Err(std::io::ErrorKind::Other.into())
            }
        });
        result.is_ok() && same
    }

    /// Number of bytes of the input with which the planned file starts, before [`for_each_change`] is applied.
    ///
    /// [`for_each_change`]: Self::for_each_change
    pub fn prefix_len(&self) -> u64 {
        self.prefix as u64
    }

    /// Calls `write` with everything that differs from the prefix or follows it, at ascending file offsets. Bytes behind
    /// the prefix that it is not called for are zero.
    ///
    /// # Errors
    ///
    /// The first error of `write`.
    pub fn for_each_change(
        &self,
        write: &mut dyn FnMut(u64, &[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let overlays = self.overlays.iter().map(|(at, bytes)| (*at as u64, bytes));
        let tail = self.tail.iter().map(|(at, bytes)| (*at, bytes));
        for (mut at, bytes) in overlays.chain(tail) {
            bytes.write_to(&mut |chunk| {
                write(at, chunk)?;
                at += chunk.len() as u64;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The planned file in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] if it does not fit.
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(|_| ErrorKind::TooLarge { size: self.len })?;
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(&self.input[..self.prefix]);
        out.resize(len, 0);
        self.for_each_change(&mut |at, bytes| {
            let at = at as usize;
            out[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })?;
        Ok(out)
    }
}

/// What one edit comes to.
struct Placed<'a> {
    name: &'a str,
    header: usize,
    data: &'a [u8],
    align: u64,
    /// The place if that is fixed, inside a linked image.
    fixed: Option<Range<u64>>,
}

struct Planner<'e, 'd, 'a> {
    elf: &'e Elf<'d>,
    headers: Vec<Header>,
    shstrndx: usize,
    /// New contents of the section header string table, if they change.
    names: Option<Vec<u8>>,
    placed: Vec<Placed<'a>>,
    /// Old contents of edited sections, and of the name table if that changes.
    freed: Vec<Range<u64>>,
    /// Indices of headers whose old contents must stay.
    stays: Vec<bool>,
}

impl<'e, 'd, 'a> Planner<'e, 'd, 'a> {
    fn new(elf: &'e Elf<'d>, edits: &[SectionEdit<'a>], overflow: ImageOverflow) -> Result<Self> {
        let sections = elf.sections();
        let shstrndx = elf.section_names_idx();
        if sections.is_empty() || shstrndx.0 == 0 {
            return Err(ErrorKind::NoSectionNames.into());
        }
        let mut this = Self {
            elf,
            headers: sections.iter().map(Header::of).collect(),
            shstrndx: shstrndx.index(),
            names: None,
            placed: Vec::new(),
            freed: Vec::new(),
            stays: vec![true; sections.len()],
        };
        let mut added = Vec::new();
        for (i, edit) in edits.iter().enumerate() {
            let mut found = elf.sections_by_name(edit.name);
            let first = found.next();
            if found.next().is_some() || edits[..i].iter().any(|other| other.name == edit.name) {
                return Err(ErrorKind::AmbiguousSection {
                    name: edit.name.to_owned(),
                }
                .into());
            }
            match (first, edit.data) {
                (Some(idx), data) => this.replace(edit.name, idx, data, overflow)?,
                (None, Some(data)) => added.push((edit.name, data)),
                (None, None) => {}
            }
        }
        // Inactive headers at the end of the table serve no index, unless a symbol still has it.
        let last = |headers: &[Header]| headers.last().is_some_and(Header::is_null);
        if last(&this.headers) && this.stays.iter().any(|stays| !stays) {
            let mut used = 0;
            let symbols = elf.symbols()?;
            for index in 0..symbols.n_symbols() {
                let section = symbols.raw(index).and_then(|sym| sym.section());
                used = used.max(section.map_or(0, SectionIdx::index));
            }
            while this.headers.len() > used + 1 && last(&this.headers) {
                this.headers.pop();
            }
        }
        // The order of the edits, and which of the sections are new, make no difference to where they go.
        added.sort_by_key(|(name, _)| *name);
        this.add(&added)?;
        this.placed.sort_by_key(|placed| placed.name);
        Ok(this)
    }

    fn replace(
        &mut self,
        edited: &'a str,
        idx: SectionIdx,
        data: Option<&'a [u8]>,
        overflow: ImageOverflow,
    ) -> Result<()> {
        let section = self.elf.section("edited section", idx.0)?;
        let name = || section.name_lossy().into_owned();
        for other in self.elf.sections() {
            let relocations = other.sh_type == c::SHT_RELA.0 || other.sh_type == c::SHT_REL.0;
            if relocations && other.info == idx.0 && other.size != 0 {
                let by = other.name_lossy().into_owned();
                return Err(ErrorKind::RelocatedSection { name: name(), by }.into());
            }
        }
        // Contents that end outside the file are about to be replaced: no reason to refuse.
        let old = match self.elf.raw_section_data(idx) {
            Ok(bytes) => section.offset..section.offset + bytes.len() as u64,
            Err(_) => 0..0,
        };
        let header = &mut self.headers[idx.index()];
        let room = self.elf.image_room(idx)?;
        self.stays[idx.index()] = false;
        let Some(data) = data else {
            self.freed.push(old);
            *header = Header::NULL;
            return Ok(());
        };
        let mut fixed = None;
        if let Some(room) = room {
            if data.len() as u64 <= room {
                fixed = Some(section.offset..section.offset.saturating_add(room));
            } else if overflow == ImageOverflow::Refuse {
                let needed = data.len() as u64;
                return Err(ErrorKind::NoRoom {
                    name: name(),
                    room,
                    needed,
                }
                .into());
            } else {
                header.flags &= !c::SHF_ALLOC.0;
                header.addr = 0;
            }
        } else {
            self.freed.push(old);
        }
        header.sh_type = c::SHT_PROGBITS.0;
        header.flags &= !c::SHF_COMPRESSED.0;
        header.size = data.len() as u64;
        if fixed.is_none() {
            header.addralign = match header.addralign {
                align if align.is_power_of_two() => align.clamp(CONTENTS_ALIGN, 4096),
                _ => CONTENTS_ALIGN,
            };
        }
        let align = header.addralign;
        self.placed.push(Placed {
            name: edited,
            header: idx.index(),
            data,
            align,
            fixed,
        });
        Ok(())
    }

    /// Appends headers for new sections, and sees to it that the name table has their names.
    fn add(&mut self, added: &[(&'a str, &'a [u8])]) -> Result<()> {
        if added.is_empty() {
            return Ok(());
        }
        let elf = self.elf;
        let table = elf.raw_section_data(SectionIdx(self.shstrndx as u32))?;
        // LLVM keeps the names of symbols and sections in one table. That one cannot grow without moving.
        let shared = elf
            .sections()
            .iter()
            .any(|s| !Header::of(s).is_null() && s.link as usize == self.shstrndx);
        let mut missing = Vec::new();
        let mut offsets = Vec::new();
        for (name, _) in added {
            let offset = find_name(table, name.as_bytes());
            if offset.is_none() {
                missing.push(name.as_bytes());
            }
            offsets.push(offset);
        }
        let first = self.headers.len();
        for (name_offset, (name, data)) in offsets.iter().zip(added) {
            self.placed.push(Placed {
                name,
                header: self.headers.len(),
                data,
                align: CONTENTS_ALIGN,
                fixed: None,
            });
            self.headers.push(Header {
                name: name_offset.unwrap_or(0),
                sh_type: c::SHT_PROGBITS.0,
                size: data.len() as u64,
                addralign: CONTENTS_ALIGN,
                ..Header::NULL
            });
        }
        if missing.is_empty() {
            return Ok(());
        }
        let too_large = |names: &Vec<u8>| ErrorKind::TooLarge {
            size: names.len() as u64,
        };
        if shared {
            // A table of its own, with the names of all sections.
            let mut names = vec![0];
            let mut known = BTreeMap::from([(&b""[..], 0)]);
            let old = elf.sections().iter().map(|s| s.name);
            // The table may have become shorter by removed headers at its end.
            let all = old
                .take(first)
                .chain(added.iter().map(|(name, _)| name.as_bytes()))
                .chain([&b".shstrtab"[..]]);
            self.headers.push(Header {
                sh_type: c::SHT_STRTAB.0,
                addralign: 1,
                ..Header::NULL
            });
            for (name, header) in all.zip(&mut self.headers) {
                if header.is_null() {
                    header.name = 0;
                    continue;
                }
                let at = u32::try_from(names.len()).map_err(|_| too_large(&names))?;
                header.name = *known.entry(name).or_insert_with(|| {
                    names.extend_from_slice(name);
                    names.push(0);
                    at
                });
            }
            self.shstrndx = self.headers.len() - 1;
            self.names = Some(names);
            return Ok(());
        }
        let mut names = table.to_vec();
        for ((name, _), header) in added.iter().zip(&mut self.headers[first..]) {
            if header.name == 0 {
                header.name = u32::try_from(names.len()).map_err(|_| too_large(&names))?;
                names.extend_from_slice(name.as_bytes());
                names.push(0);
            }
        }
        self.stays[self.shstrndx] = false;
        let old = &elf.sections()[self.shstrndx];
        self.freed
            .push(old.offset..old.offset.saturating_add(old.size));
        self.names = Some(names);
        Ok(())
    }

    fn finish(mut self, patches: &[Patch<'a>]) -> Result<Rewrite<'d, 'a>> {
        let elf = self.elf;
        let data = elf.data();
        let file_len = data.len() as u64;
        let encoding = elf.encoding();
        let layout = HeaderLayout::of(encoding);

        // What must stay.
        let mut kept = Vec::with_capacity(elf.sections().len() + 16);
        kept.push(0..layout.size as u64);
        for (index, section) in elf.sections().iter().enumerate() {
            if self.stays[index] && section.has_file_bytes() {
                let bytes = elf.raw_section_data(SectionIdx(index as u32))?;
                kept.push(section.offset..section.offset + bytes.len() as u64);
            }
        }
        let old_table = elf.section_table_offset()
            ..elf.section_table_offset() + (elf.sections().len() * layout.section_header) as u64;
        let mut image_end = self.segments(&old_table, &mut kept);
        kept.extend(self.placed.iter().filter_map(|placed| placed.fixed.clone()));
        if !elf.is_relocatable() {
            let alloc = elf
                .sections()
                .iter()
                .filter(|s| s.is_alloc() && s.has_file_bytes());
            image_end = alloc
                .map(|s| s.offset.saturating_add(s.size))
                .fold(image_end, u64::max);
        }
        let signature = signature_range(data);
        let drops_signature = signature.is_some();
        let freed = Ranges::new(
            self.freed
                .iter()
                .cloned()
                .chain([old_table])
                .chain(signature),
        );
        // Bytes that nothing describes and that are not zero may mean something to somebody.
        let described = Ranges::new(kept.iter().cloned());
        for gap in described.gaps(0..file_len) {
            for rest in freed.gaps(gap) {
                let bytes = &data[rest.start as usize..rest.end as usize];
                if let Some(first) = bytes.iter().position(|b| *b != 0) {
                    let last = bytes.iter().rposition(|b| *b != 0).unwrap_or(first);
                    kept.push(rest.start + first as u64..rest.start + last as u64 + 1);
                }
            }
        }
        let body = Ranges::new(kept);

        // Where the new contents go.
        let mut end = body.end();
        let mut tail: Vec<(u64, Overlay<'a>)> = Vec::new();
        let mut overlays: Vec<(usize, Overlay<'a>)> = Vec::new();
        if let Some(names) = self.names.take() {
            let header = &mut self.headers[self.shstrndx];
            header.offset = end;
            header.size = names.len() as u64;
            header.addralign = 1;
            end += names.len() as u64;
            tail.push((header.offset, Overlay::Owned(names)));
        }
        let mut free: Vec<Range<u64>> = body.gaps(image_end.min(body.end())..body.end());
        let mut reused = Vec::new();
        let mut dead_bytes = 0;
        for Placed {
            name: _,
            header,
            data,
            align,
            fixed,
        } in &self.placed
        {
            let len = data.len() as u64;
            let fits = |run: &Range<u64>| {
                let at = run.start.checked_next_multiple_of(*align)?;
                (at.checked_add(len)? <= run.end).then_some(at)
            };
            let hole = free
                .iter()
                .enumerate()
                .find_map(|(i, run)| Some((i, fits(run)?)));
            let at = if let Some(place) = fixed {
                overlays.push((place.start as usize, Overlay::Bytes(data)));
                let unused = place.end - place.start - len;
                dead_bytes += unused;
                let at = (place.start + len) as usize;
                overlays.push((at, Overlay::Zeros(unused as usize)));
                place.start
            } else if let Some((i, at)) = hole.filter(|_| len > 0) {
                free[i].start = at + len;
                reused.push(at..at + len);
                overlays.push((at as usize, Overlay::Bytes(data)));
                at
            } else {
                let at = end.next_multiple_of(*align);
                end = at + len;
                tail.push((at, Overlay::Bytes(data)));
                at
            };
            self.headers[*header].offset = at;
        }

        // The places that nothing uses any more.
        let prefix = body.end().min(file_len);
        let used = Ranges::new(body.0.iter().cloned().chain(reused));
        for range in &freed.0 {
            for dead in used.gaps(range.start.min(prefix)..range.end.min(prefix)) {
                dead_bytes += dead.end - dead.start;
                let zeros = Overlay::Zeros((dead.end - dead.start) as usize);
                overlays.push((dead.start as usize, zeros));
            }
        }

        for patch in patches {
            overlays.push(self.patch(patch)?);
        }

        // Section headers, and the fields of the ELF header that tell of them.
        let table_at = end.next_multiple_of(TABLE_ALIGN);
        let count = self.headers.len() as u64;
        let extended = u64::from(c::SHN_LORESERVE);
        let (mut e_shnum, mut e_shstrndx) = (count, self.shstrndx as u64);
        if count >= extended {
            e_shnum = 0;
        }
        self.headers[0].size = if count >= extended { count } else { 0 };
        self.headers[0].link = 0;
        if e_shstrndx >= extended {
            self.headers[0].link = self.shstrndx as u32;
            e_shstrndx = c::SHN_XINDEX.0.into();
        }
        let mut table = Vec::with_capacity(self.headers.len() * layout.section_header);
        for header in &self.headers {
            header.encode(encoding, &mut table);
        }
        let len = table_at + table.len() as u64;
        if !encoding.is_64 && len > u64::from(u32::MAX) {
            return Err(ErrorKind::TooLarge { size: len }.into());
        }
        tail.push((table_at, Overlay::Owned(table)));
        let mut put = |at: usize, width: usize, value: u64| {
            let mut field = vec![0; width];
            encoding.put(&mut field, value);
            overlays.push((at, Overlay::Owned(field)));
        };
        put(layout.shoff, encoding.address_size().into(), table_at);
        put(layout.shnum, 2, e_shnum);
        put(layout.shstrndx, 2, e_shstrndx);
        overlays.sort_by_key(|(at, _)| *at);
        Ok(Rewrite {
            input: data,
            prefix: prefix as usize,
            overlays,
            tail,
            len,
            dead_bytes,
            drops_signature,
        })
    }

    /// Adds the program headers and the segments' contents to what must stay, and returns where the last segment ends.
    fn segments(&self, section_headers: &Range<u64>, kept: &mut Vec<Range<u64>>) -> u64 {
        let elf = self.elf;
        let encoding = elf.encoding();
        let (data, file_len) = (elf.data(), elf.data().len() as u64);
        let layout = HeaderLayout::of(encoding);
        let entsize = encoding.u16(data, layout.phentsize).unwrap_or(0);
        let count = match encoding.u16(data, layout.phnum).unwrap_or(0) {
            // PN_XNUM: the null section has the number.
            0xffff => elf.sections().first().map_or(0, |null| null.info),
            count => count.into(),
        };
        let phoff = encoding.word(data, layout.phoff).unwrap_or(0);
        let size = u64::from(count) * u64::from(entsize);
        if size == 0 || phoff.checked_add(size).is_none_or(|end| end > file_len) {
            return 0;
        }
        kept.push(phoff..phoff + size);
        let mut image_end = 0;
        for index in 0..u64::from(count) {
            let Ok(at) = usize::try_from(phoff + index * u64::from(entsize)) else {
                break;
            };
            let (offset, filesz) = if encoding.is_64 {
                (encoding.u64(data, at + 8), encoding.u64(data, at + 32))
            } else {
                (encoding.word(data, at + 4), encoding.word(data, at + 16))
            };
            let (Some(offset), Some(filesz)) = (offset, filesz) else {
                break;
            };
            // Separate debug files keep the program headers of the file they were split from, whose contents they do
            // not have. Such segments say nothing about this file.
            let Some(end) = offset.checked_add(filesz).filter(|end| *end <= file_len) else {
                continue;
            };
            if offset < section_headers.end && section_headers.start < end {
                continue;
            }
            kept.push(offset..end);
            image_end = image_end.max(end);
        }
        image_end
    }

    fn patch(&self, patch: &Patch<'a>) -> Result<(usize, Overlay<'a>)> {
        let section = self.elf.section("patched section", patch.section.0)?;
        let size = patch.bytes.len() as u64;
        let inside = patch
            .offset
            .checked_add(size)
            .is_some_and(|end| end <= section.size)
            && section.has_file_bytes()
            && section.flags & c::SHF_COMPRESSED.0 == 0
            && self.stays[patch.section.index()];
        if !inside {
            let name = section.name_lossy().into_owned();
            return Err(ErrorKind::PatchOutOfSection {
                name,
                offset: patch.offset,
                size,
            }
            .into());
        }
        // The section stays, so its contents were checked to be inside the file.
        Ok((
            (section.offset + patch.offset) as usize,
            Overlay::Bytes(patch.bytes),
        ))
    }
}

/// Offset of a NUL-terminated name in a string table, at its start or as the end of another one.
fn find_name(table: &[u8], name: &[u8]) -> Option<u32> {
    let mut needle = name.to_vec();
    needle.push(0);
    memchr::memmem::find(table, &needle).and_then(|at| u32::try_from(at).ok())
}

/// The signature that ends a signed module: its data, `struct module_signature` and the magic.
fn signature_range(data: &[u8]) -> Option<Range<u64>> {
    let rest = data.strip_suffix(SIGNATURE_MAGIC)?;
    let (rest, info) = rest.split_last_chunk::<12>()?;
    let [_, _, _, _, _, _, _, _, a, b, c, d] = *info;
    let start = rest
        .len()
        .checked_sub(u32::from_be_bytes([a, b, c, d]) as usize)?;
    Some(start as u64..data.len() as u64)
}
