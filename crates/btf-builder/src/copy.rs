//! Types from one BTF into another.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::info_vlen;
use crate::view::Type;
use crate::visit::{ids_of, ids_of_mut, strs_of_mut};

/// Lengths of a BTF's sections, to return to when an addition fails half-way.
struct Mark {
    types: usize,
    index: usize,
    strings: usize,
}

impl Btf {
    fn mark(&self) -> Mark {
        Mark {
            types: self.types.len(),
            index: self.index.len(),
            strings: self.strings.len(),
        }
    }

    fn roll_back(&mut self, mark: &Mark) {
        self.types.to_mut().truncate(mark.types);
        self.index.truncate(mark.index);
        if self.strings.len() != mark.strings {
            self.strings.to_mut().truncate(mark.strings);
            self.str_index.take();
        }
        self.forget_names();
    }

    /// Copies the strings of `words`, a record of `src`, and points it at the
    /// copies.
    fn import_strs(&mut self, src: &Self, words: &mut [u32]) -> Result<()> {
        let mut fault = None;
        strs_of_mut(words, |off| {
            let old = StrOff(*off);
            match (src.str_at(old).ok_or(Error::NoSuchString(old))).and_then(|s| self.intern_str(s))
            {
                Ok(new) => *off = new.0,
                Err(err) => {
                    fault.get_or_insert(err);
                }
            }
        });
        fault.map_or(Ok(()), Err)
    }

    /// Appends a copy of one type of any BTF, with its strings. Its type ids
    /// are taken over as they are: adjust them with
    /// [`visit_type_ids_mut`](Self::visit_type_ids_mut), or use an
    /// [`Importer`] to copy what they refer to as well (libbpf
    /// `btf__add_type`).
    ///
    /// # Errors
    /// Limits; kinds known only to the other BTF's layout. Nothing is added
    /// then.
    pub fn add_type(&mut self, ty: Type<'_>) -> Result<TypeId> {
        self.add_record(ty.btf(), ty.words())
    }

    /// As [`add_type`](Self::add_type), from the words of a record in native
    /// byte order whose strings are those of `src`.
    ///
    /// # Errors
    /// As [`add_type`](Self::add_type) and [`push_raw`](Self::push_raw).
    pub fn add_record(&mut self, src: &Self, words: &[u32]) -> Result<TypeId> {
        let mark = self.mark();
        let mut words = words.to_vec();
        // Pushed first for the check of its length, which the visitors need.
        let added = self.push_raw(&words).and_then(|id| {
            self.import_strs(src, &mut words)?;
            self.types[mark.types..].copy_from_slice(&words);
            Ok(id)
        });
        if added.is_err() {
            self.roll_back(&mark);
        }
        added
    }

    /// Appends copies of all own types of `src`, in order, with the strings
    /// they use. References among them are kept; `src` must be without a base
    /// or have the very base this BTF has, to which references stay as they
    /// are. Returns the id of the first copy (libbpf `btf__add_btf`).
    ///
    /// # Errors
    /// [`Error::BaseMismatch`]; limits. Nothing is added then.
    pub fn add_btf(&mut self, src: &Self) -> Result<TypeId> {
        let same_base = match (&src.base, &self.base) {
            (None, _) => true,
            (Some(theirs), Some(ours)) => Arc::ptr_eq(theirs, ours),
            (Some(_), None) => false,
        };
        if !same_base {
            return Err(Error::BaseMismatch);
        }
        let mark = self.mark();
        let first = self.n_types();
        let added = self.append_all(src);
        if added.is_err() {
            self.roll_back(&mark);
        }
        added.map(|()| TypeId(first))
    }

    fn append_all(&mut self, src: &Self) -> Result<()> {
        let first = self.n_types();
        if src.index.is_empty() {
            return Ok(());
        }
        let last = u64::from(first) + src.index.len() as u64 - 1;
        let words = self.types.len() as u64 + src.types.len() as u64;
        if last > u64::from(self.limits.max_type_id) || words > u64::from(u32::MAX) {
            return Err(Error::TooManyTypes(last));
        }
        // New offset of each own string of `src`; 0 is "not copied yet".
        let mut strs = vec![0_u32; src.strings.len()];
        let base_words = self.types.len();
        self.types.to_mut().extend_from_slice(&src.types);
        let moved = src.index.iter().map(|&at| at + base_words as u32);
        self.index.extend(moved);
        self.forget_names();

        let mut types = std::mem::take(&mut self.types);
        let mut fault = None;
        for range in src.own_ranges() {
            let words = &mut types[base_words..][range];
            let vlen = info_vlen(words[1]);
            if vlen > self.limits.max_vlen {
                fault = Some(Error::TooManyElements(u64::from(vlen)));
                break;
            }
            ids_of_mut(words, |id| {
                if *id >= src.start_id {
                    *id = *id - src.start_id + first;
                }
            });
            strs_of_mut(words, |off| {
                let Some(local) = off.checked_sub(src.start_str_off).filter(|_| *off != 0) else {
                    return;
                };
                if let Some(&new) = strs.get(local as usize).filter(|&&new| new != 0) {
                    *off = new;
                    return;
                }
                let old = StrOff(*off);
                match (src.str_at(old).ok_or(Error::NoSuchString(old)))
                    .and_then(|s| self.intern_str(s))
                {
                    Ok(new) => {
                        strs[local as usize] = new.0;
                        *off = new.0;
                    }
                    Err(err) => {
                        fault.get_or_insert(err);
                    }
                }
            });
            if fault.is_some() {
                break;
            }
        }
        self.types = types;
        fault.map_or(Ok(()), Err)
    }
}

