//! A chunk of Lua 5.1 as a tree: locals resolved, lines kept. Knows neither text nor machine code.

use super::lex::Text;

/// A local variable, by its place in [`Chunk::vars`].
pub type VarId = usize;

/// A whole chunk.
#[derive(Debug)]
pub struct Chunk {
    /// Its code: a vararg function without parameters.
    pub main: Function,
    /// Every local variable of the chunk.
    pub vars: Vec<Var>,
    /// It calls `error` with a level: functions have to know who called them.
    pub has_error_levels: bool,
    /// It may look for KEYS and ARGV among the globals, by names made as it runs.
    pub sees_globals: bool,
    /// It may load other chunks, which see what this one sees.
    pub loads_chunks: bool,
}

/// A local variable.
#[derive(Debug)]
pub struct Var {
    /// Its name in the source.
    pub name: Text,
    /// How deep the function that owns it is nested.
    pub depth: usize,
    /// Something assigns to it after its declaration.
    pub reassigned: bool,
    /// A function inside its own uses it.
    pub captured: bool,
    /// Anything reads or assigns it.
    pub used: bool,
}

/// A function's code.
#[derive(Debug)]
pub struct Function {
    /// Its parameters, `self` included.
    pub params: Vec<VarId>,
    /// It ends in `...`.
    pub is_vararg: bool,
    /// The local `arg` of a vararg function, and whether it holds the arguments: it is nil where the
    /// function uses `...`.
    pub arg: Option<(VarId, bool)>,
    /// What it does.
    pub body: Block,
    /// The line of the word `function`; 0 for the chunk.
    pub line: u32,
}

/// Statements in order.
#[derive(Debug, Default)]
pub struct Block {
    /// What it does. `return` and `break` stand last only.
    pub statements: Vec<Statement>,
    /// The line it ends on.
    pub end_line: u32,
}

/// A statement.
#[derive(Debug)]
pub struct Statement {
    /// The line it begins on.
    pub line: u32,
    /// The line on which an assignment stores.
    pub store_line: u32,
    /// What it does.
    pub kind: StatementKind,
}

/// What a statement does.
#[derive(Debug)]
pub enum StatementKind {
    /// `local a, b = 1, 2`
    Local(Vec<VarId>, Vec<Expr>),
    /// `local function f() end`
    LocalFunction(VarId, Function),
    /// `a, b.c = 1, 2`, and `function a.b() end`
    Assign(Vec<Expr>, Vec<Expr>),
    /// `f()`
    Call(Expr),
    /// `do end`
    Do(Block),
    /// `while c do end`
    While(Expr, Block),
    /// `repeat until c`; the condition sees the block's locals.
    Repeat(Block, Expr),
    /// `if`, `elseif`, `else`
    If(Vec<(Expr, Block)>, Option<Block>),
    /// `for i = from, to, step do end`
    NumericFor {
        /// The variable.
        var: VarId,
        /// Where it starts.
        from: Expr,
        /// Where it ends.
        to: Expr,
        /// How it goes on, if not by 1.
        step: Option<Expr>,
        /// What is done for each.
        body: Block,
    },
    /// `for a, b in f() do end`
    GenericFor(Vec<VarId>, Vec<Expr>, Block),
    /// `return 1, 2`
    Return(Vec<Expr>),
    /// `break`
    Break,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// The line that an error in it is reported for.
    pub line: u32,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Debug)]
pub enum ExprKind {
    /// `nil`
    Nil,
    /// `true` and `false`
    Bool(bool),
    /// A numeral.
    Number(f64),
    /// A string.
    String(Text),
    /// `...`
    Vararg,
    /// `function() end`
    Function(Box<Function>),
    /// A local variable, here or outside.
    Local(VarId),
    /// A global variable.
    Global(Text),
    /// `a.b`, `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(a)`
    Call(Box<Expr>, Vec<Expr>),
    /// `o:m(a)`
    Method(Box<Expr>, Text, Vec<Expr>),
    /// An operator between two values.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// An operator before one value.
    Unary(Unary, Box<Expr>),
    /// `a and b`
    And(Box<Expr>, Box<Expr>),
    /// `a or b`
    Or(Box<Expr>, Box<Expr>),
    /// `{ }`
    Table(Vec<Field>),
    /// `(f())`: one value, whatever is inside.
    Paren(Box<Expr>),
}

/// A field of a table constructor.
#[derive(Debug)]
pub enum Field {
    /// The next place.
    Item(Expr),
    /// `k = v`, `[k] = v`
    Pair(Expr, Expr),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `..`
    Concat,
    /// `==`
    Equal,
    /// `~=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// An operator before one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `-`
    Minus,
    /// `not`
    Not,
    /// `#`
    Length,
}

impl Expr {
    /// The number that the real compiler makes of it: operators between numerals it applies itself,
    /// but for what gives no number or divides by zero.
    pub fn folded(&self) -> Option<f64> {
        match &self.kind {
            ExprKind::Number(number) => Some(*number),
            ExprKind::Paren(inner) => inner.folded(),
            ExprKind::Unary(Unary::Minus, inner) => inner.folded().map(|number| -number),
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (left.folded()?, right.folded()?);
                let number = match operator {
                    Binary::Add => left + right,
                    Binary::Sub => left - right,
                    Binary::Mul => left * right,
                    Binary::Div if right != 0.0 => left / right,
                    Binary::Mod if right != 0.0 => left - (left / right).floor() * right,
                    Binary::Pow => left.powf(right),
                    _ => return None,
                };
                (!number.is_nan()).then_some(number)
            }
            _ => None,
        }
    }

    /// True where there may be any number of values.
    pub fn is_open(&self) -> bool {
        matches!(
            self.kind,
            ExprKind::Call(..) | ExprKind::Method(..) | ExprKind::Vararg
        )
    }
}
