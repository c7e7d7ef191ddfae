//! From 5.1's tree to the tree that the VM's compiler takes, such that the VM does what 5.1 does.
//!
//! Every variable gets a name of its own, so nothing shadows anything. What the VM does differently
//! (operators on unknown types, constructors, methods, concatenation) becomes a call of one of our
//! functions; known numbers use the VM's instructions. Each call is numbered in the order in which
//! the compiler will write it, so that afterwards its site can stand where the VM keeps lines.
//!
//! The VM's own failures (indexing or calling what can't be) tell nothing of where they happened. A
//! statement that may so fail first stores its site in a cell; where a script's function may have
//! run since, and stored another, or where two places would look the same, our own checked functions
//! are called instead.

mod emit;
mod expr;
mod statement;

use std::rc::Rc;

use piccolo::compiler::LineNumber;
use piccolo::compiler::parser::{
    AssignmentTarget, Block, Chunk as VmChunk, FunctionDefinition, ReturnStatement,
    SimpleExpression,
};

use super::ast::{Chunk, Function, Var, VarId};
use super::infer::Types;
use super::lex::Text;
use super::lib;
use super::site::{Name, NameKind, Site, SiteId, Use};
use emit::{Code, Line};

/// The calls of a function in the order of its code, and the functions inside it.
#[derive(Debug, Default)]
pub struct Record {
    /// Calls.
    pub calls: Vec<SiteId>,
    /// Calls of iterators.
    pub iterations: Vec<Iteration>,
    /// Functions inside.
    pub functions: Vec<Record>,
}

/// A loop's call of its iterator.
#[derive(Clone, Copy, Debug)]
pub struct Iteration {
    /// Its site.
    pub site: SiteId,
    /// It may give false, which ends the VM's loop, but not 5.1's.
    pub may_be_false: bool,
}

/// What comes of a chunk.
pub struct Lowered {
    /// For the VM's compiler: declares the cells as locals, and returns the chunk's function.
    pub chunk: VmChunk<Text>,
    /// The cells, in order.
    pub cells: Vec<usize>,
    /// The calls of the chunk's function.
    pub record: Record,
    /// Every site.
    pub sites: Vec<Site>,
}

/// A statement being lowered.
#[derive(Default)]
struct Current {
    /// Its site.
    site: usize,
    /// A script's function may have run: the cell may hold another site.
    tainted: bool,
    /// Whether the cell must hold the site.
    marked: bool,
    /// A function of ours will call a script's: the cell must not say that a script does.
    passed_on: bool,
}

struct Lowering<'c> {
    vars: &'c [Var],
    types: Types,
    chunk_number: usize,
    sites: Vec<Site>,
    /// The cells that are used, and the variables that stand for them.
    cells: Vec<(usize, Text)>,
    /// The name of each of the chunk's variables, none like another.
    var_names: Vec<Text>,
    records: Vec<Record>,
    temps: usize,
    current: Current,
    has_error_levels: bool,
    /// Which zero each of the functions around has met first: 5.1 keeps one only of 0 and -0.
    zeros: Vec<Option<f64>>,
}

/// Lowers a chunk.
pub fn lower(chunk: &Chunk, types: Types, chunk_number: usize) -> Lowered {
    let mut lowering = Lowering {
        vars: &chunk.vars,
        types,
        chunk_number,
        sites: vec![Site::default()],
        cells: Vec::new(),
        var_names: (0..chunk.vars.len())
            .map(|var| numbered('v', var))
            .collect(),
        records: Vec::new(),
        temps: 0,
        current: Current::default(),
        has_error_levels: chunk.has_error_levels,
        zeros: Vec::new(),
    };
    let (definition, record) = lowering.function(&chunk.main);
    let end = lowering.line_number(0);
    let mut statements = Vec::new();
    if !lowering.cells.is_empty() {
        let names = lowering
            .cells
            .iter()
            .map(|(_, name)| name.clone())
            .collect();
        statements.push(emit::line(end, emit::local(names, Vec::new())));
    }
    let main = emit::simple(SimpleExpression::Function(definition));
    let mut block = emit::block(statements, end);
    block.return_statement = Some(returning(end, vec![main]));
    Lowered {
        chunk: VmChunk { block },
        cells: lowering.cells.into_iter().map(|(cell, _)| cell).collect(),
        record,
        sites: lowering.sites,
    }
}

fn returning(
    site: LineNumber,
    returns: Vec<Code>,
) -> piccolo::compiler::parser::LineAnnotated<ReturnStatement<Text>> {
    piccolo::compiler::parser::LineAnnotated::new(site, ReturnStatement { returns })
}

/// A name that no other kind of name is.
fn numbered(kind: char, number: usize) -> Text {
    Rc::from(format!("{kind}{number}").as_bytes())
}

