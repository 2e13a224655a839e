//! The pairs of CPU and memory that Fargate knows.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>

use crate::text::nearest;
use crate::workflow::Service;
use crate::workflow::section::{Reader, ServiceKeys};

/// CPU units; MiB from, to, by.
const PAIRS: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// Whether Fargate knows this much memory for this CPU; 256 units know no 1536 MiB.
fn fits(pair: (u32, u32, u32, u32), memory: u32) -> bool {
    let (cpu, from, to, by) = pair;
    (from..=to).contains(&memory) && (memory - from).is_multiple_of(by) && !(cpu == 256 && memory == 1_536)
}

/// The least of Fargate's sizes that has this much CPU (units) and memory (MiB); the largest where none has.
pub fn least_size(cpu: u32, memory: u32) -> (u32, u32) {
    for pair in PAIRS {
        let (units, from, to, by) = pair;
        if cpu <= units && memory <= to {
            let least = (from..=to).step_by(by as usize).find(|size| *size >= memory && fits(pair, *size));
            return (units, least.unwrap_or(to));
        }
    }
    (16_384, 122_880)
}

pub(super) fn check(service: &Service, reader: &mut Reader<'_>) {
    let (cpu_path, memory_path) = (ServiceKeys::path(&service.name, "cpu"), ServiceKeys::path(&service.name, "memory"));
    if !reader.clean(&cpu_path) || !reader.clean(&memory_path) {
        return;
    }
    let Some(pair) = PAIRS.into_iter().find(|(cpu, ..)| *cpu == service.cpu) else {
        let values: Vec<String> = PAIRS.iter().map(|(cpu, ..)| cpu.to_string()).collect();
        let help = match nearest(&service.cpu.to_string(), values.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? 1024 are one vCPU"),
            None => "1024 are one vCPU".to_owned(),
        };
        reader.refuse(
            &cpu_path,
            format!("`{cpu_path}` must be one of {}, found {}", values.join(", "), service.cpu),
            help,
        );
        return;
    };
    if fits(pair, service.memory) {
        return;
    }
    let (cpu, from, to, by) = pair;
    let values = match cpu {
        256 => "512, 1024 or 2048".to_owned(),
        _ => format!("{from} to {to} in steps of {by}"),
    };
    let cpus: Vec<String> =
        PAIRS.into_iter().filter(|pair| fits(*pair, service.memory)).map(|pair| pair.0.to_string()).collect();
    let path = if reader.has(&memory_path) { memory_path } else { cpu_path };
    let help = if cpus.is_empty() {
        format!("with `cpu: {cpu}` memory is {values}")
    } else {
        format!("with `cpu: {cpu}` memory is {values}; {} MiB go with cpu {}", service.memory, cpus.join(", "))
    };
    let message = format!("Fargate does not know {cpu} CPU units with {} MiB", service.memory);
    reader.refuse(&path, message, help);
}

#[cfg(test)]
mod tests {
    use super::{PAIRS, fits, least_size};

    #[test]
    fn pairs_as_fargate_lists_them() {
        let known = |cpu: u32| -> Vec<u32> {
            PAIRS
                .into_iter()
                .filter(|pair| pair.0 == cpu)
                .flat_map(|pair| (256..=131_072).step_by(256).filter(move |m| fits(pair, *m)))
                .collect()
        };
        assert_eq!(known(256), [512, 1024, 2048]);
        assert_eq!(known(512), [1024, 2048, 3072, 4096]);
        assert_eq!(known(4096).len(), 23);
        assert_eq!(known(16_384), (32_768..=122_880).step_by(8_192).collect::<Vec<_>>());
    }

    #[test]
    fn sizes_are_fargates() {
        assert_eq!(least_size(0, 0), (256, 512));
        assert_eq!(least_size(256, 1_100), (256, 2_048));
        assert_eq!(least_size(250, 3_000), (512, 3_072));
        assert_eq!(least_size(1_000, 512), (1_024, 2_048));
        assert_eq!(least_size(5_000, 17_000), (8_192, 20_480));
        assert_eq!(least_size(99_999, 999_999), (16_384, 122_880));
    }
}
