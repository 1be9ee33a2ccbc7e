//! Base and split BTF as one stand-alone BTF.
//!
//! Ids and string offsets of a split BTF already count on from its base, so
//! the types of both behind each other, and the strings of both behind each
//! other, under a fresh header, are a valid BTF by themselves. That lets
//! consumers that know nothing of split BTF judge it, above all a running
//! kernel.

use btf_builder::Endian;

use crate::check::Checked;
use crate::raw::Raw;

const HDR_SIZE: usize = 24;

/// Lays the own types and strings of `split` behind those of its bases.
///
/// The result has the byte order of the target and no layout section. `None`
/// if it would not fit into 4 GiB.
pub fn concatenate(split: &Checked<'_>) -> Option<Vec<u8>> {
    let mut chain = vec![&split.raw];
    while let Some(base) = chain[chain.len() - 1].base {
        chain.push(base);
    }
    chain.reverse();

    let types = |raw: &Raw<'_>| raw.type_start()..raw.type_end();
    let type_len: usize = chain.iter().map(|raw| types(raw).len()).sum();
    let str_len: usize = chain.iter().map(|raw| raw.strings.len()).sum();
    let total = HDR_SIZE + type_len + str_len;
    u32::try_from(total).ok()?;

    let endian = split.raw.target.endian;
    let mut out = Vec::with_capacity(total);
    let magic = 0xeb9f_u16;
    out.extend(match endian {
        Endian::Little => magic.to_le_bytes(),
        Endian::Big => magic.to_be_bytes(),
    });
    out.extend([1, 0]);
    for field in [HDR_SIZE, 0, type_len, type_len, str_len] {
        let field = field as u32;
        out.extend(match endian {
            Endian::Little => field.to_le_bytes(),
            Endian::Big => field.to_be_bytes(),
        });
    }
    for raw in &chain {
        out.extend_from_slice(&raw.data[types(raw)]);
    }
    for raw in &chain {
        out.extend_from_slice(raw.strings);
    }
    Some(out)
}
