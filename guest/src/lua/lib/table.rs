//! `table`

use gc_arena::Collect;
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Function, Sequence, SequencePoll,
    Stack, Table, Value,
};

use super::{Library, entry, running};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;
use crate::lua::ops::{READ_ONLY, append_text, metamethod, order_message};
use crate::lua::tables::raw_equal;

/// The library.
pub const LIBRARY: Library = Library {
    name: "table",
    entries: &[
        entry("concat", concat, Kinds::STRING),
        running("foreach", foreach, Kinds::ANY),
        running("foreachi", foreachi, Kinds::ANY),
        entry("getn", getn, Kinds::NUMBER),
        entry("maxn", maxn, Kinds::NUMBER),
        entry("insert", insert, Kinds::NIL),
        entry("remove", remove, Kinds::ANY),
        entry("setn", setn, Kinds::ANY),
        running("sort", sort, Kinds::NIL),
    ],
    constants: &[],
    size: 9,
    order: &[],
};

fn at<'gc>(place: i64) -> Value<'gc> {
    Value::Number(place as f64)
}

/// table.concat(list [, separator [, from [, to]]])
fn concat<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let separator = match call.arg(1) {
        Value::Nil => None,
        _ => Some(call.check_string(1)?),
    };
    let separator = separator.map_or(&b""[..], |text| text.as_bytes());
    let table = call.check_table(0)?;
    let from = i64::from(call.opt_integer(2, 1)? as i32);
    let to = match call.arg(3) {
        Value::Nil => call.state.length(table) as i64,
        _ => i64::from(call.check_int(3)?),
    };
    let mut out = Vec::new();
    for place in from..=to {
        if place > from {
            out.extend_from_slice(separator);
        }
        let value = call.state.get(table, at(place));
        if !append_text(&mut out, value) {
            let found = value.type_name();
            return Err(call.error(format!(
                "invalid value ({found}) at index {place} in table for 'concat'"
            )));
        }
        if place % 64 == 0 {
            call.reserve(out.len())?;
        }
    }
    call.reserve(out.len())?;
    call.spend(((to - from).max(0) / 4) as usize);
    let text = call.own_text(out);
    call.one(text)
}

/// table.getn(list)
fn getn<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let length = call.state.length(table);
    call.number(length as f64)
}

/// table.setn(list, n)
fn setn<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.check_table(0)?;
    Err(call.error("'setn' is obsolete"))
}

/// table.maxn(table)
fn maxn<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let mut most = 0.0;
    for (key, _) in call.state.pairs(table) {
        if let Value::Number(number) = key
            && number > most
        {
            most = number;
        }
    }
    call.number(most)
}

/// table.insert(list, [place,] value)
fn insert<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let end = call.state.length(table) as i64 + 1;
    match call.count() {
        2 => {
            let value = call.arg(1);
            call.raw_set(table, at(end), value)?;
        }
        3 => {
            let place = i64::from(call.check_int(1)?);
            let value = call.arg(2);
            let last = end.max(place);
            call.spend(((last - place) / 2) as usize);
            for to in (place + 1..=last).rev() {
                let moved = call.state.get(table, at(to - 1));
                call.raw_set(table, at(to), moved)?;
            }
            call.raw_set(table, at(place), value)?;
        }
        _ => return Err(call.error("wrong number of arguments to 'insert'")),
    }
    call.none()
}

/// table.remove(list [, place])
fn remove<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let end = call.state.length(table) as i64;
    let place = i64::from(call.opt_integer(1, end)? as i32);
    if !(1..=end).contains(&place) {
        return call.none();
    }
    let removed = call.state.get(table, at(place));
    call.spend(((end - place) / 2) as usize);
    for to in place..end {
        let moved = call.state.get(table, at(to + 1));
        call.raw_set(table, at(to), moved)?;
    }
    call.raw_set(table, at(end), Value::Nil)?;
    call.one(removed)
}

/// Calls a function for one pair after another, until it returns something.
#[derive(Collect)]
#[collect(no_drop)]
struct Foreach<'gc> {
    table: Table<'gc>,
    function: Function<'gc>,
    key: Value<'gc>,
    /// Up to that place only; none for all pairs.
    last: Option<usize>,
}

