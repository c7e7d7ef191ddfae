//! What the VM's compiler wrote, corrected: calls carry their sites, and tail calls become calls
//! with a return behind them. (The VM's tail call breaks where a function takes more parameters than
//! there are arguments, and an error in it would not know its place.) A loop whose iterator may give
//! false goes on, as 5.1's does.

use piccolo::Constant;
use piccolo::compiler::{CompiledPrototype, LineNumber};
use piccolo::opcode::{OpCode, Operation, RCIndex};
use piccolo::types::{ConstantIndex8, Opt254, RegisterIndex, VarCount};

use super::lex::Text;
use super::lower::Record;

/// The code jumps further than it can.
#[derive(Debug)]
pub struct TooFar;

/// A jump from one instruction to another.
fn jump_to(from: usize, to: usize) -> Result<OpCode, TooFar> {
    let offset = to as i64 - (from as i64 + 1);
    Ok(OpCode::encode(Operation::Jump {
        offset: i16::try_from(offset).map_err(|_| TooFar)?,
        close_upvalues: Opt254::none(),
    }))
}

/// The place of nil among the constants.
fn constant_nil(prototype: &mut CompiledPrototype<Text>) -> Result<ConstantIndex8, TooFar> {
    let is_nil = |constant: &Constant<Text>| matches!(constant, Constant::Nil);
    let place = match prototype.constants.iter().position(is_nil) {
        Some(place) if place <= usize::from(u8::MAX) => place,
        _ => {
            prototype.constants.push(Constant::Nil);
            prototype.constants.len() - 1
        }
    };
    let place = u8::try_from(place).map_err(|_| TooFar)?;
    Ok(ConstantIndex8(place))
}

/// Corrects a function and all inside it.
pub fn fix(prototype: &mut CompiledPrototype<Text>, record: &Record) -> Result<(), TooFar> {
    let mut calls = record.calls.iter();
    let mut iterations = record.iterations.iter();
    let mut old_lines = prototype.opcode_line_numbers.clone().into_iter().peekable();
    let mut line = LineNumber(record.calls.first().map_or(0, |site| site.0));
    let mut lines: Vec<(usize, LineNumber)> = Vec::new();
    let mut tail = Vec::new();
    let mut may_be_false = false;
    let length = prototype.opcodes.len();
    for at in 0..length {
        while let Some((_, next)) = old_lines.next_if(|(start, _)| *start <= at) {
            line = next;
        }
        let mut own = line;
        match prototype.opcodes[at].decode() {
            Operation::Call { .. } => {
                own = calls.next().map_or(line, |site| LineNumber(site.0));
            }
            Operation::GenericForCall { .. } => {
                if let Some(iteration) = iterations.next() {
                    own = LineNumber(iteration.site.0);
                    may_be_false = iteration.may_be_false;
                }
            }
            Operation::GenericForLoop { base, jump } if may_be_false => {
                may_be_false = false;
                let nil = constant_nil(prototype)?;
                let first = length + tail.len();
                prototype.opcodes[at] = jump_to(at, first)?;
                let control = RegisterIndex(base.0 + 1);
                let body = (at as i64 + 1 + i64::from(jump)) as usize;
                tail.push((
                    own,
                    Operation::Eq {
                        skip_if: false,
                        left: RCIndex::Register(control),
                        right: RCIndex::Constant(nil),
                    },
                ));
                tail.push((own, jump_to(first + 1, at + 1)?.decode()));
                tail.push((
                    own,
                    Operation::Move {
                        dest: base,
                        source: control,
                    },
                ));
                tail.push((own, jump_to(first + 3, body)?.decode()));
            }
            Operation::TailCall { func, args } => {
                own = calls.next().map_or(line, |site| LineNumber(site.0));
                prototype.opcodes[at] = jump_to(at, length + tail.len())?;
                tail.push((
                    own,
                    Operation::Call {
                        func,
                        args,
                        returns: VarCount::variable(),
                    },
                ));
                tail.push((
                    own,
                    Operation::Return {
                        start: func,
                        count: VarCount::variable(),
                    },
                ));
            }
            _ => {}
        }
        if lines.last().is_none_or(|(_, last)| *last != own) {
            lines.push((at, own));
        }
    }
    debug_assert!(calls.next().is_none() && iterations.next().is_none());
    for (own, operation) in tail {
        if lines.last().is_none_or(|(_, last)| *last != own) {
            lines.push((prototype.opcodes.len(), own));
        }
        prototype.opcodes.push(OpCode::encode(operation));
    }
    prototype.opcode_line_numbers = lines;
    debug_assert_eq!(prototype.prototypes.len(), record.functions.len());
    for (inner, record) in prototype.prototypes.iter_mut().zip(&record.functions) {
        fix(inner, record)?;
    }
    Ok(())
}
