//! Tables that iterate in the order of Lua 5.1's, on the VM's tables.
//!
//! The VM's table answers reads and changes of what is there at full speed, but forgets in which
//! order keys came, and breaks when it grows after keys were removed. So every table a script can
//! see has a metatable of ours, whose `__newindex` is told of each *new* key. It keeps, beside the
//! table, the layout that 5.1's own table would have: the size of its array part and its hash nodes.
//! Traversal, `#` and growth follow that layout; the VM's table always has room, and so never grows
//! by itself.
//!
//! A metatable of ours holds, in its first places: the size of the array part of tables that have no
//! layout of their own yet, the script's metatable, and what a read-only library's table stands for.

use allocator_api2::vec;
use gc_arena::allocator_api::MetricsAlloc;
use gc_arena::lock::RefLock;
use gc_arena::{Collect, Gc, Rootable};
use piccolo::table::RawTable;
use piccolo::{Context, Function, String, Table, UserData, Value};

use super::state::State;

/// 5.1's array parts end here.
const MOST_ITEMS: usize = 1 << 26;

/// Array parts of these sizes need no layout of their own: all up to it, and powers of two.
const SMALL: usize = 16;

/// How many metatables there are for tables without a layout of their own.
const PLAIN: usize = SMALL + 23;

const ARRAY_SIZE: i64 = 1;
const METATABLE: i64 = 2;
const STANDS_FOR: i64 = 3;

/// A hash node: a key, and the next node of its chain.
#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    /// Nil where the node is free.
    key: Value<'gc>,
    next: Option<u32>,
}

type Nodes<'gc> = vec::Vec<Node<'gc>, MetricsAlloc<'gc>>;

/// How 5.1 would have laid out a table.
#[derive(Collect)]
#[collect(no_drop)]
pub struct Layout<'gc> {
    array_size: usize,
    nodes: Nodes<'gc>,
    last_free: usize,
    /// Keys that the VM's table may still take up before it is built anew.
    room: usize,
    /// The VM's table holds more than small whole numbers: it must not grow by itself.
    is_mixed: bool,
    /// Where the table serves as a metatable: ours for it.
    guard: Option<Table<'gc>>,
}

type LayoutRoot = Rootable![RefLock<Layout<'_>>];

/// Why a value can't be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// `t[nil] = v`
    Nil,
    /// `t[0/0] = v`
    NotANumber,
}

impl BadKey {
    /// 5.1's words.
    pub fn message(self) -> &'static str {
        match self {
            BadKey::Nil => "table index is nil",
            BadKey::NotANumber => "table index is NaN",
        }
    }
}

/// A traversal met an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKey;

/// The key as a place in an array part, counted from 1.
fn place_of(key: Value<'_>) -> Option<usize> {
    let number = match key {
        Value::Number(number) => number,
        Value::Integer(number) => number as f64,
        _ => return None,
    };
    let whole = number as i32;
    (f64::from(whole) == number && whole > 0).then_some(whole as usize)
}

fn log2_up(number: usize) -> u32 {
    number.max(1).next_power_of_two().trailing_zeros()
}

/// The string's hash in Redis's 5.1, which looks at every byte.
fn string_hash(text: &[u8]) -> u32 {
    text.iter().rev().fold(text.len() as u32, |hash, byte| {
        let mixed = (hash << 5)
            .wrapping_add(hash >> 2)
            .wrapping_add(u32::from(*byte));
        hash ^ mixed
    })
}

