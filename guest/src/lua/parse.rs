//! Lua 5.1's grammar: from tokens to a tree with its locals resolved. Complains with the real
//! parser's words, and refuses what is nested deeper than the compiler behind it can follow.

use std::rc::Rc;

use super::ast::{
    Binary, Block, Chunk, Expr, ExprKind, Field, Function, Statement, StatementKind, Unary, Var,
    VarId,
};
use super::lex::{Lexeme, Lexer, Result, SyntaxError, Text, Token, Word};

/// Blocks and expressions inside one another.
const MOST_LEVELS: usize = 195;
/// Local variables of one function.
const MOST_LOCALS: usize = 200;
/// Variables of outer functions that one function uses.
const MOST_UPVALUES: usize = 60;
/// Operators or suffixes in a row. Whatever compiles them descends as deep.
const LONGEST_CHAIN: usize = 250;

/// Parses a chunk.
pub fn parse(source: &[u8]) -> Result<Chunk> {
    let mut lexer = Lexer::new(source);
    let current = lexer.next()?;
    let mut parser = Parser {
        lexer,
        current,
        ahead: None,
        ahead_line: 1,
        last_line: 1,
        levels: 0,
        vars: Vec::new(),
        functions: Vec::new(),
        has_error_levels: false,
        sees_globals: false,
        loads_chunks: false,
    };
    parser.open_function(0, true);
    let body = parser.block()?;
    parser.expect(Token::End)?;
    let main = parser.close_function(Vec::new(), None, body);
    Ok(Chunk {
        main,
        vars: parser.vars,
        has_error_levels: parser.has_error_levels,
        sees_globals: parser.sees_globals,
        loads_chunks: parser.loads_chunks,
    })
}

/// A function being parsed.
struct Scope {
    line: u32,
    is_vararg: bool,
    uses_dots: bool,
    /// The locals in scope, innermost last.
    locals: Vec<VarId>,
    upvalues: Vec<VarId>,
    /// Loops around this place.
    loops: usize,
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    current: Lexeme,
    ahead: Option<Lexeme>,
    /// The line of `current`, when there is one ahead.
    ahead_line: u32,
    /// The line of the last token that was consumed.
    last_line: u32,
    levels: usize,
    vars: Vec<Var>,
    functions: Vec<Scope>,
    has_error_levels: bool,
    sees_globals: bool,
    loads_chunks: bool,
}

/// How strongly an operator holds its left and its right side.
fn binding(token: Token) -> Option<(Operator, u8, u8)> {
    let binary = |operator, left, right| Some((Operator::Binary(operator), left, right));
    match token {
        Token::Char(b'+') => binary(Binary::Add, 6, 6),
        Token::Char(b'-') => binary(Binary::Sub, 6, 6),
        Token::Char(b'*') => binary(Binary::Mul, 7, 7),
        Token::Char(b'/') => binary(Binary::Div, 7, 7),
        Token::Char(b'%') => binary(Binary::Mod, 7, 7),
        Token::Char(b'^') => binary(Binary::Pow, 10, 9),
        Token::Concat => binary(Binary::Concat, 5, 4),
        Token::Unequal => binary(Binary::Unequal, 3, 3),
        Token::Equal => binary(Binary::Equal, 3, 3),
        Token::Char(b'<') => binary(Binary::Less, 3, 3),
        Token::AtMost => binary(Binary::AtMost, 3, 3),
        Token::Char(b'>') => binary(Binary::Greater, 3, 3),
        Token::AtLeast => binary(Binary::AtLeast, 3, 3),
        Token::Word(Word::And) => Some((Operator::And, 2, 2)),
        Token::Word(Word::Or) => Some((Operator::Or, 1, 1)),
        _ => None,
    }
}

/// Unary operators hold more strongly than all binary ones but `^`.
const UNARY_BINDING: u8 = 8;

#[derive(Clone, Copy)]
enum Operator {
    Binary(Binary),
    And,
    Or,
}

