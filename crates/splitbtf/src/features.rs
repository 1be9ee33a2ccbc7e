//! The encoder's feature set, by the names that pahole's `--btf_features` takes
//! (dwarves `pahole.c`, `btf_features[]`), and the parsing of such lists.
//!
//! [`FEATURES`] is the one table of names, older switches and help; all else here reads it.

use std::fmt;
use std::str::FromStr;

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
    pub const IMPLICIT: Self = Self {
        var: true,
        decl_tag: true,
        type_tag: true,
        enum64: true,
        ..Self::NONE
    };

    /// Every feature whose output all kernels since 6.0 read rightly; what `all` and
    /// `--btf_gen_all` mean here.
    ///
    /// Three features stay off: kernels before 6.11 misread a module with `distilled_base`,
    /// and `attributes` (before 6.15) and `layout` (before 7.1) make them reject the BTF.
    /// Upstream's `all` has matched no feature since the name `default` replaced it, so it
    /// turns everything off there.
    pub const ALL_COMPATIBLE: Self = Self {
        reproducible_build: true,
        global_var: true,
        true_signature: true,
        ..Self::DEFAULT
    };

    /// Whether the feature described by `row` is on.
    pub fn get(&self, row: &Feature) -> bool {
        let mut copy = *self;
        *(row.field)(&mut copy)
    }

    /// Switches the feature described by `row` on or off.
    pub fn set(&mut self, row: &Feature, on: bool) {
        *(row.field)(self) = on;
    }

    /// The features that are on, in table order.
    pub fn iter(&self) -> impl Iterator<Item = &'static Feature> + use<> {
        let features = *self;
        FEATURES.iter().filter(move |row| features.get(row))
    }

    /// Also switches on everything that `other` has on.
    fn enable_all_of(&mut self, other: &Self) {
        for row in other.iter() {
            self.set(row, true);
        }
    }

    /// Switches on the features of a list in the syntax of pahole's `--btf_features` and
    /// returns the elements that name no feature, in order.
    ///
    /// Elements are separated by commas, empty ones are passed over. A leading `+` stands
    /// for `default` and the list; `default` and `all` are sets and may also be elements.
    /// Nothing is ever switched off: pahole clears all features before the first list of a
    /// command line, and later lists only add.
    ///
    /// Source: dwarves `pahole.c`, `parse_btf_features`.
    pub fn enable_list<'a>(&mut self, list: &'a str) -> Vec<&'a str> {
        let list = match list.strip_prefix('+') {
            Some(rest) => {
                self.enable_all_of(&Self::DEFAULT);
                rest
            }
            None => list,
        };
        let mut unknown = Vec::new();
        for element in list.split(',').filter(|element| !element.is_empty()) {
            match element {
                "default" => self.enable_all_of(&Self::DEFAULT),
                "all" => self.enable_all_of(&Self::ALL_COMPATIBLE),
                name => match Feature::by_name(name) {
                    Some(row) => self.set(row, true),
                    None => unknown.push(name),
                },
            }
        }
        unknown
    }
}

impl Default for Features {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Names of the features that are on, separated by commas; the empty string if none is.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, row) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(row.name)?;
        }
        Ok(())
    }
}

/// The strict reading of a list, for command lines of our own: the sets `default`, `all`
/// and `none`, and feature names; `+name` and `-name` change what stands before them, and a
/// list that begins so changes `default`. An element without a sign adds.
impl FromStr for Features {
    type Err = ParseFeaturesError;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut features = if list.starts_with(['+', '-']) {
            Self::DEFAULT
        } else {
            Self::NONE
        };
        for element in list
            .split(',')
            .map(str::trim)
            .filter(|element| !element.is_empty())
        {
            let (name, on) = match element.strip_prefix('-') {
                Some(name) => (name, false),
                None => (element.strip_prefix('+').unwrap_or(element), true),
            };
            match (name, on) {
                ("default", true) => features.enable_all_of(&Self::DEFAULT),
                ("all", true) => features.enable_all_of(&Self::ALL_COMPATIBLE),
                ("none", true) => features = Self::NONE,
                _ => match Feature::by_name(name) {
                    Some(row) => features.set(row, on),
                    None => {
                        return Err(ParseFeaturesError {
                            name: name.to_owned(),
                        });
                    }
                },
            }
        }
        Ok(features)
    }
}

/// An element of a feature list that names no feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown feature '{name}'{}; known are {}", did_you_mean(.name), supported())]
#[non_exhaustive]
pub struct ParseFeaturesError {
    /// The element as given, without its sign.
    pub name: String,
}

