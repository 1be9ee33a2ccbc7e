//! Modules as bytes: what they are called and need, and their edits.
//!
//! Only 64-bit little-endian ELF, which is what the emulated machine runs.

use std::collections::BTreeMap;
use std::ops::Range;

/// The bytes are no module this can work with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ModuleError {
    /// No 64-bit little-endian ELF, or one that points outside itself.
    NotElf,
    /// The section is missing.
    NoSection(&'static str),
    /// `.modinfo` has no entry of this name.
    NoEntry(&'static str),
}

impl std::fmt::Display for ModuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotElf => f.write_str("no 64-bit little-endian ELF file"),
            Self::NoSection(name) => write!(f, "no section {name}"),
            Self::NoEntry(name) => write!(f, "no entry {name} in .modinfo"),
        }
    }
}

impl std::error::Error for ModuleError {}

const SECTION_HEADER: usize = 64;
const RELA: usize = 24;
/// `MODULE_SIG_STRING`.
const SIGNATURE_MAGIC: &[u8] = b"~Module signature appended~\n";
/// `sizeof(struct module_signature)`.
const SIGNATURE_INFO: usize = 12;

/// A kernel module in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelModule {
    bytes: Vec<u8>,
}

impl KernelModule {
    /// Takes the bytes of an uncompressed `.ko` file.
    ///
    /// # Errors
    /// [`ModuleError::NotElf`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, ModuleError> {
        let module = Self { bytes };
        module.sections()?;
        Ok(module)
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn number<const N: usize>(&self, at: usize) -> Result<u64, ModuleError> {
        let bytes = at
            .checked_add(N)
            .and_then(|end| self.bytes.get(at..end))
            .ok_or(ModuleError::NotElf)?;
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    /// Sections by name, in file order, with their place in the file.
    fn sections(&self) -> Result<Vec<(String, Range<usize>)>, ModuleError> {
        if self.bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err(ModuleError::NotElf);
        }
        let table = self.number::<8>(40)? as usize;
        let n_sections = self.number::<2>(60)? as usize;
        let names_idx = self.number::<2>(62)? as usize;
        let range = |idx: usize| {
            let header = table
                .checked_add(idx * SECTION_HEADER)
                .ok_or(ModuleError::NotElf)?;
            let kind = self.number::<4>(header.saturating_add(4))?;
            let start = self.number::<8>(header.saturating_add(24))? as usize;
            let len = match kind {
                // SHT_NOBITS takes no room in the file.
                8 => 0,
                _ => self.number::<8>(header.saturating_add(32))? as usize,
            };
            let end = start.checked_add(len).ok_or(ModuleError::NotElf)?;
            match end <= self.bytes.len() || len == 0 {
                true => Ok((self.number::<4>(header)? as usize, start..end)),
                false => Err(ModuleError::NotElf),
            }
        };
        let (_, names) = range(names_idx)?;
        (0..n_sections)
            .map(|idx| {
                let (name_off, place) = range(idx)?;
                let name = self.bytes[names.clone()]
                    .get(name_off..)
                    .and_then(|tail| tail.split(|&byte| byte == 0).next())
                    .unwrap_or(b"");
                Ok((String::from_utf8_lossy(name).into_owned(), place))
            })
            .collect()
    }

    /// Place of the first section of this name.
    fn find(&self, name: &'static str) -> Result<Range<usize>, ModuleError> {
        self.sections()?
            .into_iter()
            .find_map(|(found, place)| (found == name).then_some(place))
            .ok_or(ModuleError::NoSection(name))
    }

    /// Contents of the `.BTF` section, or of `.BTF.base`.
    ///
    /// # Errors
    /// [`ModuleError::NoSection`].
    pub fn section(&self, name: &'static str) -> Result<&[u8], ModuleError> {
        Ok(&self.bytes[self.find(name)?])
    }

    /// Cuts off a signature, which no edit leaves valid: a kernel that insists
    /// on none takes a module without one, but not one with a wrong one.
    fn drop_signature(&mut self) {
        let Some(signed) = self.bytes.strip_suffix(SIGNATURE_MAGIC) else {
            return;
        };
        // `struct module_signature` ends in the signature's length, big-endian.
        let Some((info, len)) = signed.split_last_chunk::<4>() else {
            return;
        };
        let len = u32::from_be_bytes(*len) as usize;
        let rest = info.len().checked_sub(SIGNATURE_INFO - 4 + len);
        if let Some(rest) = rest {
            self.bytes.truncate(rest);
        }
    }

    /// Overwrites the `.BTF` section with as many bytes. A signature goes.
    ///
    /// # Errors
    /// [`ModuleError::NoSection`]; [`ModuleError::NotElf`] if the lengths
    /// differ.
    pub fn overwrite_btf(&mut self, btf: &[u8]) -> Result<(), ModuleError> {
        let place = self.find(".BTF")?;
        if place.len() != btf.len() {
            return Err(ModuleError::NotElf);
        }
        self.bytes[place].copy_from_slice(btf);
        self.drop_signature();
        Ok(())
    }

    /// The value of an entry of `.modinfo`.
    fn modinfo(&self, key: &'static str) -> Result<String, ModuleError> {
        let info = self.section(".modinfo")?;
        info.split(|&byte| byte == 0)
            .find_map(|entry| {
                let value = entry.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
                Some(String::from_utf8_lossy(value).into_owned())
            })
            .ok_or(ModuleError::NoEntry(key))
    }

