//! The table of what the kernel accepts, row by row: as the kernel's own BTF
//! in 6.12 unless a row names another release, and as a program's.

use btf_verify::{Checked, Errno, KernelVersion, Options, check_module, check_user, check_vmlinux};

use crate::asm::*;

/// Accepted, or refused with this error number and a text that ends so.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    Ok,
    No(Errno, &'static str),
}

/// One input and what becomes of it.
pub(crate) struct Row {
    /// Number in the table.
    pub(crate) number: u32,
    pub(crate) what: String,
    pub(crate) base: Option<Vec<u8>>,
    pub(crate) blob: Vec<u8>,
    /// As the kernel's own BTF, by release.
    pub(crate) kernel: Vec<(KernelVersion, Want)>,
    /// As a program's BTF, by release; empty for split BTF.
    pub(crate) user: Vec<(KernelVersion, Want)>,
}

const K: KernelVersion = KernelVersion::V6_12;

fn einval(text: &'static str) -> Want {
    Want::No(Errno::Einval, text)
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    /// A row in which both paths agree.
    fn same(&mut self, number: u32, what: &str, asm: &Asm, want: Want) -> &mut Row {
        self.both(number, what, asm.blob(), want, want)
    }

    fn differ(&mut self, number: u32, what: &str, asm: &Asm, kernel: Want, user: Want) -> &mut Row {
        self.both(number, what, asm.blob(), kernel, user)
    }

    fn both(
        &mut self,
        number: u32,
        what: &str,
        blob: Vec<u8>,
        kernel: Want,
        user: Want,
    ) -> &mut Row {
        self.0.push(Row {
            number,
            what: what.to_owned(),
            base: None,
            blob,
            kernel: vec![(K, kernel)],
            user: vec![(K, user)],
        });
        self.0.last_mut().unwrap()
    }

    fn split(&mut self, number: u32, what: &str, base: &Asm, asm: &Asm, want: Want) -> &mut Row {
        let row = self.both(number, what, asm.blob(), want, want);
        row.base = Some(base.blob());
        row.user.clear();
        row
    }
}

impl Row {
    fn since(&mut self, kernel: KernelVersion, want: Want) -> &mut Self {
        self.kernel.push((kernel, want));
        if !self.user.is_empty() {
            self.user.push((kernel, want));
        }
        self
    }

    fn kernel_since(&mut self, kernel: KernelVersion, want: Want) -> &mut Self {
        self.kernel.push((kernel, want));
        self
    }
}

/// The minimal BTF with one more type, named `name` if that is not empty.
fn one(name: &str, info: u32, size: u32, tail: &[u32]) -> Asm {
    let mut asm = Asm::new();
    let off = if name.is_empty() { 0 } else { asm.s(name) };
    asm.raw(off, info, size, tail);
    asm
}

const fn info(kind: u32, vlen: u32) -> u32 {
    kind << 24 | vlen
}

/// A struct `s` with one member `m`.
fn member(kflag: u32, size: u32, ty: u32, offset: u32) -> Asm {
    let mut asm = Asm::new();
    let (s, m) = (asm.s("s"), asm.s("m"));
    asm.raw(s, info(STRUCT, 1) | kflag, size, &[m, ty, offset]);
    asm
}

/// One INT, id 1, with this data word.
fn int(name: &str, data: u32, size: u32) -> Asm {
    let mut asm = Asm::empty();
    let off = if name.is_empty() { 0 } else { asm.s(name) };
    asm.t(off, INT, size, &[data]);
    asm
}

/// A prototype with these parameters, id 2.
fn proto(ret: u32, params: &[u32]) -> Asm {
    one("", info(FUNC_PROTO, params.len() as u32 / 2), ret, params)
}

/// `int` and a VAR `v` of it, then a DATASEC `.d` of `size` with `entries`.
fn datasec(size: u32, entries: &[u32]) -> Asm {
    named_datasec(".d", size, entries)
}

fn named_datasec(name: &str, size: u32, entries: &[u32]) -> Asm {
    let mut asm = Asm::new();
    let v = asm.s("v");
    asm.raw(v, info(VAR, 0), 1, &[1]);
    let off = if name.is_empty() { 0 } else { asm.s(name) };
    asm.t(off, DATASEC, size, entries);
    asm
}

/// A DECL_TAG `tag` on `ty`, after what `prepare` adds from id 2 on.
fn tag(prepare: impl FnOnce(&mut Asm), ty: u32, component: i32) -> Asm {
    let mut asm = Asm::new();
    prepare(&mut asm);
    let name = asm.s("tag");
    asm.t(name, DECL_TAG, ty, &[component.cast_unsigned()]);
    asm
}

/// Chain of `n` CONSTs, each of the next type or of the previous one.
fn consts(n: u32, forward: bool) -> Asm {
    let mut asm = Asm::empty();
    let name = asm.s("int");
    if !forward {
        asm.t(name, INT, 4, &[SIGNED32]);
    }
    for i in 0..n {
        asm.t(0, CONST, if forward { i + 2 } else { i + 1 }, &[]);
    }
    if forward {
        asm.t(name, INT, 4, &[SIGNED32]);
    }
    asm
}

/// All rows of the table that concern one blob and its base.
pub(crate) fn rows() -> Vec<Row> {
    let mut table = Table::default();
    header_rows(&mut table);
    meta_rows(&mut table);
    graph_rows(&mut table);
    table.0
}

