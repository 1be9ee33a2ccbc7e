//! DIEs of the usual forms, which are nearly all, read in one go: see [`Plain`].
//!
//! Types follow each other in long runs, each with its children behind it. As long as all are of usual forms no stack is
//! needed: a type's items go to where they belong, and it ends at once.

use crate::abbrev::Abbrevs;
use crate::abbrev::plain::{Plain, PlainName, Sort};
use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::record::{Enumerator, Member, ProtoParam, TypeDie, TypeRef};
use crate::short::ShortStrings;
use crate::unit::Unit;
use crate::unit::context::{Context, Reader};
use crate::unit::dimension::elements;
use crate::unit::frame::{Frame, FrameKind};
use crate::{Relocate, Str, TypeTag};

/// What a DIE of the usual form says; see [`Plain`].
struct PlainDie {
    name: Str,
    ty: TypeRef,
    number: u64,
    /// 0 if there is none.
    width: u32,
}

impl PlainDie {
    #[inline(always)]
    fn member(&self, plain: &Plain) -> Member {
        Member {
            name: self.name,
            bit_off: self.number << plain.shift,
            ty: self.ty,
            width: self.width,
        }
    }
}

/// The bytes at a place of a [`Plain`] DIE.
#[inline(always)]
fn bytes_at<const N: usize>(window: &[u8; Plain::WINDOW], place: u8) -> [u8; N] {
    let place = usize::from(place) % Plain::MAX_LEN;
    let mut bytes = [0; N];
    bytes.copy_from_slice(&window[place..place + N]);
    bytes
}

#[inline(always)]
fn u32_at<const BE: bool>(window: &[u8; Plain::WINDOW], place: u8) -> u32 {
    let bytes = bytes_at(window, place);
    if BE {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

/// The number that the low bits of `mask` are of.
#[inline(always)]
fn number_at<const BE: bool>(window: &[u8; Plain::WINDOW], place: u8, mask: u64) -> u64 {
    let bytes = bytes_at(window, place);
    let word = if BE {
        u64::from_be_bytes(bytes) >> (mask.leading_zeros() % 64)
    } else {
        u64::from_le_bytes(bytes)
    };
    word & mask
}

/// What stands next among the children of a type.
enum Child<'a> {
    /// A DIE of the usual form and of the class that was asked for.
    Plain(&'a Plain, PlainDie),
    /// The end, which is passed.
    End,
    /// Anything else, which is not.
    Other,
}

/// What a run of DIEs of the usual forms goes on with: parts of a [`Reader`].
// Parts of their own rather than the whole, so that the loops keep in registers where they are.
struct Run<'r, 'd, const BE: bool, R> {
    cx: &'r Context<'d>,
    cur: &'r mut Cursor<'d, BE>,
    relocate: &'r mut R,
    die: &'r mut u64,
}

impl<'d, const BE: bool, R: Relocate> Reader<'_, 'd, BE, R> {
    #[inline(always)]
    fn run(&mut self) -> Run<'_, 'd, BE, R> {
        Run {
            cx: &self.cx,
            cur: &mut self.cur,
            relocate: self.relocate,
            die: &mut self.die,
        }
    }
}

impl<const BE: bool, R: Relocate> Run<'_, '_, BE, R> {
    /// Reads a DIE of the usual form. `None`, and the cursor stays, at the end of a unit, where not all that is read in
    /// one go is the unit's.
    #[inline(always)]
    fn read(
        &mut self,
        plain: &Plain,
        short: &mut ShortStrings,
    ) -> Result<Option<PlainDie>, ErrorKind> {
        let mut name = Str::NONE;
        let mut start = self.cur.pos;
        if plain.name == PlainName::String {
            name = self.cx.short_name(start, short);
            let mut at = *self.cur;
            at.skip_cstr()?;
            start = at.pos;
        }
        let Some(window) = self.cur.data.get(start..).and_then(|d| d.first_chunk()) else {
            return Ok(None);
        };
        if let PlainName::Offset(place) = plain.name {
            let raw = u64::from(u32_at::<BE>(window, place));
            let off = (start + usize::from(place)) as u64;
            let value = self.cx.relocated_offset(self.relocate, off, 4, raw)?;
            name = Str(self.cx.debug_str(value)?);
        }
        // The unit's own offset is one that may be referred to: no type leads there.
        let target = u32_at::<BE>(window, plain.ty) & plain.ty_mask;
        let ty = TypeRef(self.cx.local_ref(u64::from(target))? as u32 | !plain.ty_mask);
        let [width] = bytes_at(window, plain.width);
        self.cur.pos = start + usize::from(plain.len);
        Ok(Some(PlainDie {
            width: u32::from(width & plain.width_mask),
            name,
            ty,
            number: plain.implicit | number_at::<BE>(window, plain.number, plain.mask),
        }))
    }

    /// As [`Self::read`], for the DIE at `start`, behind whose code the cursor stands.
    #[inline(always)]
    fn plain(
        &mut self,
        start: usize,
        plain: &Plain,
        short: &mut ShortStrings,
    ) -> Result<Option<PlainDie>, ErrorKind> {
        let read = self.read(plain, short);
        if read.is_err() {
            *self.die = start as u64;
        }
        read
    }

    #[inline(always)]
    fn child<'a>(
        &mut self,
        sort: Sort,
        abbrevs: &'a Abbrevs,
        short: &mut ShortStrings,
    ) -> Result<Child<'a>, ErrorKind> {
        let at = self.cur.pos;
        let Some(&code) = self.cur.data.get(at) else {
            return Ok(Child::Other);
        };
        if code == 0 {
            self.cur.pos += 1;
            return Ok(Child::End);
        }
        let plain = abbrevs.plain(code);
        if plain.sort != sort {
            return Ok(Child::Other);
        }
        self.cur.pos += 1;
        match self.plain(at, plain, short)? {
            Some(die) => Ok(Child::Plain(plain, die)),
            None => {
                self.cur.pos = at;
                Ok(Child::Other)
            }
        }
    }
}

