//! DIEs of the usual forms are read in one go; the same DIEs with their attributes in other forms, one by one. What
//! comes of both must be the same.

use dwarf_reader::{NoRelocations, Sections, TypeTag, Unit, unit_headers};
use gimli::constants as c;

/// A unit under construction: DWARF 4 in 32 bits, where each DIE has an abbreviation of its own.
struct Dwarf {
    big_endian: bool,
    /// Whether attributes stand in forms that nothing reads in one go.
    unusual: bool,
    info: Vec<u8>,
    abbrev: Vec<u8>,
    str: Vec<u8>,
    n_abbrevs: u8,
}

/// An attribute's value.
#[derive(Clone, Copy)]
enum Value {
    /// A string of `.debug_str`.
    Name(&'static str),
    /// A string in the DIE.
    Inline(&'static str),
    /// A number in 1, 2, 4 or 8 bytes.
    Number(u64, u8),
    /// A number in the abbreviation.
    Constant(i64),
    /// A DIE at this offset.
    Ref(u32),
    Present,
}

impl Dwarf {
    const HEADER: usize = 11;

    fn new(big_endian: bool, unusual: bool) -> Self {
        let mut dwarf = Self {
            big_endian,
            unusual,
            info: vec![0; Self::HEADER],
            abbrev: Vec::new(),
            str: vec![0],
            n_abbrevs: 0,
        };
        dwarf.die(c::DW_TAG_compile_unit, true, &[]);
        dwarf
    }

    fn number(&mut self, n: u64, size: u8) {
        let (le, be) = (n.to_le_bytes(), n.to_be_bytes());
        let size = usize::from(size);
        self.info.extend(if self.big_endian {
            &be[8 - size..]
        } else {
            &le[..size]
        });
    }

    fn uleb(bytes: &mut Vec<u8>, n: u64) {
        gimli::leb128::write::unsigned(bytes, n).expect("memory");
    }

    /// Adds a DIE and gives its offset.
    fn die(&mut self, tag: gimli::DwTag, children: bool, attrs: &[(gimli::DwAt, Value)]) -> u32 {
        let off = self.info.len() as u32;
        self.n_abbrevs += 1;
        self.info.push(self.n_abbrevs);
        self.abbrev.push(self.n_abbrevs);
        Self::uleb(&mut self.abbrev, tag.0.into());
        self.abbrev.push(children.into());
        for &(at, value) in attrs {
            Self::uleb(&mut self.abbrev, at.0.into());
            let form = match value {
                Value::Name(s) => {
                    let at = self.str.len() as u64;
                    self.str.extend(s.bytes().chain([0]));
                    self.number(at, 4);
                    c::DW_FORM_strp
                }
                Value::Inline(s) => {
                    self.info.extend(s.bytes().chain([0]));
                    c::DW_FORM_string
                }
                Value::Number(n, _) if self.unusual => {
                    Self::uleb(&mut self.info, n);
                    c::DW_FORM_udata
                }
                Value::Number(n, size) => {
                    self.number(n, size);
                    match size {
                        1 => c::DW_FORM_data1,
                        2 => c::DW_FORM_data2,
                        4 => c::DW_FORM_data4,
                        _ => c::DW_FORM_data8,
                    }
                }
                Value::Constant(n) if self.unusual => {
                    gimli::leb128::write::signed(&mut self.info, n).expect("memory");
                    c::DW_FORM_sdata
                }
                Value::Constant(_) => c::DW_FORM_implicit_const,
                Value::Ref(to) if self.unusual => {
                    self.number(to.into(), 8);
                    c::DW_FORM_ref8
                }
                Value::Ref(to) => {
                    self.number(to.into(), 4);
                    c::DW_FORM_ref4
                }
                Value::Present => c::DW_FORM_flag_present,
            };
            Self::uleb(&mut self.abbrev, form.0.into());
            if let (Value::Constant(n), c::DW_FORM_implicit_const) = (value, form) {
                gimli::leb128::write::signed(&mut self.abbrev, n).expect("memory");
            }
        }
        self.abbrev.extend([0, 0]);
        off
    }

    fn end(&mut self) {
        self.info.push(0);
    }

    /// What the unit says of its types, by names and numbers instead of places.
    fn read(mut self, padding: usize) -> Vec<String> {
        self.info.resize(self.info.len() + padding, 0);
        self.abbrev.push(0);
        let len = self.info.len() - 4;
        let body = std::mem::take(&mut self.info);
        self.number(len as u64, 4);
        self.number(4, 2);
        self.number(0, 4);
        self.number(8, 1);
        self.info.extend(&body[Self::HEADER..]);
        let sections = Sections {
            info: &self.info,
            abbrev: &self.abbrev,
            str: &self.str,
            big_endian: self.big_endian,
            ..Sections::default()
        };
        let headers = unit_headers(&sections, &NoRelocations, &|_| None).expect("a unit");
        let mut unit = Unit::default();
        unit.read(&sections, &headers, &mut NoRelocations, &|_| true)
            .expect("DWARF");
        let name = |s| String::from_utf8_lossy(sections.string(s).expect("a string")).into_owned();
        let ty = |r| unit.type_at(r);
        unit.types
            .iter()
            .map(|t| {
                let items = t.first as usize..(t.first + t.n) as usize;
                let mut line = format!(
                    "{:?} '{}' size {} type {:?} order {} declaration {} flag {}",
                    t.tag,
                    name(t.name),
                    t.size,
                    ty(t.ty),
                    t.order,
                    t.declaration,
                    t.flag
                );
                match t.tag {
                    TypeTag::Struct | TypeTag::Union => {
                        for m in &unit.members[items] {
                            line +=
                                &format!(", '{}' at {} {:?}", name(m.name), m.bit_off, ty(m.ty));
                            if m.width != 0 {
                                line += &format!(" of {} bits", m.width);
                            }
                        }
                    }
                    TypeTag::Enum => {
                        for e in &unit.enumerators[items] {
                            line += &format!(", '{}' = {:#x}", name(e.name), e.value);
                        }
                    }
                    TypeTag::Subroutine => {
                        for p in &unit.params[items] {
                            line += &format!(", '{}' {:?}", name(p.name), ty(p.ty));
                        }
                    }
                    _ => {}
                }
                line
            })
            .collect()
    }
}

/// Reads what `build` makes in usual and unusual forms, in both byte orders, at the very end of a section and with
/// bytes behind it, and gives what all of that must agree on.
fn read(build: impl Fn(&mut Dwarf)) -> Vec<String> {
    let mut all = Vec::new();
    for big_endian in [false, true] {
        for unusual in [false, true] {
            for padding in [0, 64] {
                let mut dwarf = Dwarf::new(big_endian, unusual);
                build(&mut dwarf);
                dwarf.end();
                all.push(dwarf.read(padding));
            }
        }
    }
    let first = all[0].clone();
    for other in all {
        assert_eq!(first, other);
    }
    first
}

fn int(d: &mut Dwarf) -> u32 {
    let attrs = [
        (c::DW_AT_byte_size, Value::Number(4, 1)),
        (c::DW_AT_encoding, Value::Number(5, 1)),
        (c::DW_AT_name, Value::Inline("int")),
    ];
    d.die(c::DW_TAG_base_type, false, &attrs)
}

#[test]
fn members_of_all_widths_and_a_type_between_them() {
    let types = read(|d| {
        let int = int(d);
        let name = (c::DW_AT_name, Value::Name("outer"));
        d.die(
            c::DW_TAG_structure_type,
            true,
            &[name, (c::DW_AT_byte_size, Value::Number(300, 2))],
        );
        let member = |d: &mut Dwarf, name, location: Option<Value>| {
            let mut attrs = vec![(c::DW_AT_name, name), (c::DW_AT_type, Value::Ref(int))];
            attrs.extend(location.map(|at| (c::DW_AT_data_member_location, at)));
            d.die(c::DW_TAG_member, false, &attrs);
        };
        member(d, Value::Name("first"), None);
        member(d, Value::Inline("b"), Some(Value::Number(4, 1)));
        d.die(
            c::DW_TAG_union_type,
            true,
            &[(c::DW_AT_byte_size, Value::Constant(4))],
        );
        member(d, Value::Name("inner"), None);
        d.end();
        member(d, Value::Name("far"), Some(Value::Number(0x104, 2)));
        member(d, Value::Name("constant"), Some(Value::Constant(8)));
        let bits = |d: &mut Dwarf, name, offset| {
            let attrs = [
                (c::DW_AT_name, Value::Name(name)),
                (c::DW_AT_type, Value::Ref(int)),
                (c::DW_AT_bit_size, Value::Number(3, 1)),
                (c::DW_AT_data_bit_offset, offset),
            ];
            d.die(c::DW_TAG_member, false, &attrs);
        };
        bits(d, "low", Value::Number(35, 1));
        bits(d, "high", Value::Number(2301, 2));
        d.end();
        let declared = (c::DW_AT_declaration, Value::Present);
        d.die(
            c::DW_TAG_structure_type,
            false,
            &[(c::DW_AT_name, Value::Name("fwd")), declared],
        );
    });
    assert_eq!(
        types[1..],
        [
            "Struct 'outer' size 300 type None order 2 declaration false flag true, 'first' at 0 Some(0), \
             'b' at 32 Some(0), 'far' at 2080 Some(0), 'constant' at 64 Some(0), 'low' at 35 Some(0) of 3 bits, 'high' at 2301 Some(0) of 3 bits",
            "Union '' size 4 type None order 1 declaration false flag true, 'inner' at 0 Some(0)",
            "Struct 'fwd' size 0 type None order 3 declaration true flag false",
        ]
    );
}

#[test]
fn dimensions_by_bound_and_by_count() {
    let types = read(|d| {
        let int = int(d);
        for dimensions in [
            &[][..],
            &[(c::DW_AT_upper_bound, 9, 1)],
            &[(c::DW_AT_count, 10, 2)],
            &[(c::DW_AT_upper_bound, 2, 1), (c::DW_AT_count, 300, 2)],
        ] {
            d.die(
                c::DW_TAG_array_type,
                true,
                &[(c::DW_AT_type, Value::Ref(int))],
            );
            for &(at, n, size) in dimensions {
                d.die(
                    c::DW_TAG_subrange_type,
                    false,
                    &[(at, Value::Number(n, size))],
                );
            }
            d.end();
        }
    });
    let sizes = [(1, false), (10, true), (10, true), (900, true)];
    for (line, (size, flag)) in types[1..].iter().zip(sizes) {
        assert!(line.contains(&format!(" size {size} ")), "{line}");
        assert!(line.ends_with(&format!(" flag {flag}")), "{line}");
    }
    assert_eq!(types.len(), 5);
}

#[test]
fn enumerators_of_all_widths_and_parameters() {
    let types = read(|d| {
        let int = int(d);
        d.die(
            c::DW_TAG_enumeration_type,
            true,
            &[(c::DW_AT_byte_size, Value::Number(8, 1))],
        );
        for (size, value) in [(1, 0xff), (2, 0xffff), (4, 0x8000_0000), (8, u64::MAX)] {
            let name = (c::DW_AT_name, Value::Name("value"));
            d.die(
                c::DW_TAG_enumerator,
                false,
                &[name, (c::DW_AT_const_value, Value::Number(value, size))],
            );
        }
        d.end();
        d.die(
            c::DW_TAG_subroutine_type,
            true,
            &[(c::DW_AT_prototyped, Value::Present)],
        );
        d.die(
            c::DW_TAG_formal_parameter,
            false,
            &[(c::DW_AT_type, Value::Ref(int))],
        );
        d.die(c::DW_TAG_unspecified_parameters, false, &[]);
        d.end();
        d.die(
            c::DW_TAG_pointer_type,
            false,
            &[(c::DW_AT_byte_size, Value::Constant(8))],
        );
    });
    assert_eq!(
        types[1..],
        [
            "Enum '' size 8 type None order 1 declaration false flag true, 'value' = 0xff, 'value' = 0xffff, \
             'value' = 0x80000000, 'value' = 0xffffffffffffffff",
            "Subroutine '' size 0 type None order 2 declaration false flag true, '' Some(0)",
            "Pointer '' size 8 type None order 3 declaration false flag true",
        ]
    );
}
