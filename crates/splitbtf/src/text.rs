//! Strings by place: those of the file's DWARF, and the few that the encoder makes up.

use std::sync::{Mutex, PoisonError};

use dwarf_reader::{Sections, Str, Unit};

/// Names that no DWARF spells.
pub(crate) mod synthetic {
    use dwarf_reader::Str;

    const TAG: u64 = 4 << 61;

    /// What integers of impossible sizes are called (dwarves `btf_encoder__add_base_type`).
    pub(crate) const FAKE_INT: Str = Str::from_bits(TAG);
    /// The index type of arrays.
    pub(crate) const INT: Str = Str::from_bits(TAG | 1);
    /// The unit of opaque bytes.
    pub(crate) const UNSIGNED_CHAR: Str = Str::from_bits(TAG | 2);

    pub(crate) const NAMES: [&[u8]; 3] = [b"__SANITIZED_FAKE_INT__", b"int", b"unsigned char"];
    pub(super) const FIRST_EXTRA: u64 = 1 << 32;

    /// The index of a made-up name.
    pub(super) fn index(s: Str) -> Option<u64> {
        let bits = s.to_bits();
        if bits >> 61 == 4 {
            Some(bits & !(7 << 61))
        } else {
            None
        }
    }

    pub(super) fn extra(i: usize) -> Str {
        Str::from_bits(TAG | (FIRST_EXTRA + i as u64))
    }
}

/// Names composed while reading (`<parameter>__<member>`) or cut, kept for the life of the file.
#[derive(Debug, Default)]
pub(crate) struct Extra(Mutex<Vec<&'static [u8]>>);

/// Gives the bytes of strings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'f> {
    pub(crate) sections: &'f Sections<'f>,
    extra: &'f Extra,
    /// What names that begin with it are cut to.
    prefix: Option<(&'f [u8], Str)>,
}

/// Reads through strings once, if a core's cache has room for them: names are then looked up here and there, and memory
/// that is read in order comes in several times as fast.
pub(crate) fn warm(strings: &[u8]) {
    /// Of a second-level cache of 1 MiB or more.
    const MOST: usize = 1 << 20;
    const LINE: usize = 64;
    if strings.len() <= MOST {
        std::hint::black_box(strings.iter().step_by(LINE).fold(0, |all, byte| all ^ byte));
    }
}

impl Extra {
    fn get(&self, i: usize) -> &'static [u8] {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.get(i).copied().unwrap_or_default()
    }
}

impl<'f> Text<'f> {
    /// The strings of a file; names that begin with `prefix` are those that [`Self::cut_names`] cuts.
    pub(crate) fn new(
        sections: &'f Sections<'f>,
        extra: &'f Extra,
        prefix: Option<&'f [u8]>,
    ) -> Self {
        let text = Self {
            sections,
            extra,
            prefix: None,
        };
        Self {
            prefix: prefix.map(|prefix| (prefix, text.add(prefix.to_vec()))),
            ..text
        }
    }

    /// Cuts the names of a unit that begin with the prefix, if there is one (dwarves `attr_string`).
    pub(crate) fn cut_names(&self, unit: &mut Unit) {
        if let Some((prefix, cut)) = self.prefix {
            let starts = |name: Str| !name.is_none() && self.bytes(name).starts_with(prefix);
            unit.map_names(|name| if starts(name) { cut } else { name });
        }
    }

    /// The bytes of a string; a place that leads nowhere reads as empty.
    #[inline]
    pub(crate) fn bytes(&self, s: Str) -> &'f [u8] {
        if let Some(i) = synthetic::index(s) {
            return match synthetic::NAMES.get(i as usize) {
                Some(name) => name,
                None => self.extra.get((i - synthetic::FIRST_EXTRA) as usize),
            };
        }
        self.sections.string(s).unwrap_or_default()
    }

    /// The hash of a string's bytes.
    #[inline(always)]
    pub(crate) fn hash(&self, s: Str) -> u64 {
        match self.sections.rest_of_debug_str(s) {
            Some(rest) => match btf_builder::short_c_name_hash(rest) {
                Some((h, _)) => h,
                None => self.long_hash(s, rest),
            },
            None if s.is_none() => crate::shape::anonymous(),
            None => self.other_hash(s),
        }
    }

    #[inline(never)]
    fn long_hash(&self, s: Str, rest: &[u8]) -> u64 {
        match btf_builder::long_c_name_hash(rest) {
            Some((h, _)) => h,
            None => crate::shape::name_hash(self.bytes(s)),
        }
    }

    /// Of a string elsewhere than in `.debug_str`.
    #[inline(never)]
    fn other_hash(&self, s: Str) -> u64 {
        match self.sections.rest(s).and_then(btf_builder::c_name_hash) {
            Some((h, _)) => h,
            None => crate::shape::name_hash(self.bytes(s)),
        }
    }

    /// Keeps a composed name.
    pub(crate) fn add(&self, name: Vec<u8>) -> Str {
        let mut list = self.extra.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A handful of short names in a run that asks for true signatures.
        list.push(Box::leak(name.into_boxed_slice()));
        synthetic::extra(list.len() - 1)
    }
}
