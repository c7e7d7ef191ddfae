//! Compiles the guest to a WebAssembly component and that to native code, for the library to embed.
//!
//! Owns the nested cargo and the compiler's settings that do not matter at run time. Knows nothing
//! of what the component does.

#![allow(
    clippy::print_stdout,
    reason = "this is how a build script talks to cargo"
)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

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
    let code = precompile(&wasm)?;
    fs::write(out.join("petridis.wasm"), &wasm)?;
    fs::write(out.join("petridis.cwasm"), &code)?;
    Ok(())
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
