//! The DIEs that are open, and how one ends.
//!
//! Items of a DIE wait on stacks of [`Unit`], one for each kind of item, above those of the DIEs around it. When it ends
//! they are on top, whatever ended in between, and move to the arrays where they stand together.

use crate::TypeTag;
use crate::unit::Unit;

/// A DIE that is open: what hangs below it is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Index of what the DIE is: of a type, function or variable; that around it for a member or parameter.
    pub(super) idx: u32,
    /// Of a type or function, where its items start on their stack; of a member or parameter, its own index.
    pub(super) items: u32,
    /// Of a type, where its items start on the stack of bitfields.
    pub(super) legacy: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Unit,
    Namespace,
    Type,
    Func,
    Var,
    Member,
    Param,
    /// Anything else.
    Body,
}

impl Frame {
    pub(super) const fn new(kind: FrameKind, idx: u32, items: u32) -> Self {
        Self {
            kind,
            idx,
            items,
            legacy: 0,
        }
    }
}

impl Unit {
    /// The frame of a type whose items start at `items` of their stack.
    pub(super) fn type_frame(&self, idx: usize, items: usize) -> Frame {
        Frame {
            legacy: self.open_legacy.len() as u32,
            ..Frame::new(FrameKind::Type, idx as u32, items as u32)
        }
    }

    /// Ends a DIE: its items move from the stacks to their arrays.
    #[inline]
    pub(super) fn close(&mut self, f: Frame) {
        match f.kind {
            FrameKind::Type => {
                let items = f.items as usize;
                let (first, n) = match self.types[f.idx as usize].tag {
                    TypeTag::Struct | TypeTag::Union => {
                        let first = self.members.len();
                        self.close_legacy_bits(f, first);
                        self.members.extend(self.open_members.drain(items..));
                        (first, self.members.len() - first)
                    }
                    TypeTag::Enum => {
                        let first = self.enumerators.len();
                        self.enumerators
                            .extend(self.open_enumerators.drain(items..));
                        (first, self.enumerators.len() - first)
                    }
                    TypeTag::Subroutine => {
                        let first = self.params.len();
                        self.params.extend(self.open_params.drain(items..));
                        (first, self.params.len() - first)
                    }
                    _ => {
                        self.open_params.truncate(items);
                        (0, 0)
                    }
                };
                let t = &mut self.types[f.idx as usize];
                t.first = first as u32;
                t.n = n as u32;
                t.order = self.ended;
                self.ended += 1;
            }
            FrameKind::Func => {
                let first = self.func_params.len();
                self.func_params
                    .extend(self.open_func_params.drain(f.items as usize..));
                let func = &mut self.funcs[f.idx as usize];
                func.first = first as u32;
                func.n = (self.func_params.len() - first) as u32;
            }
            _ => {}
        }
    }
}