/// Copies types with all they refer to from one BTF into another, each once
/// however often it is asked for.
///
/// ```
/// use btf_builder::{Btf, Endian, Importer, IntEncoding};
///
/// let mut src = Btf::new_empty(Endian::Little);
/// let int = src.add_int("int", 4, IntEncoding::SIGNED)?;
/// src.add_struct("unrelated", 1)?;
/// let ptr = src.add_ptr(int)?;
///
/// let mut dst = Btf::new_empty(Endian::Little);
/// let copy = Importer::new(&src).import(&mut dst, ptr)?;
/// assert_eq!(dst.n_own_types(), 2);
/// let pointee = dst.ty(copy).unwrap().type_id().unwrap();
/// assert_eq!(dst.ty(pointee).unwrap().name(), b"int");
/// # Ok::<(), btf_builder::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Importer<'a> {
    src: &'a Btf,
    /// Ids in `src` to ids in the destination.
    map: HashMap<TypeId, TypeId>,
}

impl<'a> Importer<'a> {
    /// An importer of types of `src`. It is meant for one destination.
    pub fn new(src: &'a Btf) -> Self {
        Self {
            src,
            map: HashMap::new(),
        }
    }

    /// The id in the destination of a type imported before.
    pub fn imported(&self, id: TypeId) -> Option<TypeId> {
        self.map.get(&id).copied()
    }

    /// Copies type `id` and all types it reaches that are not copied yet, in
    /// order of discovery, and returns its id in `dst`. Types of a base that
    /// both BTFs share are referred to, not copied.
    ///
    /// DECL_TAGs on a copied type are not reached from it and stay behind.
    ///
    /// # Errors
    /// [`Error::NoSuchType`]; limits. Nothing is added then.
    pub fn import(&mut self, dst: &mut Btf, id: TypeId) -> Result<TypeId> {
        let shared = match (&self.src.base, &dst.base) {
            (Some(theirs), Some(ours)) if Arc::ptr_eq(theirs, ours) => self.src.start_id,
            _ => 1,
        };
        let stays = |id: TypeId| id.0 < shared;
        if stays(id) {
            return Ok(id);
        }
        if let Some(&new) = self.map.get(&id) {
            return Ok(new);
        }
        // Give ids first, so that cycles close, then copy in that order.
        let mark = dst.mark();
        let mut queue = vec![id];
        let mut fresh = HashMap::new();
        fresh.insert(id, TypeId(dst.n_types()));
        let mut done = 0;
        while let Some(&at) = queue.get(done) {
            done += 1;
            let ty = self.src.ty(at).ok_or(Error::NoSuchType(at))?;
            ids_of(ty.words(), |to| {
                let to = TypeId(to);
                if stays(to) || self.map.contains_key(&to) || fresh.contains_key(&to) {
                    return;
                }
                let new = dst.n_types().saturating_add(queue.len() as u32);
                fresh.insert(to, TypeId(new));
                queue.push(to);
            });
        }
        let result = queue.iter().try_for_each(|&at| {
            let ty = self.src.ty(at).ok_or(Error::NoSuchType(at))?;
            let mut words = ty.words().to_vec();
            ids_of_mut(&mut words, |to| {
                let old = TypeId(*to);
                if !stays(old)
                    && let Some(new) = fresh.get(&old).or_else(|| self.map.get(&old))
                {
                    *to = new.0;
                }
            });
            dst.import_strs(self.src, &mut words)?;
            dst.push_raw(&words).map(drop)
        });
        if let Err(err) = result {
            dst.roll_back(&mark);
            return Err(err);
        }
        let new = fresh[&id];
        self.map.extend(fresh);
        Ok(new)
    }
}
