//! ELF notes, as far as the encoding rules read them.

use object::elf;

use crate::elf::{Elf, SectionIdx};
use crate::error::Result;

/// `LINUX_ELFNOTE_LTO_INFO` of the kernel's `include/linux/elfnote-lto.h`.
const LTO_INFO: u32 = 0x101;

impl Elf<'_> {
    /// The value of the kernel's note about link-time optimisation (owner `Linux`, type `0x101`): whether the image was
    /// built with it. `None` without such a note.
    ///
    /// # Errors
    ///
    /// If a note section is not inside the file. A malformed note ends the search in its section.
    pub fn linux_lto_note(&self) -> Result<Option<bool>> {
        for (index, section) in (0u32..).zip(self.sections()) {
            if section.sh_type != elf::SHT_NOTE.0 {
                continue;
            }
            let data = self.raw_section_data(SectionIdx(index))?;
            let align = if section.addralign == 8 { 8 } else { 4 };
            if let Some(value) = self.find_lto_info(data, align) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn find_lto_info(&self, mut data: &[u8], align: usize) -> Option<bool> {
        let encoding = self.encoding();
        loop {
            let name_len = encoding.u32(data, 0)? as usize;
            let desc_len = encoding.u32(data, 4)? as usize;
            let note_type = encoding.u32(data, 8)?;
            let name_end = 12usize.checked_add(name_len)?;
            let desc_start = name_end.checked_next_multiple_of(align)?;
            let desc_end = desc_start.checked_add(desc_len)?;
            let name = data.get(12..name_end)?;
            let desc = data.get(desc_start..desc_end)?;
            if note_type == LTO_INFO && name == b"Linux\0" {
                return Some(desc.iter().any(|byte| *byte != 0));
            }
            data = data.get(desc_end.checked_next_multiple_of(align)?..)?;
        }
    }
}