fn header_rows(t: &mut Table) {
    let good = Asm::new();
    let with = |change: &dyn Fn(&mut Asm)| {
        let mut asm = Asm::new();
        change(&mut asm);
        asm
    };
    let field = |idx: usize, value: u32| with(&|asm| asm.fields[idx] = Some(value));

    let no_hdr_len = einval("hdr_len not found");
    t.both(1, "empty blob", vec![], no_hdr_len, no_hdr_len);
    t.both(
        1,
        "7 bytes",
        good.blob()[..7].to_vec(),
        no_hdr_len,
        no_hdr_len,
    );
    let not_found = einval("btf_header not found");
    t.same(2, "hdr_len 4096", &field(0, 4096), not_found);
    let mut swapped = good.blob();
    let (words, _) = swapped.as_chunks_mut::<4>();
    for word in words {
        word.reverse();
    }
    t.both(3, "opposite byte order", swapped, not_found, not_found);
    t.same(
        4,
        "magic",
        &with(&|asm| asm.magic = 0xeb9e),
        einval("Invalid magic"),
    );
    let version = Want::No(Errno::Enotsupp, "Unsupported version");
    t.same(5, "version 2", &with(&|asm| asm.version = 2), version);
    let flags = Want::No(Errno::Enotsupp, "Unsupported flags");
    t.same(6, "flags 1", &with(&|asm| asm.flags = 1), flags);
    t.same(
        7,
        "hdr_len 32, zeros",
        &with(&|asm| asm.hdr_tail = vec![0; 8]),
        Want::Ok,
    );
    let too_new = Want::No(Errno::E2big, "Unsupported btf_header");
    let layout = |off: u32, len: u32| [off.to_ne_bytes(), len.to_ne_bytes()].concat();
    t.same(
        8,
        "layout_off 16, no layout",
        &with(&|asm| asm.hdr_tail = layout(16, 0)),
        too_new,
    )
    .since(KernelVersion::V7_1, Want::Ok);
    let real_layout = |off: u32, len: u32| {
        with(&|asm| {
            asm.hdr_tail = layout(off, len);
            asm.gap = vec![0; len as usize];
        })
    };
    t.same(9, "layout section", &real_layout(16, 80), too_new)
        .since(KernelVersion::V7_1, Want::Ok);
    let mut last = with(&|asm| {
        asm.hdr_tail = layout(16 + 5, 4);
        asm.trailer = vec![0; 4];
    });
    t.same(9, "layout behind strings", &last, too_new)
        .kernel_since(KernelVersion::V7_1, Want::Ok)
        .user
        .push((KernelVersion::V7_1, einval("Unaligned layout_off")));
    last.hdr_tail = layout(16 + 5, 2);
    last.trailer.truncate(2);
    last.strings.extend(b"xy\0");
    last.hdr_tail = layout(16 + 8, 2);
    t.same(9, "half a layout entry", &last, too_new)
        .kernel_since(KernelVersion::V7_1, Want::Ok)
        .user
        .push((KernelVersion::V7_1, einval("Layout section is too small")));
    last.hdr_tail = layout(16 + 8, 6);
    last.trailer = vec![0; 6];
    t.same(9, "one and a half layout entries", &last, too_new)
        .kernel_since(KernelVersion::V7_1, Want::Ok)
        .user
        .push((
            KernelVersion::V7_1,
            einval("layout_len is not multiple of 4"),
        ));

    let mut bare = Asm::empty();
    bare.strings.clear();
    t.same(10, "header only", &bare, einval("No data"));
    t.split(11, "header only, split", &good, &bare, Want::Ok);
    let gap = einval("Unsupported section found");
    t.same(12, "hdr_len 8", &field(0, 8), gap);
    t.same(13, "gap", &with(&|asm| asm.gap = vec![0; 4]), gap);
    t.same(
        14,
        "trailing bytes",
        &with(&|asm| asm.trailer = vec![0; 4]),
        gap,
    );
    t.same(
        15,
        "strings inside types",
        &field(3, 12),
        einval("Section overlap found"),
    );
    t.same(
        16,
        "str_len too long",
        &field(4, 6),
        einval("Total section length too long"),
    );
    t.same(
        17,
        "str_off 1000",
        &field(3, 1000),
        einval("Invalid section offset"),
    );
    let mut turned = Asm::empty();
    turned.strings = vec![0, 0, 0, 0];
    turned.fields = [None, Some(4), Some(16), Some(0), Some(4)];
    turned.strings.extend(
        [0_u32, INT << 24, 4, SIGNED32]
            .map(u32::to_ne_bytes)
            .concat(),
    );
    t.same(
        18,
        "strings first",
        &turned,
        einval("String section is not at the end"),
    )
    // A header without the layout fields keeps the old rule.
    .since(
        KernelVersion::V7_1,
        einval("String section is not at the end"),
    );
    turned.hdr_tail = vec![0; 8];
    t.same(
        18,
        "strings first, long header",
        &turned,
        einval("String section is not at the end"),
    )
    .since(KernelVersion::V7_1, Want::Ok);
    let strings = einval("Invalid string section");
    let no_strings = |asm: &mut Asm| asm.strings.clear();
    t.same(19, "str_len 0", &with(&no_strings), strings);
    t.same(
        20,
        "no final NUL",
        &with(&|asm| _ = asm.strings.pop()),
        strings,
    );
    t.same(
        21,
        "no leading NUL",
        &with(&|asm| asm.strings[0] = b'x'),
        strings,
    );
    let mut split = Asm::split(good.strings.len());
    let name = split.s("leading");
    split.t(name, TYPEDEF, 1, &[]);
    t.split(
        22,
        "split strings start with a letter",
        &good,
        &split,
        Want::Ok,
    );
    t.differ(
        23,
        "no types",
        &Asm::empty(),
        Want::Ok,
        einval("No type found"),
    );
    let mut stray = Asm::new();
    stray.words.push(0);
    t.same(
        24,
        "stray word",
        &stray,
        einval("[2] meta_left:4 meta_needed:12"),
    );
    let mut cut = Asm::new();
    cut.words.pop();
    t.same(
        25,
        "INT without data",
        &cut,
        einval("[1] INT int meta_left:0 meta_needed:4"),
    );
    let mut unaligned = Asm::new();
    unaligned.fields = [None, Some(2), Some(16), Some(18), Some(5)];
    unaligned.hdr_tail = Vec::new();
    let mut blob = unaligned.blob();
    blob.splice(24..24, [0, 0]);
    t.both(13, "types two bytes late", blob, gap, gap);
}

