//! Expressions.

use piccolo::compiler::parser::{BinaryOperator, SimpleExpression, UnaryOperator};

use super::Lowering;
use super::emit::{self, Code};
use crate::lua::ast::{Binary, Expr, ExprKind, Field, Unary};
use crate::lua::kinds::Kinds;
use crate::lua::lex::Text;
use crate::lua::lib::Known;
use crate::lua::site::{Name, NameKind};

/// Fields of a constructor that go into one call.
const FIELDS_AT_ONCE: usize = 50;

/// What 5.1 remembers of a constructor's size changes here.
const LARGE_ARRAY: usize = 16;

/// How our functions for operators are called.
fn helper_of(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "\x01add",
        Binary::Sub => "\x01sub",
        Binary::Mul => "\x01mul",
        Binary::Div => "\x01div",
        Binary::Mod => "\x01mod",
        Binary::Pow => "\x01pow",
        Binary::Concat => "\x01concat",
        Binary::Less => "\x01less",
        Binary::AtMost => "\x01at_most",
        Binary::Greater => "\x01greater",
        Binary::AtLeast => "\x01at_least",
        Binary::Equal | Binary::Unequal => "\x01equal",
    }
}

/// True for `condition and value`, whose condition is a test of its own.
fn is_choice(expr: &Expr) -> bool {
    let ExprKind::And(condition, _) = &expr.kind else {
        return false;
    };
    let mut condition = condition;
    while let ExprKind::Paren(inner) = &condition.kind {
        condition = inner;
    }
    !matches!(
        condition.kind,
        ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Nil
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
    )
}

