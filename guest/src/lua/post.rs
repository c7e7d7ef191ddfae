//! What the VM's compiler wrote, corrected: calls carry their sites, and tail calls become calls
//! with a return behind them. (The VM's tail call breaks where a function takes more parameters than
//! there are arguments, and an error in it would not know its place.)

use piccolo::compiler::{CompiledPrototype, LineNumber};
use piccolo::opcode::{OpCode, Operation};
use piccolo::types::{Opt254, VarCount};

use super::lex::Text;
use super::lower::Record;

/// The code jumps further than it can.
#[derive(Debug)]
pub struct TooFar;

/// Corrects a function and all inside it.
pub fn fix(prototype: &mut CompiledPrototype<Text>, record: &Record) -> Result<(), TooFar> {
    let mut calls = record.calls.iter();
    let mut iterations = record.iterations.iter();
    let mut old_lines = prototype.opcode_line_numbers.iter().copied().peekable();
    let mut line = LineNumber(record.calls.first().map_or(0, |site| site.0));
    let mut lines: Vec<(usize, LineNumber)> = Vec::new();
    let mut tail = Vec::new();
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
                own = iterations.next().map_or(line, |site| LineNumber(site.0));
            }
            Operation::TailCall { func, args } => {
                own = calls.next().map_or(line, |site| LineNumber(site.0));
                let target = length + tail.len();
                let offset = i16::try_from(target - (at + 1)).map_err(|_| TooFar)?;
                prototype.opcodes[at] = OpCode::encode(Operation::Jump {
                    offset,
                    close_upvalues: Opt254::none(),
                });
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
