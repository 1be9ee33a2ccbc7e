//! Which variables become `VAR`s (dwarves `btf_encoder__encode_cu_variables`).

use dwarf_reader::At;
use elf_io::{Elf, Sym, consts as elf};

use crate::cu::{Local, Worker};
use crate::diag::{Diag, DiagKind};
use crate::features::Features;
use crate::store::{Key, NodeId};

/// A section that may hold variables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VarSection {
    index: u32,
    addr: u64,
    size: u64,
    wanted: bool,
}

/// The sections of a file that can hold variables, in header order.
#[derive(Debug, Default)]
pub(crate) struct VarSections {
    list: Vec<VarSection>,
    relocatable: bool,
    any: bool,
}

impl VarSections {
    pub(crate) fn new(elf: &Elf<'_>, features: Features) -> Self {
        let mut list = Vec::new();
        for (index, s) in (0u32..).zip(elf.sections()) {
            let holds = s.sh_type == elf::SHT_PROGBITS.0 || s.sh_type == elf::SHT_NOBITS.0;
            if !holds || !s.is_alloc() {
                continue;
            }
            let wanted = features.global_var || (features.var && s.name == b".data..percpu");
            list.push(VarSection {
                index,
                addr: s.addr,
                size: s.size,
                wanted,
            });
        }
        let any = list.iter().any(|s| s.wanted);
        Self {
            list,
            relocatable: elf.is_relocatable(),
            any,
        }
    }

    /// The section of an address, and the offset in it.
    fn find(&self, t: dwarf_reader::Target) -> Option<(u32, u64)> {
        let s = if self.relocatable {
            self.list
                .iter()
                .find(|s| s.index == t.section && t.value < s.size)?
        } else {
            self.list
                .iter()
                .find(|s| t.value >= s.addr && t.value - s.addr < s.size)?
        };
        let off = if self.relocatable {
            t.value
        } else {
            t.value - s.addr
        };
        if s.wanted { Some((s.index, off)) } else { None }
    }
}

/// One variable to be emitted.
#[derive(Debug, Clone)]
pub(crate) struct VarRec<'f> {
    pub(crate) key: Key,
    pub(crate) name: &'f [u8],
    pub(crate) ty: NodeId,
    pub(crate) section: u32,
    pub(crate) offset: u32,
    pub(crate) size: u32,
    pub(crate) external: bool,
    /// Index among the unit's variables.
    pub(crate) var: u32,
    pub(crate) at: Option<At>,
    /// Decl tags.
    pub(crate) tags: Vec<&'f [u8]>,
}

const PREFIXES: [&[u8]; 5] = [
    b"__UNIQUE_ID",
    b"__tpstrtab_",
    b"__exitcall_",
    b"__gendwarfksyms_ptr_",
    b"__func_stack_frame_non_standard_",
];

/// Order keys of variables stand behind those of a unit's types and tags.
const VAR_ORDER: u32 = 0xc000_0000;

/// The local type of a unit's variable, its own or its declaration's.
pub(crate) fn type_of(w: &Worker<'_, '_>, v: usize) -> dwarf_reader::TypeRef {
    let var = &w.unit.vars[v];
    match w.unit.var_at(var.origin) {
        Some(s) if var.origin != u32::MAX => w.unit.vars[s].ty,
        _ => var.ty,
    }
}

/// Adds the variables of the worker's unit.
pub(crate) fn collect<'f>(
    w: &mut Worker<'f, '_>,
    sections: &VarSections,
    out: &mut Vec<VarRec<'f>>,
) {
    if !sections.any {
        return;
    }
    for v in 0..w.unit.vars.len() {
        let var = w.unit.vars[v];
        let has_origin = var.origin != u32::MAX;
        if !var.at_unit || var.artificial || (var.declaration && !has_origin) {
            continue;
        }
        let Some((section, offset)) = var.addr.and_then(|t| sections.find(t)) else {
            continue;
        };
        let origin = if has_origin {
            w.unit.var_at(var.origin)
        } else {
            None
        };
        let named = origin.map_or(var, |s| w.unit.vars[s]);
        let name = w.text.bytes(named.name);
        if name.is_empty() || PREFIXES.iter().any(|p| name.starts_with(p)) {
            continue;
        }
        let ty = type_of(w, v);
        let local: Local = w.local(ty);
        if local.node == NodeId::VOID {
            w.warn(DiagKind::VoidVariable, var.off, named.name);
            continue;
        }
        let size = var_size(w, ty);
        let (Ok(offset), Ok(size @ 1..)) = (u32::try_from(offset), u32::try_from(size)) else {
            continue;
        };
        if !crate::ident::is_identifier(name) {
            w.warn(DiagKind::InvalidName, var.off, named.name);
            continue;
        }
        let mut tags = Vec::new();
        if w.features.decl_tag {
            for t in &w.unit.decl_tags {
                let on = |i: usize| t.target == dwarf_reader::TagTarget::Var(i as u32);
                if on(v) || origin.is_some_and(on) {
                    tags.push(w.text.bytes(t.value));
                }
            }
        }
        out.push(VarRec {
            key: w.key(VAR_ORDER.saturating_add(v as u32)),
            name,
            ty: local.node,
            section,
            offset,
            size,
            external: var.external || named.external,
            var: v as u32,
            at: w.unit.at(var.off),
            tags,
        });
    }
}

