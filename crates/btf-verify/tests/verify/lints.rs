//! What the lints find and what they leave alone.

use btf_verify::{
    As, KernelVersion, LintKind, Options, check_module, check_vmlinux, concatenate, lint,
};

use crate::asm::*;

fn kinds(asm: &Asm, role: As, kernel: KernelVersion) -> Vec<LintKind> {
    let options = Options {
        kernel,
        ..Options::default()
    };
    let blob = asm.blob();
    let checked = check_vmlinux(&blob, &options).unwrap();
    let mut kinds: Vec<_> = lint(&checked, role, &options)
        .iter()
        .map(|found| found.kind)
        .collect();
    kinds.dedup();
    kinds
}

#[track_caller]
fn finds(asm: &Asm, want: &[LintKind]) {
    assert_eq!(kinds(asm, As::User, KernelVersion::V6_12), want);
}

#[test]
fn a_good_btf_has_no_findings() {
    finds(&Asm::new(), &[]);
}

#[test]
fn dangling_ids_are_named_with_their_place() {
    let mut asm = Asm::new();
    let (f, a) = (asm.s("f"), asm.s("a"));
    asm.t(0, FUNC_PROTO, 1, &[a, 1, a, 77]);
    asm.t(f, FUNC, 2, &[]);
    let blob = asm.blob();
    let options = Options::default();
    let checked = check_vmlinux(&blob, &options).unwrap();
    let found = lint(&checked, As::User, &options);
    assert_eq!(
        found[0].to_string(),
        "error: dangling-id: [2] FUNC_PROTO (anon): type of parameter 1 is [77], \
         which does not exist"
    );
    assert_eq!(found[1].kind, LintKind::TypeGraph);
}

#[test]
fn members_are_held_against_their_struct() {
    let mut asm = Asm::new();
    let (s, a, b) = (asm.s("s"), asm.s("a"), asm.s("b"));
    asm.t(s, STRUCT, 8, &[a, 1, 0, b, 1, 16]);
    finds(&asm, &[LintKind::MemberFit]);
}

/// The kernel's phase R takes every enum for an int there.
#[test]
fn a_packed_enum_at_the_end_of_a_bitfield_struct_is_fine() {
    let mut asm = Asm::new();
    let s = asm.s("s");
    asm.t(0, ENUM, 1, &[]);
    asm.raw(s, STRUCT << 24 | KFLAG | 1, 1, &[0, 2, 0]);
    finds(&asm, &[]);
}

/// Row 115 of the table.
#[test]
fn vmlinux_is_sorted_from_7_0_on() {
    let mut asm = Asm::new();
    let (b, a) = (asm.s("bpf_ctx_convert"), asm.s("a"));
    asm.t(b, STRUCT, 0, &[]);
    asm.t(a, TYPEDEF, 1, &[]);
    assert_eq!(kinds(&asm, As::Vmlinux, KernelVersion::V6_12), []);
    assert_eq!(
        kinds(&asm, As::Vmlinux, KernelVersion::V7_0),
        [LintKind::Unsorted]
    );
    let mut sorted = Asm::empty();
    let (b, i) = (sorted.s("bpf_ctx_convert"), sorted.s("int"));
    sorted.t(0, PTR, 0, &[]);
    sorted.t(b, STRUCT, 0, &[]);
    sorted.t(i, INT, 4, &[SIGNED32]);
    assert_eq!(kinds(&sorted, As::Vmlinux, KernelVersion::V7_0), []);
}

#[test]
fn vmlinux_needs_what_the_kernel_looks_up() {
    let mut asm = Asm::new();
    let v = asm.s("v");
    asm.t(v, VAR, 1, &[1]);
    assert_eq!(
        kinds(&asm, As::Vmlinux, KernelVersion::V6_12),
        [LintKind::NoCtxConvert, LintKind::NoPercpu]
    );
}

#[test]
fn repetitions_are_found() {
    let mut asm = Asm::new();
    let (s, a, f) = (asm.s("s"), asm.s("a"), asm.s("f"));
    asm.t(0, PTR, 1, &[]);
    asm.t(0, PTR, 1, &[]);
    asm.t(s, STRUCT, 8, &[a, 1, 0, a, 1, 32]);
    asm.t(0, ENUM, 4, &[a, 0, a, 1]);
    asm.t(0, FUNC_PROTO, 0, &[]);
    asm.t(0, FUNC_PROTO, 1, &[]);
    asm.t(f, FUNC, 6, &[]);
    asm.t(f, FUNC, 7, &[]);
    finds(
        &asm,
        &[
            LintKind::DuplicateMember,
            LintKind::DuplicateValue,
            LintKind::DuplicateFunc,
            LintKind::DuplicateType,
        ],
    );
}

#[test]
fn strings_are_stored_once_and_used() {
    let mut asm = Asm::new();
    let (long, _again) = (asm.s("xint"), asm.s("int"));
    asm.t(long + 1, TYPEDEF, 1, &[]);
    finds(
        &asm,
        &[
            LintKind::DuplicateString,
            LintKind::UnusedString,
            LintKind::MidString,
        ],
    );
}

#[test]
fn a_split_repeats_nothing_of_its_base() {
    let mut base = Asm::new();
    base.t(0, PTR, 1, &[]);
    let mut split = Asm::split(base.strings.len());
    let again = split.s("int");
    split.t(again, TYPEDEF, 1, &[]);
    split.t(0, PTR, 1, &[]);
    let options = Options::default();
    let (base, split) = (base.blob(), split.blob());
    let base = check_vmlinux(&base, &options).unwrap();
    let split = check_module(&split, &base, &options).unwrap();
    let kinds: Vec<_> = lint(&split, As::Module, &options)
        .iter()
        .map(|found| found.kind)
        .collect();
    assert_eq!(kinds, [LintKind::RepeatsBase, LintKind::DuplicateString]);

    // The two behind each other are one BTF in which the same is found.
    let whole = concatenate(&split).unwrap();
    let whole = check_vmlinux(&whole, &options).unwrap();
    assert_eq!(whole.n_types(), 5);
    let kinds: Vec<_> = lint(&whole, As::User, &options)
        .iter()
        .map(|found| found.kind)
        .collect();
    assert_eq!(kinds, [LintKind::DuplicateType, LintKind::DuplicateString]);
}

#[test]
fn features_of_newer_kernels_are_noted() {
    let mut asm = Asm::new();
    let (attribute, section) = (asm.s("x"), asm.s("a b"));
    asm.raw(attribute, TYPE_TAG << 24 | KFLAG, 1, &[]);
    asm.t(section, DATASEC, 4, &[]);
    let found = kinds(&asm, As::User, KernelVersion::LATEST);
    assert_eq!(found, [LintKind::NewerKernel]);
}
