//! Who reaches whom on which port, and what each role may do: read from the security groups and roles as they are sent.

use serde_json::Value as Json;

use super::{
    Whole,
    page::{Page, code, list, plain, shown},
};

/// The resources of a type, each with its stack's key, logical id and properties.
pub(super) fn of_type<'a>(
    whole: &'a Whole<'_>,
    kind: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Json)> + 'a {
    whole.stacks.iter().zip(&whole.templates).flat_map(move |(stack, template)| {
        let resources = template["Resources"].as_object().into_iter().flatten();
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(move |(id, resource)| (stack.key.as_str(), id.as_str(), &resource["Properties"]))
    })
}

/// Writes the rules of every security group.
pub(super) fn ports(page: &mut Page, whole: &Whole<'_>) {
    page.line("### Ports");
    page.paragraph("What each security group lets in. What is not here is closed.");
    let mut rows = Vec::new();
    for (stack, id, properties) in of_type(whole, "AWS::EC2::SecurityGroup") {
        let group = format!("{} {}", code(&format!("{stack}/{id}")), plain(&shown(&properties["GroupDescription"])));
        let rules = list(&properties["SecurityGroupIngress"]);
        if rules.is_empty() {
            rows.push(vec![group.clone(), "nothing".to_owned(), String::new(), String::new()]);
        }
        for rule in rules {
            let from = ["CidrIp", "SourceSecurityGroupId"].iter().map(|key| shown(&rule[*key])).collect::<String>();
            rows.push(vec![group.clone(), code(&from), port(rule), plain(&shown(&rule["Description"]))]);
        }
    }
    page.table(&["group", "from", "port", "for"], rows);
}

fn port(rule: &Json) -> String {
    match (&rule["IpProtocol"], &rule["FromPort"], &rule["ToPort"]) {
        (protocol, _, _) if protocol == "-1" => "all".to_owned(),
        (_, from, to) if from == to => shown(from),
        (_, from, to) => format!("{}–{}", shown(from), shown(to)),
    }
}

/// Writes what each role may do, and who may take it.
pub(super) fn roles(page: &mut Page, whole: &Whole<'_>) {
    page.line("### Roles");
    page.paragraph("Names in `${…}` are of the same stack, or passed to it by an earlier one.");
    let mut rows = Vec::new();
    for (stack, id, properties) in of_type(whole, "AWS::IAM::Role") {
        let role = format!("{}, taken by {}", code(&format!("{stack}/{id}")), principals(properties));
        let before = rows.len();
        for arn in list(&properties["ManagedPolicyArns"]) {
            rows.push(vec![
                role.clone(),
                format!("managed policy {}", code(&shown(arn))),
                String::new(),
                String::new(),
            ]);
        }
        for policy in list(&properties["Policies"]) {
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                rows.push(may(&role, statement));
            }
        }
        if rows.len() == before {
            rows.push(vec![role, "nothing".to_owned(), String::new(), String::new()]);
        }
    }
    page.table(&["role", "may", "on", "where"], rows);
}

fn may(role: &str, statement: &Json) -> Vec<String> {
    let codes = |json: &Json| list(json).into_iter().map(|it| code(&shown(it))).collect::<Vec<_>>().join(", ");
    let mut actions = codes(&statement["Action"]);
    if !statement["NotAction"].is_null() {
        actions = format!("all but {}", codes(&statement["NotAction"]));
    }
    if statement["Effect"] == "Deny" {
        actions = format!("never {actions}");
    }
    let mut on = codes(&statement["Resource"]);
    if !statement["NotResource"].is_null() {
        on = format!("all but {}", codes(&statement["NotResource"]));
    }
    let conditions: Vec<String> = statement["Condition"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(operator, tests)| {
            tests
                .as_object()
                .into_iter()
                .flatten()
                .map(move |(key, value)| code(&format!("{operator} {key} {}", shown(value))))
        })
        .collect();
    vec![role.to_owned(), actions, on, conditions.join(", ")]
}

fn principals(properties: &Json) -> String {
    let mut all = Vec::new();
    for statement in list(&properties["AssumeRolePolicyDocument"]["Statement"]) {
        match &statement["Principal"] {
            Json::Object(kinds) => all.extend(kinds.values().flat_map(list).map(|who| code(&shown(who)))),
            other => all.push(code(&shown(other))),
        }
    }
    all.join(", ")
}
