//! The encoder's feature set, by the names that pahole's `--btf_features` takes
//! (dwarves `pahole.c`, `btf_features[]`).

/// What the encoder emits beyond plain types; one flag per pahole feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features {
    /// Leave out what BTF cannot express (bad names, void variables) instead of failing.
    pub encode_force: bool,
    /// Per-CPU variables: `VAR`s and the `.data..percpu` `DATASEC`.
    pub var: bool,
    /// `FLOAT` for floating point base types; otherwise they become `INT`.
    pub float: bool,
    /// `DECL_TAG`s.
    pub decl_tag: bool,
    /// `TYPE_TAG`s.
    pub type_tag: bool,
    /// `ENUM64` and signed flags of enums; otherwise 64-bit values are truncated.
    pub enum64: bool,
    /// Accepted for compatibility; has no effect (as in upstream).
    pub optimized_func: bool,
    /// Leave out functions whose prototypes differ between CUs.
    pub consistent_func: bool,
    /// `bpf_kfunc` decl tags from `.BTF_ids`.
    pub decl_tag_kfuncs: bool,
    /// Accepted for compatibility; output is always reproducible.
    pub reproducible_build: bool,
    /// Emit `.BTF.base`, the distilled base, beside a split `.BTF`.
    pub distilled_base: bool,
    /// Variables of all sections, not only per-CPU ones.
    pub global_var: bool,
    /// Tags with the kind flag (arena attributes of kfuncs).
    pub attributes: bool,
    /// Functions under their optimised signature and full dotted name.
    pub true_signature: bool,
    /// A layout section in the header (base BTF only).
    pub layout: bool,
}

impl Features {
    /// Every feature off.
    pub const NONE: Self = Self {
        encode_force: false,
        var: false,
        float: false,
        decl_tag: false,
        type_tag: false,
        enum64: false,
        optimized_func: false,
        consistent_func: false,
        decl_tag_kfuncs: false,
        reproducible_build: false,
        distilled_base: false,
        global_var: false,
        attributes: false,
        true_signature: false,
        layout: false,
    };

    /// Upstream's `default` set, which the kernel build passes.
    pub const DEFAULT: Self = Self {
        encode_force: true,
        var: true,
        float: true,
        decl_tag: true,
        type_tag: true,
        enum64: true,
        optimized_func: true,
        consistent_func: true,
        decl_tag_kfuncs: true,
        ..Self::NONE
    };

    /// What pahole does when no `--btf_features` is given at all.
    pub const IMPLICIT: Self = Self { var: true, decl_tag: true, type_tag: true, enum64: true, ..Self::NONE };
}

impl Default for Features {
    fn default() -> Self {
        Self::DEFAULT
    }
}
