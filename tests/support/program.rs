//! The smallest image: one static program that says something and ends.

use std::{io::Write, path::Path, process::Command, sync::LazyLock};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// How a program ends.
#[derive(Clone, Copy)]
pub enum End {
    /// With this code.
    Code(u32),
    /// It reads where no memory is.
    Segfault,
}

/// An OCI layout whose program writes `words` and ends with `code`, whatever its arguments are.
pub fn layout(dir: &Path, words: &str, code: u32) {
    layout_of(dir, words, 0, End::Code(code));
}

/// The same, with so many milliseconds between.
pub fn layout_of(dir: &Path, words: &str, millis: u32, end: End) {
    image(dir, &program(&format!("{words}\n"), millis, end), &[]);
}

/// An OCI layout of the program in `program/ailing.rs`, which fails as these arguments say.
pub fn ailing(dir: &Path, arguments: &[&str]) {
    static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(compile);
    image(dir, &PROGRAM, arguments);
}

/// With the compiler beside the cargo that builds these tests, and the linker that comes with it, as `build.rs` does
/// with the stand-in.
fn compile() -> Vec<u8> {
    let out = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut command = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.args(["--edition=2024", "--crate-name=ailing", "--crate-type=bin", "--target=x86_64-unknown-linux-gnu"]);
    for option in ["panic=abort", "opt-level=s", "relocation-model=static", "strip=symbols", "debuginfo=0"] {
        command.args(["-C", option]);
    }
    for option in ["linker=rust-lld", "linker-flavor=ld.lld", "link-arg=-static"] {
        command.args(["-C", option]);
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/program/ailing.rs");
    let output = command.arg("-o").arg(&out).arg(source).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(&out).unwrap()
}

/// An OCI layout of one program that is started with these arguments.
fn image(dir: &Path, program: &[u8], arguments: &[&str]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "say", program).unwrap();
    let tar = tar.into_inner().unwrap();
    let entrypoint: Vec<&str> = std::iter::once("/say").chain(arguments.iter().copied()).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": { "Entrypoint": entrypoint },
        "rootfs": { "type": "layers", "diff_ids": [digest(&tar)] },
    });
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();

    let blob = |kind: &str, bytes: &[u8]| -> Json {
        let blobs = dir.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let digest = digest(bytes);
        std::fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": bytes.len() })
    };
    let kind = "manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": format!("application/vnd.oci.image.{kind}"),
        "config": blob("config.v1+json", config.to_string().as_bytes()),
        "layers": [blob("layer.v1.tar+gzip", &gzip.finish().unwrap())],
    });
    let mut manifest = blob(kind, manifest.to_string().as_bytes());
    manifest["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(dir.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string()).unwrap();
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A static program for x86_64: write(1, words), nanosleep(millis), exit_group(code).
fn program(words: &str, millis: u32, end: End) -> Vec<u8> {
    const START: u32 = 0x40_0078;
    /// The length of what comes before the time and the words.
    const CODE: u32 = 58;
    let length = u32::try_from(words.len()).unwrap();
    let mut text = Vec::new();
    let load = |text: &mut Vec<u8>, register: u8, value: u32| {
        text.push(register);
        text.extend(u32::to_le_bytes(value));
    };
    const SYSCALL: [u8; 2] = [0x0F, 0x05];
    // mov eax, edi, esi and edx; syscall.
    for (register, value) in [(0xB8, 1), (0xBF, 1), (0xBE, START + CODE + 16), (0xBA, length)] {
        load(&mut text, register, value);
    }
    text.extend(SYSCALL);
    for (register, value) in [(0xB8, 35), (0xBF, START + CODE), (0xBE, 0)] {
        load(&mut text, register, value);
    }
    text.extend(SYSCALL);
    if let End::Segfault = end {
        // mov eax, [0]
        text.extend([0x8B, 0x04, 0x25, 0, 0, 0, 0]);
    }
    let code = match end {
        End::Code(code) => code,
        End::Segfault => 0,
    };
    for (register, value) in [(0xB8, 231), (0xBF, code)] {
        load(&mut text, register, value);
    }
    text.extend(SYSCALL);
    text.resize(CODE as usize, 0x90);
    text.extend(u64::from(millis / 1000).to_le_bytes());
    text.extend(u64::from(millis % 1000 * 1_000_000).to_le_bytes());
    text.extend(words.as_bytes());

    let mut elf = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no sections.
    for word in [u64::from(START), 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    // One segment, readable and executable: the whole file at 0x400000.
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    let whole = 120 + text.len() as u64;
    for word in [0, 0x40_0000, 0x40_0000, whole, whole, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(text);
    elf
}