/// Items of a type that were read one after the other.
struct Items {
    first: usize,
    n: usize,
    /// They are all that the type has.
    ended: bool,
    /// How many of other types were on the stack before.
    waiting: usize,
}

/// Reads the items of a class that come next. They go to the first of the lists, or, if something else comes before the
/// end, to the second: that may have items of the same kind that end before.
// A function of its own for each class, so that what the loop needs stays in registers.
#[inline(never)]
fn items<T, const BE: bool, R: Relocate>(
    sort: Sort,
    (done, open): (&mut Vec<T>, &mut Vec<T>),
    item: impl Fn(&PlainDie, &Plain) -> T,
    abbrevs: &Abbrevs,
    run: &mut Run<'_, '_, BE, R>,
    short: &mut ShortStrings,
) -> Result<Items, ErrorKind> {
    let (first, waiting) = (done.len(), open.len());
    let ended = loop {
        match run.child(sort, abbrevs, short)? {
            Child::Plain(plain, die) => done.push(item(&die, plain)),
            Child::End => break true,
            Child::Other => break false,
        }
    };
    let n = done.len() - first;
    if !ended {
        open.extend(done.drain(first..));
    }
    Ok(Items {
        first,
        n,
        ended,
        waiting,
    })
}

/// Reads the only dimension of an array; false if it is not the only one, or of another form.
#[inline(never)]
fn dimension<const BE: bool, R: Relocate>(
    array: &mut TypeDie,
    abbrevs: &Abbrevs,
    run: &mut Run<'_, '_, BE, R>,
    short: &mut ShortStrings,
) -> Result<bool, ErrorKind> {
    match run.child(Sort::Subrange, abbrevs, short)? {
        Child::Plain(plain, die) => {
            let number = plain.numbered.then_some(die.number);
            let (bound, count) = if plain.count {
                (None, number)
            } else {
                (number, None)
            };
            array.size = u64::from(elements(bound, count));
            array.flag = true;
        }
        Child::End => return Ok(true),
        Child::Other => return Ok(false),
    }
    let ended = run.cur.data.get(run.cur.pos) == Some(&0);
    run.cur.pos += usize::from(ended);
    Ok(ended)
}

