//! Pieces of the tree that the VM's compiler takes.

use piccolo::compiler::LineNumber;
use piccolo::compiler::parser::{
    AssignmentStatement, AssignmentTarget, BinaryOperator, Block, CallSuffix, Expression,
    FieldSuffix, FunctionCallStatement, HeadExpression, IfStatement, LineAnnotated, LocalStatement,
    PrimaryExpression, SimpleExpression, Statement, SuffixPart, SuffixedExpression, UnaryOperator,
    WhileStatement,
};

use crate::lua::lex::Text;

/// An expression for the VM's compiler.
pub type Code = Expression<Text>;
/// A statement for the VM's compiler.
pub type Line = LineAnnotated<Statement<Text>>;

/// An expression without operators.
pub fn simple(expression: SimpleExpression<Text>) -> Code {
    Expression {
        head: Box::new(HeadExpression::Simple(expression)),
        tail: Vec::new(),
    }
}

/// A variable.
pub fn name(name: Text) -> Code {
    suffixed(PrimaryExpression::Name(name), Vec::new())
}

/// A number.
pub fn number(number: f64) -> Code {
    simple(SimpleExpression::Float(number))
}

/// A string of the source.
pub fn text(text: &Text) -> Code {
    simple(SimpleExpression::String(text.clone()))
}

/// A string that is in no source.
pub fn bytes(bytes: &[u8]) -> Code {
    simple(SimpleExpression::String(Text::from(bytes)))
}

fn suffixed(primary: PrimaryExpression<Text>, suffixes: Vec<SuffixPart<Text>>) -> Code {
    simple(SimpleExpression::Suffixed(SuffixedExpression {
        primary,
        suffixes,
    }))
}

/// The expression as something that suffixes can follow.
pub fn into_suffixed(code: Code) -> SuffixedExpression<Text> {
    if code.tail.is_empty() {
        match *code.head {
            HeadExpression::Simple(SimpleExpression::Suffixed(suffixed)) => return suffixed,
            head => {
                return grouped(Expression {
                    head: Box::new(head),
                    tail: Vec::new(),
                });
            }
        }
    }
    grouped(code)
}

fn grouped(code: Code) -> SuffixedExpression<Text> {
    SuffixedExpression {
        primary: PrimaryExpression::GroupedExpression(code),
        suffixes: Vec::new(),
    }
}

fn with_suffix(mut base: Code, suffix: SuffixPart<Text>) -> Code {
    if base.tail.is_empty()
        && let HeadExpression::Simple(SimpleExpression::Suffixed(suffixed)) = &mut *base.head
    {
        suffixed.suffixes.push(suffix);
        return base;
    }
    let mut suffixed = into_suffixed(base);
    suffixed.suffixes.push(suffix);
    simple(SimpleExpression::Suffixed(suffixed))
}

/// `base[key]`
pub fn index(base: Code, key: Code) -> Code {
    with_suffix(base, SuffixPart::Field(FieldSuffix::Indexed(key)))
}

/// `function(args)`
pub fn call(function: Code, args: Vec<Code>) -> Code {
    with_suffix(function, SuffixPart::Call(CallSuffix::Function(args)))
}

/// `left op right`. The VM's compiler applies the operators of one tail in order, whatever they are.
pub fn binary(operator: BinaryOperator, mut left: Code, right: Code) -> Code {
    left.tail.push((operator, right));
    left
}

/// `op operand`
pub fn unary(operator: UnaryOperator, operand: Code) -> Code {
    Expression {
        head: Box::new(HeadExpression::UnaryOperator(operator, operand)),
        tail: Vec::new(),
    }
}

/// Exactly one value of what may be many.
pub fn one(code: Code) -> Code {
    binary(BinaryOperator::And, simple(SimpleExpression::True), code)
}

/// A statement at a site.
pub fn line(site: LineNumber, statement: Statement<Text>) -> Line {
    LineAnnotated::new(site, statement)
}

/// `local names = values`
pub fn local(names: Vec<Text>, values: Vec<Code>) -> Statement<Text> {
    Statement::LocalStatement(LocalStatement { names, values })
}

/// `target = value`
pub fn assign(target: AssignmentTarget<Text>, value: Code) -> Statement<Text> {
    Statement::Assignment(AssignmentStatement {
        targets: vec![target],
        values: vec![value],
    })
}

/// `base[key]`, to be assigned to.
pub fn field_target(base: Code, key: Code) -> AssignmentTarget<Text> {
    AssignmentTarget::Field(into_suffixed(base), FieldSuffix::Indexed(key))
}

/// A call whose results do not matter.
pub fn call_statement(code: Code) -> Statement<Text> {
    let mut suffixed = into_suffixed(code);
    let call = match suffixed.suffixes.pop() {
        Some(SuffixPart::Call(call)) => call,
        // Only calls are statements.
        _ => CallSuffix::Function(Vec::new()),
    };
    Statement::FunctionCall(FunctionCallStatement {
        head: suffixed,
        call,
    })
}

/// `if condition then yes else no end`
pub fn branch(condition: Code, yes: Block<Text>, no: Option<Block<Text>>) -> Statement<Text> {
    Statement::If(IfStatement {
        if_part: (condition, yes),
        else_if_parts: Vec::new(),
        else_part: no,
    })
}

/// `while true do … end`
pub fn forever(block: Block<Text>) -> Statement<Text> {
    Statement::While(WhileStatement {
        condition: simple(SimpleExpression::True),
        block,
    })
}

/// Statements, without a return.
pub fn block(statements: Vec<Line>, end: LineNumber) -> Block<Text> {
    Block {
        statements,
        return_statement: None,
        closed_on: end,
    }
}
