//! Modules that bring a `.BTF.base`.

use btf_verify::{
    Breach, Errno, KernelVersion, Options, Rule, check_distilled_base, check_distilled_module,
    check_vmlinux,
};

use crate::asm::*;

/// A base BTF for each side of a relocation and the module between.
struct Case {
    vmlinux: Asm,
    distilled: Asm,
    split: Asm,
}

/// Distilled type 1 is what `fill` adds; split type 2 points at it.
fn case(vmlinux: impl FnOnce(&mut Asm), distilled: impl FnOnce(&mut Asm)) -> Case {
    let mut kernel = Asm::new();
    vmlinux(&mut kernel);
    let mut small = Asm::empty();
    distilled(&mut small);
    let mut split = Asm::split(small.strings.len());
    split.t(0, PTR, 1, &[]);
    Case {
        vmlinux: kernel,
        distilled: small,
        split,
    }
}

fn verdict(case: &Case, kernel: KernelVersion) -> Result<(), Box<Breach>> {
    let options = Options {
        kernel,
        ..Options::default()
    };
    let (base, small, split) = (
        case.vmlinux.blob(),
        case.distilled.blob(),
        case.split.blob(),
    );
    let base = check_vmlinux(&base, &options)?;
    let small = check_distilled_base(&small, &options)?;
    check_distilled_module(&split, &small, &base, &options).map(|_| ())
}

#[track_caller]
fn refused(case: &Case, rule: Rule, errno: Errno, text: &str) {
    let breach = verdict(case, KernelVersion::V6_12).unwrap_err();
    assert_eq!(
        (breach.rule, breach.errno, &*breach.line()),
        (rule, errno, text)
    );
}

#[track_caller]
fn accepted(case: &Case) {
    verdict(case, KernelVersion::V6_12).unwrap();
}

fn named(kind: u32, name: &str, size: u32) -> impl Fn(&mut Asm) + use<'_> {
    move |asm| {
        let off = asm.s(name);
        asm.t(off, kind, size, if kind == INT { &[SIGNED32] } else { &[] });
    }
}

#[test]
fn a_type_is_found_by_name() {
    for kind in [INT, FLOAT, ENUM, STRUCT, UNION, FWD] {
        let size = if kind == FWD { 0 } else { 4 };
        accepted(&case(named(kind, "t", size), named(kind, "t", size)));
    }
    accepted(&case(named(ENUM64, "t", 8), named(ENUM, "t", 8)));
}

#[test]
fn row_105_a_distilled_base_holds_six_kinds_only() {
    refused(
        &case(|_| (), |asm| _ = asm.t(0, PTR, 0, &[])),
        Rule::DistilledKind,
        Errno::Einval,
        "type [1] in distilled based BTF has unexpected kind [2]",
    );
    refused(
        &case(|_| (), named(ENUM64, "e", 8)),
        Rule::DistilledKind,
        Errno::Einval,
        "type [1] in distilled based BTF has unexpected kind [19]",
    );
}

#[test]
fn row_106_distilled_types_have_names() {
    refused(
        &case(|_| (), |asm| _ = asm.t(0, STRUCT, 0, &[])),
        Rule::DistilledAnonymous,
        Errno::Einval,
        "type [1], kind [4] is invalid for distilled base BTF; it is anonymous",
    );
}

const UNMAPPED: &str = "distilled base BTF type 's' [1] is not mapped to base BTF id";

#[test]
fn row_107_each_distilled_type_is_in_the_kernel() {
    refused(
        &case(|_| (), named(STRUCT, "s", 4)),
        Rule::DistilledUnmapped,
        Errno::Einval,
        UNMAPPED,
    );
}

/// Split type 2 is a struct with a member of distilled type 1, through
/// a CONST and an ARRAY.
fn embedding(kernel_size: u32) -> Case {
    let mut case = case(named(STRUCT, "s", kernel_size), named(STRUCT, "s", 4));
    let mut split = Asm::split(case.distilled.strings.len());
    split.t(0, CONST, 1, &[]);
    split.t(0, ARRAY, 0, &[2, 2, 1]);
    let (outer, member) = (split.s("outer"), split.s("m"));
    split.t(outer, STRUCT, 4, &[member, 3, 0]);
    case.split = split;
    case
}

