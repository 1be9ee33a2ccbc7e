//! Small inputs, each for one rule, and random ones for the layout.

use std::fmt::Write as _;

use btf_builder::{Btf, Endian, FwdKind, IntEncoding, StrOff, TypeId};
use btf_dump::{CDumper, COptions, Error, JsonStyle, Select, write_c, write_json, write_raw};

use crate::c::{assertions, compiled, compiles};
use crate::kernel::has_tool;

/// `int` is type 1, `char` type 2.
fn base() -> Btf {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.set_pointer_size(8).unwrap();
    btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    btf.add_int("char", 1, IntEncoding::SIGNED).unwrap();
    btf
}

const INT: TypeId = TypeId(1);
const CHAR: TypeId = TypeId(2);

/// The definitions of these types, without the frame of a header.
fn c_of(btf: &Btf, ids: impl IntoIterator<Item = TypeId>) -> Result<String, Error> {
    let mut text = Vec::new();
    let mut dumper = CDumper::new(btf, &mut text);
    ids.into_iter().try_for_each(|id| dumper.dump(id))?;
    dumper.finish()?;
    Ok(String::from_utf8(text).unwrap())
}

fn all_of(btf: &Btf) -> String {
    c_of(btf, btf.all_types().map(|ty| ty.id())).unwrap()
}

/// As [`all_of`], and it must compile with the layout of the BTF.
#[track_caller]
fn compiling(btf: &Btf) -> String {
    let text = all_of(btf);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("t.c");
    let (asserts, _) = assertions(btf, btf.all_types().map(|ty| ty.id()));
    std::fs::write(&file, format!("{text}{asserts}")).unwrap();
    compiles(&text, &file, &[]);
    text
}

#[test]
fn a_struct_comes_after_its_members() {
    let mut btf = base();
    let outer = btf.add_struct("outer", 8).unwrap();
    let inner = TypeId(outer.0 + 1);
    let pointer = TypeId(outer.0 + 2);
    btf.add_field("x", inner, 0, 0).unwrap();
    btf.add_struct("inner", 8).unwrap();
    btf.add_field("p", pointer, 0, 0).unwrap();
    btf.add_ptr(outer).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct outer;\n\n\
         struct inner {\n\tstruct outer *p;\n};\n\n\
         struct outer {\n\tstruct inner x;\n};\n\n"
    );
}

#[test]
fn a_struct_that_points_at_itself_needs_no_declaration() {
    let mut btf = base();
    let node = btf.add_struct("node", 8).unwrap();
    let pointer = TypeId(node.0 + 1);
    btf.add_field("next", pointer, 0, 0).unwrap();
    btf.add_ptr(node).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct node {\n\tstruct node *next;\n};\n\n"
    );
}

#[test]
fn a_struct_and_its_typedef_may_need_each_other() {
    let mut btf = base();
    let node = btf.add_struct("node", 8).unwrap();
    btf.add_field("next", TypeId(node.0 + 1), 0, 0).unwrap();
    btf.add_ptr(TypeId(node.0 + 2)).unwrap();
    btf.add_typedef("node_t", node).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct node;\n\ntypedef struct node node_t;\n\nstruct node {\n\tnode_t *next;\n};\n\n"
    );
}

#[test]
fn declarators_read_from_the_inside_out() {
    let mut btf = base();
    let proto = btf.add_func_proto(INT).unwrap();
    // There is a typedef `a`, which a parameter of that name would hide.
    btf.add_func_param("a", CHAR).unwrap();
    btf.add_func_param("", TypeId::VOID).unwrap();
    let func = btf.add_ptr(proto).unwrap();
    let funcs = btf.add_array(INT, func, 4).unwrap();
    let to_funcs = btf.add_ptr(funcs).unwrap();
    let constant = btf.add_const(CHAR).unwrap();
    let string = btf.add_ptr(constant).unwrap();
    let fixed = btf.add_const(string).unwrap();
    let to_fixed = btf.add_ptr(fixed).unwrap();
    let row = btf.add_array(INT, CHAR, 3).unwrap();
    let rows = btf.add_array(INT, row, 2).unwrap();
    let nothing = btf.add_func_proto(TypeId::VOID).unwrap();
    let giver = btf.add_func_proto(func).unwrap();
    let restricted = btf.add_ptr(CHAR).unwrap();
    let restricted = btf.add_restrict(restricted).unwrap();
    for (name, ty) in [
        ("a", func),
        ("b", funcs),
        ("c", to_funcs),
        ("d", string),
        ("e", fixed),
        ("f", to_fixed),
        ("g", rows),
        ("h", nothing),
        ("i", giver),
        ("j", restricted),
    ] {
        btf.add_typedef(name, ty).unwrap();
    }
    assert_eq!(
        compiling(&btf).replace(";\n\n", ";\n"),
        "typedef int (*a)(char, ...);\n\
         typedef int (*b[4])(char, ...);\n\
         typedef int (*(*c)[4])(char, ...);\n\
         typedef const char *d;\n\
         typedef const char * const e;\n\
         typedef const char * const *f;\n\
         typedef char g[2][3];\n\
         typedef void h(void);\n\
         typedef int (*i(void))(char, ...);\n\
         typedef char * restrict j;\n"
    );
}

