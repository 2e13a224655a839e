//! What is kept, for how long, and how to get it back.

use serde_json::Value as Json;

use super::{
    Whole,
    access::of_type,
    page::{Page, code, list, plain, shown},
    resources::kept,
};
use crate::infra::{Body, Keep};

/// Writes what there is to recover from.
pub(super) fn write(page: &mut Page, whole: &Whole<'_>) {
    let env = whole.env;
    page.line("### Recovery");
    let mut lines = Vec::new();
    for (stack, id, database) in of_type(whole, "AWS::RDS::DBInstance") {
        let days = shown(&database["BackupRetentionPeriod"]);
        lines.push(format!(
            "Database {}: automated backups of {days} days, and any second of them by point-in-time recovery. A \
             restore makes an instance beside it: `aws rds restore-db-instance-to-point-in-time`, with the instance's \
             identifier from the stack's output `DatabaseInstanceId` \
             ([how](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html)).",
            code(&format!("{stack}/{id}"))
        ));
        if database["MultiAZ"] == true {
            lines.push("A standby in a second zone takes over by itself when the first fails.".to_owned());
        }
        if let Some(region) = database["AutomaticBackupReplicationRegion"].as_str() {
            lines.push(format!("The backups are replicated to {}, to be restored there.", code(region)));
        }
    }
    let protected = match env.protected {
        true => "Stacks are protected against termination, and what holds data against deletion.",
        false => "Stacks are not protected against deletion (`protected: true` in the file turns it on).",
    };
    lines.push(protected.to_owned());
    for service in env.services.values().filter(|service| service.is_running()) {
        lines.push(format!(
            "A rollout of {} that does not become healthy is turned back by ECS to the revision before.",
            code(&service.name)
        ));
    }
    for (_, id, repository) in of_type(whole, "AWS::ECR::Repository") {
        let text = repository["LifecyclePolicy"]["LifecyclePolicyText"].as_str().unwrap_or_default();
        let policy: Json = serde_json::from_str(text).unwrap_or_default();
        let rules: Vec<String> =
            list(&policy["rules"]).iter().map(|rule| plain(&shown(&rule["description"]))).collect();
        lines.push(format!("Images in {}: {}.", code(id), rules.join("; ")));
    }
    page.paragraph(&lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"));
    page.paragraph("What outlives its stack:");
    let mut rows = Vec::new();
    for stack in &whole.stacks {
        let Body::Rendered(template) = &stack.body else { continue };
        let kept_ones =
            template.resources.iter().filter(|(_, it)| !matches!(it.keep, Keep::Delete | Keep::OnReplacement));
        rows.extend(kept_ones.map(|(id, it)| vec![code(&format!("{}/{id}", stack.key)), kept(it.keep).to_owned()]));
    }
    page.table(&["resource", "when it goes"], rows);
}