#[test]
fn row_108_an_embedded_struct_keeps_its_size() {
    accepted(&embedding(4));
    refused(
        &embedding(8),
        Rule::DistilledUnmapped,
        Errno::Einval,
        UNMAPPED,
    );
}

#[test]
fn row_109_a_struct_behind_a_pointer_may_change_its_size() {
    accepted(&case(named(STRUCT, "s", 8), named(STRUCT, "s", 4)));
}

#[test]
fn row_110_two_kernel_structs_of_one_name_and_size_are_ambiguous() {
    let twice = |sizes: [u32; 2]| {
        move |asm: &mut Asm| {
            let s = asm.s("s");
            asm.t(s, STRUCT, sizes[0], &[]);
            asm.t(s, STRUCT, sizes[1], &[]);
        }
    };
    refused(
        &case(twice([4, 4]), named(STRUCT, "s", 4)),
        Rule::DistilledAmbiguous,
        Errno::Einval,
        "distilled base BTF type 's' [1], size 4 has multiple candidates of the same size \
         (ids [3, 2]) in base BTF",
    );
    accepted(&case(twice([4, 8]), named(STRUCT, "s", 4)));
}

#[test]
fn row_111_an_int_keeps_its_encoding() {
    let unsigned = |asm: &mut Asm| {
        let off = asm.s("s");
        asm.t(off, INT, 4, &[32]);
    };
    refused(
        &case(named(INT, "s", 4), unsigned),
        Rule::DistilledUnmapped,
        Errno::Einval,
        UNMAPPED,
    );
}

#[test]
fn row_112_a_forward_takes_no_struct_with_bitfields() {
    accepted(&case(named(STRUCT, "s", 4), named(FWD, "s", 0)));
    let bitfields = |asm: &mut Asm| {
        let off = asm.s("s");
        asm.raw(off, STRUCT << 24 | KFLAG, 4, &[]);
    };
    refused(
        &case(bitfields, named(FWD, "s", 0)),
        Rule::DistilledUnmapped,
        Errno::Einval,
        UNMAPPED,
    );
}

#[test]
fn row_113_distilled_strings_are_type_names() {
    let mut case = case(named(STRUCT, "s", 4), |asm| {
        named(STRUCT, "s", 4)(asm);
        asm.s("member");
    });
    let mut split = Asm::split(case.distilled.strings.len());
    let outer = split.s("outer");
    split.t(outer, STRUCT, 4, &[3, 1, 0]);
    case.split = split;
    refused(
        &case,
        Rule::DistilledString,
        Errno::Enoent,
        "string '' [offset 3] is not mapped to base BTF",
    );
}

/// The kernel indexes its map with any id it finds.
#[test]
fn a_dangling_id_is_refused_before_the_kernel_reads_out_of_bounds() {
    let mut case = case(named(STRUCT, "s", 4), named(STRUCT, "s", 4));
    case.split.t(0, PTR, 99, &[]);
    refused(&case, Rule::DistilledDangling, Errno::Einval, "");
}

#[test]
fn an_array_of_itself_does_not_hang() {
    let mut case = case(named(STRUCT, "s", 4), named(STRUCT, "s", 4));
    let outer = case.split.s("outer");
    case.split.t(0, ARRAY, 0, &[3, 3, 1]);
    case.split.t(outer, STRUCT, 4, &[0, 3, 0]);
    refused(&case, Rule::DistilledLoop, Errno::Eloop, "");
}

/// Before 6.11 the section is not looked up, and `.BTF` is read against
/// vmlinux, where its names are other names.
#[test]
fn old_kernels_ignore_the_distilled_base() {
    let mut case = case(named(STRUCT, "kernel_struct", 4), named(STRUCT, "s", 4));
    case.split = Asm::split(case.distilled.strings.len());
    let own = case.split.s("9");
    case.split.t(own, INT, 4, &[SIGNED32]);
    assert_eq!(
        verdict(&case, KernelVersion::V6_12).unwrap_err().rule,
        Rule::DistilledUnmapped
    );
    assert!(verdict(&case, KernelVersion::V6_1).is_ok());
}