impl<'gc> Foreach<'gc> {
    /// Puts the next pair on the stack. False where there is none.
    fn advance(&mut self, call: &mut Call<'gc, '_>) -> Result<bool, Error<'gc>> {
        let pair = match self.last {
            None => call
                .state
                .next(self.table, self.key)
                .map_err(|_| call.error_without_place(b"invalid key to 'next'"))?,
            Some(last) => {
                let place = match self.key {
                    Value::Number(place) => place + 1.0,
                    _ => 1.0,
                };
                let key = Value::Number(place);
                (place <= last as f64).then(|| (key, call.state.get(self.table, key)))
            }
        };
        call.stack.clear();
        let Some((key, value)) = pair else {
            return Ok(false);
        };
        self.key = key;
        call.stack.extend([key, value]);
        Ok(true)
    }
}

impl<'gc> Sequence<'gc> for Foreach<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let mut call = Call::resumed(ctx, exec, stack);
        if !call.arg(0).is_nil() {
            call.stack.resize(1);
            return Ok(SequencePoll::Return);
        }
        Ok(if self.advance(&mut call)? {
            SequencePoll::Call {
                function: self.function,
                is_tail: false,
            }
        } else {
            SequencePoll::Return
        })
    }
}

fn run_foreach<'gc>(call: &mut Call<'gc, '_>, counts: bool) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let last = counts.then(|| call.state.length(table));
    let function = call.check_function(1)?;
    let mut foreach = Foreach {
        table,
        function,
        key: Value::Nil,
        last,
    };
    if !foreach.advance(call)? {
        return call.none();
    }
    Ok(CallbackReturn::Call {
        function,
        then: Some(BoxSequence::new(&call.ctx, foreach)),
    })
}

/// table.foreach(table, f)
fn foreach<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    run_foreach(call, false)
}

/// table.foreachi(list, f)
fn foreachi<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    run_foreach(call, true)
}

// Sorting: 5.1's quicksort, step by step, because each comparison may be a script's.

/// What the sort waits for.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A part is to be begun.
    Begin,
    /// Whether the last is less than the first.
    Ends,
    /// Whether the middle is less than the first.
    MiddleFirst,
    /// Whether the last is less than the middle.
    MiddleLast,
    /// Whether the one that was reached from below is less than the pivot.
    Up,
    /// Whether the pivot is less than the one that was reached from above.
    Down,
}

#[derive(Collect)]
#[collect(no_drop)]
struct Sort<'gc> {
    table: Table<'gc>,
    values: Vec<Value<'gc>>,
    order: Option<Function<'gc>>,
    /// Parts to sort, the next one last.
    parts: Vec<(usize, usize)>,
    low: usize,
    high: usize,
    up: usize,
    down: usize,
    pivot: Value<'gc>,
    #[collect(require_static)]
    phase: Phase,
}

enum Next<'gc> {
    Compare(Value<'gc>, Value<'gc>),
    Done,
    Inconsistent,
}

impl<'gc> Sort<'gc> {
    /// The value at a place counted from 1.
    fn value(&self, place: usize) -> Value<'gc> {
        match place {
            0 => Value::Nil,
            place => self.values.get(place - 1).copied().unwrap_or_default(),
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.values.swap(one - 1, other - 1);
    }