fn meta_rows(t: &mut Table) {
    let name = einval("Invalid name");
    let vlen = einval("vlen != 0");
    let kflag = einval("Invalid btf_info kind_flag");
    let type_id = einval("Invalid type_id");
    let wide = KernelVersion::V7_2;
    let attributes = KernelVersion::V6_15;

    t.same(
        26,
        "kind 0",
        &one("", 0, 0, &[]),
        einval("[2] Invalid kind:0"),
    );
    t.same(
        26,
        "kind 20",
        &one("", info(20, 0), 0, &[]),
        einval("[2] Invalid kind:20"),
    );
    t.same(
        27,
        "bit 16",
        &one("x", info(STRUCT, 0x1_0000), 0, &[]),
        einval("[2] Invalid btf_info:4010000"),
    )
    .since(wide, einval("[2] STRUCT x meta_left:0 meta_needed:786432"));
    t.same(
        28,
        "bit 29",
        &one("x", 0x2100_0000, 4, &[SIGNED32]),
        einval("[2] Invalid btf_info:21000000"),
    )
    .since(wide, einval("[2] Invalid kind:33"));
    let mut asm = Asm::empty();
    asm.t(999, INT, 4, &[SIGNED32]);
    t.same(
        29,
        "name_off 999",
        &asm,
        einval("[1] Invalid name_offset:999"),
    );
    t.same(
        30,
        "INT vlen",
        &one("x", info(INT, 1), 4, &[SIGNED32]),
        vlen,
    );
    t.same(
        30,
        "INT kflag",
        &one("x", info(INT, 0) | KFLAG, 4, &[SIGNED32]),
        kflag,
    );
    t.same(
        31,
        "int_data",
        &int("x", 0x1000_0020, 4),
        einval("[1] INT x Invalid int_data:10000020"),
    );
    t.same(
        32,
        "129 bits",
        &int("x", 129, 32),
        einval("nr_bits exceeds 128"),
    );
    t.same(
        33,
        "33 bits",
        &int("x", 33, 4),
        einval("nr_bits exceeds type_size"),
    );
    let encoding = Want::No(Errno::Enotsupp, "Unsupported encoding");
    for data in [0x0300_0020, 0x0800_0020] {
        t.same(34, "encoding", &int("x", data, 4), encoding);
    }
    t.same(35, "anonymous INT", &int("", SIGNED32, 4), Want::Ok);
    t.same(
        35,
        "INT with spaces",
        &int("long unsigned int", 64, 8),
        Want::Ok,
    );
    t.same(35, "INT of no bits", &int("x", 0, 0), Want::Ok);

    t.same(36, "named PTR", &one("p", info(PTR, 0), 1, &[]), name);
    t.same(
        37,
        "PTR to 0x100000",
        &one("", info(PTR, 0), 0x10_0000, &[]),
        type_id,
    );
    for bad in ["", "9x", "a-b"] {
        t.same(
            45,
            "TYPEDEF name",
            &one(bad, info(TYPEDEF, 0), 1, &[]),
            name,
        );
    }
    let long = "a".repeat(512);
    for good in ["a.b", ".ab", &long] {
        t.same(
            46,
            "TYPEDEF name",
            &one(good, info(TYPEDEF, 0), 1, &[]),
            Want::Ok,
        );
    }
    t.same(46, "Latin-1 name", &latin1(), Want::Ok);
    t.same(
        47,
        "513 bytes",
        &one(&"a".repeat(513), info(TYPEDEF, 0), 1, &[]),
        name,
    );
    let mut asm = Asm::new();
    let nul = asm.str_start + asm.strings.len() as u32 - 1;
    asm.t(nul, STRUCT, 0, &[]);
    t.same(48, "STRUCT named by an empty string", &asm, name);
    t.same(
        49,
        "anonymous TYPE_TAG",
        &one("", info(TYPE_TAG, 0), 1, &[]),
        name,
    );
    t.same(
        50,
        "TYPE_TAG a b!",
        &one("a b!", info(TYPE_TAG, 0), 1, &[]),
        Want::Ok,
    );
    t.same(
        51,
        "TYPE_TAG kflag",
        &one("x", info(TYPE_TAG, 0) | KFLAG, 1, &[]),
        kflag,
    )
    .since(attributes, Want::Ok);

    t.same(56, "anonymous FWD", &one("", info(FWD, 0), 0, &[]), name);
    t.same(
        56,
        "FWD type",
        &one("x", info(FWD, 0), 1, &[]),
        einval("type != 0"),
    );
    t.same(56, "FWD vlen", &one("x", info(FWD, 1), 0, &[]), vlen);
    t.same(
        57,
        "FWD of a union",
        &one("x", info(FWD, 0) | KFLAG, 0, &[]),
        Want::Ok,
    );
    let dims = [1, 1, 4];
    t.same(58, "named ARRAY", &one("x", info(ARRAY, 0), 0, &dims), name);
    t.same(58, "ARRAY vlen", &one("", info(ARRAY, 1), 0, &dims), vlen);
    t.same(
        58,
        "ARRAY kflag",
        &one("", info(ARRAY, 0) | KFLAG, 0, &dims),
        kflag,
    );
    t.same(
        58,
        "ARRAY size",
        &one("", info(ARRAY, 0), 16, &dims),
        einval("size != 0"),
    );
    t.same(
        59,
        "ARRAY elem 0",
        &one("", info(ARRAY, 0), 0, &[0, 1, 4]),
        einval("Invalid elem"),
    );
    t.same(
        59,
        "ARRAY index 0",
        &one("", info(ARRAY, 0), 0, &[1, 0, 4]),
        einval("Invalid index"),
    );

    t.same(64, "STRUCT s-1", &one("s-1", info(STRUCT, 0), 0, &[]), name);
    let mut asm = Asm::new();
    let (s, m) = (asm.s("s"), asm.s("a b"));
    asm.t(s, STRUCT, 4, &[m, 1, 0]);
    t.same(
        64,
        "member a b",
        &asm,
        einval("\ta b type_id=1 bits_offset=0 Invalid name"),
    );
    let mut asm = member(0, 4, 1, 0);
    let at = asm.words.len() - 3;
    asm.words[at] = 12345;
    t.same(
        65,
        "member name_off",
        &asm,
        einval("\t(invalid-name-offset) type_id=1 bits_offset=0 Invalid member name_offset:12345"),
    );
    t.same(66, "member type 0", &member(0, 4, 0, 0), type_id);
    let two = |kind, size, offsets: [u32; 2]| {
        let mut asm = Asm::new();
        let (s, a, b) = (asm.s("s"), asm.s("a"), asm.s("b"));
        asm.t(s, kind, size, &[a, 1, offsets[0], b, 1, offsets[1]]);
        asm
    };
    let offset = einval("Invalid member bits_offset");
    t.same(67, "members at 32, 0", &two(STRUCT, 8, [32, 0]), offset);
    t.same(68, "equal offsets", &two(STRUCT, 8, [0, 0]), Want::Ok);
    let mut asm = Asm::new();
    let s = asm.s("s");
    asm.t(s, STRUCT, 4, &[0, 1, 0]);
    t.same(68, "anonymous member", &asm, Want::Ok);
    t.same(
        68,
        "empty struct",
        &one("s", info(STRUCT, 0), 0, &[]),
        Want::Ok,
    );
    t.same(69, "UNION member at 32", &two(UNION, 8, [0, 32]), offset);
    t.same(
        70,
        "member at bit 40 of 4 bytes",
        &member(0, 4, 1, 40),
        einval("Member bits_offset exceeds its struct size"),
    );
    let mut asm = Asm::new();
    asm.t(0, ARRAY, 0, &[1, 1, 0]);
    let (s, a, b) = (asm.s("s"), asm.s("a"), asm.s("b"));
    asm.t(s, STRUCT, 4, &[a, 1, 0, b, 2, 32]);
    t.same(71, "flexible array at the end", &asm, Want::Ok);

    let size = einval("Unexpected size");
    for bad in [0, 3, 16] {
        t.same(78, "ENUM size", &one("e", info(ENUM, 0), bad, &[]), size);
    }
    t.same(78, "ENUM64 size", &one("e", info(ENUM64, 0), 12, &[]), size);
    t.same(
        79,
        "ENUM of 8 bytes",
        &one("e", info(ENUM, 0), 8, &[]),
        Want::Ok,
    );
    t.same(
        79,
        "anonymous ENUM",
        &one("", info(ENUM, 0), 4, &[]),
        Want::Ok,
    );
    t.same(
        79,
        "signed ENUM64",
        &one("e", info(ENUM64, 0) | KFLAG, 8, &[]),
        Want::Ok,
    );
    let value = |text: Option<&str>, off: u32| {
        let mut asm = Asm::new();
        let e = asm.s("e");
        let off = text.map_or(off, |text| asm.s(text));
        asm.t(e, ENUM, 4, &[off, 0]);
        asm
    };
    t.same(80, "enumerator unnamed", &value(None, 0), name);
    t.same(80, "enumerator A-B", &value(Some("A-B"), 0), name);
    t.same(
        80,
        "enumerator name_off",
        &value(None, 9999),
        einval("\tInvalid name_offset:9999"),
    );

    t.same(
        81,
        "named FUNC_PROTO",
        &one("f", info(FUNC_PROTO, 0), 0, &[]),
        name,
    );
    t.same(
        81,
        "FUNC_PROTO kflag",
        &one("", info(FUNC_PROTO, 0) | KFLAG, 0, &[]),
        kflag,
    );
    let func = |text: &str, linkage: u32| {
        let mut asm = proto(0, &[]);
        let off = if text.is_empty() { 0 } else { asm.s(text) };
        asm.raw(off, info(FUNC, linkage), 2, &[]);
        asm
    };
    for linkage in [0, 1] {
        t.same(84, "FUNC linkage", &func("f", linkage), Want::Ok);
    }
    for linkage in [2, 3] {
        t.same(
            85,
            "FUNC linkage",
            &func("f", linkage),
            einval("Invalid func linkage"),
        );
    }
    t.same(86, "FUNC f.isra.0", &func("f.isra.0", 0), Want::Ok);
    t.same(86, "FUNC f$1", &func("f$1", 0), name);
    t.same(86, "anonymous FUNC", &func("", 0), name);

    let var = |text: &str, info: u32, ty: u32, linkage: u32| one(text, info, ty, &[linkage]);
    t.same(
        89,
        "VAR linkage 2",
        &var("v", info(VAR, 0), 1, 2),
        einval("Linkage not supported"),
    );
    t.same(89, "VAR type 0", &var("v", info(VAR, 0), 0, 1), type_id);
    t.same(89, "anonymous VAR", &var("", info(VAR, 0), 1, 1), name);
    t.same(89, "VAR vlen", &var("v", info(VAR, 1), 1, 1), vlen);
    t.same(
        89,
        "VAR kflag",
        &var("v", info(VAR, 0) | KFLAG, 1, 1),
        kflag,
    );

    let entry = [2, 0, 4];
    t.same(
        90,
        "DATASEC size 0",
        &datasec(0, &entry),
        einval("size == 0"),
    );
    let mut asm = datasec(4, &entry);
    let at = asm.words.len() - 5;
    asm.words[at] |= KFLAG;
    t.same(90, "DATASEC kflag", &asm, kflag);
    t.same(90, "anonymous DATASEC", &named_datasec("", 4, &entry), name);
    let printable = named_datasec(".rodata.cst8 (x)/[]", 4, &entry);
    let row = t.same(91, "printable DATASEC", &printable, Want::Ok);
    row.kernel.insert(0, (KernelVersion::V6_1, name));
    t.same(
        92,
        "DATASEC with TAB",
        &named_datasec("a\tb", 4, &entry),
        name,
    );
    let invalid_offset = einval("Invalid offset");
    t.same(
        93,
        "overlap",
        &datasec(8, &[2, 0, 4, 2, 2, 4]),
        invalid_offset,
    );
    t.same(
        93,
        "descending",
        &datasec(8, &[2, 4, 4, 2, 0, 4]),
        invalid_offset,
    );
    t.same(93, "offset = size", &datasec(8, &[2, 8, 4]), invalid_offset);
    let invalid_size = einval("Invalid size");
    t.same(94, "entry size 0", &datasec(8, &[2, 0, 0]), invalid_size);
    t.same(
        94,
        "entry larger than section",
        &datasec(8, &[2, 0, 9]),
        invalid_size,
    );
    t.same(
        95,
        "6+4 in 8",
        &datasec(8, &[2, 6, 4]),
        einval("\t type_id=2 offset=6 size=4 Invalid offset+size"),
    );
    t.same(97, "DATASEC without entries", &datasec(8, &[]), Want::Ok);
    t.same(97, "VAR twice", &datasec(8, &[2, 0, 4, 2, 4, 4]), Want::Ok);

    for good in [2, 4, 8, 12, 16] {
        t.same(
            98,
            "FLOAT size",
            &one("f", info(FLOAT, 0), good, &[]),
            Want::Ok,
        );
    }
    for bad in [1, 3, 10, 32] {
        t.same(
            98,
            "FLOAT size",
            &one("f", info(FLOAT, 0), bad, &[]),
            einval("Invalid type_size"),
        );
    }
    let on_struct = |name: &str, flags: u32, idx: i32| {
        let mut asm = one("s", info(STRUCT, 0), 0, &[]);
        let off = if name.is_empty() { 0 } else { asm.s(name) };
        asm.raw(off, info(DECL_TAG, 0) | flags, 2, &[idx.cast_unsigned()]);
        asm
    };
    t.same(
        99,
        "DECL_TAG empty",
        &on_struct("", 0, -1),
        einval("Invalid value"),
    );
    t.same(99, "DECL_TAG vlen", &on_struct("x", 1, -1), vlen);
    t.same(
        99,
        "DECL_TAG idx",
        &on_struct("x", 0, -2),
        einval("Invalid component_idx"),
    );
    t.same(100, "DECL_TAG kflag", &on_struct("x", KFLAG, -1), kflag)
        .since(attributes, Want::Ok);

    let mut asm = Asm::new();
    asm.strings.resize(16 << 20, 0);
    let blob = asm.blob();
    t.both(
        114,
        "over 16 MiB",
        blob,
        Want::Ok,
        Want::No(Errno::E2big, ""),
    );
}