#[test]
fn padding_is_written_where_the_compiler_would_leave_none() {
    let mut btf = base();
    btf.add_struct("gap", 16).unwrap();
    btf.add_field("a", CHAR, 0, 0).unwrap();
    btf.add_field("b", CHAR, 24, 0).unwrap();
    btf.add_field("c", INT, 64, 0).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct gap {\n\tchar a;\n\tint: 16;\n\tchar b;\n\tint: 32;\n\tint c;\n\tint: 32;\n};\n\n"
    );
}

#[test]
fn bitfields_are_placed_bit_by_bit() {
    let mut btf = base();
    btf.add_struct("bits", 8).unwrap();
    btf.add_field("a", INT, 0, 3).unwrap();
    btf.add_field("b", INT, 5, 4).unwrap();
    // Does not fit behind `b` and moves on by itself.
    btf.add_field("c", INT, 32, 30).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct bits {\n\tint a: 3;\n\tchar: 2;\n\tint b: 4;\n\tint c: 30;\n};\n\n"
    );
}

/// Before `kind_flag`, a bitfield had an INT of its width for itself.
#[test]
fn old_bitfields_are_bitfields() {
    let mut btf = base();
    // INT `int`, 4 bytes, 5 bits.
    let name = btf.intern_str(b"int").unwrap();
    let narrow = btf.push_raw(&[name.0, 1 << 24, 4, 5]).unwrap();
    let [old, a, b] = ["old", "a", "b"].map(|text| btf.intern_str(text.as_bytes()).unwrap().0);
    btf.push_raw(&[old, 4 << 24 | 2, 4, a, narrow.0, 0, b, narrow.0, 5])
        .unwrap();
    assert_eq!(
        all_of(&btf),
        "struct old {\n\tint a: 5;\n\tint b: 5;\n};\n\n"
    );
}

#[test]
fn attributes_say_what_members_do_not() {
    let mut btf = base();
    btf.add_struct("packed", 5).unwrap();
    btf.add_field("a", CHAR, 0, 0).unwrap();
    btf.add_field("b", INT, 8, 0).unwrap();
    btf.add_union("wide", 64).unwrap();
    btf.add_field("a", INT, 0, 0).unwrap();
    btf.add_union("odd", 12).unwrap();
    btf.add_field("a", CHAR, 0, 0).unwrap();
    let text = compiling(&btf);
    assert!(
        text.contains("int b;\n} __attribute__((packed));"),
        "{text}"
    );
    assert!(
        text.contains("int a;\n} __attribute__((aligned(64)));"),
        "{text}"
    );
}

#[test]
fn enums_have_the_size_they_are_given() {
    let mut btf = base();
    for (name, size) in [("e1", 1), ("e2", 2), ("e4", 4), ("e8", 8)] {
        btf.add_enum(name, size).unwrap();
        btf.add_enum_value(format!("{name}_a"), 1).unwrap();
    }
    btf.add_enum64("big", 8, false).unwrap();
    btf.add_enum64_value("big_a", 1 << 40).unwrap();
    btf.add_enum64("small", 8, true).unwrap();
    btf.add_enum64_value("small_a", u64::MAX).unwrap();
    let n_types = btf.n_types();
    for id in 3..n_types {
        let size = btf.ty(TypeId(id)).unwrap().size().unwrap();
        btf.add_struct(format!("s{id}"), size).unwrap();
        btf.add_field("e", TypeId(id), 0, 0).unwrap();
    }
    let text = compiling(&btf);
    assert_eq!(text.matches("mode(word)").count(), 2, "{text}");
    assert!(text.contains("small_a = -1LL"), "{text}");
    assert!(text.contains("big_a = 1099511627776ULL,\n};"), "{text}");
}