impl Unit {
    /// Reads a DIE that `plain` is the form of, which starts at `start` and behind whose code the cursor stands, if it can
    /// be read in one go and belongs where it stands; and, if it is a type, what follows. False, and the cursor stays,
    /// if it cannot.
    #[inline(always)]
    pub(super) fn plain_die<const BE: bool, R: Relocate>(
        &mut self,
        start: usize,
        plain: &Plain,
        reader: &mut Reader<'_, '_, BE, R>,
    ) -> Result<bool, ErrorKind> {
        match plain.sort {
            Sort::Type => {
                let abbrevs = reader.abbrevs;
                self.plain_types(start, plain, abbrevs, &mut reader.run())
            }
            Sort::Member
                if self
                    .frames
                    .last()
                    .is_some_and(|f| f.kind == FrameKind::Type) =>
            {
                let die = reader.run().read(plain, &mut self.met.short)?;
                self.open_members
                    .extend(die.iter().map(|d| d.member(plain)));
                Ok(die.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Reads a type of the usual form, whose DIE starts at `start` and behind whose code the cursor stands, and those
    /// that follow as long as they are of usual forms too, with their children. False, and the cursor stays, if not even
    /// the first can be read in one go.
    // A loop of its own: nearly all DIEs of a unit come this way, and what the others need would take up its registers.
    #[inline(never)]
    fn plain_types<const BE: bool, R: Relocate>(
        &mut self,
        start: usize,
        first: &Plain,
        abbrevs: &Abbrevs,
        run: &mut Run<'_, '_, BE, R>,
    ) -> Result<bool, ErrorKind> {
        let (mut start, mut plain) = (start, first);
        let mut any = false;
        loop {
            let behind_code = run.cur.pos;
            let read = run.plain(start, plain, &mut self.met.short)?;
            let Some(d) = read else {
                run.cur.pos = if any { start } else { behind_code };
                return Ok(any);
            };
            any = true;
            let off = (start as u64).wrapping_sub(run.cx.base) as u32;
            let idx = self.types.len();
            self.places.add(off, idx);
            self.note_tagged(plain.tag, idx);
            self.types.push(TypeDie {
                name: d.name,
                size: d.number,
                off,
                order: self.ended,
                ty: d.ty,
                first: 0,
                n: 0,
                origin: TypeRef::NONE,
                tag: plain.tag,
                encoding: 0,
                declaration: plain.declaration,
                flag: plain.numbered,
            });
            if !plain.has_children {
                self.ended += 1;
            } else if let Some(frame) = self.plain_children(plain.tag, idx, abbrevs, run)? {
                self.frames.push(frame);
            }
            start = run.cur.pos;
            let Some(&code) = run.cur.data.get(start) else {
                return Ok(true);
            };
            plain = abbrevs.plain(code);
            if plain.sort != Sort::Type {
                return Ok(true);
            }
            run.cur.pos = start + 1;
        }
    }

    /// Reads the children of a type as long as they are those that types of its kind usually have, which go where they
    /// belong without a detour. A frame for the others is what remains, if there are any.
    #[inline(always)]
    fn plain_children<const BE: bool, R: Relocate>(
        &mut self,
        tag: TypeTag,
        idx: usize,
        abbrevs: &Abbrevs,
        run: &mut Run<'_, '_, BE, R>,
    ) -> Result<Option<Frame>, ErrorKind> {
        let short = &mut self.met.short;
        let Items {
            first,
            n,
            ended,
            waiting,
        } = match tag {
            TypeTag::Struct | TypeTag::Union => {
                let lists = (&mut self.members, &mut self.open_members);
                items(Sort::Member, lists, PlainDie::member, abbrevs, run, short)?
            }
            TypeTag::Enum => {
                let lists = (&mut self.enumerators, &mut self.open_enumerators);
                let item = |die: &PlainDie, _: &Plain| Enumerator {
                    name: die.name,
                    value: die.number,
                };
                items(Sort::Enumerator, lists, item, abbrevs, run, short)?
            }
            TypeTag::Array => Items {
                first: 0,
                n: 0,
                ended: dimension(&mut self.types[idx], abbrevs, run, short)?,
                waiting: self.open_params.len(),
            },
            _ => {
                let lists = (&mut self.params, &mut self.open_params);
                let item = |die: &PlainDie, _: &Plain| ProtoParam {
                    name: die.name,
                    ty: die.ty,
                };
                items(Sort::Param, lists, item, abbrevs, run, short)?
            }
        };
        if ended {
            let t = &mut self.types[idx];
            t.first = first as u32;
            t.n = n as u32;
            t.order = self.ended;
            self.ended += 1;
            return Ok(None);
        }
        Ok(Some(self.type_frame(idx, waiting)))
    }
}