/// One row of [`FEATURES`]: a feature and pahole's names for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Feature {
    /// The name in `--btf_features`.
    pub name: &'static str,
    /// pahole's older switch for the same thing, without the dashes.
    pub switch: Option<Switch>,
    /// One line of help.
    pub summary: &'static str,
    field: fn(&mut Features) -> &mut bool,
}

/// A command line switch of pahole from before feature lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switch {
    /// The long option, without the dashes.
    pub name: &'static str,
    /// What the switch does to the feature.
    pub turns_on: bool,
}

impl Feature {
    /// The feature that a list element names: by its own name, or by the name of the older
    /// switch if that one turns the feature on. (A list only ever adds, so the name of a
    /// `skip_` switch would say the opposite of what it does.)
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FEATURES.iter().find(|row| {
            row.name == name
                || row
                    .switch
                    .is_some_and(|switch| switch.turns_on && switch.name == name)
        })
    }

    /// The feature that one of pahole's older switches governs, with what the switch does.
    pub fn by_switch(name: &str) -> Option<(&'static Self, bool)> {
        FEATURES.iter().find_map(|row| {
            row.switch
                .filter(|switch| switch.name == name)
                .map(|switch| (row, switch.turns_on))
        })
    }
}

/// The names of all features, comma separated and in table order: pahole's answer to
/// `--supported_btf_features`.
pub fn supported() -> String {
    let names: Vec<_> = FEATURES.iter().map(|row| row.name).collect();
    names.join(",")
}

/// `" (did you mean 'x'?)"` for the feature name nearest to `name`, if one is near.
fn did_you_mean(name: &str) -> String {
    let near = FEATURES
        .iter()
        .map(|row| (edit_distance(name, row.name), row.name))
        .min()
        .filter(|&(distance, candidate)| distance <= 1.max(candidate.len() / 3));
    match near {
        Some((_, candidate)) => format!(" (did you mean '{candidate}'?)"),
        None => String::new(),
    }
}

/// Levenshtein distance in bytes; only ever used on a word of the command line.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// All features, in the order in which pahole lists them.
///
/// Source: dwarves `pahole.c`, `btf_features[]` and the option table.
pub static FEATURES: [Feature; 15] = [
    Feature {
        name: "encode_force",
        switch: on("btf_encode_force"),
        summary: "leave out what BTF cannot express instead of failing",
        field: |f| &mut f.encode_force,
    },
    Feature {
        name: "var",
        switch: off("skip_encoding_btf_vars"),
        summary: "per-CPU variables, as VAR and DATASEC",
        field: |f| &mut f.var,
    },
    Feature {
        name: "float",
        switch: on("btf_gen_floats"),
        summary: "FLOAT for floating point types",
        field: |f| &mut f.float,
    },
    Feature {
        name: "decl_tag",
        switch: off("skip_encoding_btf_decl_tag"),
        summary: "DECL_TAG",
        field: |f| &mut f.decl_tag,
    },
    Feature {
        name: "type_tag",
        switch: off("skip_encoding_btf_type_tag"),
        summary: "TYPE_TAG",
        field: |f| &mut f.type_tag,
    },
    Feature {
        name: "enum64",
        switch: off("skip_encoding_btf_enum64"),
        summary: "ENUM64, and the sign of enums",
        field: |f| &mut f.enum64,
    },
    Feature {
        name: "optimized_func",
        switch: on("btf_gen_optimized"),
        summary: "no effect, as in pahole 1.31",
        field: |f| &mut f.optimized_func,
    },
    Feature {
        name: "consistent_func",
        switch: on("skip_encoding_btf_inconsistent_proto"),
        summary: "leave out functions whose prototypes differ between CUs",
        field: |f| &mut f.consistent_func,
    },
    Feature {
        name: "decl_tag_kfuncs",
        switch: None,
        summary: "DECL_TAG bpf_kfunc for each function of a kfunc set",
        field: |f| &mut f.decl_tag_kfuncs,
    },
    Feature {
        name: "reproducible_build",
        switch: on("reproducible_build"),
        summary: "no effect: output is always reproducible",
        field: |f| &mut f.reproducible_build,
    },
    Feature {
        name: "distilled_base",
        switch: None,
        summary: "split BTF on a distilled base in .BTF.base (Linux 6.11)",
        field: |f| &mut f.distilled_base,
    },
    Feature {
        name: "global_var",
        switch: None,
        summary: "variables of all sections, not only per-CPU ones",
        field: |f| &mut f.global_var,
    },
    Feature {
        name: "attributes",
        switch: on("btf_attributes"),
        summary: "tags with the kind flag, for arena kfuncs (Linux 6.15)",
        field: |f| &mut f.attributes,
    },
    Feature {
        name: "true_signature",
        switch: None,
        summary: "optimised functions by full name and true signature",
        field: |f| &mut f.true_signature,
    },
    Feature {
        name: "layout",
        switch: None,
        summary: "a layout section, in a base BTF (Linux 7.1)",
        field: |f| &mut f.layout,
    },
];