/// Where a key belongs among `size` nodes.
fn main_position(key: Value<'_>, size: usize) -> usize {
    let modulo = |hash: usize| hash % ((size - 1) | 1);
    match key {
        Value::Number(0.0) | Value::Nil => 0,
        Value::Number(number) => {
            let bits = number.to_bits();
            modulo((bits as u32).wrapping_add((bits >> 32) as u32) as usize)
        }
        Value::Integer(number) => main_position(Value::Number(number as f64), size),
        Value::String(text) => string_hash(text.as_bytes()) as usize & (size - 1),
        Value::Boolean(truth) => usize::from(truth) & (size - 1),
        Value::Table(table) => modulo(Gc::as_ptr(table.into_inner()) as usize >> 3),
        Value::Function(Function::Closure(closure)) => {
            modulo(Gc::as_ptr(closure.into_inner()) as usize >> 3)
        }
        Value::Function(Function::Callback(callback)) => {
            modulo(Gc::as_ptr(callback.into_inner()) as usize >> 3)
        }
        Value::Thread(thread) => modulo(Gc::as_ptr(thread.into_inner()) as usize >> 3),
        Value::UserData(data) => modulo(Gc::as_ptr(data.into_inner()) as usize >> 3),
    }
}

/// Equality without metamethods.
pub fn raw_equal<'gc>(left: Value<'gc>, right: Value<'gc>) -> bool {
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Integer(left), Value::Integer(right)) => left == right,
        (Value::Integer(whole), Value::Number(number))
        | (Value::Number(number), Value::Integer(whole)) => whole as f64 == number,
        (Value::String(left), Value::String(right)) => same_string(left, right),
        (Value::Table(left), Value::Table(right)) => left == right,
        (Value::Function(left), Value::Function(right)) => left == right,
        (Value::Thread(left), Value::Thread(right)) => left == right,
        (Value::UserData(left), Value::UserData(right)) => left == right,
        _ => false,
    }
}

fn same_string<'gc>(left: String<'gc>, right: String<'gc>) -> bool {
    left.stored_hash() == right.stored_hash() && left.as_bytes() == right.as_bytes()
}

impl<'gc> Layout<'gc> {
    fn new(ctx: Context<'gc>, array_size: usize) -> Self {
        Layout {
            array_size,
            nodes: vec::Vec::new_in(MetricsAlloc::new(&ctx)),
            last_free: 0,
            room: 0,
            is_mixed: false,
            guard: None,
        }
    }

    fn set_nodes(&mut self, ctx: Context<'gc>, count: usize) -> Nodes<'gc> {
        let size = if count == 0 { 0 } else { 1 << log2_up(count) };
        self.last_free = size;
        let free = Node {
            key: Value::Nil,
            next: None,
        };
        let mut nodes = vec::Vec::with_capacity_in(size, MetricsAlloc::new(&ctx));
        nodes.resize(size, free);
        std::mem::replace(&mut self.nodes, nodes)
    }

    fn find(&self, key: Value<'gc>) -> Option<usize> {
        if self.nodes.is_empty() {
            return None;
        }
        let mut at = main_position(key, self.nodes.len());
        loop {
            let node = &self.nodes[at];
            if raw_equal(node.key, key) {
                return Some(at);
            }
            at = node.next? as usize;
        }
    }

    /// Gives a key that has no node one. False where none is free.
    fn place(&mut self, table: Table<'gc>, key: Value<'gc>) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        let size = self.nodes.len();
        let mut own = main_position(key, size);
        let there = self.nodes[own];
        if !there.key.is_nil() && !table.get_value(there.key).is_nil() {
            let Some(free) = self.free_node() else {
                return false;
            };
            let mut other = main_position(there.key, size);
            if other != own {
                // Who stands here does not belong here, and moves.
                while let Some(next) = self.nodes[other].next
                    && next as usize != own
                {
                    other = next as usize;
                }
                self.nodes[other].next = Some(free as u32);
                self.nodes[free] = there;
                self.nodes[own].next = None;
            } else {
                self.nodes[free].next = there.next;
                self.nodes[own].next = Some(free as u32);
                own = free;
            }
        }
        self.nodes[own].key = key;
        true
    }

    fn free_node(&mut self) -> Option<usize> {
        while self.last_free > 0 {
            self.last_free -= 1;
            if self.nodes[self.last_free].key.is_nil() {
                return Some(self.last_free);
            }
        }
        None
    }
}