    /// Goes on with the answer to the last question, up to the next.
    fn advance(&mut self, answer: bool) -> Next<'gc> {
        let mut answer = answer;
        loop {
            match self.phase {
                Phase::Begin => {
                    if self.low >= self.high {
                        let Some((low, high)) = self.parts.pop() else {
                            return Next::Done;
                        };
                        (self.low, self.high) = (low, high);
                        continue;
                    }
                    self.phase = Phase::Ends;
                    return Next::Compare(self.value(self.high), self.value(self.low));
                }
                Phase::Ends => {
                    if answer {
                        self.swap(self.low, self.high);
                    }
                    if self.high - self.low == 1 {
                        self.end_part();
                        continue;
                    }
                    self.up = (self.low + self.high) / 2;
                    self.phase = Phase::MiddleFirst;
                    return Next::Compare(self.value(self.up), self.value(self.low));
                }
                Phase::MiddleFirst => {
                    if answer {
                        self.swap(self.up, self.low);
                        self.begin_partition();
                        answer = true;
                        continue;
                    }
                    self.phase = Phase::MiddleLast;
                    return Next::Compare(self.value(self.high), self.value(self.up));
                }
                Phase::MiddleLast => {
                    if answer {
                        self.swap(self.up, self.high);
                    }
                    self.begin_partition();
                    answer = true;
                }
                Phase::Up => {
                    if answer {
                        if self.up > self.high {
                            return Next::Inconsistent;
                        }
                        self.up += 1;
                        return Next::Compare(self.value(self.up), self.pivot);
                    }
                    self.phase = Phase::Down;
                    self.down -= 1;
                    return Next::Compare(self.pivot, self.value(self.down));
                }
                Phase::Down => {
                    if answer {
                        if self.down < self.low || self.down == 0 {
                            return Next::Inconsistent;
                        }
                        self.down -= 1;
                        return Next::Compare(self.pivot, self.value(self.down));
                    }
                    if self.down < self.up {
                        self.swap_pivot();
                        continue;
                    }
                    if self.up > self.values.len() || self.down == 0 {
                        return Next::Inconsistent;
                    }
                    self.swap(self.up, self.down);
                    self.phase = Phase::Up;
                    answer = true;
                }
            }
        }
    }

    /// The part is in order; the next one comes.
    fn end_part(&mut self) {
        self.low = self.high;
        self.phase = Phase::Begin;
    }

    fn begin_partition(&mut self) {
        if self.high - self.low == 2 {
            self.end_part();
            return;
        }
        self.pivot = self.value(self.up);
        self.swap(self.up, self.high - 1);
        self.up = self.low;
        self.down = self.high - 1;
        self.phase = Phase::Up;
    }

    /// The pivot goes to its place; the smaller part is sorted first.
    fn swap_pivot(&mut self) {
        let place = self.up.min(self.values.len());
        self.swap(self.high - 1, place);
        let (low, high) = (self.low, self.high);
        self.phase = Phase::Begin;
        if place - low < high - place {
            self.parts.push((place + 1, high));
            (self.low, self.high) = (low, place.saturating_sub(1));
        } else {
            self.parts.push((low, place.saturating_sub(1)));
            (self.low, self.high) = (place + 1, high);
        }
    }

    /// Compares until a script has to be asked.
    fn run(
        &mut self,
        call: &mut Call<'gc, '_>,
        answer: bool,
    ) -> Result<Option<Function<'gc>>, Error<'gc>> {
        let mut answer = answer;
        loop {
            let (left, right) = match self.advance(answer) {
                Next::Compare(left, right) => (left, right),
                Next::Done => {
                    self.store(call)?;
                    return Ok(None);
                }
                Next::Inconsistent => {
                    self.store(call)?;
                    return Err(call.error("invalid order function for sorting"));
                }
            };
            call.spend(1);
            if let Some(order) = self.order {
                call.stack.clear();
                call.stack.extend([left, right]);
                return Ok(Some(order));
            }
            answer = match (left, right) {
                (Value::Number(left), Value::Number(right)) => left < right,
                (Value::String(left), Value::String(right)) => left.as_bytes() < right.as_bytes(),
                _ => {
                    let handler = metamethod(call.ctx, call.state, left, "__lt");
                    let same = raw_equal(handler, metamethod(call.ctx, call.state, right, "__lt"));
                    if let Value::Function(handler) = handler
                        && same
                    {
                        call.stack.clear();
                        call.stack.extend([left, right]);
                        return Ok(Some(handler));
                    }
                    self.store(call)?;
                    let message = order_message(left, right);
                    return Err(call.error_without_place(message.as_bytes()));
                }
            };
        }
    }

    fn store(&mut self, call: &mut Call<'gc, '_>) -> Result<(), Error<'gc>> {
        for (index, value) in self.values.iter().enumerate() {
            call.raw_set(self.table, at(index as i64 + 1), *value)?;
        }
        call.stack.clear();
        Ok(())
    }
}

impl<'gc> Sequence<'gc> for Sort<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let mut call = Call::resumed(ctx, exec, stack);
        let answer = call.arg(0).to_bool();
        Ok(match self.run(&mut call, answer)? {
            Some(function) => SequencePoll::Call {
                function,
                is_tail: false,
            },
            None => SequencePoll::Return,
        })
    }
}

/// table.sort(list [, order])
fn sort<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let order = match call.arg(1) {
        Value::Nil => None,
        _ => Some(call.check_function(1)?),
    };
    if call.state.is_read_only(table) {
        return Err(call.error_without_place(READ_ONLY.as_bytes()));
    }
    let length = call.state.length(table);
    let values = (1..=length)
        .map(|place| call.state.get(table, at(place as i64)))
        .collect();
    let mut sort = Sort {
        table,
        values,
        order,
        parts: Vec::new(),
        low: 1,
        high: length,
        up: 0,
        down: 0,
        pivot: Value::Nil,
        phase: Phase::Begin,
    };
    match sort.run(call, false)? {
        None => Ok(CallbackReturn::Return),
        Some(function) => Ok(CallbackReturn::Call {
            function,
            then: Some(BoxSequence::new(&call.ctx, sort)),
        }),
    }
}
