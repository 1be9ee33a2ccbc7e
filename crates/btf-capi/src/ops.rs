//! Dedup, distilling, relocation, permutation.

use std::ffi::c_int;
use std::sync::Arc;

use btf_builder::TypeId;

use crate::ext::CBtfExt;
use crate::handle::{CBtf, slice_of};
use crate::opts::{DedupOpts, PermuteOpts};
use crate::result::{Errno, int};

/// libbpf `btf__dedup`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__dedup(btf: *mut CBtf, opts: *const DedupOpts) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let (btf, opts) = unsafe { (&mut *btf, DedupOpts::read(opts)) };
    int(opts.and_then(|(ext, force_collisions)| {
        // SAFETY: null or a live handle, by the same contract.
        let ext = unsafe { ext.as_mut() };
        dedup(btf, ext, force_collisions)
    }))
}

fn dedup(btf: &mut CBtf, ext: Option<&mut CBtfExt>, force_collisions: bool) -> Result<(), Errno> {
    let btf = btf.inner_mut()?;
    let mut opts = btf_dedup::DedupOpts::default();
    opts.force_collisions = force_collisions;
    let Some(ext) = ext else {
        btf_dedup::dedup(btf, &opts)?;
        return Ok(());
    };
    btf_dedup::dedup_with_ext(btf, &mut ext.inner, &opts)?;
    Ok(())
}

/// libbpf `btf__distill_base`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__distill_base(
    src_btf: *const CBtf,
    new_base_btf: *mut *mut CBtf,
    new_split_btf: *mut *mut CBtf,
) -> c_int {
    if new_base_btf.is_null() || new_split_btf.is_null() {
        return int(Err(Errno(libc::EINVAL)));
    }
    // SAFETY: see the contract in the crate's documentation.
    let src = unsafe { &*src_btf };
    int(src.inner.distill_base().map_err(Errno::from).map(|it| {
        let mut base = CBtf::new((*it.base).clone(), std::ptr::null_mut());
        // The split must be on the very BTF that the handle holds.
        base.inner = it.base;
        let base = Box::into_raw(base);
        let split = Box::into_raw(CBtf::new(it.split, base));
        // SAFETY: not null, so writable by the contract.
        unsafe {
            *new_base_btf = base;
            *new_split_btf = split;
        }
    }))
}

/// libbpf `btf__relocate`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__relocate(btf: *mut CBtf, base_btf: *const CBtf) -> c_int {
    if base_btf.is_null() {
        return int(Err(Errno(libc::EINVAL)));
    }
    // SAFETY: see the contract in the crate's documentation.
    let (btf, base) = unsafe { (&mut *btf, Arc::clone(&(*base_btf).inner)) };
    int(relocate(btf, base_btf, base))
}

fn relocate(btf: &mut CBtf, handle: *const CBtf, base: Arc<btf_builder::Btf>) -> Result<(), Errno> {
    if std::ptr::eq(btf.base, handle) {
        return Err(Errno(libc::EINVAL));
    }
    btf.inner_mut()?.relocate(base)?;
    btf.base = handle.cast_mut();
    btf.owns_base = false;
    Ok(())
}

/// libbpf `btf__permute`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__permute(
    btf: *mut CBtf,
    id_map: *mut u32,
    id_map_cnt: u32,
    opts: *const PermuteOpts,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    int(unsafe {
        PermuteOpts::read(opts).and_then(|ext| {
            let id_map = slice_of(id_map.cast_const(), id_map_cnt)?;
            permute(&mut *btf, id_map, ext.as_mut())
        })
    })
}

fn permute(btf: &mut CBtf, id_map: &[u32], ext: Option<&mut CBtfExt>) -> Result<(), Errno> {
    // The map of a base has an entry for void.
    let own = if btf.inner.is_split() {
        id_map
    } else {
        match id_map {
            [0, own @ ..] => own,
            _ => return Err(Errno(libc::EINVAL)),
        }
    };
    let new_ids: Vec<TypeId> = own.iter().copied().map(TypeId).collect();
    let start = btf.inner.start_id();
    btf.inner_mut()?.permute(&new_ids)?;
    if let Some(ext) = ext {
        ext.inner.remap_type_ids(start, &new_ids);
    }
    Ok(())
}
