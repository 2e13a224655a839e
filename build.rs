//! Compiles `stand-in/main.rs` to a static program for the target's own processor, where the target is Linux.
//! Elsewhere the file is empty, and the runner says that it has no stand-in.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=stand-in");
    let var = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(var("OUT_DIR")).join("stand-in");
    let linux = var("CARGO_CFG_TARGET_OS") == "linux";
    let known = ["x86_64", "aarch64"].contains(&var("CARGO_CFG_TARGET_ARCH").as_str());
    if linux && known && compile(&out, &var("RUSTC"), &var("TARGET"), &var("RUSTC_LINKER")) {
        return;
    }
    if let Err(error) = std::fs::write(&out, b"") {
        println!("cargo::error=the stand-in's place {}: {error}", out.display());
    }
}

/// With the linker that comes with the compiler, else with the target's own.
fn compile(out: &PathBuf, rustc: &str, target: &str, linker: &str) -> bool {
    let own = ["linker=rust-lld", "linker-flavor=ld.lld", "link-arg=-static"].map(str::to_owned).to_vec();
    let mut theirs = ["link-arg=-nostdlib", "link-arg=-nostartfiles", "link-arg=-static"].map(str::to_owned).to_vec();
    if !linker.is_empty() {
        theirs.push(format!("linker={linker}"));
    }
    let mut said = String::new();
    for linking in [own, theirs] {
        let mut command = Command::new(rustc);
        command.args(["--edition=2024", "--crate-name=stand_in", "--crate-type=bin", "--target", target]);
        for option in ["panic=abort", "opt-level=s", "relocation-model=static", "strip=symbols", "debuginfo=0"] {
            command.args(["-C", option]);
        }
        for option in &linking {
            command.args(["-C", option]);
        }
        match command.arg("-o").arg(out).arg("stand-in/main.rs").output() {
            Ok(output) if output.status.success() => return true,
            Ok(output) => said = String::from_utf8_lossy(&output.stderr).lines().take(3).collect::<Vec<_>>().join(" "),
            Err(error) => said = error.to_string(),
        }
    }
    println!("cargo::warning=the sandbox's stand-in was left out, as it could not be compiled: {said}");
    false
}