/// How many keys could live in an array part, by the power of two that holds them.
struct Census {
    slices: [usize; 27],
    /// Of those.
    places: usize,
    total: usize,
}

impl Census {
    fn count(&mut self, key: Value<'_>) {
        self.total += 1;
        if let Some(place) = place_of(key)
            && place <= MOST_ITEMS
        {
            self.slices[log2_up(place) as usize] += 1;
            self.places += 1;
        }
    }

    /// The size of the array part that is more than half full, and how many keys live in it.
    fn array(&self) -> (usize, usize) {
        let (mut size, mut inside, mut seen) = (0, 0, 0);
        for (power, slice) in self.slices.iter().enumerate() {
            if (1usize << power) / 2 >= self.places {
                break;
            }
            seen += slice;
            if *slice > 0 && seen > (1 << power) / 2 {
                size = 1 << power;
                inside = seen;
            }
            if seen == self.places {
                break;
            }
        }
        (size, inside)
    }
}

/// Our metatables for tables that have no layout of their own, by the size of the array part.
fn plain_index(array_size: usize) -> Option<usize> {
    if array_size <= SMALL {
        Some(array_size)
    } else if array_size.is_power_of_two() && array_size <= MOST_ITEMS {
        Some(SMALL + array_size.trailing_zeros() as usize - 4)
    } else {
        None
    }
}

/// A metatable of ours.
fn guard_table<'gc>(
    ctx: Context<'gc>,
    array_size: usize,
    metatable: Option<Table<'gc>>,
    stands_for: Option<Table<'gc>>,
) -> Table<'gc> {
    let guard = Table::new(&ctx);
    let or_nil = |table: Option<Table<'gc>>| table.map_or(Value::Nil, Value::Table);
    let entries = [
        (ARRAY_SIZE, Value::Integer(array_size as i64)),
        (METATABLE, or_nil(metatable)),
        (STANDS_FOR, or_nil(stands_for)),
    ];
    for (place, value) in entries {
        // A whole number is a valid key.
        let _ = guard.set_value(&ctx, place.into(), value);
    }
    guard
}

fn set_field<'gc>(ctx: Context<'gc>, table: Table<'gc>, name: &'static str, value: Value<'gc>) {
    let name = ctx.intern_static(name.as_bytes());
    // A string is a valid key.
    let _ = table.set_value(&ctx, name.into(), value);
}