#[test]
fn names_are_made_fit_and_unique() {
    let mut btf = base();
    for _ in 0..2 {
        btf.add_struct("twice", 4).unwrap();
        btf.add_field("x", INT, 0, 0).unwrap();
    }
    btf.add_fwd("twice", FwdKind::Union).unwrap();
    btf.add_enum("", 4).unwrap();
    btf.add_enum_value("A", 0).unwrap();
    btf.add_typedef("A", INT).unwrap();
    btf.add_int("u32", 4, IntEncoding::NONE).unwrap();
    btf.add_typedef("word", TypeId(8)).unwrap();
    let text = compiling(&btf);
    for line in [
        "struct twice {",
        "struct twice___2 {",
        "union twice___3;",
        "typedef int A___2;",
        "typedef unsigned int u32;",
        "typedef u32 word;",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn anonymous_types_are_spelled_out() {
    let mut btf = base();
    let inner = btf.add_struct("", 8).unwrap();
    btf.add_field("a", INT, 0, 0).unwrap();
    btf.add_field("b", INT, 32, 0).unwrap();
    let both = btf.add_union("", 8).unwrap();
    btf.add_field("", inner, 0, 0).unwrap();
    btf.add_field("c", CHAR, 0, 0).unwrap();
    btf.add_struct("outer", 16).unwrap();
    btf.add_field("", both, 0, 0).unwrap();
    btf.add_field("named", inner, 64, 0).unwrap();
    assert_eq!(
        compiling(&btf),
        "struct outer {\n\tunion {\n\t\tstruct {\n\t\t\tint a;\n\t\t\tint b;\n\t\t};\n\
         \t\tchar c;\n\t};\n\tstruct {\n\t\tint a;\n\t\tint b;\n\t} named;\n};\n\n"
    );
}

/// `-fms-extensions` lets a tagged struct be an anonymous member.
#[test]
fn an_anonymous_member_with_a_tag_keeps_its_members() {
    let mut btf = base();
    let tagged = btf.add_struct("tagged", 4).unwrap();
    btf.add_field("a", INT, 0, 0).unwrap();
    btf.add_struct("outer", 8).unwrap();
    btf.add_field("", tagged, 0, 0).unwrap();
    btf.add_field("b", INT, 32, 0).unwrap();
    let text = compiling(&btf);
    assert!(
        text.contains("struct outer {\n\tstruct {\n\t\tint a;\n\t};"),
        "{text}"
    );
}

#[test]
fn tags_become_attributes() {
    let mut btf = base();
    let user = btf.add_type_tag("user", INT).unwrap();
    let pointer = btf.add_ptr(user).unwrap();
    let space = btf.add_type_attr("address_space(1)", INT).unwrap();
    let far = btf.add_ptr(space).unwrap();
    btf.add_typedef("a", pointer).unwrap();
    btf.add_typedef("b", far).unwrap();
    assert_eq!(
        all_of(&btf).replace(";\n\n", ";\n"),
        "typedef int __attribute__((btf_type_tag(\"user\"))) *a;\n\
         typedef int __attribute__((address_space(1))) *b;\n"
    );
}

#[test]
fn functions_and_variables_are_declared_on_request() {
    let mut btf = base();
    let s = btf.add_struct("s", 4).unwrap();
    let pointer = btf.add_ptr(s).unwrap();
    let proto = btf.add_func_proto(INT).unwrap();
    btf.add_func_param("arg", pointer).unwrap();
    let func = btf
        .add_func("run", btf_builder::FuncLinkage::Global, proto)
        .unwrap();
    let var = btf
        .add_var("count", btf_builder::VarLinkage::Global, INT)
        .unwrap();
    assert_eq!(
        c_of(&btf, [func, var]).unwrap(),
        "struct s;\n\nextern int run(struct s *arg);\nextern int count;\n"
    );
    btf.add_decl_tag("bpf_kfunc", func, -1).unwrap();
    let mut header = Vec::new();
    write_c(&btf, &COptions::default(), &mut header).unwrap();
    let header = String::from_utf8(header).unwrap();
    assert!(
        header.contains("extern int run(struct s *arg) __weak __ksym;\n"),
        "{header}"
    );
}

#[test]
fn what_no_c_can_say_is_an_error() {
    let mut btf = base();
    let s = btf.add_struct("s", 4).unwrap();
    btf.add_field("s", s, 0, 0).unwrap();
    assert!(matches!(c_of(&btf, [s]), Err(Error::TypeLoop(id)) if id == s));

    let mut btf = base();
    let t = TypeId(btf.n_types());
    btf.add_typedef("t", t).unwrap();
    assert!(matches!(c_of(&btf, [t]), Err(Error::TypeLoop(id)) if id == t));
    assert!(matches!(
        c_of(&btf, [TypeId(99)]),
        Err(Error::NoSuchType(TypeId(99)))
    ));
    let mut out = Vec::new();
    let missing = Select::Ids(&[TypeId(99)]);
    assert!(matches!(
        write_raw(&btf, missing, &mut out),
        Err(Error::NoSuchType(TypeId(99)))
    ));
}

/// Thirty anonymous structs, each holding two of the next: a billion when
/// spelled out.
#[test]
fn text_that_would_not_end_is_given_up() {
    let mut btf = base();
    for depth in 0..30 {
        let next = TypeId(btf.n_types() + 1);
        btf.add_struct(if depth == 0 { "top" } else { "" }, 0)
            .unwrap();
        btf.add_field("a", next, 0, 0).unwrap();
        btf.add_field("b", next, 0, 0).unwrap();
    }
    btf.add_struct("", 0).unwrap();
    assert!(matches!(c_of(&btf, [TypeId(3)]), Err(Error::TooLong(_))));
}

#[test]
fn a_chain_that_is_too_deep_is_an_error() {
    let mut btf = base();
    for depth in 0..10_000 {
        let next = TypeId(btf.n_types() + 1);
        btf.add_struct(format!("s{depth}"), 0).unwrap();
        btf.add_field("a", next, 0, 0).unwrap();
    }
    btf.add_struct("last", 0).unwrap();
    assert!(matches!(c_of(&btf, [TypeId(3)]), Err(Error::TooDeep(_))));
    // From below, each step is a short one.
    let ids = (3..btf.n_types()).rev().map(TypeId);
    assert!(c_of(&btf, ids).is_ok());
}

#[test]
fn json_escapes_what_json_must_not_hold() {
    let mut btf = base();
    btf.add_decl_tag("a\"b\\c\td\x01", INT, -1).unwrap();
    let mut json = Vec::new();
    write_json(
        &btf,
        Select::Ids(&[TypeId(3)]),
        JsonStyle::Compact,
        &mut json,
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(json).unwrap(),
        "{\"types\":[{\"id\":3,\"kind\":\"DECL_TAG\",\"name\":\"a\\\"b\\\\c\\td\\u0001\",\
         \"type_id\":1,\"component_idx\":-1}]}\n"
    );
}

#[test]
fn an_empty_selection_is_an_empty_array() {
    let btf = base();
    let mut json = Vec::new();
    write_json(&btf, Select::Ids(&[]), JsonStyle::Pretty, &mut json).unwrap();
    assert_eq!(json, b"{\n    \"types\": []\n}\n");
}

/// Numbers from a seed (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

/// C structs and unions of all sorts, nested, with bitfields, `packed` and
/// `aligned` at random.
fn random_structs(random: &mut Random, n_structs: u32) -> String {
    const SCALARS: [&str; 14] = [
        "char",
        "short",
        "int",
        "long",
        "long long",
        "unsigned int",
        "_Bool",
        "float",
        "double",
        "void *",
        "__int128",
        "long double",
        "enum tiny",
        "enum plain",
    ];
    const INTS: [(&str, u64); 7] = [
        ("char", 8),
        ("short", 16),
        ("int", 32),
        ("unsigned int", 32),
        ("long", 64),
        ("_Bool", 1),
        ("enum plain", 32),
    ];
    let mut text =
        String::from("enum tiny { T0 } __attribute__((packed));\nenum plain { P0, P1 = 70000 };\n");
    for n in 0..n_structs {
        let keyword = random.pick(&["struct", "struct", "struct", "union"]);
        writeln!(text, "{keyword} s{n} {{").unwrap();
        let mut depth = 0;
        for m in 0..1 + random.below(9) {
            match random.below(12) {
                0..5 => {
                    let scalar = random.pick(&SCALARS);
                    let dims = random.pick(&["", "", "", "[3]", "[0]", "[2][2]"]);
                    let attr = random.pick(&[
                        "",
                        "",
                        "",
                        " __attribute__((aligned(16)))",
                        " __attribute__((packed))",
                        " __attribute__((aligned(2)))",
                    ]);
                    writeln!(text, "{scalar} m{m}{dims}{attr};").unwrap();
                }
                5..9 => {
                    let (int, bits) = INTS[random.below(INTS.len() as u64) as usize];
                    let width = 1 + random.below(bits);
                    writeln!(text, "{int} m{m} : {width};").unwrap();
                }
                9 if n > 0 => {
                    let earlier = random.below(n.into());
                    let dims = random.pick(&["", "[2]"]);
                    writeln!(text, "S{earlier} m{m}{dims};").unwrap();
                }
                10 if depth < 3 => {
                    depth += 1;
                    let keyword = random.pick(&["struct", "union"]);
                    writeln!(text, "{keyword} {{").unwrap();
                }
                11 if depth > 0 => {
                    depth -= 1;
                    let attr = random.pick(&["", " __attribute__((packed))"]);
                    let name = random.pick(&["", "named"]);
                    let name = if name.is_empty() {
                        String::new()
                    } else {
                        format!("m{m}")
                    };
                    writeln!(text, "int f{m}; }}{attr} {name};").unwrap();
                }
                _ => writeln!(text, "int m{m};").unwrap(),
            }
        }
        for level in 0..depth {
            writeln!(text, "char e{level}; }};").unwrap();
        }
        let attr = random.pick(&[
            "",
            "",
            " __attribute__((packed))",
            " __attribute__((aligned(32)))",
            " __attribute__((packed, aligned(4)))",
        ]);
        writeln!(text, "}}{attr};\ntypedef {keyword} s{n} S{n};").unwrap();
    }
    text
}

/// C to BTF to C: whatever GCC laid out, the header lays out again.
#[test]
fn random_structs_keep_their_layout() {
    let test = "random_structs_keep_their_layout";
    if !has_tool(test, "gcc") || !has_tool(test, "pahole") {
        return;
    }
    let mut random = Random(0x5eed_0005);
    let (mut n_asserts, mut n_packed) = (0, 0);
    for round in 0..12 {
        let source = random_structs(&mut random, 60);
        let btf = compiled(&source);
        let text = compiling(&btf);
        let (_, n) = assertions(&btf, btf.all_types().map(|ty| ty.id()));
        n_asserts += n;
        n_packed += text.matches("packed").count();
        // And once more, for the bitfields.
        let again = compiled(&text);
        for ty in btf.all_types().filter(|ty| ty.kind().is_composite()) {
            if ty.name_off().is_empty() {
                continue;
            }
            let id = again.find_by_name_kind(ty.name(), ty.kind()).unwrap();
            let copy = again.ty(id).unwrap();
            let shape = |btf: &Btf, ty: &btf_builder::Type<'_>| {
                let mut found = Vec::new();
                crate::c::members(btf, ty, 0, &mut found);
                (ty.size(), found)
            };
            assert_eq!(
                shape(&btf, &ty),
                shape(&again, &copy),
                "round {round} {ty:?}\n{text}"
            );
        }
    }
    eprintln!("{n_asserts} assertions, {n_packed} packed");
}

/// Whatever the bytes, a dump ends.
#[test]
fn damaged_btf_is_dumped_or_refused() {
    let mut btf = base();
    let s = btf.add_struct("s", 16).unwrap();
    btf.add_field("a", INT, 0, 3).unwrap();
    btf.add_field("b", TypeId(s.0 + 2), 64, 0).unwrap();
    btf.add_union("u", 16).unwrap();
    btf.add_field("s", s, 0, 0).unwrap();
    btf.add_ptr(TypeId(s.0 + 3)).unwrap();
    let proto = btf.add_func_proto(INT).unwrap();
    btf.add_func_param("p", TypeId(s.0 + 2)).unwrap();
    btf.add_func_param("q", TypeId(s.0 + 5)).unwrap();
    btf.add_array(INT, s, 3).unwrap();
    btf.add_typedef("t", TypeId(s.0 + 4)).unwrap();
    btf.add_const(TypeId(s.0 + 7)).unwrap();
    btf.add_enum("e", 4).unwrap();
    btf.add_enum_value("v", -1).unwrap();
    btf.add_type_tag("tag", proto).unwrap();
    btf.add_func("f", btf_builder::FuncLinkage::Static, proto)
        .unwrap();
    let good = btf.to_bytes();
    let mut random = Random(0x5eed_0006);
    let mut n_dumped = 0;
    for _ in 0..20_000 {
        let mut blob = good.clone();
        for _ in 0..1 + random.below(4) {
            let at = 24 + random.below((good.len() - 24) as u64) as usize;
            blob[at] = match random.below(3) {
                0 => random.below(24) as u8,
                1 => blob[at] ^ 1 << random.below(8),
                _ => random.below(256) as u8,
            };
        }
        let Ok(btf) = Btf::parse(&blob) else { continue };
        write_raw(&btf, Select::Own, std::io::sink()).unwrap();
        write_json(&btf, Select::All, JsonStyle::Pretty, std::io::sink()).unwrap();
        for sort in [false, true] {
            let options = COptions::default().with_sort(sort);
            _ = write_c(&btf, &options, std::io::sink());
        }
        n_dumped += 1;
    }
    assert!(n_dumped > 1_000, "{n_dumped}");
    assert_eq!(btf.str_at(StrOff::EMPTY), Some(&b""[..]));
}
