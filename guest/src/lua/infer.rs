//! Which types a local variable may hold, from everything that is ever assigned to it. Where operands
//! are known to be numbers, the VM's own instructions do.

use super::arguments::{Argument, List};
use super::ast::{
    Binary, Block, Chunk, Expr, ExprKind, Field, Function, StatementKind, Unary, Var, VarId,
};
use super::kinds::Kinds;
use super::lib::{self, Known, redis};

/// What code a chunk is: its globals depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A script: all globals are known before it runs.
    Script,
    /// A chunk that a script loads: another may change KEYS and ARGV.
    Loaded,
    /// A library of functions: while it loads, it sees little; its functions see everything but KEYS
    /// and ARGV.
    Library,
}

/// What is known of a variable as a function.
#[derive(Debug)]
struct Callee {
    /// The parameters of the one function that it ever holds, if that is so.
    params: Option<Vec<VarId>>,
    /// What the first result of that function may be.
    gives: Kinds,
    /// Nobody calls it by another name.
    is_private: bool,
}

impl Callee {
    fn of(var: &Var) -> Self {
        Callee {
            params: None,
            gives: Kinds::NONE,
            is_private: !var.reassigned,
        }
    }
}

/// What is known about a chunk's variables.
pub struct Types {
    mode: Mode,
    vars: Vec<Kinds>,
    /// Its variables as functions.
    callees: Vec<Callee>,
    /// The variable that holds the function around the statement at hand.
    inside: Option<VarId>,
    /// Something new was learned.
    has_learned: bool,
    /// Lists of arguments that something is done with but to look at single places.
    changed: Vec<List>,
    /// The arguments of other lists are read from cells of their own.
    has_cells: bool,
    /// Variables that are numbers at the place at hand, because a comparison has shown it.
    proved: Vec<VarId>,
    /// Functions around the expression at hand.
    depth: usize,
}

/// Looks at a whole chunk until nothing new is learned.
pub fn infer(chunk: &Chunk, mode: Mode) -> Types {
    let mut types = Types {
        mode,
        vars: vec![Kinds::NONE; chunk.vars.len()],
        callees: chunk.vars.iter().map(Callee::of).collect(),
        inside: None,
        has_learned: false,
        changed: Vec::new(),
        has_cells: false,
        proved: Vec::new(),
        depth: 0,
    };
    // Who is passed on, and which arguments change, has to be known before the first type is.
    types.block(&chunk.main.body);
    types.has_cells = mode == Mode::Script && !chunk.sees_globals && !chunk.loads_chunks;
    types.vars.fill(Kinds::NONE);
    for callee in &mut types.callees {
        callee.gives = Kinds::NONE;
    }
    loop {
        types.has_learned = false;
        types.block(&chunk.main.body);
        if !types.has_learned {
            return types;
        }
    }
}

/// True if what follows the block is never reached.
fn always_returns(block: &Block) -> bool {
    match block.statements.last().map(|statement| &statement.kind) {
        Some(StatementKind::Return(_)) => true,
        Some(StatementKind::Do(body)) => always_returns(body),
        Some(StatementKind::If(arms, Some(otherwise))) => {
            arms.iter().all(|(_, body)| always_returns(body)) && always_returns(otherwise)
        }
        _ => false,
    }
}