impl Lowering<'_> {
    /// What an expression may be.
    pub(super) fn kinds(&self, expr: &Expr) -> Kinds {
        self.types.kinds(expr, self.depth())
    }

    /// What a name of a library means here.
    pub(super) fn known(&self, expr: &Expr) -> Option<Known> {
        self.types.known(expr, self.depth())
    }

    /// How messages call an expression's value.
    pub(super) fn label(&self, expr: &Expr) -> Option<Name> {
        let (kind, text) = match &expr.kind {
            ExprKind::Local(var) => return Some(self.var_label(*var)),
            ExprKind::Global(name) => (NameKind::Global, name.clone()),
            ExprKind::Index(_, key) => match &key.kind {
                ExprKind::String(name) => (NameKind::Field, name.clone()),
                _ => (NameKind::Field, Text::from(&b"?"[..])),
            },
            ExprKind::Paren(inner) if !inner.is_open() => return self.label(inner),
            // The real compiler leaves only one side of these.
            ExprKind::Or(left, right)
                if matches!(left.kind, ExprKind::Nil | ExprKind::Bool(false)) =>
            {
                return self.label(right);
            }
            // The real machine goes where a condition that fails leads.
            ExprKind::Or(left, right) if is_choice(left) => return self.label(right),
            ExprKind::And(left, right)
                if matches!(
                    left.kind,
                    ExprKind::Bool(true) | ExprKind::Number(_) | ExprKind::String(_)
                ) =>
            {
                return self.label(right);
            }
            _ => return None,
        };
        Some(Name { kind, text })
    }

    /// True where evaluating it changes nothing and can't fail.
    pub(super) fn is_simple(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Nil
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
            | ExprKind::Local(_) => true,
            ExprKind::Paren(inner) => self.is_simple(inner),
            _ => self.known(expr).is_some(),
        }
    }

    /// A list of values, the last of which may be many.
    pub(super) fn exprs(&mut self, exprs: &[Expr]) -> Vec<Code> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    /// An expression. A call stays one: where one value is wanted of it and the place would take
    /// more, it was in parentheses.
    pub(super) fn expr(&mut self, expr: &Expr) -> Code {
        if let Some(known) = self.known(expr) {
            return match known {
                Known::Function(index, _) | Known::Cell(index) => self.cell(index),
                Known::Argument(argument) => self.cell(argument.cell()),
                Known::Number(number) => emit::number(number),
                Known::Text(text) => emit::bytes(text.as_bytes()),
            };
        }
        if let Some(number) = expr.folded() {
            return emit::number(self.constant(number));
        }
        match &expr.kind {
            ExprKind::Nil => emit::simple(SimpleExpression::Nil),
            ExprKind::Bool(true) => emit::simple(SimpleExpression::True),
            ExprKind::Bool(false) => emit::simple(SimpleExpression::False),
            ExprKind::Number(number) => emit::number(self.constant(*number)),
            ExprKind::String(text) => emit::text(text),
            ExprKind::Vararg => emit::simple(SimpleExpression::VarArgs),
            ExprKind::Function(function) => {
                let (definition, record) = self.function(function);
                if let Some(outer) = self.records.last_mut() {
                    outer.functions.push(record);
                }
                emit::simple(SimpleExpression::Function(definition))
            }
            ExprKind::Local(var) => emit::name(self.var_name(*var)),
            ExprKind::Global(name) => {
                let args = vec![emit::text(name)];
                self.helper("\x01global", expr.line, Vec::new(), args)
            }
            ExprKind::Paren(inner) if inner.is_open() => {
                let inner = self.expr(inner);
                emit::one(inner)
            }
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Index(base, key) => self.index(expr, base, key),
            ExprKind::Call(function, args) => self.call(expr, function, args),
            ExprKind::Method(object, name, args) => self.method(expr, object, name, args),
            ExprKind::And(left, right) => {
                let (left, right) = (self.expr(left), self.perhaps(right));
                emit::binary(BinaryOperator::And, left, right)
            }
            ExprKind::Or(left, right) => {
                let (left, right) = (self.expr(left), self.perhaps(right));
                emit::binary(BinaryOperator::Or, left, right)
            }
            ExprKind::Unary(operator, operand) => self.unary(expr, *operator, operand),
            ExprKind::Binary(operator, left, right) => self.binary(expr, *operator, left, right),
            ExprKind::Table(fields) => self.table(expr, fields),
        }
    }

    /// An expression that may not be evaluated: what it proves does not hold behind it.
    fn perhaps(&mut self, expr: &Expr) -> Code {
        let proved = self.types.proved();
        let code = self.expr(expr);
        self.types.forget(proved);
        code
    }

    fn index(&mut self, expr: &Expr, base: &Expr, key: &Expr) -> Code {
        let kinds = self.kinds(base);
        let label = self.label(base);
        let base = self.expr(base);
        let key = self.expr(key);
        if kinds.is(Kinds::TABLE) {
            return emit::index(base, key);
        }
        // The VM knows no fields of strings; where nothing is known it is taken for a table.
        let may_be_string = kinds != Kinds::ANY && kinds.may_be(Kinds::STRING);
        if !may_be_string && self.may_index(expr.line, &label) {
            return emit::index(base, key);
        }
        self.helper("\x01index", expr.line, vec![label], vec![base, key])
    }

    fn call(&mut self, expr: &Expr, function: &Expr, args: &[Expr]) -> Code {
        let label = self.label(function);
        if let Some(Known::Function(index, entry)) = self.known(function) {
            let mut args = self.exprs(args);
            if entry.name == "error" && args.len() > 1 {
                args.insert(0, self.caller());
                return self.helper("\x01error", expr.line, vec![label], args);
            }
            let callee = self.cell(index);
            self.record_call(expr.line, vec![label]);
            self.current.tainted |= entry.runs_scripts;
            self.current.passed_on |= self.has_error_levels && entry.runs_scripts;
            return emit::call(callee, args);
        }
        self.current.marked |= self.has_error_levels;
        let is_function = self.kinds(function).is(Kinds::FUNCTION);
        let callee = self.expr(function);
        let mut args = self.exprs(args);
        let direct = is_function || self.may_call(expr.line, &label);
        let call = if direct {
            self.record_call(expr.line, vec![label]);
            emit::call(callee, args)
        } else {
            args.insert(0, callee);
            self.helper("\x01call", expr.line, vec![label], args)
        };
        self.current.tainted = true;
        call
    }

    /// The site of the call of this function, for errors that blame the caller.
    fn caller(&mut self) -> Code {
        if self.depth() == 0 {
            // No script's code called it.
            emit::number(0.0)
        } else {
            emit::name(self.caller_name())
        }
    }

    fn method(&mut self, expr: &Expr, object: &Expr, name: &Text, args: &[Expr]) -> Code {
        let label = Some(Name {
            kind: NameKind::Method,
            text: name.clone(),
        });
        let object_label = self.label(object);
        self.current.marked |= self.has_error_levels;
        let code = self.expr(object);
        let call = if self.is_simple(object) && !args.iter().all(|arg| self.is_simple(arg)) {
            // What is not there shows before the arguments are evaluated.
            let names = vec![object_label];
            let lookup = vec![code.clone(), emit::text(name)];
            let callee = self.helper("\x01index", expr.line, names, lookup);
            let mut all = vec![code];
            all.append(&mut self.exprs(args));
            if self.may_call(expr.line, &label) {
                self.record_call(expr.line, vec![label]);
                emit::call(callee, all)
            } else {
                all.insert(0, callee);
                self.helper("\x01call", expr.line, vec![label], all)
            }
        } else {
            let mut all = vec![code, emit::text(name)];
            all.append(&mut self.exprs(args));
            self.helper("\x01method", expr.line, vec![label, object_label], all)
        };
        self.current.tainted = true;
        call
    }

    fn constant(&mut self, number: f64) -> f64 {
        match self.zeros.last_mut() {
            Some(zero) if number == 0.0 => *zero.get_or_insert(number),
            _ => number,
        }
    }

    fn unary(&mut self, expr: &Expr, operator: Unary, operand: &Expr) -> Code {
        let kinds = self.kinds(operand);
        let label = self.label(operand);
        let code = self.expr(operand);
        match operator {
            Unary::Not => emit::unary(UnaryOperator::Not, code),
            Unary::Minus if kinds.is(Kinds::NUMBER) => emit::unary(UnaryOperator::Minus, code),
            Unary::Minus => self.helper("\x01minus", expr.line, vec![label], vec![code]),
            // The VM counts in whole numbers.
            Unary::Length if kinds.is(Kinds::STRING) => emit::binary(
                BinaryOperator::Add,
                emit::unary(UnaryOperator::Len, code),
                emit::number(0.0),
            ),
            Unary::Length => self.helper("\x01length", expr.line, vec![label], vec![code]),
        }
    }

    fn binary(&mut self, expr: &Expr, operator: Binary, left: &Expr, right: &Expr) -> Code {
        if operator == Binary::Concat {
            return self.concat(expr, left, right);
        }
        let (left_kinds, right_kinds) = (self.kinds(left), self.kinds(right));
        let numbers = left_kinds.is(Kinds::NUMBER) && right_kinds.is(Kinds::NUMBER);
        let strings = left_kinds.is(Kinds::STRING) && right_kinds.is(Kinds::STRING);
        let (is_left_simple, is_right_simple) = (self.is_simple(left), self.is_simple(right));
        let may_be_nil = left_kinds.is(Kinds::MAYBE_NUMBER) && right_kinds.is(Kinds::MAYBE_NUMBER);
        if may_be_nil
            && !numbers
            && is_left_simple
            && is_right_simple
            && let Some(code) = self.numbers_or_error(expr, operator, left, right)
        {
            return code;
        }
        let names = vec![self.label(left), self.label(right)];
        // A numeral on the left is a constant of 5.1's only after what is on the right.
        let (left, right) = if left.folded().is_some() {
            let right = self.expr(right);
            (self.expr(left), right)
        } else {
            let left = self.expr(left);
            (left, self.expr(right))
        };
        let native = match operator {
            Binary::Add if numbers => Some(BinaryOperator::Add),
            Binary::Sub if numbers => Some(BinaryOperator::Sub),
            Binary::Mul if numbers => Some(BinaryOperator::Mul),
            Binary::Div if numbers => Some(BinaryOperator::Div),
            Binary::Pow if numbers => Some(BinaryOperator::Pow),
            Binary::Equal => Some(BinaryOperator::Equal),
            Binary::Unequal => Some(BinaryOperator::NotEqual),
            Binary::Less if numbers || strings => Some(BinaryOperator::LessThan),
            Binary::AtMost if numbers || strings => Some(BinaryOperator::LessEqual),
            _ => None,
        };
        if let Some(native) = native {
            return emit::binary(native, left, right);
        }
        match operator {
            // The VM's own `>` is `not <=`, which is another thing where a number is none.
            Binary::Greater if (numbers || strings) && (is_left_simple || is_right_simple) => {
                return emit::binary(BinaryOperator::LessThan, right, left);
            }
            Binary::AtLeast if (numbers || strings) && (is_left_simple || is_right_simple) => {
                return emit::binary(BinaryOperator::LessEqual, right, left);
            }
            Binary::Mod if numbers && is_left_simple && is_right_simple => {
                let quotient = emit::binary(BinaryOperator::IDiv, left.clone(), right.clone());
                let product = emit::binary(BinaryOperator::Mul, quotient, right);
                return emit::binary(BinaryOperator::Sub, left, product);
            }
            _ => {}
        }
        self.helper(helper_of(operator), expr.line, names, vec![left, right])
    }

    /// An operator between numbers, one of which may be missing: then our function is called, which
    /// raises the error. None where the VM has no such operator.
    fn numbers_or_error(
        &mut self,
        expr: &Expr,
        operator: Binary,
        left: &Expr,
        right: &Expr,
    ) -> Option<Code> {
        let (native, is_turned) = match operator {
            Binary::Add => (BinaryOperator::Add, false),
            Binary::Sub => (BinaryOperator::Sub, false),
            Binary::Mul => (BinaryOperator::Mul, false),
            Binary::Div => (BinaryOperator::Div, false),
            Binary::Pow => (BinaryOperator::Pow, false),
            Binary::Less => (BinaryOperator::LessThan, false),
            Binary::AtMost => (BinaryOperator::LessEqual, false),
            Binary::Greater => (BinaryOperator::LessThan, true),
            Binary::AtLeast => (BinaryOperator::LessEqual, true),
            _ => return None,
        };
        let operands = if is_turned {
            [right, left]
        } else {
            [left, right]
        };
        let [first, second] = operands.map(|operand| {
            let code = self.expr(operand);
            if self.kinds(operand).is(Kinds::NUMBER) {
                return code;
            }
            let args = vec![self.expr(left), self.expr(right)];
            let names = vec![self.label(left), self.label(right)];
            let error = self.helper(helper_of(operator), expr.line, names, args);
            emit::binary(BinaryOperator::Or, code, error)
        });
        for operand in operands {
            let depth = self.depth();
            self.types.prove_number(operand, self.vars, depth);
        }
        Some(emit::binary(native, first, second))
    }

    /// A whole chain of `..`, which groups to the right.
    fn concat(&mut self, expr: &Expr, left: &Expr, right: &Expr) -> Code {
        let mut operands = vec![left];
        let mut rest = right;
        while let ExprKind::Binary(Binary::Concat, left, right) = &rest.kind {
            operands.push(left);
            rest = right;
        }
        operands.push(rest);
        let mut names = Vec::with_capacity(operands.len());
        let mut args = Vec::with_capacity(operands.len());
        for (at, operand) in operands.iter().enumerate() {
            names.push(self.label(operand));
            let code = self.expr(operand);
            let is_last = at + 1 == operands.len();
            args.push(if is_last && operand.is_open() {
                emit::one(code)
            } else {
                code
            });
        }
        self.helper("\x01concat", expr.line, names, args)
    }

    /// A constructor's fields, as they go into one call each. A key that may be none has to fail
    /// before what follows it is evaluated.
    fn parts_of<'f>(&self, fields: &'f [Field]) -> Vec<&'f [Field]> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (at, field) in fields.iter().enumerate() {
            let may_fail = match field {
                Field::Pair(key, _) => {
                    !matches!(key.kind, ExprKind::String(_) | ExprKind::Number(_))
                }
                Field::Item(_) => false,
            };
            let rest = &fields[at + 1..];
            let matters = may_fail && !rest.iter().all(|field| self.is_simple_field(field));
            if matters || at + 1 - start == FIELDS_AT_ONCE {
                parts.push(&fields[start..=at]);
                start = at + 1;
            }
        }
        if start < fields.len() {
            parts.push(&fields[start..]);
        }
        parts
    }

    fn is_simple_field(&self, field: &Field) -> bool {
        match field {
            Field::Item(value) => self.is_simple(value),
            Field::Pair(key, value) => self.is_simple(key) && self.is_simple(value),
        }
    }

    fn table(&mut self, expr: &Expr, fields: &[Field]) -> Code {
        let pairs = fields
            .iter()
            .filter(|field| matches!(field, Field::Pair(..)))
            .count();
        let is_open = matches!(fields.last(), Some(Field::Item(last)) if last.is_open());
        let items = fields.len() - pairs - usize::from(is_open);
        if pairs == 0 && items < LARGE_ARRAY {
            let mut args = Vec::with_capacity(fields.len());
            for field in fields {
                if let Field::Item(value) = field {
                    args.push(self.expr(value));
                }
            }
            return self.helper("\x01array", expr.line, Vec::new(), args);
        }
        let parts = self.parts_of(fields);
        let chunks = parts.len();
        let mut table: Option<Code> = None;
        let mut last = 0;
        for (number, chunk) in parts.into_iter().enumerate() {
            let (helper, mut args) = match table.take() {
                None => {
                    let sizes = vec![emit::number(items as f64), emit::number(pairs as f64)];
                    ("\x01table", sizes)
                }
                Some(table) => ("\x01fill", vec![table, emit::number(last as f64)]),
            };
            let mut plan = Vec::with_capacity(chunk.len());
            let mut values = Vec::with_capacity(chunk.len());
            for (at, field) in chunk.iter().enumerate() {
                let ends_chunk = at + 1 == chunk.len();
                let value = match field {
                    Field::Pair(key, value) => {
                        plan.push(b'k');
                        values.push(self.expr(key));
                        value
                    }
                    Field::Item(value) => {
                        plan.push(b'v');
                        last += 1;
                        value
                    }
                };
                let code = self.expr(value);
                let takes_all = is_open && ends_chunk && number + 1 == chunks;
                values.push(if ends_chunk && value.is_open() && !takes_all {
                    emit::one(code)
                } else {
                    code
                });
            }
            if is_open && number + 1 == chunks {
                // What follows the plan are items, as many as there are.
                plan.pop();
            }
            args.push(emit::bytes(&plan));
            args.append(&mut values);
            table = Some(self.helper(helper, expr.line, Vec::new(), args));
        }
        table.unwrap_or_else(|| emit::simple(SimpleExpression::Nil))
    }
}
