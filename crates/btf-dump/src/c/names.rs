//! Names as C wants them: identifiers, each used once.
//!
//! BTF of a kernel holds several structs of one name, from different files.
//! The second becomes `name___2` and so on, as in libbpf. Structs, unions and
//! enums share one space of names, typedefs and enumerators another.

use btf_builder::{Btf, Kind, Type};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// What a tag stands for; C insists that it is always the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TagClass {
    Struct,
    Union,
    Enum,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    class: TagClass,
    /// A type of this name has been or will be defined, as opposed to only
    /// declared.
    is_defined: bool,
}

#[derive(Debug)]
pub(crate) struct Names<'a> {
    btf: &'a Btf,
    tags: HashMap<Vec<u8>, Tag, FixedState>,
    /// How often a name was asked for among typedefs and enumerators.
    idents: HashMap<Vec<u8>, u32, FixedState>,
    /// The names given, by id; empty where none is given yet.
    given: Vec<Box<[u8]>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(btf: &'a Btf) -> Self {
        Self {
            btf,
            tags: HashMap::default(),
            idents: HashMap::default(),
            given: vec![Box::default(); btf.n_types() as usize],
        }
    }

    /// The tag of a struct, union, enum or FWD; empty if anonymous.
    pub(crate) fn tag(&mut self, ty: &Type<'_>) -> Vec<u8> {
        if ty.name_off().is_empty() {
            return Vec::new();
        }
        let at = ty.id().0 as usize;
        if let Some(given) = self.given.get(at).filter(|given| !given.is_empty()) {
            return given.to_vec();
        }
        let class = match ty.kind() {
            Kind::Enum | Kind::Enum64 => TagClass::Enum,
            Kind::Union => TagClass::Union,
            Kind::Fwd if ty.kind_flag() => TagClass::Union,
            _ => TagClass::Struct,
        };
        let defines = ty.kind() != Kind::Fwd && !(class == TagClass::Enum && ty.vlen() == 0);
        let name = identifier(ty.name());
        let mut candidate = name.clone();
        let mut n = 1;
        while let Some(tag) = self.tags.get(&candidate) {
            if tag.class == class && !(defines && tag.is_defined) {
                break;
            }
            n += 1;
            candidate = numbered(&name, n);
        }
        let tag = self.tags.entry_ref(&*candidate).or_insert(Tag {
            class,
            is_defined: false,
        });
        tag.is_defined |= defines;
        self.give(at, candidate)
    }

    /// The name of a typedef, or of an INT or FLOAT that C has no name for.
    pub(crate) fn ident(&mut self, ty: &Type<'_>) -> Vec<u8> {
        let at = ty.id().0 as usize;
        if let Some(given) = self.given.get(at).filter(|given| !given.is_empty()) {
            return given.to_vec();
        }
        let name = self.unique_ident(ty.name());
        self.give(at, name)
    }

    /// The name of the next enumerator called `name`.
    pub(crate) fn enumerator(&mut self, name: &[u8]) -> Vec<u8> {
        self.unique_ident(name)
    }

    /// Whether `name` stands for a typedef or enumerator by now.
    pub(crate) fn is_ident(&self, name: &[u8]) -> bool {
        self.idents.contains_key(name)
    }

    fn unique_ident(&mut self, name: &[u8]) -> Vec<u8> {
        let name = identifier(name);
        let count = self.idents.entry_ref(&*name).or_insert(0);
        *count += 1;
        let mut n = *count;
        if n == 1 {
            return name;
        }
        // Somebody may really be called `name___2`.
        let mut candidate = numbered(&name, n);
        while self.idents.contains_key(&candidate) {
            n += 1;
            candidate = numbered(&name, n);
        }
        self.idents.insert(candidate.clone(), 1);
        self.idents.insert(name, n);
        candidate
    }

    fn give(&mut self, at: usize, name: Vec<u8>) -> Vec<u8> {
        debug_assert!(at < self.btf.n_types() as usize);
        if let Some(given) = self.given.get_mut(at) {
            *given = name.clone().into_boxed_slice();
        }
        name
    }
}

fn numbered(name: &[u8], n: u32) -> Vec<u8> {
    let mut numbered = name.to_vec();
    numbered.extend_from_slice(b"___");
    crate::sink::push_uint(&mut numbered, n.into());
    numbered
}

/// Reserved words of C11 and of GNU C, sorted.
const KEYWORDS: [&str; 46] = [
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Static_assert",
    "_Thread_local",
    "asm",
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
];

/// `name` with bytes that no identifier may hold replaced by `_`, and with
/// `_` appended if it is a keyword. Empty stays empty.
pub(crate) fn identifier(name: &[u8]) -> Vec<u8> {
    let is_valid = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$';
    let mut ident = name.to_vec();
    for byte in &mut ident {
        if !is_valid(byte) {
            *byte = b'_';
        }
    }
    if ident.first().is_some_and(u8::is_ascii_digit) {
        ident.insert(0, b'_');
    }
    let is_keyword = str::from_utf8(&ident).is_ok_and(|text| KEYWORDS.binary_search(&text).is_ok());
    if is_keyword {
        ident.push(b'_');
    }
    ident
}

/// Whether an INT or FLOAT of this name needs no typedef: all its words are
/// C's own.
pub(crate) fn is_c_base_type(name: &[u8]) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"char",
        b"short",
        b"int",
        b"long",
        b"signed",
        b"unsigned",
        b"_Bool",
        b"__int128",
        b"float",
        b"double",
        b"_Float16",
        b"_Float128",
        b"__float128",
        b"_Complex",
    ];
    name.split(|&byte| byte == b' ')
        .all(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use btf_builder::{Endian, FwdKind, TypeId};

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn what_is_no_identifier_becomes_one() {
        for (name, want) in [
            ("foo", "foo"),
            ("foo.isra.0", "foo_isra_0"),
            ("Vec<u8>", "Vec_u8_"),
            ("3com", "_3com"),
            ("int", "int_"),
            ("", ""),
        ] {
            assert_eq!(identifier(name.as_bytes()), want.as_bytes());
        }
    }

    #[test]
    fn a_second_definition_gets_a_number() {
        let mut btf = Btf::new_empty(Endian::Little);
        for name in ["a", "a___2", "a", "a"] {
            btf.add_struct(name, 0).unwrap();
        }
        btf.add_fwd("a", FwdKind::Struct).unwrap();
        btf.add_fwd("a", FwdKind::Union).unwrap();
        let mut names = Names::new(&btf);
        let got: Vec<_> = btf
            .own_types()
            .map(|ty| String::from_utf8(names.tag(&ty)).unwrap())
            .collect();
        // The FWD stands for the first struct; a union needs another tag.
        assert_eq!(got, ["a", "a___2", "a___3", "a___4", "a", "a___5"]);
        let first = btf.ty(TypeId(1)).unwrap();
        assert_eq!(names.tag(&first), b"a");
    }

    #[test]
    fn enumerators_and_typedefs_share_their_names() {
        let mut btf = Btf::new_empty(Endian::Little);
        btf.add_typedef("x", TypeId(0)).unwrap();
        let mut names = Names::new(&btf);
        assert_eq!(names.enumerator(b"x"), b"x");
        assert_eq!(names.ident(&btf.ty(TypeId(1)).unwrap()), b"x___2");
        assert_eq!(names.enumerator(b"x___2"), b"x___2___2");
        assert!(names.is_ident(b"x"));
    }
}