fn latin1() -> Asm {
    let mut asm = Asm::new();
    let off = asm.s(b"caf\xe9");
    asm.t(off, TYPEDEF, 1, &[]);
    asm
}

fn graph_rows(t: &mut Table) {
    let type_id = einval("Invalid type_id");
    let looped = Want::No(Errno::Eexist, "Loop detected");
    let chain = Want::No(Errno::Eloop, "Max chain length or cycle detected");
    let order = einval("Type tags don't precede modifiers");
    let free = KernelVersion::V7_3;

    t.differ(
        38,
        "PTR to 77",
        &one("", info(PTR, 0), 77, &[]),
        Want::Ok,
        einval("[2] PTR (anon) type_id=77 Invalid type_id"),
    );
    t.differ(
        39,
        "CONST of 77",
        &one("", info(CONST, 0), 77, &[]),
        einval(""),
        type_id,
    );
    t.differ(
        40,
        "PTR to itself",
        &one("", info(PTR, 0), 2, &[]),
        Want::Ok,
        looped,
    );
    t.differ(
        41,
        "CONST of itself",
        &one("", info(CONST, 0), 2, &[]),
        chain,
        looped,
    );
    let mut asm = one("", info(PTR, 0), 3, &[]);
    asm.t(0, CONST, 2, &[]);
    t.differ(42, "PTR, CONST, same PTR", &asm, Want::Ok, looped);
    t.same(43, "32 CONSTs forward", &consts(32, true), Want::Ok);
    let depth = Want::No(Errno::E2big, "Exceeded max resolving depth:32");
    t.differ(43, "33 CONSTs forward", &consts(33, true), chain, depth);
    t.same(44, "100 CONSTs backward", &consts(100, false), Want::Ok);

    let tag_chain = |links: &[(u32, &str)]| {
        let mut asm = Asm::new();
        for (idx, &(kind, text)) in links.iter().enumerate() {
            let target = if idx + 1 == links.len() {
                1
            } else {
                idx as u32 + 3
            };
            let off = if text.is_empty() { 0 } else { asm.s(text) };
            asm.t(off, kind, target, &[]);
        }
        asm
    };
    let typedef = tag_chain(&[(TYPEDEF, "t"), (TYPE_TAG, "x")]);
    t.same(52, "TYPEDEF, TYPE_TAG, INT", &typedef, order)
        .since(free, Want::Ok);
    let ptr = tag_chain(&[(PTR, ""), (TYPE_TAG, "x"), (CONST, "")]);
    t.same(53, "PTR, TYPE_TAG, CONST, INT", &ptr, Want::Ok);
    let sandwich = tag_chain(&[(TYPE_TAG, "x"), (CONST, ""), (TYPE_TAG, "y")]);
    t.same(54, "TYPE_TAG, CONST, TYPE_TAG", &sandwich, order)
        .since(free, Want::Ok);
    let base = tag_chain(&[(TYPE_TAG, "x")]);
    let mut split = Asm::split(base.strings.len());
    split.t(0, CONST, 2, &[]);
    t.split(55, "split CONST of base TYPE_TAG", &base, &split, order)
        .since(free, Want::Ok);

    let array = |prepare: &dyn Fn(&mut Asm), dims: [u32; 3]| {
        let mut asm = Asm::new();
        prepare(&mut asm);
        asm.t(0, ARRAY, 0, &dims);
        asm
    };
    let add_enum = |asm: &mut Asm| _ = asm.t(0, ENUM, 4, &[]);
    let add_ptr = |asm: &mut Asm| _ = asm.t(0, PTR, 0, &[]);
    let add_fwd = |asm: &mut Asm| {
        let f = asm.s("f");
        asm.t(f, FWD, 0, &[]);
    };
    let add_int7 = |asm: &mut Asm| {
        let f = asm.s("i7");
        asm.t(f, INT, 1, &[7]);
    };
    t.differ(
        60,
        "ENUM index",
        &array(&add_enum, [1, 2, 4]),
        Want::Ok,
        einval("Invalid index"),
    );
    t.differ(
        60,
        "PTR index",
        &array(&add_ptr, [1, 2, 4]),
        Want::Ok,
        einval("Invalid index"),
    );
    t.differ(
        61,
        "ARRAY of FWD",
        &array(&add_fwd, [2, 1, 4]),
        Want::Ok,
        einval("Invalid elem"),
    );
    t.differ(
        62,
        "ARRAY of 7 bits",
        &array(&add_int7, [2, 1, 4]),
        Want::Ok,
        einval("Invalid array of int"),
    );
    t.differ(
        63,
        "8 GiB",
        &array(&|_| (), [1, 1, 0x8000_0000]),
        Want::Ok,
        einval("Array size overflows U32_MAX"),
    );

    let exceeds = einval("Member exceeds struct_size");
    t.differ(
        72,
        "int at bit 16 of 4 bytes",
        &member(0, 4, 1, 16),
        Want::Ok,
        exceeds,
    );
    t.differ(
        73,
        "member type 99",
        &member(0, 4, 99, 0),
        Want::Ok,
        einval("Invalid member"),
    );
    t.differ(
        74,
        "struct in itself",
        &member(0, 4, 2, 0),
        Want::Ok,
        looped,
    );
    let width = |bits: u32, offset: u32| bits << 24 | offset;
    let bad_width = einval("Invalid member bitfield_size");
    t.differ(
        75,
        "33 bits of int",
        &member(KFLAG, 8, 1, width(33, 0)),
        Want::Ok,
        bad_width,
    );
    t.differ(
        75,
        "plain member at bit 3",
        &member(KFLAG, 8, 1, 3),
        Want::Ok,
        einval("Invalid member offset"),
    );
    let after = |prepare: &dyn Fn(&mut Asm), flags: u32, size: u32, offset: u32| {
        let mut asm = Asm::new();
        prepare(&mut asm);
        let (s, m) = (asm.s("s"), asm.s("m"));
        asm.raw(s, info(STRUCT, 1) | flags, size, &[m, 2, offset]);
        asm
    };
    t.differ(
        75,
        "PTR bitfield",
        &after(&add_ptr, KFLAG, 8, width(3, 0)),
        Want::Ok,
        bad_width,
    );
    let small_enum = |asm: &mut Asm| _ = asm.t(0, ENUM, 1, &[]);
    t.differ(
        76,
        "1-byte enum",
        &after(&small_enum, KFLAG, 1, 0),
        Want::Ok,
        exceeds,
    );
    let double = |asm: &mut Asm| {
        let f = asm.s("double");
        asm.t(f, FLOAT, 8, &[]);
    };
    t.differ(
        77,
        "double at byte 4",
        &after(&double, 0, 16, 32),
        Want::Ok,
        einval("Member is not properly aligned"),
    );

    let mut asm = proto(0, &[]);
    let x = asm.s("x");
    let params = asm.words.len();
    let with_params = |ret: u32, tail: &[u32]| {
        let mut asm = asm.clone();
        asm.words[params - 2] = info(FUNC_PROTO, tail.len() as u32 / 2);
        asm.words[params - 1] = ret;
        asm.words.extend(tail);
        asm
    };
    t.differ(
        82,
        "named vararg",
        &with_params(0, &[x, 1, x, 0]),
        Want::Ok,
        einval("Invalid arg#2"),
    );
    t.differ(
        82,
        "void in the middle",
        &with_params(0, &[x, 0, x, 1]),
        Want::Ok,
        einval("Invalid arg#1"),
    );
    let mut spaced = with_params(0, &[0, 1]);
    let off = spaced.s("a b");
    let at = spaced.words.len() - 2;
    spaced.words[at] = off;
    t.differ(
        82,
        "parameter a b",
        &spaced,
        Want::Ok,
        einval("Invalid arg#1"),
    );
    t.differ(
        82,
        "parameter name_off",
        &with_params(0, &[9999, 1]),
        Want::Ok,
        einval("[2] FUNC_PROTO (anon) return=0 args=(1 (invalid-name-offset)) Invalid arg#1"),
    );
    t.differ(
        82,
        "parameter type",
        &with_params(0, &[x, 77]),
        Want::Ok,
        einval("Invalid arg#1"),
    );
    t.differ(
        82,
        "return type",
        &with_params(77, &[]),
        Want::Ok,
        einval("Invalid return type"),
    );
    let mut asm = proto(3, &[]);
    asm.t(0, CONST, 0, &[]);
    t.differ(
        83,
        "CONST void returned",
        &asm,
        Want::Ok,
        einval("Invalid return type"),
    );
    t.differ(
        87,
        "FUNC of INT",
        &one("f", info(FUNC, 0), 1, &[]),
        Want::Ok,
        type_id,
    );
    let mut asm = proto(0, &[0, 1]);
    let f = asm.s("f");
    asm.t(f, FUNC, 2, &[]);
    t.differ(
        88,
        "unnamed parameter",
        &asm,
        Want::Ok,
        einval("[3] FUNC f type_id=2 Invalid arg#1"),
    );

    t.differ(
        96,
        "DATASEC of INT",
        &datasec(4, &[1, 0, 4]),
        Want::Ok,
        einval("Not a VAR kind member"),
    );
    t.differ(
        96,
        "entry too small",
        &datasec(4, &[2, 0, 2]),
        Want::Ok,
        einval("Invalid size"),
    );

    let component = einval("Invalid component_idx");
    let add_struct = |asm: &mut Asm| {
        let s = asm.s("s");
        asm.t(s, STRUCT, 0, &[]);
    };
    let add_var = |asm: &mut Asm| {
        let v = asm.s("v");
        asm.t(v, VAR, 1, &[1]);
    };
    let add_typedef = |asm: &mut Asm| {
        let v = asm.s("t");
        asm.t(v, TYPEDEF, 1, &[]);
    };
    let add_func = |asm: &mut Asm| {
        let (f, a) = (asm.s("f"), asm.s("a"));
        asm.t(0, FUNC_PROTO, 0, &[a, 1]);
        asm.t(f, FUNC, 2, &[]);
    };
    t.differ(
        101,
        "idx past members",
        &tag(add_struct, 2, 0),
        Want::Ok,
        component,
    );
    t.differ(101, "tag on INT", &tag(|_| (), 1, -1), Want::Ok, type_id);
    t.differ(101, "tag on void", &tag(|_| (), 0, -1), Want::Ok, type_id);
    t.differ(101, "tag on 77", &tag(|_| (), 77, -1), Want::Ok, type_id);
    t.differ(
        101,
        "idx 0 on VAR",
        &tag(add_var, 2, 0),
        Want::Ok,
        component,
    );
    t.differ(
        101,
        "idx 0 on TYPEDEF",
        &tag(add_typedef, 2, 0),
        Want::Ok,
        component,
    );
    t.same(102, "idx 0 on a parameter", &tag(add_func, 3, 0), Want::Ok);
    t.same(102, "tag on TYPEDEF", &tag(add_typedef, 2, -1), Want::Ok);
    t.differ(
        101,
        "idx past parameters",
        &tag(add_func, 3, 1),
        Want::Ok,
        component,
    );

    let good = Asm::new();
    let mut split = Asm::split(good.strings.len());
    let own = split.s("own");
    split.t(own + 4, TYPEDEF, 1, &[]);
    t.split(
        104,
        "name behind the own strings",
        &good,
        &split,
        einval("[2] Invalid name_offset:9"),
    );

    // Not in the table: what else phase R distinguishes.
    t.differ(
        0,
        "struct of a prototype",
        &after(&|asm| _ = asm.t(0, FUNC_PROTO, 0, &[]), 0, 8, 0),
        Want::Ok,
        einval("Invalid member"),
    );
    t.differ(
        0,
        "PTR to VAR",
        &{
            let mut asm = Asm::new();
            add_var(&mut asm);
            asm.t(0, PTR, 2, &[]);
            asm
        },
        Want::Ok,
        type_id,
    );
    t.differ(
        0,
        "VAR of FWD",
        &{
            let mut asm = Asm::new();
            add_fwd(&mut asm);
            let v = asm.s("v");
            asm.t(v, VAR, 2, &[1]);
            asm
        },
        Want::Ok,
        einval("[3] VAR v type_id=2 linkage=1 Invalid type_id"),
    );
    t.same(
        0,
        "PTR to FUNC resolved before it",
        &{
            let mut asm = proto(0, &[]);
            let f = asm.s("f");
            asm.t(f, FUNC, 2, &[]);
            asm.t(0, PTR, 3, &[]);
            asm
        },
        Want::Ok,
    );
    t.differ(
        0,
        "PTR to FUNC resolved after it",
        &{
            let mut asm = Asm::new();
            asm.t(0, PTR, 3, &[]);
            let f = asm.s("f");
            asm.t(f, FUNC, 4, &[]);
            asm.t(0, FUNC_PROTO, 0, &[]);
            asm
        },
        Want::Ok,
        einval("[2] PTR (anon) type_id=3 Invalid type_id"),
    );
    t.differ(
        0,
        "old bitfield past the end",
        &{
            let mut asm = Asm::new();
            add_int7(&mut asm);
            let (s, m) = (asm.s("s"), asm.s("m"));
            asm.t(s, STRUCT, 1, &[m, 2, 2]);
            asm
        },
        Want::Ok,
        exceeds,
    );
    t.differ(
        0,
        "PTR at bit 4",
        &after(&add_ptr, 0, 16, 4),
        Want::Ok,
        einval("Member is not byte aligned"),
    );
    t.differ(
        0,
        "typedef of array past the end",
        &{
            let mut asm = Asm::new();
            asm.t(0, ARRAY, 0, &[1, 1, 4]);
            let (s, m, ty) = (asm.s("s"), asm.s("m"), asm.s("t"));
            asm.t(ty, TYPEDEF, 2, &[]);
            asm.t(s, STRUCT, 15, &[m, 3, 0]);
            asm
        },
        Want::Ok,
        einval("\tm type_id=2 bits_offset=0 Member exceeds struct_size"),
    );
}

