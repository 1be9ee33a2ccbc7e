//! A small writer of ELF files, free to write wrong ones, and helpers that several test files share.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    unreachable_pub,
    clippy::print_stderr,
    reason = "a module of test binaries; skips are for the reader"
)]

use std::path::{Path, PathBuf};

use elf_io::consts as c;
use elf_io::{BtfIds, Elf, Encoding, ImageOverflow, Rewrite, SectionEdit};
use test_kit::real_kernel;

pub const LE64: Encoding = Encoding {
    big_endian: false,
    is_64: true,
};
pub const BE64: Encoding = Encoding {
    big_endian: true,
    is_64: true,
};
pub const LE32: Encoding = Encoding {
    big_endian: false,
    is_64: false,
};
pub const BE32: Encoding = Encoding {
    big_endian: true,
    is_64: false,
};
pub const ENCODINGS: [Encoding; 4] = [LE64, BE64, LE32, BE32];

/// Appends integers in an encoding.
#[derive(Debug, Clone)]
pub struct Bytes {
    pub enc: Encoding,
    pub out: Vec<u8>,
}

impl Bytes {
    pub fn new(enc: Encoding) -> Self {
        Self {
            enc,
            out: Vec::new(),
        }
    }

    pub fn int(&mut self, width: usize, value: u64) -> &mut Self {
        let at = self.out.len();
        self.out.resize(at + width, 0);
        self.enc.put(&mut self.out[at..], value);
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.int(4, value.into())
    }