impl Types {
    /// What a name of a library means at this depth of functions, where nothing hides it.
    pub fn known(&self, expr: &Expr, depth: usize) -> Option<Known> {
        if self.mode == Mode::Library && depth == 0 {
            return None;
        }
        match &expr.kind {
            ExprKind::Global(name) => match (&name[..], self.mode) {
                (_, Mode::Library) => lib::find(b"", name),
                (name, Mode::Script | Mode::Loaded) => match List::named(name) {
                    Some(list) => Some(Known::Cell(list.cell())),
                    None => lib::find(b"", name),
                },
            },
            ExprKind::Index(base, key) => match (&base.kind, &key.kind) {
                (ExprKind::Global(library), ExprKind::String(name)) => lib::find(library, name),
                (ExprKind::Global(list), ExprKind::Number(index)) if self.has_cells => {
                    let list = List::named(list).filter(|list| !self.changed.contains(list))?;
                    Argument::at(list, *index).map(Known::Argument)
                }
                _ => None,
            },
            ExprKind::Call(function, args) if self.has_cells => {
                let [of] = args.as_slice() else { return None };
                match (self.known(function, depth), self.known(of, depth)) {
                    (Some(Known::Function(_, entry)), Some(Known::Argument(argument)))
                        if entry.name == "tonumber" && !argument.as_number =>
                    {
                        Some(Known::Argument(Argument {
                            as_number: true,
                            ..argument
                        }))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What an expression's first value may be.
    pub fn kinds(&self, expr: &Expr, depth: usize) -> Kinds {
        if let Some(known) = self.known(expr, depth) {
            return match known {
                Known::Function(..) => Kinds::FUNCTION,
                Known::Number(_) => Kinds::NUMBER,
                Known::Text(_) => Kinds::STRING,
                Known::Cell(_) => Kinds::TABLE,
                Known::Argument(argument) if argument.as_number => Kinds::NUMBER | Kinds::NIL,
                Known::Argument(_) => Kinds::STRING | Kinds::NIL,
            };
        }
        match &expr.kind {
            ExprKind::Nil => Kinds::NIL,
            ExprKind::Bool(_) => Kinds::BOOL,
            ExprKind::Number(_) => Kinds::NUMBER,
            ExprKind::String(_) => Kinds::STRING,
            ExprKind::Function(_) => Kinds::FUNCTION,
            ExprKind::Table(_) => Kinds::TABLE,
            ExprKind::Local(var) if self.proved.contains(var) => Kinds::NUMBER,
            ExprKind::Local(var) => self.vars[*var],
            ExprKind::Paren(inner) => self.kinds(inner, depth),
            ExprKind::Call(function, args) => match (self.known(function, depth), args.first()) {
                (None, _) => match function.kind {
                    ExprKind::Local(var) => self.gives(var),
                    _ => Kinds::ANY,
                },
                (Some(Known::Function(_, entry)), Some(first))
                    if entry.name == "call" && is_counting(first) =>
                {
                    Kinds::NUMBER
                }
                (Some(Known::Function(_, entry)), _) => entry.gives,
                _ => Kinds::ANY,
            },
            ExprKind::Vararg | ExprKind::Global(_) | ExprKind::Index(..) | ExprKind::Method(..) => {
                Kinds::ANY
            }
            ExprKind::And(left, right) => {
                let (left, right) = (self.kinds(left, depth), self.kinds(right, depth));
                left.falsy() | right
            }
            ExprKind::Or(left, right) => {
                let (left, right) = (self.kinds(left, depth), self.kinds(right, depth));
                left.truthy() | right
            }
            ExprKind::Unary(operator, operand) => match operator {
                Unary::Not => Kinds::BOOL,
                Unary::Length => Kinds::NUMBER,
                Unary::Minus => {
                    calculated(self.kinds(operand, depth), Kinds::NUMBER, Kinds::NUMBER)
                }
            },
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (self.kinds(left, depth), self.kinds(right, depth));
                match operator {
                    Binary::Concat => calculated(left, right, Kinds::STRING),
                    Binary::Equal
                    | Binary::Unequal
                    | Binary::Less
                    | Binary::AtMost
                    | Binary::Greater
                    | Binary::AtLeast => Kinds::BOOL,
                    _ => calculated(left, right, Kinds::NUMBER),
                }
            }
        }
    }

    /// What a variable gives where it is called.
    fn gives(&self, var: VarId) -> Kinds {
        let callee = &self.callees[var];
        match callee.is_private && callee.params.is_some() {
            true => callee.gives,
            false => Kinds::ANY,
        }
    }

    /// How many variables are proved: for [`Types::forget`].
    pub fn proved(&self) -> usize {
        self.proved.len()
    }

    /// Takes back what was proved since: it held in a block that has ended.
    pub fn forget(&mut self, count: usize) {
        self.proved.truncate(count);
    }

    /// Learns from a condition that was evaluated without an error: what compares with a number is
    /// one. It stays one where nothing is ever assigned to it.
    pub fn prove(&mut self, condition: &Expr, vars: &[Var], depth: usize) {
        match &condition.kind {
            ExprKind::Paren(inner) | ExprKind::Unary(Unary::Not, inner) => {
                self.prove(inner, vars, depth);
            }
            // The right side may not have been evaluated.
            ExprKind::And(left, _) | ExprKind::Or(left, _) => self.prove(left, vars, depth),
            ExprKind::Binary(
                Binary::Less | Binary::AtMost | Binary::Greater | Binary::AtLeast,
                left,
                right,
            ) => {
                for (one, other) in [(left, right), (right, left)] {
                    if let ExprKind::Local(var) = one.kind
                        && !vars[var].reassigned
                        && !self.kinds(one, depth).is(Kinds::NUMBER)
                        && self.kinds(other, depth).is(Kinds::NUMBER)
                    {
                        self.proved.push(var);
                    }
                }
            }
            _ => {}
        }
    }

    /// What an operator was applied to without an error is a number, if it is nothing else but nil.
    pub fn prove_number(&mut self, operand: &Expr, vars: &[Var], depth: usize) {
        if let ExprKind::Local(var) = operand.kind
            && !vars[var].reassigned
            && self.kinds(operand, depth) == Kinds::MAYBE_NUMBER
        {
            self.proved.push(var);
        }
    }

    fn learn(&mut self, var: VarId, kinds: Kinds) {
        let all = self.vars[var] | kinds;
        self.has_learned |= self.vars[var] != all;
        self.vars[var] = all;
    }

    /// Learns what the function around this place may give.
    fn learn_result(&mut self, kinds: Kinds) {
        if let Some(var) = self.inside {
            let callee = &mut self.callees[var];
            self.has_learned |= callee.gives | kinds != callee.gives;
            callee.gives = callee.gives | kinds;
        }
    }

    /// What the value at `index` of a list may be, whose last may be many.
    fn value_at(&self, values: &[Expr], index: usize) -> Kinds {
        match (values.get(index), values.last()) {
            (Some(value), _) => self.kinds(value, self.depth),
            (None, Some(last)) if last.is_open() => Kinds::ANY,
            _ => Kinds::NIL,
        }
    }

    fn block(&mut self, block: &Block) {
        for statement in &block.statements {
            match &statement.kind {
                StatementKind::Local(vars, values) => {
                    if let (
                        [var],
                        [
                            Expr {
                                kind: ExprKind::Function(function),
                                ..
                            },
                        ],
                    ) = (vars.as_slice(), values.as_slice())
                    {
                        self.learn(*var, Kinds::FUNCTION);
                        self.function(function, Some(*var));
                        continue;
                    }
                    self.exprs(values);
                    for (index, var) in vars.iter().enumerate() {
                        self.learn(*var, self.value_at(values, index));
                    }
                }
                StatementKind::LocalFunction(var, function) => {
                    self.learn(*var, Kinds::FUNCTION);
                    self.function(function, Some(*var));
                }
                StatementKind::Assign(targets, values) => {
                    for target in targets {
                        if let ExprKind::Index(base, key) = &target.kind {
                            self.expr(base);
                            self.expr(key);
                        }
                    }
                    self.exprs(values);
                    for (index, target) in targets.iter().enumerate() {
                        if let ExprKind::Local(var) = target.kind {
                            self.learn(var, self.value_at(values, index));
                        }
                    }
                }
                StatementKind::Call(call) => self.expr(call),
                StatementKind::Do(body) => self.block(body),
                StatementKind::While(condition, body) | StatementKind::Repeat(body, condition) => {
                    self.expr(condition);
                    self.block(body);
                }
                StatementKind::If(arms, otherwise) => {
                    for (condition, body) in arms {
                        self.expr(condition);
                        self.block(body);
                    }
                    if let Some(body) = otherwise {
                        self.block(body);
                    }
                }
                StatementKind::NumericFor {
                    var,
                    from,
                    to,
                    step,
                    body,
                } => {
                    for expr in [Some(from), Some(to), step.as_ref()].into_iter().flatten() {
                        self.expr(expr);
                    }
                    self.learn(*var, Kinds::NUMBER);
                    self.block(body);
                }
                StatementKind::GenericFor(vars, values, body) => {
                    self.exprs(values);
                    for (index, var) in vars.iter().enumerate() {
                        let kinds = if index == 0 && self.counts(values) {
                            Kinds::NUMBER
                        } else {
                            Kinds::ANY
                        };
                        self.learn(*var, kinds);
                    }
                    self.block(body);
                }
                StatementKind::Return(values) => {
                    self.exprs(values);
                    self.learn_result(self.value_at(values, 0));
                }
                StatementKind::Break => {}
            }
        }
    }

    /// True for `ipairs(t)`.
    fn counts(&self, values: &[Expr]) -> bool {
        match values {
            [
                Expr {
                    kind: ExprKind::Call(function, _),
                    ..
                },
            ] => match self.known(function, self.depth) {
                Some(Known::Function(_, entry)) => entry.name == "ipairs",
                _ => false,
            },
            _ => false,
        }
    }

    /// A function, and the variable that holds it.
    fn function(&mut self, function: &Function, var: Option<VarId>) {
        // What its only name is called with is seen where that is done.
        let private = var.filter(|var| self.callees[*var].is_private);
        if let Some(var) = private {
            let params = &mut self.callees[var].params;
            params.get_or_insert_with(|| function.params.clone());
        } else {
            for param in &function.params {
                self.learn(*param, Kinds::ANY);
            }
        }
        if let Some((var, filled)) = function.arg {
            self.learn(var, if filled { Kinds::TABLE } else { Kinds::NIL });
        }
        let around = std::mem::replace(&mut self.inside, private);
        self.depth += 1;
        self.block(&function.body);
        self.depth -= 1;
        if !always_returns(&function.body) {
            self.learn_result(Kinds::NIL);
        }
        self.inside = around;
    }

    /// Learns what the parameters of a function may be from a call by its only name.
    fn called(&mut self, var: VarId, args: &[Expr]) {
        // Nobody else changes it meanwhile.
        let Some(params) = self.callees[var].params.take() else {
            return;
        };
        for (index, param) in params.iter().enumerate() {
            self.learn(*param, self.value_at(args, index));
        }
        self.callees[var].params = Some(params);
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    /// Finds the functions inside an expression, and what is done with lists of arguments.
    fn expr(&mut self, expr: &Expr) {
        let is_list = |expr: &Expr| matches!(&expr.kind, ExprKind::Global(name) if List::named(name).is_some());
        match &expr.kind {
            ExprKind::Function(function) => self.function(function, None),
            ExprKind::Local(var) => self.callees[*var].is_private = false,
            ExprKind::Global(name) => self.changed.extend(List::named(name)),
            ExprKind::Index(list, key) if is_list(list) => self.expr(key),
            ExprKind::Unary(Unary::Length, list) if is_list(list) => {}
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => self.expr(inner),
            ExprKind::Index(left, right)
            | ExprKind::Binary(_, left, right)
            | ExprKind::And(left, right)
            | ExprKind::Or(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call(function, args) => {
                match function.kind {
                    ExprKind::Local(var) => self.called(var, args),
                    _ => self.expr(function),
                }
                self.exprs(args);
            }
            ExprKind::Method(object, _, args) => {
                self.expr(object);
                self.exprs(args);
            }
            ExprKind::Table(fields) => {
                for field in fields {
                    match field {
                        Field::Item(value) => self.expr(value),
                        Field::Pair(key, value) => {
                            self.expr(key);
                            self.expr(value);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// True for the name of a command that always gives a number.
fn is_counting(name: &Expr) -> bool {
    matches!(&name.kind, ExprKind::String(name) if redis::gives_number(name))
}

/// The result of an operator that metatables may redefine: known where both sides are text, or fail
/// because they have no metatable.
fn calculated(left: Kinds, right: Kinds, result: Kinds) -> Kinds {
    let known = Kinds::TEXT | Kinds::NIL | Kinds::BOOL;
    if left == Kinds::NONE || right == Kinds::NONE {
        Kinds::NONE
    } else if left.is(known) && right.is(known) {
        result
    } else {
        Kinds::ANY
    }
}
