//! What the tasks of a service are charged for, from the definition that ECS gets.
//! <https://aws.amazon.com/fargate/pricing/>

use serde_json::Value as Json;

use super::{
    Quantity,
    item::{Basis, Line},
    prices,
};
use crate::workflow::Capacity;

/// What one task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// CPU units: 1024 are one vCPU.
    cpu: i64,
    /// MiB.
    memory: i64,
    /// The architecture as the table writes it.
    architecture: &'static str,
    /// GiB of storage over the 20 that every task has.
    storage: i64,
}

/// GiB that a task has for nothing.
const STORAGE_INCLUDED: i64 = 20;

impl Size {
    /// The size that a task definition asks Fargate for; none where it is no Linux task of Fargate's.
    pub fn of(definition: &Json) -> Option<Self> {
        let platform = &definition["runtimePlatform"];
        let system = platform["operatingSystemFamily"].as_str().unwrap_or("LINUX");
        let storage = definition["ephemeralStorage"]["sizeInGiB"].as_i64().unwrap_or(STORAGE_INCLUDED);
        Some(Self {
            cpu: units(definition["cpu"].as_str()?, "vcpu")?,
            memory: units(definition["memory"].as_str()?, "gb")?,
            architecture: match platform["cpuArchitecture"].as_str() {
                Some("ARM64") => "arm64",
                _ => "x86",
            },
            storage: (storage - STORAGE_INCLUDED).max(0),
        })
        .filter(|_| system == "LINUX")
    }

    /// So many of these tasks, all month; between the fewest and the most that autoscaling runs.
    pub fn running(self, capacity: Capacity, fewest: u32, most: u32) -> Vec<Line> {
        self.parts()
            .into_iter()
            .map(|(what, key, an_hour)| {
                let month = an_hour.times(prices().hours);
                let line = Line::fixed(what, "fargate", key, month.times(fewest)).up_to(month.times(most));
                match capacity {
                    Capacity::Fargate => line,
                    // Its price moves with supply and demand, so no table can hold it.
                    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
                    Capacity::FargateSpot => line.note("Spot: at most this, up to 70 % less; AWS sets the price"),
                }
            })
            .collect()
    }

    /// In words, the key of the price, and how much of it an hour takes.
    fn parts(self) -> Vec<(String, String, Quantity)> {
        let architecture = self.architecture;
        let of_1024 = |number: i64| Quantity::thousandths(number.saturating_mul(1000) / 1024);
        let mut parts = vec![
            (format!("Fargate CPU, {architecture}"), format!("{architecture}/vCPU-hour"), of_1024(self.cpu)),
            (format!("Fargate memory, {architecture}"), format!("{architecture}/GB-hour"), of_1024(self.memory)),
        ];
        if self.storage > 0 {
            let storage = Quantity::thousandths(self.storage.saturating_mul(1000));
            parts.push(("Fargate storage over 20 GB".to_owned(), "ephemeral/GB-hour".to_owned(), storage));
        }
        parts
    }
}

/// `512`, `0.5 vCPU`, `1 GB`: in units of which 1024 are one of the named ones.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
fn units(text: &str, unit: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(unit) {
        None => text.parse().ok(),
        Some(number) => {
            let number = number.trim();
            let number = if number.starts_with('.') { format!("0{number}") } else { number.to_owned() };
            let (whole, rest) = number.split_once('.').unwrap_or((&number, ""));
            let thousandths: i64 = format!("{whole}{rest:0<3}").parse().ok().filter(|_| rest.len() <= 3)?;
            Some(thousandths * 1024 / 1000)
        }
    }
}

/// The tasks that run only now and then: what an hour of one costs.
pub(super) fn metered(what: String, size: Size) -> Vec<Line> {
    size.parts()
        .into_iter()
        .map(|(part, key, an_hour)| Line {
            basis: Basis::Metered,
            ..Line::fixed(format!("{what}, an hour of {part}"), "fargate", key, an_hour)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cost::Money;

    /// What an hour of one task costs in this region; none where a part of it has no price there.
    fn hour(size: Size, region: &str) -> Option<Money> {
        let parts = size.parts().into_iter();
        parts.map(|(_, key, much)| prices().find("fargate", &key, region).map(|price| price.times(much))).sum()
    }

    fn size(cpu: &str, memory: &str) -> Size {
        Size::of(&json!({ "cpu": cpu, "memory": memory })).unwrap()
    }

    #[test]
    fn sizes_are_read_in_every_form_that_ecs_takes() {
        for (cpu, memory) in [("512", "1024"), ("0.5 vCPU", "1 GB"), (".5 vcpu", "1GB"), ("0.5vCPU", "1.0 gb")] {
            assert_eq!((size(cpu, memory).cpu, size(cpu, memory).memory), (512, 1024), "{cpu} {memory}");
        }
        assert_eq!(size(".25 vCPU", "0.5 GB"), size("256", "512"));
        assert_eq!(Size::of(&json!({ "cpu": "many", "memory": "512" })), None);
        assert_eq!(Size::of(&json!({ "memory": "512" })), None, "a task of EC2's");
        let windows = json!({ "cpu": "1024", "memory": "2048", "runtimePlatform": { "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE" } });
        assert_eq!(Size::of(&windows), None);
    }

    #[test]
    fn r21_a_task_costs_its_cpu_memory_and_storage() {
        // 0.5 × 0.04048 + 1 × 0.004445 = 0.024685 an hour.
        assert_eq!(hour(size("512", "1024"), "us-east-1"), "0.024685".parse().ok());
        // 0.25 × 0.03238 + 0.5 × 0.00356 + 10 × 0.000111 = 0.008095 + 0.00178 + 0.00111.
        let arm = json!({
            "cpu": "256", "memory": "512", "ephemeralStorage": { "sizeInGiB": 30 },
            "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
        });
        assert_eq!(hour(Size::of(&arm).unwrap(), "us-east-1"), "0.010985".parse().ok());
        assert_eq!(hour(Size::of(&arm).unwrap(), "sa-east-1"), None, "no price for the storage there");
        assert_eq!(hour(size("512", "1024"), "ap-south-1"), None);
    }
}
