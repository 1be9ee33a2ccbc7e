//! Enums.

use dwarf_reader::{TypeDie, TypeTag};
use gimli::constants as c;

use super::{VOID, Worker};
use crate::diag::DiagKind;
use crate::shape::{self, Tag};
use crate::store::{NO_NAME, NodeKind, put_str};

impl Worker<'_, '_> {
    pub(super) fn enumeration(&mut self, i: u32, t: &TypeDie) {
        let key = self.key(t.order);
        let name = self.name_of(t);
        if t.declaration {
            if name.is_none() {
                return self.set_local(i, VOID);
            }
            let seen = self.name_node(i, Tag::EnumName, name, key);
            self.mentioned.insert(seen.name_no);
            return self.set(i, seen);
        }
        let (n, size, wide, signed) = self.enum_form(t);
        if n < t.n as usize {
            self.warn(DiagKind::CannotExpress, t.off, name);
        }
        if t.flag && !matches!(t.size, 1 | 2 | 4 | 8) {
            self.warn(DiagKind::EnumSize, t.off, name);
        }
        let values = t.first as usize..t.first as usize + n;
        let key_of = |w: &Self| {
            let mut m = shape::enumeration(0, size, wide, signed);
            m.child(w.marks[i as usize]);
            for e in &w.unit.enumerators[values.clone()] {
                m.words(e.name.to_bits(), e.value);
            }
            m.done()
        };
        let seen = self.recall(key_of, |w| {
            let name_word = if name.is_none() {
                shape::anonymous()
            } else {
                w.content(i).a
            };
            let mut m = shape::enumeration(name_word, size, wide, signed);
            for e in &w.unit.enumerators[values.clone()] {
                let value = if wide {
                    e.value
                } else {
                    u64::from(e.value as u32)
                };
                m.words(w.text.hash(e.name), value);
            }
            let hash = m.done();
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let name_no = if name.is_none() {
                NO_NAME
            } else {
                w.name_node(i, Tag::EnumName, name, key).name_no
            };
            let mut words = std::mem::take(&mut w.words);
            words.clear();
            w.write_enum(t, &mut words);
            let seen = w.intern(hash, key, NodeKind::Enum, name_no, |record| {
                record.extend_from_slice(&words);
            });
            w.words = words;
            seen
        });
        self.define(i, name, seen);
    }

    /// Number of values, size in bytes, whether 64-bit values are needed, whether signed.
    fn enum_form(&self, t: &TypeDie) -> (usize, u32, bool, bool) {
        let first = t.first as usize;
        let n = (t.n as usize).min(0xffff);
        let size = match if t.flag { t.size } else { 4 } {
            s @ (1 | 2 | 4 | 8) => s as u32,
            _ => 8,
        };
        let values = &self.unit.enumerators[first..first + n];
        let fits = |v: u64| (v as i64) >= i64::from(i32::MIN) && (v as i64) <= i64::from(u32::MAX);
        let beyond = size <= 4 && !values.iter().all(|e| fits(e.value));
        let wide = self.features.enum64 && (size > 4 || beyond);
        let signed = if !self.features.enum64 {
            false
        } else if size > 4 {
            self.target(t.ty).is_some_and(|j| {
                let u = &self.unit.types[j as usize];
                u.tag == TypeTag::Base
                    && matches!(
                        gimli::DwAte(u.encoding),
                        c::DW_ATE_signed | c::DW_ATE_signed_char
                    )
            })
        } else {
            values.iter().any(|e| (e.value as i64) < 0)
        };
        (n, size, wide, signed)
    }

    /// The record of an enum.
    pub(super) fn write_enum(&self, t: &TypeDie, words: &mut Vec<u32>) {
        let (n, size, wide, signed) = self.enum_form(t);
        put_str(words, self.name_of(t));
        words.extend([size, n as u32, u32::from(wide) | u32::from(signed) << 1]);
        for e in &self.unit.enumerators[t.first as usize..t.first as usize + n] {
            put_str(words, e.name);
            words.extend([e.value as u32, (e.value >> 32) as u32]);
        }
    }
}
