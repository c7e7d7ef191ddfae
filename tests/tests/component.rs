//! The component as others see it: a file with few imports, driven by plain wasmtime.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Nothing is added to the imports without somebody seeing it: `UPDATE=1` writes the list anew.
#[test]
fn the_component_imports_what_the_list_says_and_no_more() {
    let engine = Engine::default();
    let component = Component::new(&engine, petridis::component()).expect("a component");
    let imports: BTreeSet<String> = component
        .component_type()
        .imports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let found: String = imports.iter().map(|name| format!("{name}\n")).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("imports.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &found).expect("the list can be written");
    }
    let listed = fs::read_to_string(&path).expect("the list is there");
    assert_eq!(found, listed);
}

/// What WASI needs of a host, with nothing behind it: no files, no network, no environment.
struct Embedder {
    context: WasiCtx,
    resources: ResourceTable,
}

impl WasiView for Embedder {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.context,
            table: &mut self.resources,
        }
    }
}

#[test]
fn an_embedder_needs_the_file_and_one_function() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("petridis.wasm");
    // As `petridis component -o` writes it.
    fs::write(&file, petridis::component()).expect("the file can be written");

    let engine = Engine::default();
    let component = Component::from_file(&engine, &file).expect("a component");
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).expect("WASI links");
    let host = Embedder {
        context: WasiCtxBuilder::new().build(),
        resources: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, host);
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("all imports are there");
    let execute = instance
        .get_typed_func::<(&[u8],), (Vec<u8>,)>(&mut store, "execute")
        .expect("the component exports it");
    let mut execute = |request: &'static [u8]| -> Vec<u8> {
        execute
            .call(&mut store, (request,))
            .expect("it does not trap")
            .0
    };

    assert_eq!(execute(b"PING\r\n"), b"+PONG\r\n");
    assert_eq!(
        execute(b"SET key value\r\nGET key\r\n"),
        b"+OK\r\n$5\r\nvalue\r\n"
    );
    assert_eq!(execute(b"*2\r\n$3\r\nGET\r\n$3\r\nk"), b"", "cut off: kept");
    assert_eq!(execute(b"ey\r\n"), b"$5\r\nvalue\r\n", "and completed");
    assert_eq!(
        execute(b"INCR key\r\n"),
        b"-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(execute(b""), b"");
}
