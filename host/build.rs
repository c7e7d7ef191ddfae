//! Compiles the guest to a WebAssembly component and that to native code, for the library to embed.
//!
//! Owns the nested cargo, the compiler's settings that do not matter at run time, and where the engine's
//! constants lie. Knows nothing of what the component does.

#![allow(
    clippy::print_stdout,
    reason = "this is how a build script talks to cargo"
)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

#[path = "src/tuning.rs"]
#[allow(dead_code, reason = "the stack's size matters at run time only")]
mod tuning;

const GUEST_TARGET: &str = "wasm32-wasip2";

/// What the guest is made of, from the workspace's root. Nothing else starts a rebuild.
const SOURCES: [&str; 7] = [
    "guest/src",
    "guest/Cargo.toml",
    "guest/build.rs",
    "guest/commands.json",
    "wit",
    "Cargo.toml",
    "Cargo.lock",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("petridis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = manifest.parent().context("host/ has no parent directory")?;
    for source in SOURCES {
        let path = root.join(source);
        // Cargo takes a missing file for a changed one, at every build.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }

    ensure_target()?;
    let component = build_guest(root, &out.join("guest-target"))?;
    let wasm = fs::read(&component).with_context(|| {
        format!(
            "the guest was built, but {} is not there",
            component.display()
        )
    })?;
    fs::write(out.join("petridis.wasm"), &wasm)?;
    let mut hasher = DefaultHasher::new();
    wasm.hash(&mut hasher);
    let mut code = wasm;
    let constants = take_constants(&mut code).context("the component's data segments")?;
    fs::write(out.join("petridis.cwasm"), precompile(&code)?)?;
    fs::write(out.join("constants.bin"), &constants.bytes)?;
    fs::write(
        out.join("layout.rs"),
        format!(
            "/// Where the constants lie in the memory.\n\
             const CONSTANTS_START: usize = {};\n\
             /// Differs from build to build of the engine.\n\
             const FINGERPRINT: u64 = {};\n",
            constants.start,
            hasher.finish()
        ),
    )?;
    Ok(())
}

/// What a module has in its memory from the start, by whole pages.
struct Constants {
    start: usize,
    bytes: Vec<u8>,
}

/// Takes the data segments out of the component's one large module. The host lays them into every new
/// memory by mapping them; the module would copy them.
fn take_constants(component: &mut [u8]) -> Result<Constants> {
    const PREAMBLE: usize = 8;
    const CORE_MODULE: u8 = 1;
    const DATA: u8 = 11;
    const CUSTOM: u8 = 0;
    let largest = sections(component, PREAMBLE..component.len())?
        .into_iter()
        .filter(|section| section.id == CORE_MODULE)
        .max_by_key(|section| section.content.len())
        .context("there is no module")?;
    let inside = largest.content.start + PREAMBLE..largest.content.end;
    let data = sections(component, inside)?
        .into_iter()
        .find(|section| section.id == DATA)
        .context("the module has none")?;
    let constants = read_segments(&component[data.content.clone()])?;
    // In their place, of the same length: no segments, and a section that nobody reads.
    let mut filler = vec![DATA, 1, 0, CUSTOM];
    let rest = data.content.end - data.whole_start - filler.len() - 5;
    // Its length in five bytes, whether it needs them or not; its name is empty.
    filler.extend((0..5).map(|at| (rest >> (7 * at) & 0x7f) as u8 | if at < 4 { 0x80 } else { 0 }));
    filler.resize(data.content.end - data.whole_start, 0);
    component[data.whole_start..data.content.end].copy_from_slice(&filler);
    Ok(constants)
}

struct Section {
    id: u8,
    /// Where it begins, with its id and its length.
    whole_start: usize,
    content: Range<usize>,
}

fn sections(bytes: &[u8], range: Range<usize>) -> Result<Vec<Section>> {
    let mut sections = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let whole_start = at;
        let id = bytes[at];
        at += 1;
        let length = number(bytes, &mut at)?;
        sections.push(Section {
            id,
            whole_start,
            content: at..at + length,
        });
        at += length;
    }
    Ok(sections)
}

/// Lays out data segments as they come to lie in memory. All have to say where, as a constant.
fn read_segments(section: &[u8]) -> Result<Constants> {
    const PAGE: usize = 4096;
    const ACTIVE: usize = 0;
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let mut at = 0;
    let mut constants: Option<Constants> = None;
    for _ in 0..number(section, &mut at)? {
        let kind = number(section, &mut at)?;
        ensure!(
            kind == ACTIVE && section[at] == I32_CONST,
            "one is not at a constant place"
        );
        at += 1;
        let place = number(section, &mut at)?;
        ensure!(section[at] == END, "one is at a place that is computed");
        at += 1;
        let length = number(section, &mut at)?;
        let start = place & !(PAGE - 1);
        let constants = constants.get_or_insert(Constants {
            start,
            bytes: Vec::new(),
        });
        ensure!(start >= constants.start, "they are not in order");
        let from = place - constants.start;
        let to = from + length;
        constants
            .bytes
            .resize(to.next_multiple_of(PAGE).max(constants.bytes.len()), 0);
        constants.bytes[from..to].copy_from_slice(&section[at..at + length]);
        at += length;
    }
    constants.context("there is none")
}

/// A number as WebAssembly writes it. The places of segments are signed there, but never that high.
fn number(bytes: &[u8], at: &mut usize) -> Result<usize> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at).context("it is cut off")?;
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    bail!("a number is too long")
}

