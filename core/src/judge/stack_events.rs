//! What the events of one stack operation say: where it is, what it did, and the first true cause of a failure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::text::Foreign;

/// An event of a stack operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StackEvent {
    /// The event's id.
    pub id: String,
    /// The logical id it is about; the stack's name where it is about the stack.
    pub logical: String,
    /// The physical id.
    pub physical: String,
    /// The resource's type.
    pub kind: String,
    /// The status, as CloudFormation names it.
    pub status: String,
    /// Why, in the service's words.
    pub reason: Foreign,
    /// Whether it is about the stack itself.
    pub of_stack: bool,
    /// When, in seconds since 1970.
    pub at: Option<i64>,
}

/// A DNS record that a person has to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsRecord {
    /// `CNAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl StackEvent {
    /// Whether the operation began with it.
    pub fn begins(&self) -> bool {
        self.of_stack
            && matches!(
                self.status.as_str(),
                "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
            )
    }

    /// Whether the operation ended with it.
    pub fn ends(&self) -> bool {
        self.of_stack && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Where the operation is: "creating Database (AWS::RDS::DBInstance)".
    pub fn progress(&self) -> Option<String> {
        let verb = match self.status.as_str() {
            "CREATE_IN_PROGRESS" => "creating",
            "UPDATE_IN_PROGRESS" => "updating",
            "DELETE_IN_PROGRESS" => "deleting",
            "IMPORT_IN_PROGRESS" => "importing",
            "ROLLBACK_IN_PROGRESS" | "UPDATE_ROLLBACK_IN_PROGRESS" | "IMPORT_ROLLBACK_IN_PROGRESS" => "rolling back",
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => {
                "removing what was replaced in"
            }
            _ => return None,
        };
        let what = if self.of_stack { format!("stack {}", self.logical) } else { self.what() };
        Some(format!("{verb} {what}"))
    }

    /// `Database (AWS::RDS::DBInstance)`.
    pub fn what(&self) -> String {
        format!("{} ({})", self.logical, self.kind)
    }

    /// The DNS record that a certificate waits for.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html>
    pub fn awaited_record(&self) -> Option<DnsRecord> {
        if self.kind != "AWS::CertificateManager::Certificate" {
            return None;
        }
        let content = self.reason.raw().split_once("Content of DNS Record is:")?.1;
        let content = content.split_once('{')?.1.split_once('}')?.0;
        let field = |name: &str| {
            content
                .split(',')
                .find_map(|field| Some(field.split_once(':').filter(|(key, _)| key.trim() == name)?.1.trim()))
        };
        let clean = |name: &str| Some(Foreign::new(field(name)?).one_line());
        Some(DnsRecord { kind: clean("Type")?, name: clean("Name")?, value: clean("Value")? })
    }

    /// The request id within the service's words.
    pub fn request_id(&self) -> Option<String> {
        within(self.reason.raw(), "Request ID")
    }

    /// The service's own code within its words.
    pub fn code(&self) -> Option<String> {
        within(self.reason.raw(), "Error Code").or_else(|| within(self.reason.raw(), "HandlerErrorCode"))
    }
}

/// `… (Service: X; Status Code: 400; Error Code: Y; Request ID: Z; Proxy: null)`, with commas in newer handlers.
fn within(reason: &str, name: &str) -> Option<String> {
    let rest = reason.split_once(&format!("{name}: "))?.1;
    let value = rest.split([';', ',', ')', ' ']).next().unwrap_or_default();
    (!value.is_empty() && value != "null").then(|| value.to_owned())
}

/// The first true cause among an operation's events, oldest first: what was only cancelled because of it, and what
/// only sums up, is passed over.
pub fn cause(events: &[StackEvent]) -> Option<&StackEvent> {
    let failed = |event: &&StackEvent| event.status.ends_with("_FAILED") && !is_cancelled(event);
    events
        .iter()
        .find(|event| failed(event) && !event.of_stack && !event.reason.is_empty())
        .or_else(|| events.iter().find(|event| failed(event) && !event.of_stack))
        .or_else(|| events.iter().find(|event| event.of_stack && is_bad(&event.status) && !event.reason.is_empty()))
}

fn is_cancelled(event: &StackEvent) -> bool {
    let reason = event.reason.raw();
    reason.starts_with("Resource ") && reason.trim_end_matches('.').ends_with(" cancelled")
}

fn is_bad(status: &str) -> bool {
    status.ends_with("_FAILED") || status.contains("ROLLBACK")
}

/// What could not be put back by a rollback, or not deleted: resources whose last word in it is a failure. What failed
/// before the rollback is its cause, and may well have been put back without a word.
pub fn left_broken(events: &[StackEvent]) -> Vec<&StackEvent> {
    let began = events.iter().rposition(|event| event.of_stack && event.status.ends_with("ROLLBACK_IN_PROGRESS"));
    let mut last = BTreeMap::new();
    for event in events[began.unwrap_or_default()..].iter().filter(|event| !event.of_stack) {
        last.insert(&event.logical, event);
    }
    last.into_values()
        .filter(|event| matches!(event.status.as_str(), "DELETE_FAILED" | "UPDATE_FAILED") && !is_cancelled(event))
        .collect()
}