/// The size of a variable's type in bytes, 0 if it has none.
fn var_size(w: &Worker<'_, '_>, mut r: dwarf_reader::TypeRef) -> u64 {
    use dwarf_reader::TypeTag as T;
    let mut times = 1u64;
    for _ in 0..=w.unit.types.len() {
        let Some(i) = w.unit.type_at(r) else { return 0 };
        let t = &w.unit.types[i];
        match t.tag {
            T::Array => {
                times = times.saturating_mul(t.size);
                r = t.ty;
            }
            T::Typedef | T::Const | T::Volatile | T::Restrict | T::Transparent => r = t.ty,
            T::Pointer | T::Reference => {
                let address = w
                    .unit
                    .headers
                    .first()
                    .map_or(8, |h| u64::from(h.address_size()));
                return times.saturating_mul(if t.size == 0 { address } else { t.size });
            }
            // What stands for a type in a unit of its own.
            _ if t.declaration && w.unit.type_at(t.origin).is_some_and(|j| j != i) => r = t.origin,
            T::Enum if !t.flag => return times.saturating_mul(4),
            _ => return times.saturating_mul(t.size),
        }
    }
    0
}

/// Keeps one variable of those at one place, and drops those of discarded sections.
///
/// Weak and strong definitions, and tentative ones, come as several DIEs with one address; the kernel refuses a
/// section whose entries overlap. A variable at offset 0 needs a symbol there: the DWARF of what the linker discarded
/// has address 0, which in a per-CPU section is an address like any other.
pub(crate) fn reduce(
    vars: &mut Vec<VarRec<'_>>,
    elf: &Elf<'_>,
    diags: &mut Vec<Diag>,
) -> Result<(), crate::error::ErrorKind> {
    let at_start = vars.iter().filter(|v| v.offset == 0);
    let mut sections: Vec<u32> = at_start.map(|v| v.section).collect();
    sections.sort_unstable();
    sections.dedup();
    if !sections.is_empty() {
        let wanted = |sym: &Sym<'_>| {
            let section = sym.section().map_or(0, |s| s.0);
            sym.sym_type() == elf::STT_OBJECT.0 && sections.binary_search(&section).is_ok()
        };
        let mut objects: Vec<(&[u8], u32)> = Vec::new();
        let symbols = elf.symbols()?;
        for sym in symbols.filtered(0..symbols.n_symbols(), wanted) {
            let sym = sym?;
            objects.push((sym.name, sym.section().map_or(0, |s| s.0)));
        }
        objects.sort_unstable();
        vars.retain(|v| v.offset != 0 || objects.binary_search(&(v.name, v.section)).is_ok());
    }
    let mut order: Vec<usize> = (0..vars.len()).collect();
    // The larger of two at one place, an external one before a static one, the earlier CU's before the later.
    order.sort_by_key(|&i| {
        let v = &vars[i];
        (
            v.section,
            v.offset,
            std::cmp::Reverse(v.size),
            !v.external,
            v.key,
        )
    });
    let mut keep = vec![true; vars.len()];
    let mut end: Option<(u32, u64, usize)> = None;
    for i in order {
        let v = &vars[i];
        if let Some((section, e, of)) = end
            && section == v.section
            && u64::from(v.offset) < e
        {
            keep[i] = false;
            if vars[of].name != v.name {
                diags.push(Diag {
                    kind: DiagKind::OverlappingVariable,
                    at: v.at,
                    name: String::from_utf8_lossy(v.name).into_owned(),
                });
            }
            continue;
        }
        end = Some((v.section, u64::from(v.offset) + u64::from(v.size), i));
    }
    let mut keep = keep.into_iter();
    vars.retain(|_| keep.next().unwrap_or(true));
    Ok(())
}
