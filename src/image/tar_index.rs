//! Where the entries of a tar lie: headers are read once, contents are skipped. Nothing is unpacked, no link is
//! followed, and what a header claims is held against the file's length before anything is believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use runner_core::plan::Fault;

use super::source::Place;

const BLOCK: u64 = 512;
/// An image's archive has about four entries a layer.
const MAX_ENTRIES: usize = 20_000;
/// Room for a long name or a set of PAX records.
const MAX_EXTENSION: u64 = 64 << 10;

/// The regular files of a tar, by name. Of two entries of one name the later counts, as it does when unpacking.
#[derive(Debug)]
pub(crate) struct TarIndex {
    file: Arc<File>,
    entries: BTreeMap<String, (u64, u64)>,
}

impl TarIndex {
    /// Reads the headers of the tar in `file`.
    pub fn read(doing: &str, file: File) -> Result<Self, Fault> {
        let broken = |what: String| Fault::new(doing, format!("the archive cannot be read: {what}"));
        let end = file.metadata().map_err(|e| broken(e.to_string()))?.len();
        let mut entries = BTreeMap::new();
        let mut seen = 0;
        let mut at = 0;
        let mut next = Extensions::default();
        while at + BLOCK <= end {
            let mut header = [0; BLOCK as usize];
            file.read_exact_at(&mut header, at).map_err(|e| broken(e.to_string()))?;
            if header.iter().all(|b| *b == 0) {
                break;
            }
            if at == 0 && header.starts_with(&[0x1f, 0x8b]) {
                return Err(broken("it is compressed".into()).with_hint("gunzip it first: an archive is read in place"));
            }
            if !checksum_holds(&header) {
                return Err(broken(format!("no tar header at byte {at}")));
            }
            seen += 1;
            if seen > MAX_ENTRIES {
                return Err(broken(format!("it has more than {MAX_ENTRIES} entries")));
            }
            let kind = header[156];
            let size = match next.size.filter(|_| !is_extension(kind)) {
                Some(size) => size,
                None => number(&header[124..136]).ok_or_else(|| broken(format!("no size in the header at {at}")))?,
            };
            let start = at + BLOCK;
            let stop = start.checked_add(size).filter(|stop| *stop <= end);
            let stop =
                stop.ok_or_else(|| broken(format!("it is cut: an entry at byte {at} reaches beyond its end")))?;
            at = stop.div_ceil(BLOCK) * BLOCK;
            if is_extension(kind) {
                if size > MAX_EXTENSION {
                    return Err(broken(format!("an extended header of {size} bytes")));
                }
                let mut bytes = vec![0; size as usize];
                file.read_exact_at(&mut bytes, start).map_err(|e| broken(e.to_string()))?;
                next.take(kind, &bytes);
                continue;
            }
            let name = next.name.take().unwrap_or_else(|| header_name(&header));
            next = Extensions::default();
            let name = name.trim_start_matches("./").to_owned();
            match kind {
                b'0' | 0 => entries.insert(name, (start, size)),
                _ => entries.remove(&name),
            };
        }
        Ok(Self { file: Arc::new(file), entries })
    }

    /// A regular file of that name.
    pub fn get(&self, name: &str) -> Option<Place> {
        let (offset, len) = *self.entries.get(name.trim_start_matches("./"))?;
        Some(Place::File { file: self.file.clone(), offset, len })
    }
}

/// What extended headers say of the entry after them.
#[derive(Default)]
struct Extensions {
    name: Option<String>,
    size: Option<u64>,
}

impl Extensions {
    fn take(&mut self, kind: u8, bytes: &[u8]) {
        match kind {
            b'L' => self.name = Some(text(bytes)),
            b'x' => {
                for (key, value) in pax_records(bytes) {
                    match key {
                        b"path" => self.name = Some(text(value)),
                        b"size" => self.size = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_extension(kind: u8) -> bool {
    matches!(kind, b'L' | b'K' | b'x' | b'g')
}

/// Records of the form `<length> <key>=<value>\n`; the first that does not add up ends them.
fn pax_records(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some(space) = bytes.iter().position(|b| *b == b' ') {
        let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|n| n.parse::<usize>().ok());
        let Some(record) = length.filter(|n| *n > space + 1).and_then(|n| bytes.get(space + 1..n)) else { break };
        if let Some(equals) = record.iter().position(|b| *b == b'=') {
            records
                .push((&record[..equals], record[equals + 1..].strip_suffix(b"\n").unwrap_or(&record[equals + 1..])));
        }
        bytes = &bytes[space + 1 + record.len()..];
    }
    records
}

fn header_name(header: &[u8; 512]) -> String {
    let name = text(&header[..100]);
    let prefix =
        if &header[257..262] == b"ustar" && header[262] == 0 { text(&header[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Octal digits, or GNU's big-endian form for what does not fit in them.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        if field[0] != 0x80 {
            return None;
        }
        return field[1..].iter().try_fold(0_u64, |n, b| n.checked_mul(256)?.checked_add(u64::from(*b)));
    }
    let digits = text(field);
    let digits = digits.trim_matches(' ');
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn checksum_holds(header: &[u8; 512]) -> bool {
    let sum: u64 =
        header.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum();
    number(&header[148..156]) == Some(sum)
}