impl Lowering<'_> {
    fn depth(&self) -> usize {
        self.records.len().saturating_sub(1)
    }

    fn site_id(&self, site: usize) -> SiteId {
        SiteId::new(self.chunk_number, site)
    }

    fn line_number(&self, site: usize) -> LineNumber {
        LineNumber(self.site_id(site).0)
    }

    fn new_site(&mut self, line: u32, names: Vec<Option<Name>>) -> usize {
        self.sites.push(Site {
            line,
            names,
            ..Site::default()
        });
        self.sites.len() - 1
    }

    /// Begins a statement: its site is the one of all that has none of its own.
    fn begin(&mut self, line: u32) -> Current {
        let site = self.new_site(line, Vec::new());
        std::mem::replace(
            &mut self.current,
            Current {
                site,
                ..Current::default()
            },
        )
    }

    fn here(&self) -> LineNumber {
        self.line_number(self.current.site)
    }

    /// What stands before the statement, so that the VM's failures are known for its.
    fn mark(&mut self, out: &mut Vec<Line>) {
        let site = match (self.current.marked, self.current.passed_on) {
            (true, _) => Some(self.site_id(self.current.site).0 as f64),
            (false, passed_on) => passed_on.then_some(0.0),
        };
        if let Some(site) = site {
            let cell = AssignmentTarget::Name(self.cell_text(lib::site_cell()));
            out.push(emit::line(
                self.here(),
                emit::assign(cell, emit::number(site)),
            ));
        }
    }

    fn cell_text(&mut self, cell: usize) -> Text {
        if let Some((_, name)) = self.cells.iter().find(|(known, _)| *known == cell) {
            return name.clone();
        }
        let name = numbered('c', cell);
        self.cells.push((cell, name.clone()));
        name
    }

    fn var_name(&self, var: VarId) -> Text {
        self.var_names[var].clone()
    }

    fn cell(&mut self, cell: usize) -> Code {
        emit::name(self.cell_text(cell))
    }

    fn temp(&mut self) -> Text {
        self.temps += 1;
        numbered('t', self.temps)
    }

    /// Calls one of our functions, at a site of its own.
    fn helper(&mut self, name: &str, line: u32, names: Vec<Option<Name>>, args: Vec<Code>) -> Code {
        let cell = lib::helper_cell(name);
        let function = self.cell(cell);
        self.record_call(line, names);
        emit::call(function, args)
    }

    /// Numbers a call whose arguments are lowered.
    fn record_call(&mut self, line: u32, names: Vec<Option<Name>>) {
        let site = self.new_site(line, names);
        let id = self.site_id(site);
        if let Some(record) = self.records.last_mut() {
            record.calls.push(id);
        }
    }

    /// True if the VM itself may index here: its failure will be told by the statement's site.
    fn may_index(&mut self, line: u32, name: &Option<Name>) -> bool {
        let site = &mut self.sites[self.current.site];
        let allowed = !self.current.tainted && fits(&mut site.index, line, name);
        self.current.marked |= allowed;
        allowed
    }

    /// True if the VM itself may call here.
    fn may_call(&mut self, line: u32, name: &Option<Name>) -> bool {
        let site = &mut self.sites[self.current.site];
        let allowed = !self.current.tainted && fits(&mut site.call, line, name);
        self.current.marked |= allowed;
        allowed
    }

    /// A function's definition, and the record of its calls.
    fn function(&mut self, function: &Function) -> (FunctionDefinition<Text>, Record) {
        let outer = std::mem::take(&mut self.current);
        self.records.push(Record::default());
        self.zeros.push(None);
        let mut prelude = Vec::new();
        if let Some((var, filled)) = function.arg
            && self.vars[var].used
        {
            let before = self.begin(function.line);
            let values = if filled {
                let all = emit::simple(SimpleExpression::VarArgs);
                vec![self.helper("\x01arg", function.line, Vec::new(), vec![all])]
            } else {
                Vec::new()
            };
            prelude.push(emit::line(
                self.here(),
                emit::local(vec![self.var_name(var)], values),
            ));
            self.current = before;
        }
        if self.has_error_levels && self.depth() > 0 {
            // Who called is known only until this function stores a site of its own.
            let caller = self.cell(lib::site_cell());
            let line = self.here();
            prelude.push(emit::line(
                line,
                emit::local(vec![self.caller_name()], vec![caller]),
            ));
        }
        let mut body = self.block(&function.body);
        if !prelude.is_empty() {
            prelude.append(&mut body.statements);
            body.statements = prelude;
        }
        let record = self.records.pop().unwrap_or_default();
        self.zeros.pop();
        self.current = outer;
        let definition = FunctionDefinition {
            parameters: function
                .params
                .iter()
                .map(|var| self.var_name(*var))
                .collect(),
            has_varargs: function.is_vararg,
            body,
        };
        (definition, record)
    }

    /// The variable that holds the site of the call of this function.
    fn caller_name(&self) -> Text {
        numbered('s', self.depth())
    }

    /// How messages call a variable.
    fn var_label(&self, var: VarId) -> Name {
        let here = self.vars[var].depth == self.depth();
        Name {
            kind: if here {
                NameKind::Local
            } else {
                NameKind::Upvalue
            },
            text: self.vars[var].name.clone(),
        }
    }
}

/// Takes the place of a site's only use, or is the same as the one there.
fn fits(place: &mut Option<Use>, line: u32, name: &Option<Name>) -> bool {
    match place {
        Some(used) => used.line == line && used.name == *name,
        None => {
            *place = Some(Use {
                line,
                name: name.clone(),
            });
            true
        }
    }
}

/// A block that leaves the loop around it.
fn breaking(site: LineNumber) -> Block<Text> {
    emit::block(
        vec![emit::line(
            site,
            piccolo::compiler::parser::Statement::Break,
        )],
        site,
    )
}