fn check(verdict: Result<Checked<'_>, Box<btf_verify::Breach>>, want: Want) -> Result<(), String> {
    match (verdict, want) {
        (Ok(_), Want::Ok) => Ok(()),
        (Err(breach), Want::No(errno, text)) => {
            let line = breach.line();
            if breach.errno != errno
                || !line.ends_with(text)
                || (text.is_empty() && !line.is_empty())
            {
                return Err(format!("got {} `{line}`", breach.errno));
            }
            Ok(())
        }
        (Ok(_), Want::No(..)) => Err("accepted".to_owned()),
        (Err(breach), Want::Ok) => Err(format!("refused: {breach}")),
    }
}

fn options(kernel: KernelVersion) -> Options {
    Options {
        kernel,
        ..Options::default()
    }
}

#[test]
fn every_row_has_the_kernel_verdict() {
    let mut failures = Vec::new();
    let rows = rows();
    for row in &rows {
        for &(kernel, want) in &row.kernel {
            let options = options(kernel);
            let result = match &row.base {
                None => check(check_vmlinux(&row.blob, &options), want),
                Some(base) => {
                    let base = check_vmlinux(base, &options).expect("base of the row is good");
                    check(check_module(&row.blob, &base, &options), want)
                }
            };
            if let Err(got) = result {
                failures.push(format!(
                    "{} {} ({kernel}): want {want:?}, {got}",
                    row.number, row.what
                ));
            }
        }
        for &(kernel, want) in &row.user {
            if let Err(got) = check(check_user(&row.blob, &options(kernel)), want) {
                failures.push(format!(
                    "{} {} (user {kernel}): want {want:?}, {got}",
                    row.number, row.what
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} rows\n{}",
        rows.len(),
        failures.join("\n")
    );
}

#[test]
fn the_table_is_complete() {
    let mut numbers: Vec<_> = rows().iter().map(|row| row.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    // 103 needs two kernels (see `real`), 105 to 113 are relocation, 115 is
    // a lint; both have tests of their own.
    let elsewhere = [103, 105, 106, 107, 108, 109, 110, 111, 112, 113, 115];
    let missing: Vec<_> = (1..=115)
        .filter(|n| numbers.binary_search(n).is_err() && !elsewhere.contains(n))
        .collect();
    assert_eq!(missing, [0_u32; 0]);
}

/// Breaches whose fragments are joined by more than one `printk` appear in
/// `dmesg` as several lines.
#[test]
fn dmesg_shows_one_line_per_fragment() {
    let asm = one("9x", info(TYPEDEF, 0), 1, &[]);
    let blob = asm.blob();
    let breach = check_vmlinux(&blob, &options(K)).unwrap_err();
    let mut dmesg = btf_verify::DmesgOptions {
        module: Some("foo"),
        allow_mismatch: false,
        kernel: K,
    };
    assert_eq!(
        breach.dmesg(&dmesg),
        [
            "BPF: [2] TYPEDEF 9x ",
            "BPF: type_id=1",
            "BPF:  ",
            "BPF: Invalid name",
            "BPF: ",
            "failed to validate module [foo] BTF: -22",
        ]
    );
    dmesg.allow_mismatch = true;
    assert_eq!(
        breach.dmesg(&dmesg),
        ["Kernel module BTF mismatch detected, BTF debug info may be unavailable for some modules"]
    );
    dmesg.kernel = KernelVersion::V6_1;
    assert_eq!(breach.dmesg(&dmesg).len(), 6);
}

#[test]
fn a_breach_says_where() {
    let mut asm = Asm::new();
    let (s, a, b) = (asm.s("s"), asm.s("a"), asm.s("b b"));
    asm.t(s, STRUCT, 8, &[a, 1, 0, b, 1, 32]);
    let blob = asm.blob();
    let breach = check_vmlinux(&blob, &options(K)).unwrap_err();
    assert_eq!(breach.rule, btf_verify::Rule::MemberName);
    assert_eq!(breach.type_id, Some(2));
    assert_eq!(&blob[breach.offset..breach.offset + 4], b.to_ne_bytes());
}

/// `sizeof(void *)` is the target's, not this machine's.
#[test]
fn a_pointer_member_is_measured_by_the_target() {
    let mut asm = Asm::new();
    asm.t(0, PTR, 0, &[]);
    let (s, m) = (asm.s("s"), asm.s("m"));
    asm.t(s, STRUCT, 4, &[m, 2, 0]);
    let blob = asm.blob();
    let mut options = options(K);
    options.target.pointer_size = 4;
    assert!(check_user(&blob, &options).is_ok());
    options.target.pointer_size = 8;
    assert!(check_user(&blob, &options).is_err());
}