fn table_at<'gc>(guard: Table<'gc>, place: i64) -> Option<Table<'gc>> {
    match guard.get_value(Value::Integer(place)) {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

impl<'gc> State<'gc> {
    /// Makes the metatables for tables without a layout of their own. The callbacks are there.
    pub(super) fn make_plain_guards(self, ctx: Context<'gc>) {
        let mut guards = Vec::with_capacity(PLAIN);
        for index in 0..PLAIN {
            let size = if index <= SMALL {
                index
            } else {
                1 << (index - SMALL + 4)
            };
            let guard = guard_table(ctx, size, None, None);
            set_field(ctx, guard, "__newindex", self.callback("\x01newindex"));
            // It refuses: the VM itself would not tell a table from nil.
            set_field(ctx, guard, "__call", self.callback("\x01call_table"));
            guards.push(guard);
        }
        *self.plain_guards_mut(ctx) = guards;
    }

    fn plain_guard(self, array_size: usize) -> Option<Table<'gc>> {
        let index = plain_index(array_size)?;
        self.plain_guards().get(index).copied()
    }

    /// An empty table.
    pub fn new_table(self, ctx: Context<'gc>) -> Table<'gc> {
        Table::from_parts(&ctx, RawTable::new(&ctx), self.plain_guard(0))
    }

    /// A table with values in its first places, as one is that was filled in order.
    pub fn new_array(
        self,
        ctx: Context<'gc>,
        values: impl ExactSizeIterator<Item = Value<'gc>>,
    ) -> Table<'gc> {
        let size = values.len();
        let array_size = if size == 0 {
            0
        } else {
            size.next_power_of_two()
        };
        self.new_array_of(ctx, array_size, values)
    }

    /// A table whose array part was made for `array_size` values.
    pub fn new_array_of(
        self,
        ctx: Context<'gc>,
        array_size: usize,
        values: impl ExactSizeIterator<Item = Value<'gc>>,
    ) -> Table<'gc> {
        let mut raw = RawTable::new(&ctx);
        raw.reserve_array(values.len());
        for (at, value) in values.enumerate() {
            // A whole number is a valid key.
            let _ = raw.set(Value::Integer(at as i64 + 1), value);
        }
        let guard = self.plain_guard(array_size);
        let table = Table::from_parts(&ctx, raw, guard.or(self.plain_guard(0)));
        if guard.is_none() {
            self.set_array_size(ctx, table, array_size);
        }
        table
    }

    /// A table laid out for so many items and pairs, as a constructor makes it.
    pub fn new_table_for(self, ctx: Context<'gc>, items: usize, pairs: usize) -> Table<'gc> {
        let table = self.new_table(ctx);
        if pairs == 0 && self.plain_guard(items).is_some() {
            table.set_metatable(&ctx, self.plain_guard(items));
        } else if items + pairs > 0 {
            let layout = self.layout_or_new(ctx, table);
            let mut layout = write(ctx, layout);
            layout.array_size = items;
            layout.set_nodes(ctx, pairs);
        }
        table
    }

    /// Makes the array part larger, as a constructor does for what it did not foresee.
    pub fn set_array_size(self, ctx: Context<'gc>, table: Table<'gc>, array_size: usize) {
        if array_size <= self.array_size(table) {
            return;
        }
        let is_bare = self.layout(table).is_none() && self.metatable(table).is_none();
        if is_bare && let Some(guard) = self.plain_guard(array_size) {
            table.set_metatable(&ctx, Some(guard));
            return;
        }
        let layout = self.layout_or_new(ctx, table);
        let nodes = layout_of(layout).borrow().nodes.len();
        self.resize(ctx, table, layout, array_size, nodes);
    }

    fn layout(self, table: Table<'gc>) -> Option<UserData<'gc>> {
        match table.get_value(self.layout_key().into()) {
            Value::UserData(layout) => Some(layout),
            _ => None,
        }
    }

    fn layout_or_new(self, ctx: Context<'gc>, table: Table<'gc>) -> UserData<'gc> {
        if let Some(layout) = self.layout(table) {
            return layout;
        }
        let fresh = RefLock::new(Layout::new(ctx, self.array_size(table)));
        let layout = UserData::new::<LayoutRoot>(&ctx, fresh);
        // Whoever has no layout holds whole numbers only, so the VM's table may grow for it.
        let _ = table.set_value(&ctx, self.layout_key().into(), layout.into());
        layout
    }

    fn array_size(self, table: Table<'gc>) -> usize {
        if let Some(layout) = self.layout(table) {
            return layout_of(layout).borrow().array_size;
        }
        match table
            .metatable()
            .map(|guard| guard.get_value(ARRAY_SIZE.into()))
        {
            Some(Value::Integer(size)) => size as usize,
            _ => 0,
        }
    }

    /// The metatable that a script gave the table.
    pub fn metatable(self, table: Table<'gc>) -> Option<Table<'gc>> {
        table_at(table.metatable()?, METATABLE)
    }

    /// Gives the table a metatable, or takes it away.
    pub fn set_metatable(
        self,
        ctx: Context<'gc>,
        table: Table<'gc>,
        metatable: Option<Table<'gc>>,
    ) {
        let array_size = self.array_size(table);
        let guard = match metatable {
            None => {
                if self.plain_guard(array_size).is_none() {
                    self.layout_or_new(ctx, table);
                }
                self.plain_guard(array_size).or(self.plain_guard(0))
            }
            Some(metatable) => {
                if array_size > 0 {
                    self.layout_or_new(ctx, table);
                }
                Some(self.guard_for(ctx, metatable))
            }
        };
        table.set_metatable(&ctx, guard);
    }

    fn guard_for(self, ctx: Context<'gc>, metatable: Table<'gc>) -> Table<'gc> {
        let metatable = self.real(metatable);
        let layout = self.layout_or_new(ctx, metatable);
        if let Some(guard) = layout_of(layout).borrow().guard {
            return guard;
        }
        let guard = guard_table(ctx, 0, Some(metatable), None);
        for (name, callback) in [
            ("__newindex", "\x01newindex"),
            ("__index", "\x01inherit"),
            ("__eq", "\x01equal"),
            ("__call", "\x01call_table"),
        ] {
            set_field(ctx, guard, name, self.callback(callback));
        }
        write(ctx, layout).guard = Some(guard);
        guard
    }

    /// A table that shows `table` and can't be written to. `metatable` is what scripts see of its
    /// metatable.
    pub fn read_only(
        self,
        ctx: Context<'gc>,
        table: Table<'gc>,
        metatable: Option<Table<'gc>>,
    ) -> Table<'gc> {
        let guard = guard_table(ctx, 0, metatable, Some(table));
        set_field(ctx, guard, "__newindex", self.callback("\x01newindex"));
        set_field(ctx, guard, "__index", self.callback("\x01inherit"));
        set_field(ctx, guard, "__call", self.callback("\x01call_table"));
        Table::from_parts(&ctx, RawTable::new(&ctx), Some(guard))
    }

    /// True for a library's table.
    pub fn is_read_only(self, table: Table<'gc>) -> bool {
        table
            .metatable()
            .is_some_and(|guard| table_at(guard, STANDS_FOR).is_some())
    }

    /// What the table stands for, if it is a library's; otherwise itself.
    pub fn real(self, table: Table<'gc>) -> Table<'gc> {
        table
            .metatable()
            .and_then(|guard| table_at(guard, STANDS_FOR))
            .unwrap_or(table)
    }

    /// True for a table of a script's own that never had a key but whole numbers.
    pub fn holds_only_places(self, table: Table<'gc>) -> bool {
        !self.is_read_only(table) && self.layout(table).is_none()
    }

    /// A value, without metamethods.
    pub fn get(self, table: Table<'gc>, key: Value<'gc>) -> Value<'gc> {
        self.real(table).get_value(key)
    }

    /// Sets a value, without metamethods.
    pub fn set(
        self,
        ctx: Context<'gc>,
        table: Table<'gc>,
        key: Value<'gc>,
        value: Value<'gc>,
    ) -> Result<(), BadKey> {
        match key {
            Value::Nil => return Err(BadKey::Nil),
            Value::Number(number) if number.is_nan() => return Err(BadKey::NotANumber),
            _ => {}
        }
        if table.get_value(key).is_nil() {
            self.add(ctx, table, key, value);
        } else {
            // What is there is replaced, and a key that is valid for reading is valid for writing.
            let _ = table.set_value(&ctx, key, value);
        }
        Ok(())
    }

    /// Sets a field of a table that is being made.
    pub fn set_name(self, ctx: Context<'gc>, table: Table<'gc>, name: &str, value: Value<'gc>) {
        // A string is a valid key.
        let _ = self.set(ctx, table, ctx.intern(name.as_bytes()).into(), value);
    }

    /// Adds a key that is not there: neither nil nor NaN.
    pub fn add(self, ctx: Context<'gc>, table: Table<'gc>, key: Value<'gc>, value: Value<'gc>) {
        loop {
            let place = place_of(key);
            let Some(layout) = self.layout(table) else {
                if place.is_some_and(|place| place <= self.array_size(table)) {
                    let _ = table.set_value(&ctx, key, value);
                    return;
                }
                self.rehash(ctx, table, key);
                continue;
            };
            let mut inside = write(ctx, layout);
            let known = place.is_some_and(|place| place <= inside.array_size)
                || inside.find(key).is_some()
                || inside.place(table, key);
            if known {
                if !value.is_nil() {
                    self.put(ctx, table, &mut inside, key, value);
                }
                return;
            }
            drop(inside);
            self.rehash(ctx, table, key);
        }
    }

    /// Puts a key into the VM's table, which has room for it.
    fn put(
        self,
        ctx: Context<'gc>,
        table: Table<'gc>,
        layout: &mut Layout<'gc>,
        key: Value<'gc>,
        value: Value<'gc>,
    ) {
        let is_item = place_of(key).is_some();
        if !is_item || layout.is_mixed {
            if !layout.is_mixed || layout.room == 0 {
                layout.is_mixed = true;
                self.rebuild(ctx, table, layout);
            }
            layout.room = layout.room.saturating_sub(1);
        }
        let _ = table.set_value(&ctx, key, value);
    }

    /// Makes room for a key, as 5.1 does: counts what is there and lays it out anew.
    fn rehash(self, ctx: Context<'gc>, table: Table<'gc>, key: Value<'gc>) {
        let mut census = Census {
            slices: [0; 27],
            places: 0,
            total: 0,
        };
        let old_size = self.array_size(table);
        for place in 1..=old_size as i64 {
            if !table.get_value(Value::Integer(place)).is_nil() {
                census.count(Value::Integer(place));
            }
        }
        let layout = self.layout(table);
        if let Some(layout) = layout {
            for node in &layout_of(layout).borrow().nodes {
                if !node.key.is_nil() && !table.get_value(node.key).is_nil() {
                    census.count(node.key);
                }
            }
        }
        census.count(key);
        let (array_size, inside) = census.array();
        let pairs = census.total - inside;
        if layout.is_none()
            && pairs == 0
            && array_size > old_size
            && self.metatable(table).is_none()
            && let Some(guard) = self.plain_guard(array_size)
        {
            table.set_metatable(&ctx, Some(guard));
            return;
        }
        let layout = self.layout_or_new(ctx, table);
        self.resize(ctx, table, layout, array_size, pairs);
    }

    fn resize(
        self,
        ctx: Context<'gc>,
        table: Table<'gc>,
        layout: UserData<'gc>,
        array_size: usize,
        pairs: usize,
    ) {
        let mut layout = write(ctx, layout);
        let layout = &mut *layout;
        let old_size = std::mem::replace(&mut layout.array_size, array_size);
        let old_nodes = layout.set_nodes(ctx, pairs);
        for place in array_size + 1..=old_size {
            if !table.get_value(Value::Integer(place as i64)).is_nil() {
                layout.place(table, Value::Number(place as f64));
            }
        }
        for node in old_nodes.iter().rev() {
            let is_item = place_of(node.key).is_some_and(|place| place <= array_size);
            if !node.key.is_nil() && !is_item && !table.get_value(node.key).is_nil() {
                layout.place(table, node.key);
            }
        }
        if layout.is_mixed {
            self.rebuild(ctx, table, layout);
        }
    }

    /// Builds the VM's table anew: without what was removed, and with room for what may come.
    fn rebuild(self, ctx: Context<'gc>, table: Table<'gc>, layout: &mut Layout<'gc>) {
        let mut raw = RawTable::new(&ctx);
        raw.reserve_array(layout.array_size);
        // Whole numbers first, while it may grow, gaps filled for the moment.
        for place in 1..=layout.array_size as i64 {
            let value = table.get_value(place.into());
            let filled = if value.is_nil() {
                Value::Boolean(false)
            } else {
                value
            };
            let _ = raw.set(place.into(), filled);
        }
        for place in 1..=layout.array_size as i64 {
            if table.get_value(place.into()).is_nil() {
                let _ = raw.set(place.into(), Value::Nil);
            }
        }
        let size = layout.nodes.len();
        layout.room = size + size / 2 + 4;
        raw.reserve_map(layout.room + 2);
        for node in &layout.nodes {
            let value = match node.key {
                Value::Nil => continue,
                key => table.get_value(key),
            };
            if !value.is_nil() {
                let _ = raw.set(node.key, value);
                layout.room -= 1;
            }
        }
        let key = Value::from(self.layout_key());
        let _ = raw.set(key, table.get_value(key));
        table.into_inner().borrow_mut(&ctx).raw_table = raw;
    }

    /// The pair that follows `key` in a traversal, or the first one after nil.
    pub fn next(
        self,
        table: Table<'gc>,
        key: Value<'gc>,
    ) -> Result<Option<(Value<'gc>, Value<'gc>)>, UnknownKey> {
        let table = self.real(table);
        let layout = self.layout(table).map(|layout| layout_of(layout).borrow());
        let array_size = match &layout {
            Some(layout) => layout.array_size,
            None => self.array_size(table),
        };
        let start = match place_of(key) {
            _ if key.is_nil() => 0,
            Some(place) if place <= array_size => place,
            _ => {
                let node = layout.as_ref().and_then(|layout| layout.find(key));
                array_size + 1 + node.ok_or(UnknownKey)?
            }
        };
        for place in start + 1..=array_size {
            let value = table.get_value(Value::Integer(place as i64));
            if !value.is_nil() {
                return Ok(Some((Value::Number(place as f64), value)));
            }
        }
        let Some(layout) = layout else {
            return Ok(None);
        };
        for node in layout.nodes.iter().skip(start.saturating_sub(array_size)) {
            if !node.key.is_nil() {
                let value = table.get_value(node.key);
                if !value.is_nil() {
                    return Ok(Some((node.key, value)));
                }
            }
        }
        Ok(None)
    }

    /// Every pair, in order.
    pub fn pairs(self, table: Table<'gc>) -> impl Iterator<Item = (Value<'gc>, Value<'gc>)> {
        let mut last = Some(Value::Nil);
        std::iter::from_fn(move || {
            let pair = self.next(table, last?).ok().flatten();
            last = pair.map(|(key, _)| key);
            pair
        })
    }

    /// `#table`: 5.1's choice where there are several borders.
    pub fn length(self, table: Table<'gc>) -> usize {
        let table = self.real(table);
        let is_nil = |place: usize| table.get_value(Value::Integer(place as i64)).is_nil();
        let between = |mut present: usize, mut absent: usize| {
            while absent - present > 1 {
                let middle = present + (absent - present) / 2;
                if is_nil(middle) {
                    absent = middle;
                } else {
                    present = middle;
                }
            }
            present
        };
        let layout = self.layout(table).map(|layout| layout_of(layout).borrow());
        let (size, has_nodes) = match &layout {
            Some(layout) => (layout.array_size, !layout.nodes.is_empty()),
            None => (self.array_size(table), false),
        };
        if size > 0 && is_nil(size) {
            return between(0, size);
        }
        if !has_nodes {
            return size;
        }
        let (mut present, mut absent) = (size, size + 1);
        while !is_nil(absent) {
            present = absent;
            absent *= 2;
            if absent > i32::MAX as usize {
                let mut place = 1;
                while !is_nil(place) {
                    place += 1;
                }
                return place - 1;
            }
        }
        between(present, absent)
    }
}

fn layout_of<'gc>(layout: UserData<'gc>) -> &'gc RefLock<Layout<'gc>> {
    match layout.downcast::<LayoutRoot>() {
        Ok(layout) => layout,
        // Nobody else stores under that key.
        Err(_) => unreachable!("a layout's place holds a layout"),
    }
}

fn write<'gc>(ctx: Context<'gc>, layout: UserData<'gc>) -> std::cell::RefMut<'gc, Layout<'gc>> {
    match layout.downcast_write::<LayoutRoot>(&ctx) {
        Ok(layout) => layout.unlock().borrow_mut(),
        Err(_) => unreachable!("a layout's place holds a layout"),
    }
}
