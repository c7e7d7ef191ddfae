//! Statements.

use piccolo::compiler::LineNumber;
use piccolo::compiler::parser::{
    AssignmentTarget, Block as VmBlock, ForStatement, IfStatement, LocalFunctionStatement,
    Statement as VmStatement, WhileStatement,
};

use super::emit::{self, Code, Line};
use super::{Iteration, Lowering, breaking, returning};
use crate::lua::ast::{Block, Expr, ExprKind, Statement, StatementKind, VarId};
use crate::lua::kinds::Kinds;
use crate::lua::lex::Text;
use crate::lua::site::{Name, NameKind};

/// Arms of an `if` that go into a block of their own, one inside the other, for what has to stand
/// before their conditions.
const DEEPEST_BRANCH: usize = 16;

/// Statements that go into a block of their own, where they declare nothing: the VM's compiler looks
/// through all jumps of a block for each.
const LINES_AT_ONCE: usize = 16;

/// Where a value is stored, its parts evaluated.
enum Target {
    Var(VarId),
    Global(Text),
    Field {
        base: Code,
        key: Code,
        /// It is a table for sure.
        is_table: bool,
        label: Option<Name>,
    },
}

impl Lowering<'_> {
    /// A block. A return stands at its end only.
    pub(super) fn block(&mut self, block: &Block) -> VmBlock<Text> {
        let proved = self.types.proved();
        let lowered = self.statements(block);
        self.types.forget(proved);
        lowered
    }

    fn statements(&mut self, block: &Block) -> VmBlock<Text> {
        let mut lines = Vec::with_capacity(block.statements.len());
        let mut return_statement = None;
        let mut end = self.here();
        let mut together = 0;
        for statement in &block.statements {
            let before = self.begin(statement.line);
            end = self.here();
            if let StatementKind::Return(values) = &statement.kind {
                let values = self.exprs(values);
                self.mark(&mut lines);
                return_statement = Some(returning(end, values));
            } else {
                self.statement(statement, &mut lines);
            }
            let declares = matches!(
                statement.kind,
                StatementKind::Local(..) | StatementKind::LocalFunction(..)
            );
            if declares {
                together = lines.len();
            } else if lines.len() - together >= LINES_AT_ONCE {
                let inner = lines.split_off(together);
                lines.push(emit::line(end, VmStatement::Do(emit::block(inner, end))));
                together = lines.len();
            }
            self.current = before;
        }
        let mut block = emit::block(lines, end);
        block.return_statement = return_statement;
        block
    }

    /// A loop's block. One that ends in a return goes into a block of its own: the VM's compiler
    /// refuses to leave the loop over what stands before the return.
    fn loop_block(&mut self, block: &Block) -> VmBlock<Text> {
        let body = self.block(block);
        if body.return_statement.is_none() {
            return body;
        }
        let end = body.closed_on;
        emit::block(vec![emit::line(end, VmStatement::Do(body))], end)
    }

    fn statement(&mut self, statement: &Statement, out: &mut Vec<Line>) {
        let here = self.here();
        let lowered = match &statement.kind {
            StatementKind::Local(vars, values) => {
                let values = self.exprs(values);
                emit::local(vars.iter().map(|var| self.var_name(*var)).collect(), values)
            }
            StatementKind::LocalFunction(var, function) => {
                let (definition, record) = self.function(function);
                if let Some(outer) = self.records.last_mut() {
                    outer.functions.push(record);
                }
                VmStatement::LocalFunction(LocalFunctionStatement {
                    name: self.var_name(*var),
                    definition,
                })
            }
            StatementKind::Assign(targets, values) => {
                let line = statement.store_line;
                if let ([target], [value]) = (targets.as_slice(), values.as_slice()) {
                    self.assign(line, target, value, out);
                } else {
                    self.assign_many(line, targets, values, out);
                }
                return;
            }
            // A call that nothing is left of.
            StatementKind::Call(call) if self.known(call).is_some() => return,
            StatementKind::Call(call) => {
                let call = self.expr(call);
                emit::call_statement(call)
            }
            StatementKind::Do(body) => VmStatement::Do(self.block(body)),
            StatementKind::While(condition, body) => self.while_loop(condition, body),
            StatementKind::Repeat(body, condition) => self.repeat(body, condition),
            StatementKind::If(arms, otherwise) => {
                let lowered = self.branches(arms, otherwise.as_ref(), 0, out);
                out.push(emit::line(here, lowered));
                return;
            }
            StatementKind::NumericFor {
                var,
                from,
                to,
                step,
                body,
            } => {
                self.numeric_for(
                    statement.line,
                    *var,
                    [Some(from), Some(to), step.as_ref()],
                    body,
                    out,
                );
                return;
            }
            StatementKind::GenericFor(vars, values, body) => {
                self.generic_for(statement.line, vars, values, body, out);
                return;
            }
            StatementKind::Break => VmStatement::Break,
            // It ends its block, which has dealt with it.
            StatementKind::Return(_) => return,
        };
        self.mark(out);
        out.push(emit::line(here, lowered));
    }

    // Assignments.

    fn assign(&mut self, line: u32, target: &Expr, value: &Expr, out: &mut Vec<Line>) {
        let here = self.here();
        let lowered = match &target.kind {
            ExprKind::Local(var) => {
                let value = self.expr(value);
                emit::assign(AssignmentTarget::Name(self.var_name(*var)), value)
            }
            ExprKind::Global(name) => {
                let mut value_code = self.expr(value);
                if value.is_open() {
                    value_code = emit::one(value_code);
                }
                let args = vec![emit::text(name), value_code];
                emit::call_statement(self.helper("\x01set_global", line, Vec::new(), args))
            }
            ExprKind::Index(base, key) => {
                let is_table = self.kinds(base).is(Kinds::TABLE);
                let label = self.label(base);
                let mut temps = Vec::new();
                let base = self.part(base, &mut temps);
                let key = self.part(key, &mut temps);
                let mut code = self.expr(value);
                let store = if is_table || self.may_index(line, &label) {
                    emit::assign(emit::field_target(base, key), code)
                } else {
                    if value.is_open() {
                        code = emit::one(code);
                    }
                    let args = vec![base, key, code];
                    emit::call_statement(self.helper("\x01set_index", line, vec![label], args))
                };
                self.mark(out);
                if temps.is_empty() {
                    out.push(emit::line(here, store));
                } else {
                    temps.push(emit::line(here, store));
                    out.push(emit::line(here, VmStatement::Do(emit::block(temps, here))));
                }
                return;
            }
            // The parser takes nothing else.
            _ => return,
        };
        self.mark(out);
        out.push(emit::line(here, lowered));
    }

    /// A part of a target: as it is, or evaluated into a variable before what follows.
    fn part(&mut self, part: &Expr, temps: &mut Vec<Line>) -> Code {
        let code = self.expr(part);
        // Lua reads a local where it is used, but what belongs to a function around it here.
        let is_early = matches!(part.kind, ExprKind::Local(var)
            if self.vars[var].reassigned && self.vars[var].depth < self.depth());
        if self.is_simple(part) && !is_early {
            return code;
        }
        let temp = self.temp();
        let line = emit::line(self.here(), emit::local(vec![temp.clone()], vec![code]));
        temps.push(line);
        emit::name(temp)
    }

    /// Evaluates all parts of the targets, then all values, then stores from the right.
    fn assign_many(&mut self, line: u32, targets: &[Expr], values: &[Expr], out: &mut Vec<Line>) {
        let here = self.here();
        let mut lines = Vec::new();
        let mut places = Vec::with_capacity(targets.len());
        for target in targets {
            places.push(match &target.kind {
                ExprKind::Local(var) => Target::Var(*var),
                ExprKind::Index(base, key) => {
                    let is_table = self.kinds(base).is(Kinds::TABLE);
                    let label = self.label(base);
                    // Another target may be one of the parts.
                    let base = self.kept(base, &mut lines);
                    let key = self.kept(key, &mut lines);
                    Target::Field {
                        base,
                        key,
                        is_table,
                        label,
                    }
                }
                ExprKind::Global(name) => Target::Global(name.clone()),
                _ => continue,
            });
        }
        let values = self.exprs(values);
        let temps: Vec<Text> = targets.iter().map(|_| self.temp()).collect();
        lines.push(emit::line(here, emit::local(temps.clone(), values)));
        for (place, temp) in places.into_iter().zip(temps).rev() {
            let value = emit::name(temp);
            let store = match place {
                Target::Var(var) => emit::assign(AssignmentTarget::Name(self.var_name(var)), value),
                Target::Global(name) => {
                    let args = vec![emit::text(&name), value];
                    emit::call_statement(self.helper("\x01set_global", line, Vec::new(), args))
                }
                Target::Field {
                    base,
                    key,
                    is_table,
                    label,
                } => {
                    if is_table || self.may_index(line, &label) {
                        emit::assign(emit::field_target(base, key), value)
                    } else {
                        let args = vec![base, key, value];
                        let names = vec![label];
                        emit::call_statement(self.helper("\x01set_index", line, names, args))
                    }
                }
            };
            lines.push(emit::line(here, store));
        }
        self.mark(out);
        out.push(emit::line(here, VmStatement::Do(emit::block(lines, here))));
    }

    fn kept(&mut self, part: &Expr, lines: &mut Vec<Line>) -> Code {
        let is_constant = matches!(
            part.kind,
            ExprKind::String(_) | ExprKind::Number(_) | ExprKind::Bool(_)
        );
        let code = self.expr(part);
        if is_constant {
            return code;
        }
        let temp = self.temp();
        let line = emit::line(self.here(), emit::local(vec![temp.clone()], vec![code]));
        lines.push(line);
        emit::name(temp)
    }

    // Branches and loops.

    /// A condition, as a statement of its own: with what has to stand before it, if anything may.
    fn condition(
        &mut self,
        condition: &Expr,
        may_be_marked: bool,
        is_first: bool,
    ) -> (Code, Vec<Line>, LineNumber) {
        let before = self.begin(condition.line);
        self.current.tainted = !may_be_marked;
        // Only the first of several conditions is evaluated for sure.
        let proved = self.types.proved();
        let code = self.expr(condition);
        if !is_first {
            self.types.forget(proved);
        }
        let mut prelude = Vec::new();
        self.mark(&mut prelude);
        let here = self.here();
        self.current = before;
        (code, prelude, here)
    }

    fn branches(
        &mut self,
        arms: &[(Expr, Block)],
        otherwise: Option<&Block>,
        depth: usize,
        out: &mut Vec<Line>,
    ) -> VmStatement<Text> {
        let Some(((condition, body), rest)) = arms.split_first() else {
            return VmStatement::Do(emit::block(Vec::new(), self.here()));
        };
        let (code, mut prelude, _) = self.condition(condition, true, depth == 0);
        if depth == 0 {
            let functions = self.depth();
            self.types.prove(condition, self.vars, functions);
        }
        out.append(&mut prelude);
        let first = self.block(body);
        let mut statement = IfStatement {
            if_part: (code, first),
            else_if_parts: Vec::new(),
            else_part: None,
        };
        for (index, (condition, body)) in rest.iter().enumerate() {
            let may_nest = depth < DEEPEST_BRANCH;
            let (code, prelude, here) = self.condition(condition, may_nest, false);
            if prelude.is_empty() {
                let body = self.block(body);
                statement.else_if_parts.push((code, body));
                continue;
            }
            // What has to stand before the condition needs a block.
            let mut lines = prelude;
            let first = self.block(body);
            let mut tail = Vec::new();
            let mut inner = IfStatement {
                if_part: (code, first),
                else_if_parts: Vec::new(),
                else_part: None,
            };
            if index + 1 < rest.len() {
                let nested = self.branches(&rest[index + 1..], otherwise, depth + 1, &mut tail);
                tail.push(emit::line(here, nested));
                inner.else_part = Some(emit::block(tail, here));
            } else if let Some(body) = otherwise {
                inner.else_part = Some(self.block(body));
            }
            lines.push(emit::line(here, VmStatement::If(inner)));
            statement.else_part = Some(emit::block(lines, here));
            return VmStatement::If(statement);
        }
        if let Some(body) = otherwise {
            statement.else_part = Some(self.block(body));
        }
        VmStatement::If(statement)
    }

    fn while_loop(&mut self, condition: &Expr, body: &Block) -> VmStatement<Text> {
        let (code, mut lines, here) = self.condition(condition, true, true);
        if lines.is_empty() {
            return VmStatement::While(WhileStatement {
                condition: code,
                block: self.loop_block(body),
            });
        }
        let stay = emit::block(Vec::new(), here);
        lines.push(emit::line(
            here,
            emit::branch(code, stay, Some(breaking(here))),
        ));
        let body = self.block(body);
        lines.push(emit::line(here, VmStatement::Do(body)));
        emit::forever(emit::block(lines, here))
    }

    fn repeat(&mut self, body: &Block, condition: &Expr) -> VmStatement<Text> {
        let mut block = self.block(body);
        let ends = block.return_statement.is_some()
            || matches!(
                body.statements.last().map(|statement| &statement.kind),
                Some(StatementKind::Break)
            );
        // The condition is never reached then.
        if ends {
            let end = block.closed_on;
            return emit::forever(emit::block(
                vec![emit::line(end, VmStatement::Do(block))],
                end,
            ));
        }
        let (code, mut prelude, here) = self.condition(condition, true, false);
        block.statements.append(&mut prelude);
        let stop = emit::branch(code, breaking(here), None);
        block.statements.push(emit::line(here, stop));
        emit::forever(block)
    }

    fn numeric_for(
        &mut self,
        line: u32,
        var: VarId,
        range: [Option<&Expr>; 3],
        body: &Block,
        out: &mut Vec<Line>,
    ) {
        let here = self.here();
        let [from, to, step] = range;
        // A loop that the VM runs as 5.1 does: it counts up or down by a constant, to what is a
        // number for sure.
        let is_whole = |expr: Option<&Expr>| match expr.map(|expr| &expr.kind) {
            Some(ExprKind::Number(number)) => number.is_finite(),
            _ => false,
        };
        let is_length = |expr: Option<&Expr>| {
            matches!(
                expr.map(|expr| &expr.kind),
                Some(ExprKind::Unary(crate::lua::ast::Unary::Length, _))
            )
        };
        let is_plain = is_whole(from)
            && (is_whole(to) || is_length(to))
            && match step.map(|step| &step.kind) {
                None => true,
                Some(ExprKind::Number(number)) => *number != 0.0 && number.is_finite(),
                _ => false,
            };
        let mut codes: Vec<Code> = Vec::with_capacity(3);
        for expr in [from, to] {
            codes.push(match expr {
                Some(expr) => self.expr(expr),
                None => emit::number(1.0),
            });
        }
        codes.push(match step {
            Some(step) if step.is_open() => {
                let code = self.expr(step);
                emit::one(code)
            }
            Some(step) => self.expr(step),
            None => emit::number(1.0),
        });
        let mut lines = Vec::new();
        if !is_plain {
            let checked = self.helper("\x01for", line, Vec::new(), codes);
            let temps: Vec<Text> = (0..3).map(|_| self.temp()).collect();
            lines.push(emit::line(here, emit::local(temps.clone(), vec![checked])));
            codes = temps.into_iter().map(emit::name).collect();
        }
        self.mark(out);
        let body = self.loop_block(body);
        let mut codes = codes.into_iter();
        let (Some(initial), Some(limit), step) = (codes.next(), codes.next(), codes.next()) else {
            return;
        };
        let statement = VmStatement::For(ForStatement::Numeric {
            name: self.var_name(var),
            initial,
            limit,
            step,
            body,
        });
        if lines.is_empty() {
            out.push(emit::line(here, statement));
        } else {
            lines.push(emit::line(here, statement));
            out.push(emit::line(here, VmStatement::Do(emit::block(lines, here))));
        }
    }

    fn generic_for(
        &mut self,
        line: u32,
        vars: &[VarId],
        values: &[Expr],
        body: &Block,
        out: &mut Vec<Line>,
    ) {
        let here = self.here();
        let is_known = match values {
            [
                Expr {
                    kind: ExprKind::Call(function, _),
                    ..
                },
            ] => self.known(function).is_some(),
            [first, ..] => self.known(first).is_some(),
            [] => false,
        };
        let mut arguments = self.exprs(values);
        let mut lines = Vec::new();
        let is_exact =
            values.len() == 1 || values.len() <= 3 && !values[values.len() - 1].is_open();
        if !is_exact {
            let mut temps: Vec<Text> = (0..3).map(|_| self.temp()).collect();
            let names = temps.clone();
            lines.push(emit::line(here, emit::local(names, arguments)));
            arguments = temps.drain(..).map(emit::name).collect();
        }
        // Whether it can be called shows when it is called first.
        self.may_call(line, &None);
        self.mark(out);
        let body = self.loop_block(body);
        let site = self.new_site(
            line,
            vec![Some(Name {
                kind: NameKind::Iterator,
                text: Text::from(&b"(for generator)"[..]),
            })],
        );
        let id = self.site_id(site);
        if let Some(record) = self.records.last_mut() {
            record.iterations.push(Iteration {
                site: id,
                may_be_false: !is_known,
            });
        }
        let statement = VmStatement::For(ForStatement::Generic {
            names: vars.iter().map(|var| self.var_name(*var)).collect(),
            arguments,
            body,
        });
        if lines.is_empty() {
            out.push(emit::line(here, statement));
        } else {
            lines.push(emit::line(here, statement));
            out.push(emit::line(here, VmStatement::Do(emit::block(lines, here))));
        }
    }
}