    /// Name in the kernel's spelling, as in `/sys/kernel/btf`.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub fn name(&self) -> Result<String, ModuleError> {
        self.modinfo("name")
    }

    /// Names of the modules that have to be loaded before, in the spelling of
    /// their files: `-` and `_` are the same.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub fn depends(&self) -> Result<Vec<String>, ModuleError> {
        let list = self.modinfo("depends")?;
        Ok(list
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| name.replace('-', "_"))
            .collect())
    }

    /// Takes away the module's init and exit functions: it then loads without
    /// the hardware it is for, does nothing, and can be unloaded. A signature
    /// goes, too.
    ///
    /// Both are pointers in `struct module` that only relocations fill in; the
    /// relocations are turned into ones without effect.
    ///
    /// # Errors
    /// See [`ModuleError`]. A module that has neither function is left alone.
    pub fn without_init(&mut self) -> Result<(), ModuleError> {
        let place = match self.find(".rela.gnu.linkonce.this_module") {
            Ok(place) => place,
            Err(ModuleError::NoSection(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        for rela in self.bytes[place].chunks_exact_mut(RELA) {
            // Type 0 is R_X86_64_NONE and its like elsewhere.
            rela[8..16].fill(0);
        }
        self.drop_signature();
        Ok(())
    }
}

/// An order in which each module comes after those it depends on; modules
/// that depend on each other in a circle, or on one that is not there, come
/// where the walk meets them.
///
/// `modules` maps names, with `_` for `-`, to what each depends on.
pub fn load_order(modules: &BTreeMap<String, Vec<String>>) -> Vec<&str> {
    fn visit<'a>(
        modules: &'a BTreeMap<String, Vec<String>>,
        name: &'a str,
        seen: &mut BTreeMap<&'a str, ()>,
        order: &mut Vec<&'a str>,
    ) {
        let Some((name, depends)) = modules.get_key_value(name) else {
            return;
        };
        if seen.insert(name, ()).is_some() {
            return;
        }
        for below in depends {
            visit(modules, below, seen, order);
        }
        order.push(name);
    }
    let (mut seen, mut order) = (BTreeMap::new(), Vec::new());
    for name in modules.keys() {
        visit(modules, name, &mut seen, &mut order);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF with these sections and their contents.
    fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = vec![0];
        let mut bytes = vec![0; 64];
        let mut headers = vec![[0_u64; 8]];
        for (name, data) in sections {
            headers.push([
                names.len() as u64 | 1 << 32,
                0,
                0,
                bytes.len() as u64,
                data.len() as u64,
                0,
                1,
                0,
            ]);
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            bytes.extend_from_slice(data);
        }
        headers.push([
            1 << 32,
            0,
            0,
            bytes.len() as u64,
            names.len() as u64,
            0,
            1,
            0,
        ]);
        bytes.extend_from_slice(&names);
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let table = bytes.len() as u64;
        bytes[40..48].copy_from_slice(&table.to_le_bytes());
        let n_sections = headers.len() as u16;
        bytes[60..62].copy_from_slice(&n_sections.to_le_bytes());
        bytes[62..64].copy_from_slice(&(n_sections - 1).to_le_bytes());
        for header in headers {
            bytes.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        }
        bytes
    }

    #[test]
    fn init_goes_and_the_rest_stays() {
        let rela = [7_u8; 48];
        let before = elf(&[
            (".modinfo", b"name=foo_bar\0depends=a-b,c\0"),
            (".rela.gnu.linkonce.this_module", &rela),
            (".BTF", b"1234"),
        ]);
        let mut module = KernelModule::new(before.clone()).unwrap();
        assert_eq!(module.name().unwrap(), "foo_bar");
        assert_eq!(module.depends().unwrap(), ["a_b", "c"]);
        module.without_init().unwrap();
        let changed = before.iter().zip(module.bytes()).filter(|(a, b)| a != b);
        assert_eq!(changed.count(), 16);
        module.overwrite_btf(b"5678").unwrap();
        assert_eq!(module.section(".BTF").unwrap(), b"5678");
        assert_eq!(module.overwrite_btf(b"567"), Err(ModuleError::NotElf));
        assert_eq!(
            module.section(".BTF.base"),
            Err(ModuleError::NoSection(".BTF.base"))
        );
    }

    #[test]
    fn an_edit_takes_the_signature_away() {
        let plain = elf(&[(".BTF", b"1234")]);
        let mut signed = plain.clone();
        signed.extend_from_slice(&[0x55; 100]);
        signed.extend_from_slice(&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
        signed.extend_from_slice(SIGNATURE_MAGIC);
        let mut module = KernelModule::new(signed).unwrap();
        module.overwrite_btf(b"1234").unwrap();
        assert!(module.bytes() == plain);

        // A length that reaches beyond the file is no signature.
        let mut short = plain;
        short.extend_from_slice(&[0xff; 12]);
        short.extend_from_slice(SIGNATURE_MAGIC);
        let mut module = KernelModule::new(short.clone()).unwrap();
        module.overwrite_btf(b"1234").unwrap();
        assert!(module.bytes() == short);
    }

    #[test]
    fn cut_files_are_refused() {
        let whole = elf(&[(".modinfo", b"name=x\0")]);
        for len in 0..whole.len() {
            _ = KernelModule::new(whole[..len].to_vec()).map(|module| module.name());
        }
        assert_eq!(KernelModule::new(Vec::new()), Err(ModuleError::NotElf));
    }

    #[test]
    fn what_is_needed_comes_first() {
        let graph = |edges: &[(&str, &[&str])]| {
            edges
                .iter()
                .map(|(name, below)| {
                    let below = below.iter().map(ToString::to_string).collect();
                    ((*name).to_owned(), below)
                })
                .collect::<BTreeMap<_, _>>()
        };
        let modules = graph(&[("a", &["c"]), ("b", &[]), ("c", &["b", "missing"])]);
        assert_eq!(load_order(&modules), ["b", "c", "a"]);
        let circle = graph(&[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(load_order(&circle), ["b", "a"]);
    }
}
