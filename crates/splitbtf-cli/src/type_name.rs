//! Types as people name them: `sk_buff`, or `struct sk_buff` where several kinds share a name.

use anyhow::bail;
use btf_builder::{Btf, Kind, TypeId};

/// A name with the word before it, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeName<'a> {
    word: Option<Word>,
    pub(crate) name: &'a str,
}

/// What may stand before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Struct,
    Union,
    Enum,
    Typedef,
    Func,
    Var,
}

impl<'a> TypeName<'a> {
    /// Reads a name; blanks around it do not count.
    pub(crate) fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let words = [
            ("struct", Word::Struct),
            ("union", Word::Union),
            ("enum", Word::Enum),
            ("typedef", Word::Typedef),
            ("func", Word::Func),
            ("var", Word::Var),
        ];
        let with_word = words.into_iter().find_map(|(text_of, word)| {
            let rest = text.strip_prefix(text_of)?;
            rest.starts_with(char::is_whitespace)
                .then_some((word, rest.trim_start()))
        });
        match with_word {
            Some((word, name)) => Self {
                word: Some(word),
                name,
            },
            // Names of base types such as `unsigned int` have blanks too.
            None => Self {
                word: None,
                name: text,
            },
        }
    }

    /// Whether a type of this kind can be meant.
    pub(crate) fn fits(&self, kind: Kind, kind_flag: bool) -> bool {
        match self.word {
            // Tags are called by what they say, which is no name of theirs.
            None => !matches!(kind, Kind::DeclTag | Kind::TypeTag),
            Some(Word::Struct) => kind == Kind::Struct || kind == Kind::Fwd && !kind_flag,
            Some(Word::Union) => kind == Kind::Union || kind == Kind::Fwd && kind_flag,
            Some(Word::Enum) => matches!(kind, Kind::Enum | Kind::Enum64),
            Some(Word::Typedef) => kind == Kind::Typedef,
            Some(Word::Func) => kind == Kind::Func,
            Some(Word::Var) => kind == Kind::Var,
        }
    }

    /// Whether only a function can be meant.
    pub(crate) fn is_function(&self) -> bool {
        self.word == Some(Word::Func)
    }

    /// The ids of all types of this name, base included, in ascending order.
    pub(crate) fn ids(&self, btf: &Btf) -> Vec<TypeId> {
        let mut ids: Vec<_> = btf
            .ids_named(self.name.as_bytes())
            .filter(|&id| {
                btf.ty(id)
                    .is_some_and(|ty| self.fits(ty.kind(), ty.kind_flag()))
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// As [`ids`](Self::ids); an error if there are none, with names that differ only in case
    /// or by what was left out at the end.
    pub(crate) fn require(&self, btf: &Btf) -> anyhow::Result<Vec<TypeId>> {
        let ids = self.ids(btf);
        if !ids.is_empty() {
            return Ok(ids);
        }
        if self.name.is_empty() {
            bail!("a type name is empty");
        }
        let begins = |name: &[u8]| {
            name.len() >= self.name.len()
                && name[..self.name.len()].eq_ignore_ascii_case(self.name.as_bytes())
        };
        let mut near: Vec<_> = btf
            .all_types()
            .filter(|ty| self.fits(ty.kind(), ty.kind_flag()) && begins(ty.name()))
            .map(|ty| ty.name_str().into_owned())
            .collect();
        near.sort_by_key(|name| (name.len(), name.clone()));
        near.dedup();
        near.truncate(3);
        let hint = match near.len() {
            0 => String::new(),
            _ => format!(" (did you mean {}?)", near.join(", ")),
        };
        bail!("no type is called '{}'{hint}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use btf_builder::{Endian, FwdKind, IntEncoding};

    use super::*;

    fn btf() -> Btf {
        let mut btf = Btf::new_empty(Endian::Little);
        let int = btf.add_int("unsigned int", 4, IntEncoding::NONE).unwrap();
        btf.add_struct("page", 4).unwrap();
        btf.add_typedef("page", int).unwrap();
        btf.add_fwd("pages", FwdKind::Union).unwrap();
        btf
    }

    #[test]
    fn a_word_before_the_name_picks_the_kind() {
        let btf = btf();
        let ids = |text| TypeName::parse(text).ids(&btf);
        assert_eq!(ids("page"), [TypeId(2), TypeId(3)]);
        assert_eq!(ids("struct page"), [TypeId(2)]);
        assert_eq!(ids(" typedef  page "), [TypeId(3)]);
        assert_eq!(ids("union pages"), [TypeId(4)]);
        assert_eq!(ids("unsigned int"), [TypeId(1)]);
        assert_eq!(ids("structpage"), []);
    }

    #[test]
    fn near_names_are_offered() {
        let btf = btf();
        let text = |name| TypeName::parse(name).require(&btf).unwrap_err().to_string();
        assert_eq!(
            text("Pag"),
            "no type is called 'Pag' (did you mean page, pages?)"
        );
        assert_eq!(text("struct xyz"), "no type is called 'xyz'");
        assert_eq!(text("struct "), "no type is called 'struct'");
    }
}