impl Parser<'_> {
    // Tokens.

    /// The line that the token at hand ends on.
    fn line(&self) -> u32 {
        if self.ahead.is_some() {
            self.ahead_line
        } else {
            self.lexer.line
        }
    }

    fn advance(&mut self) -> Result<Lexeme> {
        self.last_line = self.line();
        let next = match self.ahead.take() {
            Some(lexeme) => lexeme,
            None => self.lexer.next()?,
        };
        Ok(std::mem::replace(&mut self.current, next))
    }

    fn is(&self, token: Token) -> bool {
        self.current.token == token
    }

    fn is_word(&self, word: Word) -> bool {
        self.is(Token::Word(word))
    }

    fn take_if(&mut self, token: Token) -> Result<bool> {
        let found = self.is(token);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn error(&self, message: &str) -> SyntaxError {
        self.lexer.error(message, Some(self.current.token))
    }

    fn expected(&self, token: Token) -> SyntaxError {
        let token = token.describe();
        self.error(&format!("'{}' expected", String::from_utf8_lossy(&token)))
    }

    fn expect(&mut self, token: Token) -> Result<()> {
        if !self.is(token) {
            return Err(self.expected(token));
        }
        self.advance()?;
        Ok(())
    }

    /// Expects what closes something that was opened on `line`.
    fn expect_closing(&mut self, what: Token, opening: Token, line: u32) -> Result<()> {
        if self.take_if(what)? {
            return Ok(());
        }
        if line == self.line() {
            return Err(self.expected(what));
        }
        let (what, opening) = (what.describe(), opening.describe());
        Err(self.error(&format!(
            "'{}' expected (to close '{}' at line {line})",
            String::from_utf8_lossy(&what),
            String::from_utf8_lossy(&opening)
        )))
    }

    fn name(&mut self) -> Result<Text> {
        if !self.is(Token::Name) {
            return Err(self.expected(Token::Name));
        }
        Ok(self.advance()?.text)
    }

    // Scopes.

    fn scope(&mut self) -> &mut Scope {
        // There is one for the chunk until the end.
        let innermost = self.functions.len() - 1;
        &mut self.functions[innermost]
    }

    fn open_function(&mut self, line: u32, is_vararg: bool) {
        self.functions.push(Scope {
            line,
            is_vararg,
            uses_dots: false,
            locals: Vec::new(),
            upvalues: Vec::new(),
            loops: 0,
        });
    }

    fn close_function(&mut self, params: Vec<VarId>, arg: Option<VarId>, body: Block) -> Function {
        let (line, is_vararg, uses_dots) = {
            let scope = self.scope();
            (scope.line, scope.is_vararg, scope.uses_dots)
        };
        self.functions.pop();
        Function {
            params,
            is_vararg,
            arg: arg.map(|var| (var, !uses_dots)),
            body,
            line,
        }
    }

    fn limit(&self, function: usize, most: usize, what: &str) -> SyntaxError {
        let line = self.functions[function].line;
        let whose = match line {
            0 => "main function".to_owned(),
            line => format!("function at line {line}"),
        };
        self.lexer
            .error(&format!("{whose} has more than {most} {what}"), None)
    }

    /// A local that is not in scope yet.
    fn declare(&mut self, name: Text, ahead: usize) -> Result<VarId> {
        let depth = self.functions.len() - 1;
        if self.functions[depth].locals.len() + ahead >= MOST_LOCALS {
            return Err(self.limit(depth, MOST_LOCALS, "local variables"));
        }
        self.vars.push(Var {
            name,
            depth,
            reassigned: false,
            captured: false,
            used: false,
        });
        Ok(self.vars.len() - 1)
    }

    fn enter_scope(&mut self, vars: &[VarId]) {
        self.scope().locals.extend_from_slice(vars);
    }

    fn resolve(&mut self, name: &Text) -> Result<Option<VarId>> {
        let innermost = self.functions.len() - 1;
        for depth in (0..=innermost).rev() {
            let found = self.functions[depth]
                .locals
                .iter()
                .rev()
                .find(|var| self.vars[**var].name == *name)
                .copied();
            let Some(var) = found else {
                continue;
            };
            self.vars[var].used = true;
            if depth < innermost {
                self.vars[var].captured = true;
                for user in depth + 1..=innermost {
                    if !self.functions[user].upvalues.contains(&var) {
                        if self.functions[user].upvalues.len() >= MOST_UPVALUES {
                            return Err(self.limit(user, MOST_UPVALUES, "upvalues"));
                        }
                        self.functions[user].upvalues.push(var);
                    }
                }
            }
            return Ok(Some(var));
        }
        Ok(None)
    }

    fn descend(&mut self) -> Result<()> {
        self.levels += 1;
        if self.levels > MOST_LEVELS {
            return Err(self.lexer.error("chunk has too many syntax levels", None));
        }
        Ok(())
    }

    // Statements.

    fn block_ends(&self) -> bool {
        matches!(
            self.current.token,
            Token::End | Token::Word(Word::Else | Word::ElseIf | Word::End | Word::Until)
        )
    }

    /// A block with a scope of its own.
    fn block(&mut self) -> Result<Block> {
        let outer = self.scope().locals.len();
        let block = self.statements()?;
        self.scope().locals.truncate(outer);
        Ok(block)
    }

    fn loop_block(&mut self) -> Result<Block> {
        self.scope().loops += 1;
        let block = self.block()?;
        self.scope().loops -= 1;
        Ok(block)
    }

    fn statements(&mut self) -> Result<Block> {
        self.descend()?;
        let mut block = Block::default();
        while !self.block_ends() {
            let line = self.line();
            let (kind, is_last) = self.statement(line)?;
            let is_function = matches!(
                &kind,
                StatementKind::Assign(_, values)
                    if matches!(values.as_slice(), [Expr { kind: ExprKind::Function(_), line: at }] if *at == line)
            );
            block.statements.push(Statement {
                line,
                store_line: if is_function { line } else { self.last_line },
                kind,
            });
            self.take_if(Token::Char(b';'))?;
            if is_last {
                break;
            }
        }
        block.end_line = self.line();
        self.levels -= 1;
        Ok(block)
    }

    /// A statement, and whether none may follow it.
    fn statement(&mut self, line: u32) -> Result<(StatementKind, bool)> {
        let Token::Word(word) = self.current.token else {
            return Ok((self.expression_statement()?, false));
        };
        let kind = match word {
            Word::If => self.if_statement(line)?,
            Word::While => {
                self.advance()?;
                let condition = self.expression()?;
                self.expect(Token::Word(Word::Do))?;
                let body = self.loop_block()?;
                self.expect_closing(Token::Word(Word::End), Token::Word(word), line)?;
                StatementKind::While(condition, body)
            }
            Word::Do => {
                self.advance()?;
                let body = self.block()?;
                self.expect_closing(Token::Word(Word::End), Token::Word(word), line)?;
                StatementKind::Do(body)
            }
            Word::For => self.for_statement(line)?,
            Word::Repeat => {
                self.advance()?;
                let outer = self.scope().locals.len();
                self.scope().loops += 1;
                let body = self.statements()?;
                self.scope().loops -= 1;
                self.expect_closing(Token::Word(Word::Until), Token::Word(word), line)?;
                let condition = self.expression()?;
                self.scope().locals.truncate(outer);
                StatementKind::Repeat(body, condition)
            }
            Word::Function => self.function_statement(line)?,
            Word::Local => {
                self.advance()?;
                if self.take_if(Token::Word(Word::Function))? {
                    let name = self.name()?;
                    let var = self.declare(name, 0)?;
                    self.enter_scope(&[var]);
                    let line = self.line();
                    let function = self.function_body(false, line)?;
                    StatementKind::LocalFunction(var, function)
                } else {
                    self.local_statement()?
                }
            }
            Word::Return => {
                self.advance()?;
                let mut values = Vec::new();
                if !self.block_ends() && !self.is(Token::Char(b';')) {
                    values = self.expressions()?;
                }
                return Ok((StatementKind::Return(values), true));
            }
            Word::Break => {
                self.advance()?;
                if self.scope().loops == 0 {
                    return Err(self.error("no loop to break"));
                }
                return Ok((StatementKind::Break, true));
            }
            _ => self.expression_statement()?,
        };
        Ok((kind, false))
    }

    fn if_statement(&mut self, line: u32) -> Result<StatementKind> {
        let mut arms = Vec::new();
        loop {
            self.advance()?;
            let condition = self.expression()?;
            self.expect(Token::Word(Word::Then))?;
            arms.push((condition, self.block()?));
            if !self.is_word(Word::ElseIf) {
                break;
            }
        }
        let otherwise = if self.take_if(Token::Word(Word::Else))? {
            Some(self.block()?)
        } else {
            None
        };
        self.expect_closing(Token::Word(Word::End), Token::Word(Word::If), line)?;
        Ok(StatementKind::If(arms, otherwise))
    }

    fn for_statement(&mut self, line: u32) -> Result<StatementKind> {
        self.advance()?;
        let first = self.name()?;
        // The real compiler keeps three hidden locals in front.
        let outer = self.scope().locals.len();
        let statement = match self.current.token {
            Token::Char(b'=') => {
                self.advance()?;
                let from = self.expression()?;
                self.expect(Token::Char(b','))?;
                let to = self.expression()?;
                let step = if self.take_if(Token::Char(b','))? {
                    Some(self.expression()?)
                } else {
                    None
                };
                let var = self.declare(first, 3)?;
                let body = self.for_body(&[var])?;
                StatementKind::NumericFor {
                    var,
                    from,
                    to,
                    step,
                    body,
                }
            }
            Token::Char(b',') | Token::Word(Word::In) => {
                let mut names = vec![first];
                while self.take_if(Token::Char(b','))? {
                    names.push(self.name()?);
                }
                self.expect(Token::Word(Word::In))?;
                let values = self.expressions()?;
                let mut vars = Vec::with_capacity(names.len());
                for name in names {
                    vars.push(self.declare(name, 3 + vars.len())?);
                }
                let body = self.for_body(&vars)?;
                StatementKind::GenericFor(vars, values, body)
            }
            _ => return Err(self.error("'=' or 'in' expected")),
        };
        self.scope().locals.truncate(outer);
        self.expect_closing(Token::Word(Word::End), Token::Word(Word::For), line)?;
        Ok(statement)
    }

    fn for_body(&mut self, vars: &[VarId]) -> Result<Block> {
        self.expect(Token::Word(Word::Do))?;
        self.enter_scope(vars);
        self.loop_block()
    }

    /// function a.b.c:d() end
    fn function_statement(&mut self, line: u32) -> Result<StatementKind> {
        self.advance()?;
        let mut target = self.variable()?;
        let mut is_method = false;
        while matches!(self.current.token, Token::Char(b'.' | b':')) {
            is_method = self.is(Token::Char(b':'));
            target = self.field(target)?;
            if is_method {
                break;
            }
        }
        let function = self.function_body(is_method, line)?;
        self.assign_to(&target);
        let value = Expr {
            line,
            kind: ExprKind::Function(Box::new(function)),
        };
        Ok(StatementKind::Assign(vec![target], vec![value]))
    }

    fn local_statement(&mut self) -> Result<StatementKind> {
        let mut vars = Vec::new();
        loop {
            let name = self.name()?;
            vars.push(self.declare(name, vars.len())?);
            if !self.take_if(Token::Char(b','))? {
                break;
            }
        }
        let values = if self.take_if(Token::Char(b'='))? {
            self.expressions()?
        } else {
            Vec::new()
        };
        self.enter_scope(&vars);
        Ok(StatementKind::Local(vars, values))
    }

    fn assign_to(&mut self, target: &Expr) {
        if let ExprKind::Local(var) = target.kind {
            self.vars[var].reassigned = true;
        }
    }

    fn expression_statement(&mut self) -> Result<StatementKind> {
        let first = self.suffixed()?;
        if matches!(first.kind, ExprKind::Call(..) | ExprKind::Method(..)) {
            return Ok(StatementKind::Call(first));
        }
        let mut targets = vec![first];
        loop {
            let assignable = matches!(
                targets.last().map(|target| &target.kind),
                Some(ExprKind::Local(_) | ExprKind::Global(_) | ExprKind::Index(..))
            );
            if !assignable {
                return Err(self.error("syntax error"));
            }
            if !self.take_if(Token::Char(b','))? {
                break;
            }
            if targets.len() >= MOST_LEVELS {
                return Err(self.limit(
                    self.functions.len() - 1,
                    MOST_LEVELS,
                    "variables in assignment",
                ));
            }
            targets.push(self.suffixed()?);
        }
        self.expect(Token::Char(b'='))?;
        let values = self.expressions()?;
        for target in &targets {
            self.assign_to(target);
        }
        Ok(StatementKind::Assign(targets, values))
    }

    // Expressions.

    fn expressions(&mut self) -> Result<Vec<Expr>> {
        let mut values = vec![self.expression()?];
        while self.take_if(Token::Char(b','))? {
            values.push(self.expression()?);
        }
        Ok(values)
    }

    fn expression(&mut self) -> Result<Expr> {
        Ok(self.operation(0)?.0)
    }

    /// An expression of operators that hold more strongly than `limit`, and how long a chain it is.
    fn operation(&mut self, limit: u8) -> Result<(Expr, usize)> {
        self.descend()?;
        let unary = match self.current.token {
            Token::Word(Word::Not) => Some(Unary::Not),
            Token::Char(b'-') => Some(Unary::Minus),
            Token::Char(b'#') => Some(Unary::Length),
            _ => None,
        };
        let (mut left, mut chain) = match unary {
            Some(operator) => {
                self.advance()?;
                let (operand, chain) = self.operation(UNARY_BINDING)?;
                let kind = match (operator, operand.kind) {
                    (Unary::Minus, ExprKind::Number(number)) => ExprKind::Number(-number),
                    (operator, kind) => ExprKind::Unary(
                        operator,
                        Box::new(Expr {
                            line: operand.line,
                            kind,
                        }),
                    ),
                };
                let line = self.last_line;
                (Expr { line, kind }, chain + 1)
            }
            None => (self.simple()?, 1),
        };
        while let Some((operator, left_binding, right_binding)) = binding(self.current.token)
            && left_binding > limit
        {
            self.advance()?;
            let (right, right_chain) = self.operation(right_binding)?;
            chain = chain.max(right_chain) + 1;
            if chain > LONGEST_CHAIN {
                return Err(self.lexer.error(
                    "function or expression too complex",
                    Some(self.current.token),
                ));
            }
            let (left_box, right_box) = (Box::new(left), Box::new(right));
            left = Expr {
                line: self.last_line,
                kind: match operator {
                    Operator::Binary(operator) => ExprKind::Binary(operator, left_box, right_box),
                    Operator::And => ExprKind::And(left_box, right_box),
                    Operator::Or => ExprKind::Or(left_box, right_box),
                },
            };
        }
        self.levels -= 1;
        Ok((left, chain))
    }

    fn simple(&mut self) -> Result<Expr> {
        let line = self.line();
        let kind = match self.current.token {
            Token::Number => ExprKind::Number(self.current.number),
            Token::String => ExprKind::String(self.current.text.clone()),
            Token::Word(Word::Nil) => ExprKind::Nil,
            Token::Word(Word::True) => ExprKind::Bool(true),
            Token::Word(Word::False) => ExprKind::Bool(false),
            Token::Dots => {
                if !self.scope().is_vararg {
                    return Err(self.error("cannot use '...' outside a vararg function"));
                }
                self.scope().uses_dots = true;
                ExprKind::Vararg
            }
            Token::Char(b'{') => return self.table(),
            Token::Word(Word::Function) => {
                self.advance()?;
                let function = self.function_body(false, line)?;
                let kind = ExprKind::Function(Box::new(function));
                return Ok(Expr { line, kind });
            }
            _ => return self.suffixed(),
        };
        self.advance()?;
        Ok(Expr { line, kind })
    }

    fn variable(&mut self) -> Result<Expr> {
        let line = self.line();
        let name = self.name()?;
        let kind = match self.resolve(&name)? {
            Some(var) => ExprKind::Local(var),
            None => {
                self.sees_globals |= matches!(&name[..], b"_G" | b"getfenv");
                self.loads_chunks |= matches!(&name[..], b"load" | b"loadstring");
                ExprKind::Global(name)
            }
        };
        Ok(Expr { line, kind })
    }

    fn suffixed(&mut self) -> Result<Expr> {
        let mut expr = match self.current.token {
            Token::Char(b'(') => {
                let line = self.line();
                self.advance()?;
                let inner = self.expression()?;
                self.expect_closing(Token::Char(b')'), Token::Char(b'('), line)?;
                Expr {
                    line,
                    kind: ExprKind::Paren(Box::new(inner)),
                }
            }
            Token::Name => self.variable()?,
            _ => return Err(self.error("unexpected symbol")),
        };
        for _ in 0..LONGEST_CHAIN {
            expr = match self.current.token {
                Token::Char(b'.') => self.field(expr)?,
                Token::Char(b'[') => {
                    self.advance()?;
                    let key = self.expression()?;
                    self.expect(Token::Char(b']'))?;
                    self.index(expr, key)
                }
                Token::Char(b':') => {
                    self.advance()?;
                    let name = self.name()?;
                    let line = self.line();
                    let args = self.arguments()?;
                    let kind = ExprKind::Method(Box::new(expr), name, args);
                    Expr { line, kind }
                }
                Token::Char(b'(' | b'{') | Token::String => {
                    let line = self.line();
                    let args = self.arguments()?;
                    if let ExprKind::Global(name) = &expr.kind {
                        self.has_error_levels |= &name[..] == b"error" && args.len() > 1;
                    }
                    let kind = ExprKind::Call(Box::new(expr), args);
                    Expr { line, kind }
                }
                _ => return Ok(expr),
            };
        }
        let token = Some(self.current.token);
        Err(self
            .lexer
            .error("function or expression too complex", token))
    }

    fn index(&self, base: Expr, key: Expr) -> Expr {
        Expr {
            line: self.last_line,
            kind: ExprKind::Index(Box::new(base), Box::new(key)),
        }
    }

    /// `.name`, or `:name` of a function statement.
    fn field(&mut self, base: Expr) -> Result<Expr> {
        self.advance()?;
        let line = self.line();
        let name = self.name()?;
        let key = Expr {
            line,
            kind: ExprKind::String(name),
        };
        Ok(self.index(base, key))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>> {
        let line = self.line();
        match self.current.token {
            Token::Char(b'(') => {
                if line != self.last_line {
                    return Err(self.error("ambiguous syntax (function call x new statement)"));
                }
                self.advance()?;
                if self.take_if(Token::Char(b')'))? {
                    return Ok(Vec::new());
                }
                let args = self.expressions()?;
                self.expect_closing(Token::Char(b')'), Token::Char(b'('), line)?;
                Ok(args)
            }
            Token::Char(b'{') => Ok(vec![self.table()?]),
            Token::String => {
                let text = self.advance()?.text;
                let kind = ExprKind::String(text);
                Ok(vec![Expr { line, kind }])
            }
            _ => Err(self.error("function arguments expected")),
        }
    }

    fn table(&mut self) -> Result<Expr> {
        let line = self.line();
        self.expect(Token::Char(b'{'))?;
        let mut fields = Vec::new();
        while !self.is(Token::Char(b'}')) {
            fields.push(self.table_field()?);
            if !self.take_if(Token::Char(b','))? && !self.take_if(Token::Char(b';'))? {
                break;
            }
        }
        self.expect_closing(Token::Char(b'}'), Token::Char(b'{'), line)?;
        Ok(Expr {
            line,
            kind: ExprKind::Table(fields),
        })
    }

    fn table_field(&mut self) -> Result<Field> {
        let is_named = self.is(Token::Name) && self.next_is_assignment()?;
        match self.current.token {
            Token::Name if is_named => {
                let line = self.line();
                let name = self.name()?;
                self.advance()?;
                let key = Expr {
                    line,
                    kind: ExprKind::String(name),
                };
                Ok(Field::Pair(key, self.expression()?))
            }
            Token::Char(b'[') => {
                self.advance()?;
                let key = self.expression()?;
                self.expect(Token::Char(b']'))?;
                self.expect(Token::Char(b'='))?;
                Ok(Field::Pair(key, self.expression()?))
            }
            _ => Ok(Field::Item(self.expression()?)),
        }
    }

    fn next_is_assignment(&mut self) -> Result<bool> {
        self.ahead_line = self.lexer.line;
        let next = self.lexer.next()?;
        let found = next.token == Token::Char(b'=');
        self.ahead = Some(next);
        Ok(found)
    }

    /// What follows the word `function` and its name: parameters and body.
    fn function_body(&mut self, is_method: bool, line: u32) -> Result<Function> {
        self.open_function(line, false);
        let mut params = Vec::new();
        if is_method {
            params.push(self.declare(Rc::from(&b"self"[..]), 0)?);
        }
        let mut arg = None;
        self.expect(Token::Char(b'('))?;
        if !self.is(Token::Char(b')')) {
            loop {
                match self.current.token {
                    Token::Name => {
                        let name = self.advance()?.text;
                        params.push(self.declare(name, params.len())?);
                    }
                    Token::Dots => {
                        self.advance()?;
                        self.scope().is_vararg = true;
                        arg = Some(self.declare(Rc::from(&b"arg"[..]), params.len())?);
                        break;
                    }
                    _ => return Err(self.error("<name> or '...' expected")),
                }
                if !self.take_if(Token::Char(b','))? {
                    break;
                }
            }
        }
        self.enter_scope(&params);
        self.enter_scope(arg.as_slice());
        self.expect(Token::Char(b')'))?;
        let body = self.block()?;
        self.expect_closing(Token::Word(Word::End), Token::Word(Word::Function), line)?;
        Ok(self.close_function(params, arg, body))
    }
}