    pub fn word(&mut self, value: u64) -> &mut Self {
        self.int(self.enc.address_size().into(), value)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Sec {
    pub name: &'static str,
    pub sh_type: u32,
    pub flags: u64,
    pub addr: u64,
    pub data: Vec<u8>,
    pub link: u32,
    pub info: u32,
    pub align: u64,
    pub entsize: u64,
}

pub fn progbits(name: &'static str, data: &[u8]) -> Sec {
    Sec {
        name,
        sh_type: c::SHT_PROGBITS.0,
        data: data.to_vec(),
        align: 1,
        ..Sec::default()
    }
}

/// A symbol: name, section (an `SHN_*` value from 0xff00 on), value, size, type.
pub type Symbol = (&'static str, u32, u64, u64, u8);

#[derive(Debug, Clone)]
pub struct Builder {
    pub enc: Encoding,
    pub e_type: u16,
    pub machine: u16,
    /// From index 1 on.
    pub sections: Vec<Sec>,
    /// Segments as (offset, size).
    pub segments: Vec<(u64, u64)>,
}

impl Builder {
    pub fn new(enc: Encoding, machine: c::Machine) -> Self {
        Self {
            enc,
            e_type: c::ET_REL.0,
            machine: machine.0,
            sections: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Adds a section and returns its index.
    pub fn add(&mut self, section: Sec) -> u32 {
        self.sections.push(section);
        self.sections.len() as u32
    }

    /// Adds `.symtab` and `.strtab` with the null symbol and `symbols`; returns the index of the former.
    pub fn symbols(&mut self, symbols: &[Symbol]) -> u32 {
        let mut table = Bytes::new(self.enc);
        let mut strings = vec![0];
        let mut extended = Bytes::new(self.enc);
        let all = std::iter::once(&("", 0, 0, 0, 0)).chain(symbols);
        let mut any_extended = false;
        for (name, section, value, size, sym_type) in all {
            let name_at = if name.is_empty() {
                0
            } else {
                strings.len() as u32
            };
            if name_at != 0 {
                strings.extend_from_slice(name.as_bytes());
                strings.push(0);
            }
            // Reserved values such as SHN_ABS are given as they are, 0xfff1; indices in that range are not.
            let reserved = matches!(*section, 0xfff1 | 0xfff2);
            let is_extended = *section >= 0xff00 && !reserved;
            any_extended |= is_extended;
            extended.u32(if is_extended { *section } else { 0 });
            let shndx = if is_extended {
                0xffff
            } else {
                u64::from(*section)
            };
            table.u32(name_at);
            if self.enc.is_64 {
                table
                    .int(1, (*sym_type).into())
                    .int(1, 0)
                    .int(2, shndx)
                    .word(*value)
                    .word(*size);
            } else {
                table
                    .word(*value)
                    .word(*size)
                    .int(1, (*sym_type).into())
                    .int(1, 0)
                    .int(2, shndx);
            }
        }
        let index = self.sections.len() as u32 + 1;
        self.add(Sec {
            name: ".symtab",
            sh_type: c::SHT_SYMTAB.0,
            data: table.out,
            link: index + 1,
            info: 1,
            align: 8,
            entsize: if self.enc.is_64 { 24 } else { 16 },
            ..Sec::default()
        });
        self.add(Sec {
            name: ".strtab",
            sh_type: c::SHT_STRTAB.0,
            data: strings,
            align: 1,
            ..Sec::default()
        });
        if any_extended {
            self.add(Sec {
                name: ".symtab_shndx",
                sh_type: c::SHT_SYMTAB_SHNDX.0,
                data: extended.out,
                link: index,
                align: 4,
                entsize: 4,
                ..Sec::default()
            });
        }
        index
    }

    /// Adds relocations (offset, symbol, type, addend) of section `target`; without addends for `rela: false`.
    pub fn relocs(
        &mut self,
        rela: bool,
        target: u32,
        symtab: u32,
        entries: &[(u64, u32, u32, i64)],
    ) -> u32 {
        let enc = self.enc;
        let mut data = Bytes::new(enc);
        for (offset, symbol, r_type, addend) in entries {
            data.word(*offset);
            if enc.is_64 && self.machine == c::EM_MIPS.0 {
                data.u32(*symbol).int(1, 0);
                data.int(1, u64::from(r_type >> 16 & 0xff))
                    .int(1, u64::from(r_type >> 8 & 0xff));
                data.int(1, u64::from(r_type & 0xff));
            } else if enc.is_64 {
                data.word(u64::from(*symbol) << 32 | u64::from(*r_type));
            } else {
                data.u32(symbol << 8 | r_type);
            }
            if rela {
                data.word(*addend as u64);
            }
        }
        let word = u64::from(enc.address_size());
        self.add(Sec {
            name: if rela {
                ".rela.debug_info"
            } else {
                ".rel.debug_info"
            },
            sh_type: if rela { c::SHT_RELA.0 } else { c::SHT_REL.0 },
            data: data.out,
            link: symtab,
            info: target,
            align: word,
            entsize: if rela { 3 * word } else { 2 * word },
            ..Sec::default()
        })
    }

    /// The file: header, program headers, sections in order, name table, section headers.
    pub fn build(&self) -> Vec<u8> {
        let enc = self.enc;
        let (header_size, phentsize, shentsize) = if enc.is_64 {
            (64, 56, 64)
        } else {
            (52, 32, 40)
        };
        let mut names = vec![0];
        let mut sections = self.sections.clone();
        sections.push(Sec {
            name: ".shstrtab",
            sh_type: c::SHT_STRTAB.0,
            align: 1,
            ..Sec::default()
        });
        let mut known = std::collections::BTreeMap::new();
        let mut name_at = Vec::new();
        for section in &sections {
            name_at.push(*known.entry(section.name).or_insert_with(|| {
                let at = names.len() as u32;
                names.extend_from_slice(section.name.as_bytes());
                names.push(0);
                at
            }));
        }
        sections.last_mut().unwrap().data = names;
        let mut out = Bytes::new(enc);
        out.out = vec![0; header_size];
        for (offset, size) in &self.segments {
            out.u32(1);
            if enc.is_64 {
                out.u32(4)
                    .word(*offset)
                    .word(*offset)
                    .word(*offset)
                    .word(*size)
                    .word(*size)
                    .word(1);
            } else {
                out.word(*offset)
                    .word(*offset)
                    .word(*offset)
                    .word(*size)
                    .word(*size)
                    .u32(4)
                    .word(1);
            }
        }
        let mut offsets = Vec::new();
        for section in &sections {
            let align = section.align.max(1) as usize;
            let at = out.out.len().next_multiple_of(align);
            offsets.push(at as u64);
            if section.sh_type != c::SHT_NOBITS.0 {
                out.out.resize(at, 0);
                out.out.extend_from_slice(&section.data);
            }
        }
        let count = sections.len() as u64 + 1;
        let shstrndx = count - 1;
        let big = count >= 0xff00;
        let at = out.out.len().next_multiple_of(8);
        out.out.resize(at, 0);
        out.u32(0)
            .u32(0)
            .word(0)
            .word(0)
            .word(0)
            .word(if big { count } else { 0 });
        out.u32(if big { shstrndx as u32 } else { 0 })
            .u32(0)
            .word(0)
            .word(0);
        for ((section, name), offset) in sections.iter().zip(&name_at).zip(&offsets) {
            out.u32(*name)
                .u32(section.sh_type)
                .word(section.flags)
                .word(section.addr);
            out.word(*offset)
                .word(section.data.len() as u64)
                .u32(section.link)
                .u32(section.info);
            out.word(section.align).word(section.entsize);
        }
        let mut header = Bytes::new(enc);
        header.out = vec![
            0x7f,
            b'E',
            b'L',
            b'F',
            1 + u8::from(enc.is_64),
            1 + u8::from(enc.big_endian),
            1,
        ];
        header.out.resize(16, 0);
        header
            .int(2, self.e_type.into())
            .int(2, self.machine.into())
            .u32(1)
            .word(0);
        header
            .word(if self.segments.is_empty() {
                0
            } else {
                header_size as u64
            })
            .word(at as u64)
            .u32(0);
        header
            .int(2, header_size as u64)
            .int(2, phentsize)
            .int(2, self.segments.len() as u64);
        header.int(2, shentsize).int(2, if big { 0 } else { count });
        header.int(2, if big { 0xffff } else { shstrndx });
        out.out[..header_size].copy_from_slice(&header.out);
        out.out
    }
}

/// Asks for everything that this crate can tell about a file. What matters is that it answers.
pub fn exercise(bytes: &[u8]) {
    let Ok(elf) = Elf::parse(bytes) else { return };
    for idx in (0u32..)
        .take(elf.sections().len().min(100))
        .map(elf_io::SectionIdx)
    {
        let _ = elf.raw_section_data(idx);
        let Ok(data) = elf.section_data(idx) else {
            continue;
        };
        if let Ok(Some(relocs)) = elf.relocs(idx) {
            let _ = relocs.apply(data);
            let mut cursor = relocs.cursor();
            for offset in relocs.offsets().take(1000) {
                let _ = cursor.value_at(offset, 4, 1);
                let _ = cursor.value_at(offset, 8, 1);
                let _ = cursor.value_at(offset / 2, 4, 1);
            }
        }
        let _ = elf.image_room(idx);
    }
    let _ = elf.symbols().map(|symbols| {
        symbols
            .filter_map(Result::ok)
            .map(|s| s.name.len())
            .sum::<usize>()
    });
    let _ = elf.debug_sections();
    let _ = elf.linux_lto_note();
    if let Ok(Some(ids)) = BtfIds::read(&elf) {
        let _ = ids.kfuncs(|_| Some("f"));
        let _ = ids.resolve(|_, name| Some(name.len() as u32), |_| Some("f"));
    }
    for data in [None, Some(&[7; 5000][..])] {
        let edits = [
            SectionEdit { name: ".BTF", data },
            SectionEdit {
                name: ".BTF.base",
                data,
            },
        ];
        for overflow in [ImageOverflow::Refuse, ImageOverflow::MoveOut] {
            if let Ok(plan) = Rewrite::plan(&elf, &edits, &[], overflow) {
                // A damaged header may announce a file of any size.
                if plan.len() < 1 << 24 {
                    plan.to_vec().unwrap();
                    plan.is_unchanged();
                }
            }
        }
    }
}

/// Files below `SPLITBTF_KERNEL_DIR`, an unpacked kernel package with debug symbols, or `None` after saying so.
pub fn kernel_files(test: &str) -> Option<Vec<PathBuf>> {
    let dir = real_kernel::path_from_env(test, real_kernel::FIRST)?;
    Some(real_kernel::files_below(&dir))
}

pub fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ko")
}

pub fn is_vmlinux(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("vmlinux"))
}
