//! Numbers, and arrays, which need one to be indexed by.

use dwarf_reader::{Str, TypeDie, TypeTag};
use gimli::constants as c;

use super::{Local, VOID, Worker};
use crate::diag::DiagKind;
use crate::shape::{self, Hash};
use crate::store::{Key, NO_NAME, NodeKind, put_str};
use crate::text::synthetic;

impl Worker<'_, '_> {
    /// Whether a number is encoded as an array of bytes.
    pub(super) fn is_complex(&self, t: &TypeDie) -> bool {
        let encoding = gimli::DwAte(t.encoding);
        t.tag == TypeTag::Base
            && self.features.float
            && matches!(
                encoding,
                c::DW_ATE_complex_float | c::DW_ATE_imaginary_float
            )
    }

    pub(super) fn base_type(&mut self, i: u32, t: &TypeDie) {
        let encoding = gimli::DwAte(t.encoding);
        let mut name = t.name;
        let mut size = u32::try_from(t.size).unwrap_or(0);
        if self.is_complex(t) || (encoding == c::DW_ATE_float && self.features.float) {
            if encoding != c::DW_ATE_float {
                // BTF has no word for it: an opaque run of bytes keeps the layout.
                self.warn(DiagKind::ComplexFloat, t.off, t.name);
                let elem = self.char_type();
                let bytes = self.array_of(elem, None, size, self.key(t.order));
                return self.set_local(i, bytes);
            }
            if matches!(size, 2 | 4 | 8 | 12 | 16) {
                let key = self.key(t.order);
                let seen = self.recall(
                    |_| shape::float(name.to_bits(), size),
                    |w| {
                        let hash = shape::float(w.text.hash(name), size);
                        if let Some(seen) = w.find(hash) {
                            return seen;
                        }
                        w.intern(hash, key, NodeKind::Float, NO_NAME, |words| {
                            put_str(words, name);
                            words.push(size);
                        })
                    },
                );
                return self.set(i, seen);
            }
            self.warn(DiagKind::FloatSize, t.off, t.name);
        }
        let data_encoding = match encoding {
            c::DW_ATE_signed | c::DW_ATE_signed_char => 1u32,
            c::DW_ATE_boolean => 4,
            _ => 0,
        };
        if size == 0 || !size.is_power_of_two() || size > 16 {
            name = synthetic::FAKE_INT;
            size = 4;
        }
        if name.is_none() {
            name = synthetic::FAKE_INT;
        }
        let local = self.int_type(name, size, data_encoding, self.key(t.order));
        self.set_local(i, local);
    }

    fn int_type(&mut self, name: Str, size: u32, encoding: u32, key: Key) -> Local {
        let data = (encoding << 24) | (size * 8);
        let seen = self.recall(
            |_| shape::int(name.to_bits(), size, data),
            |w| {
                let hash = shape::int(w.text.hash(name), size, data);
                if let Some(seen) = w.find(hash) {
                    return seen;
                }
                w.intern(hash, key, NodeKind::Int, NO_NAME, |words| {
                    put_str(words, name);
                    words.extend([size, data]);
                })
            },
        );
        Local {
            hash: seen.hash,
            node: seen.node,
            name_no: NO_NAME,
            own: seen.node,
        }
    }

    /// What arrays are indexed by: the unit's own `int`, or one made up.
    pub(super) fn index_type(&mut self) -> Local {
        if let Some(int) = self.int {
            return int;
        }
        let own =
            self.unit.types.iter().find(|t| {
                t.tag == TypeTag::Base && t.size != 0 && self.text.bytes(t.name) == b"int"
            });
        let (size, encoding, order) = match own {
            Some(t) => {
                let signed = matches!(
                    gimli::DwAte(t.encoding),
                    c::DW_ATE_signed | c::DW_ATE_signed_char
                );
                (
                    u32::try_from(t.size).unwrap_or(4),
                    u32::from(signed),
                    t.order,
                )
            }
            None => (4, 1, u32::MAX),
        };
        let size = if size.is_power_of_two() && size <= 16 {
            size
        } else {
            4
        };
        let int = self.int_type(synthetic::INT, size, encoding, self.key(order));
        self.int = Some(int);
        int
    }

    /// A byte, for what BTF can only keep as a run of bytes.
    pub(super) fn char_type(&mut self) -> Local {
        if let Some(char) = self.char {
            return char;
        }
        let char = self.int_type(synthetic::UNSIGNED_CHAR, 1, 0, self.key(u32::MAX));
        self.char = Some(char);
        char
    }

    /// An array of `elem`, or of local type `j`.
    fn array_of(&mut self, elem: Local, j: Option<u32>, nelems: u32, key: Key) -> Local {
        let index = self.index_type();
        let key_of = |w: &Self| {
            let elem = j.map_or(elem.hash, |j| w.marks[j as usize]);
            shape::array(elem, index.hash, nelems)
        };
        let seen = self.recall(key_of, |w| {
            let elem_hash = j.map_or(elem.hash, |j| w.content(j));
            let hash = shape::array(elem_hash, index.hash, nelems);
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let node = j.map_or(elem.node, |j| w.node_of(j));
            w.intern(hash, key, NodeKind::Array, NO_NAME, |words| {
                words.extend([node.raw(), index.node.raw(), nelems]);
            })
        });
        Local {
            hash: seen.hash,
            node: seen.node,
            name_no: NO_NAME,
            own: seen.node,
        }
    }

    pub(super) fn array(&mut self, i: u32, t: &TypeDie) {
        let target = self.target(t.ty);
        let (elem, target) = match target.filter(|&j| self.marks[j as usize] != Hash::VOID) {
            Some(j) => (VOID, Some(j)),
            None => {
                self.warn(DiagKind::VoidArray, t.off, t.name);
                (self.char_type(), None)
            }
        };
        let local = self.array_of(elem, target, t.size as u32, self.key(t.order));
        self.set_local(i, local);
    }
}