/// How many resources were created, updated, replaced and deleted.
pub fn tally(events: &[StackEvent]) -> BTreeMap<&'static str, usize> {
    let mut physical: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut created, mut updated, mut replaced, mut deleted, mut adopted) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events.iter().filter(|event| !event.of_stack) {
        let id = event.logical.as_str();
        match event.status.as_str() {
            "UPDATE_IN_PROGRESS" => {
                if event.reason.raw().contains("creation of a new physical resource") {
                    replaced.insert(id);
                }
                physical.entry(id).or_insert(&event.physical);
            }
            "CREATE_COMPLETE" => {
                created.insert(id);
            }
            "IMPORT_COMPLETE" => {
                adopted.insert(id);
            }
            "UPDATE_COMPLETE" => {
                updated.insert(id);
                if physical.get(id).is_some_and(|before| !before.is_empty() && *before != event.physical) {
                    replaced.insert(id);
                }
            }
            "DELETE_COMPLETE" => {
                deleted.insert(id);
            }
            _ => {}
        }
    }
    // The old one of a replacement is deleted under the same logical id.
    let deleted = deleted.iter().filter(|id| !updated.contains(*id) && !created.contains(*id)).count();
    // What is adopted gets the stack's tags after.
    let in_place = updated.iter().filter(|id| !replaced.contains(*id) && !adopted.contains(*id)).count();
    let replaced = updated.intersection(&replaced).count();
    [
        ("adopted", adopted.len()),
        ("created", created.len()),
        ("updated", in_place),
        ("replaced", replaced),
        ("deleted", deleted),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical: &str, kind: &str, status: &str, reason: &str) -> StackEvent {
        StackEvent {
            logical: logical.into(),
            kind: kind.into(),
            status: status.into(),
            reason: reason.into(),
            of_stack: kind == "AWS::CloudFormation::Stack",
            ..StackEvent::default()
        }
    }

    #[test]
    fn the_cause_is_the_first_failure_that_is_not_a_consequence() {
        let reason = "Resource handler returned message: \"no room (Service: Rds, Status Code: 400, Request ID: 1f-2)\" \
                      (RequestToken: x, HandlerErrorCode: InvalidRequest)";
        let events = [
            event("app", "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("A", "AWS::EC2::EIP", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "AWS::RDS::DBInstance", "CREATE_FAILED", reason),
            event("C", "AWS::EC2::EIP", "CREATE_FAILED", "later"),
            event("app", "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
        ];
        let found = cause(&events).unwrap();
        assert_eq!(found.what(), "B (AWS::RDS::DBInstance)");
        assert_eq!(found.request_id().as_deref(), Some("1f-2"));
        assert_eq!(found.code().as_deref(), Some("InvalidRequest"));
        assert_eq!(cause(&events[4..]).unwrap().logical, "app");
        assert_eq!(cause(&events[..1]), None);
    }

    #[test]
    fn older_reasons_carry_code_and_request_id_between_semicolons() {
        let event = event(
            "R",
            "AWS::ElasticLoadBalancingV2::ListenerRule",
            "CREATE_FAILED",
            "One or more listeners not found (Service: Elb; Status Code: 400; Error Code: ListenerNotFound; Request ID: 9-8; Proxy: null)",
        );
        assert_eq!((event.code().unwrap().as_str(), event.request_id().unwrap().as_str()), ("ListenerNotFound", "9-8"));
    }

    #[test]
    fn a_replacement_counts_once_and_its_old_resource_is_no_deletion() {
        let events = [
            event(
                "Group",
                "X",
                "UPDATE_IN_PROGRESS",
                "Requested update requires the creation of a new physical resource; hence creating one.",
            ),
            event("Group", "X", "UPDATE_COMPLETE", ""),
            event("Role", "X", "UPDATE_COMPLETE", ""),
            event("New", "X", "CREATE_COMPLETE", ""),
            event("Group", "X", "DELETE_COMPLETE", ""),
            event("Old", "X", "DELETE_COMPLETE", ""),
        ];
        assert_eq!(tally(&events), BTreeMap::from([("created", 1), ("updated", 1), ("replaced", 1), ("deleted", 1)]));
    }

    #[test]
    fn a_certificate_says_the_record_it_waits_for() {
        let event = event(
            "Certificate",
            "AWS::CertificateManager::Certificate",
            "CREATE_IN_PROGRESS",
            "Content of DNS Record is: {Name: _a.example.com.,Type: CNAME,Value: _b.acm-validations.aws.}",
        );
        assert_eq!(
            event.awaited_record().unwrap(),
            DnsRecord { kind: "CNAME".into(), name: "_a.example.com.".into(), value: "_b.acm-validations.aws.".into() }
        );
    }

    #[test]
    fn what_could_not_be_put_back_is_named() {
        let events = [
            event("Cause", "X", "UPDATE_FAILED", "boom"),
            event("app", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            event("Rule", "X", "UPDATE_FAILED", "gone"),
            event("Other", "X", "UPDATE_FAILED", "boom"),
            event("Other", "X", "UPDATE_COMPLETE", ""),
            event("Bucket", "X", "DELETE_FAILED", "not empty"),
        ];
        let broken: Vec<_> = left_broken(&events).iter().map(|event| event.logical.as_str()).collect();
        assert_eq!(broken, ["Bucket", "Rule"]);
    }
}