const fn on(name: &'static str) -> Option<Switch> {
    Some(Switch {
        name,
        turns_on: true,
    })
}

const fn off(name: &'static str) -> Option<Switch> {
    Some(Switch {
        name,
        turns_on: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(list: &str) -> Features {
        let mut features = Features::NONE;
        assert_eq!(
            features.enable_list(list),
            Vec::<&str>::new(),
            "unknown names in {list:?}"
        );
        features
    }

    #[test]
    fn every_row_governs_a_flag_of_its_own() {
        for (i, row) in FEATURES.iter().enumerate() {
            let mut features = Features::NONE;
            features.set(row, true);
            let on: Vec<_> = features.iter().map(|row| row.name).collect();
            assert_eq!(on, [row.name], "row {i}");
        }
    }

    #[test]
    fn kernel_build_list_is_the_default_set() {
        // Linux 6.12 `scripts/Makefile.btf`.
        let kernel = "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,\
                      consistent_func,decl_tag_kfuncs";
        assert_eq!(list(kernel), Features::DEFAULT);
        assert_eq!(list("default"), Features::DEFAULT);
    }

    #[test]
    fn plus_means_default_and_the_list() {
        let expected = Features {
            reproducible_build: true,
            ..Features::DEFAULT
        };
        assert_eq!(list("+reproducible_build"), expected);
        assert_eq!(list("reproducible_build,default"), expected);
        assert_eq!(list("+"), Features::DEFAULT);
    }

    #[test]
    fn empty_list_enables_nothing() {
        assert_eq!(list(""), Features::NONE);
        assert_eq!(list(",,"), Features::NONE);
    }

    #[test]
    fn unknown_names_are_returned_and_change_nothing() {
        let mut features = Features::NONE;
        assert_eq!(features.enable_list("float,bogus,,var,+x"), ["bogus", "+x"]);
        assert_eq!(
            features,
            Features {
                float: true,
                var: true,
                ..Features::NONE
            }
        );
    }

    #[test]
    fn names_of_skip_switches_do_not_turn_features_on() {
        let mut features = Features::NONE;
        assert_eq!(
            features.enable_list("skip_encoding_btf_vars"),
            ["skip_encoding_btf_vars"]
        );
        assert_eq!(
            list("btf_gen_floats"),
            Features {
                float: true,
                ..Features::NONE
            }
        );
    }

    #[test]
    fn all_keeps_off_what_older_kernels_reject() {
        let all = list("all");
        assert!(!all.distilled_base && !all.attributes && !all.layout);
        assert_eq!(all.iter().count(), 12);
    }

    #[test]
    fn strict_list_takes_signs() {
        let parse = |s: &str| s.parse::<Features>().unwrap();
        assert_eq!(
            parse("-float"),
            Features {
                float: false,
                ..Features::DEFAULT
            }
        );
        assert_eq!(
            parse("+layout"),
            Features {
                layout: true,
                ..Features::DEFAULT
            }
        );
        assert_eq!(
            parse("default,-var,-float"),
            Features {
                var: false,
                float: false,
                ..Features::DEFAULT
            }
        );
        assert_eq!(parse("none"), Features::NONE);
        assert_eq!(
            parse("var, float"),
            Features {
                var: true,
                float: true,
                ..Features::NONE
            }
        );
    }

    #[test]
    fn strict_list_names_the_unknown_and_suggests() {
        let text = "default,+enum46"
            .parse::<Features>()
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("unknown feature 'enum46' (did you mean 'enum64'?)"),
            "{text}"
        );
        let text = "zzzzzzzzz".parse::<Features>().unwrap_err().to_string();
        assert!(
            text.starts_with("unknown feature 'zzzzzzzzz'; known are encode_force,"),
            "{text}"
        );
        assert!("-default".parse::<Features>().is_err());
    }

    #[test]
    fn display_of_a_set_parses_back() {
        let features = Features {
            layout: true,
            float: false,
            ..Features::DEFAULT
        };
        assert_eq!(features.to_string().parse(), Ok(features));
    }
}