fn variable(name: &str) -> Result<OsString> {
    env::var_os(name).with_context(|| format!("cargo did not set {name}"))
}

/// Sees to it that the standard library for the guest's target is installed.
fn ensure_target() -> Result<()> {
    if target_is_there()? {
        return Ok(());
    }
    eprintln!("petridis: installing the Rust target {GUEST_TARGET}");
    let installed = Command::new("rustup")
        .args(["target", "add", GUEST_TARGET])
        .status();
    if installed.is_ok_and(|status| status.success()) && target_is_there()? {
        return Ok(());
    }
    bail!("the Rust target {GUEST_TARGET} is missing; type: rustup target add {GUEST_TARGET}")
}

fn target_is_there() -> Result<bool> {
    let rustc = variable("RUSTC")?;
    let output = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .with_context(|| format!("cannot run {}", rustc.display()))?;
    let sysroot = String::from_utf8(output.stdout).context("the sysroot's path is not UTF-8")?;
    Ok(Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(GUEST_TARGET)
        .exists())
}

/// Builds the guest with a cargo of its own; returns where the component lies.
fn build_guest(root: &Path, target_dir: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        .args([
            "build",
            "--package",
            "petridis-guest",
            "--target",
            GUEST_TARGET,
        ])
        .args(["--profile", "guest"])
        .arg("--target-dir")
        .arg(target_dir)
        // A build-dir from the user's configuration would be the outer cargo's too, which holds
        // its lock until this script ends.
        .arg("--config")
        .arg(format!(
            "build.build-dir={:?}",
            target_dir.display().to_string()
        ));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            cargo.env_remove(&name);
        }
    }
    // `fuzzing` is looked at by `ahash` alone, which Lua's machine hashes with: its seeds are constant
    // then, where they would be an import of `wasi:random`.
    cargo.env(
        "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS",
        "-C target-feature=+simd128 --cfg fuzzing",
    );
    let status = cargo.status().context("cannot run cargo for the guest")?;
    if !status.success() {
        bail!("the guest did not build; see cargo's messages above");
    }
    Ok(target_dir
        .join(GUEST_TARGET)
        .join("guest/petridis_guest.wasm"))
}

/// Whether a variable of the outer build would change what the guest is compiled to.
fn leaks(name: &str) -> bool {
    const EXACT: [&str; 9] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        // Clippy works through this one.
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_PRIMARY_PACKAGE",
    ];
    const PREFIXES: [&str; 7] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
    ];
    EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn precompile(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut config = tuning::config();
    let target = env::var("TARGET")?;
    // Without a target the processor's own features are used.
    if target != env::var("HOST")? {
        config
            .target(&target)
            .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    }
    let compile = || wasmtime::Engine::new(&config)?.precompile_component(wasm);
    compile().map_err(|error| anyhow::anyhow!("the component does not compile: {error:#}"))
}
