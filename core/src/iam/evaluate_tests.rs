//! The evaluator against the examples of AWS's own pages, and against laws that hold of every policy.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::iam::{Policy, Statement, trust_service};

fn read(statements: Json) -> Document {
    Document::read(&json!({ "Version": "2012-10-17", "Statement": statements })).unwrap()
}

fn one(statement: Json, request: &Request) -> Decision {
    evaluate(&[read(statement)], &[], request).unwrap()
}

fn allows(statement: Json, request: &Request) -> bool {
    one(statement, request).is_allowed()
}

fn when(condition: Json) -> Json {
    json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition })
}

#[test]
fn what_nothing_allows_is_not_allowed_and_a_denial_wins() {
    let read_only = json!([
        { "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*" },
        { "Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*" },
    ]);
    let ask = |action: &str, resource: &str| one(read_only.clone(), &Request::new(action, resource));
    assert_eq!(ask("s3:GetObject", "arn:aws:s3:::open/a"), Decision::Allowed);
    assert_eq!(ask("S3:getobject", "arn:aws:s3:::open/a"), Decision::Allowed, "actions have no case");
    assert_eq!(ask("s3:PutObject", "arn:aws:s3:::open/a"), Decision::NotAllowed);
    assert_eq!(ask("s3:GetObject", "arn:aws:s3:::secret/a"), Decision::Denied("No".into()));
    assert_eq!(ask("s3:GetObject", "arn:aws:s3:::SECRET/a"), Decision::Allowed, "ARNs have case");
}

/// The example of the page on boundaries: the boundary allows three services and nothing of IAM, so that the identity's
/// right to create users is worth nothing.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>
#[test]
fn a_boundary_allows_nothing_and_limits_everything() {
    let boundary = read(json!({ "Effect": "Allow", "Action": ["s3:*", "cloudwatch:*", "ec2:*"], "Resource": "*" }));
    let user = read(json!({ "Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*" }));
    let create = Request::new("iam:CreateUser", "arn:aws:iam::123456789012:user/a");
    let s3 = Request::new("s3:GetObject", "arn:aws:s3:::a/b");
    let limits = std::slice::from_ref(&boundary);
    assert_eq!(evaluate(std::slice::from_ref(&user), limits, &create), Ok(Decision::NotAllowed));
    assert_eq!(evaluate(std::slice::from_ref(&user), limits, &s3), Ok(Decision::NotAllowed));
    assert_eq!(evaluate(std::slice::from_ref(&user), &[], &create), Ok(Decision::Allowed));
    assert_eq!(evaluate(std::slice::from_ref(&boundary), limits, &s3), Ok(Decision::Allowed));
    let denying = read(json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Sid": "Never", "Effect": "Deny", "Action": "iam:*", "Resource": "*" },
    ]));
    assert_eq!(evaluate(&[user], &[denying], &create), Ok(Decision::Denied("Never".into())));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html>
#[test]
fn not_action_and_not_resource_are_all_others() {
    let all_but_iam = json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" });
    assert!(allows(all_but_iam.clone(), &Request::new("s3:GetObject", "arn:aws:s3:::a/b")));
    assert!(!allows(all_but_iam, &Request::new("iam:CreateRole", "*")));
    let other = json!({ "Effect": "Allow", "Action": "s3:*", "NotResource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"] });
    assert!(!allows(other.clone(), &Request::new("s3:GetObject", "arn:aws:s3:::b/x")));
    assert!(allows(other, &Request::new("s3:GetObject", "arn:aws:s3:::c/x")));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#[test]
fn operators_are_those_of_the_page() {
    let cases = [
        ("StringEquals", json!({ "aws:a": ["x", "y"] }), "y", true),
        ("StringEquals", json!({ "aws:a": "x*" }), "xy", false),
        ("StringNotEquals", json!({ "aws:a": ["x", "y"] }), "y", false),
        ("StringNotEquals", json!({ "aws:a": ["x", "y"] }), "z", true),
        ("StringEqualsIgnoreCase", json!({ "aws:a": "X" }), "x", true),
        ("StringNotEqualsIgnoreCase", json!({ "aws:a": "X" }), "x", false),
        ("StringLike", json!({ "AWS:A": "x?z*" }), "xyz", true),
        ("StringNotLike", json!({ "aws:a": "x*" }), "xyz", false),
        ("ArnLike", json!({ "aws:a": "arn:aws:iam::*:role/*" }), "arn:aws:iam::1:role/a/b:c", true),
        ("ArnEquals", json!({ "aws:a": "arn:aws:iam::*" }), "arn:aws:iam::1:role/a", false),
        ("ArnNotLike", json!({ "aws:a": "arn:aws:iam::1:role/*" }), "arn:aws:iam::1:user/a", true),
        ("Bool", json!({ "aws:a": "true" }), "True", true),
        ("Bool", json!({ "aws:a": false }), "true", false),
        ("NumericLessThanEquals", json!({ "aws:a": 10 }), "10", true),
        ("NumericLessThan", json!({ "aws:a": "10" }), "10", false),
        ("NumericGreaterThan", json!({ "aws:a": "9.5" }), "10", true),
        ("NumericEquals", json!({ "aws:a": "ten" }), "10", false),
        ("Null", json!({ "aws:a": "true" }), "x", false),
        ("Null", json!({ "aws:a": "false" }), "x", true),
    ];
    for (operator, keys, value, holds) in cases {
        let request = Request::new("a:b", "*").with("aws:a", value);
        assert_eq!(allows(when(json!({ operator: keys })), &request), holds, "{operator} {keys} {value}");
    }
}

#[test]
fn a_key_that_is_not_there_fails_unless_the_operator_is_negated_or_says_if_exists() {
    let without = Request::new("a:b", "*");
    for (operator, holds) in [
        ("StringEquals", false),
        ("StringEqualsIfExists", true),
        ("StringNotEquals", true),
        ("StringNotEqualsIfExists", true),
        ("ArnLike", false),
        ("ArnNotLike", true),
        ("Bool", false),
        ("BoolIfExists", true),
        ("NumericLessThan", false),
        ("ForAnyValue:StringEquals", false),
        ("ForAllValues:StringEquals", true),
        ("ForAnyValue:StringNotEquals", false),
    ] {
        assert_eq!(allows(when(json!({ operator: { "aws:a": "1" } })), &without), holds, "{operator}");
    }
    assert!(allows(when(json!({ "Null": { "aws:a": true } })), &without));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[test]
fn a_key_of_several_values_is_read_as_its_set_operator_says() {
    let tags = |keys: &[&str]| Request::new("a:b", "*").with_all("aws:TagKeys", keys.iter().copied());
    let all = when(json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["environment", "cost-center"] } }));
    assert!(allows(all.clone(), &tags(&["environment"])));
    assert!(!allows(all, &tags(&["environment", "owner"])));
    let any = when(json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["environment", "cost-center"] } }));
    assert!(allows(any.clone(), &tags(&["environment", "owner"])));
    assert!(!allows(any, &tags(&["owner"])));
    let single = read(when(json!({ "StringEquals": { "aws:TagKeys": "a" } })));
    assert!(evaluate(&[single], &[], &tags(&["a", "b"])).is_err());
}

#[test]
fn all_operators_and_keys_of_a_statement_must_hold() {
    let both = when(json!({ "StringEquals": { "aws:a": "1", "aws:b": "2" }, "Bool": { "aws:c": "true" } }));
    let request = Request::new("a:b", "*").with("aws:a", "1").with("aws:b", "2");
    assert!(allows(both.clone(), &request.clone().with("aws:c", "true")));
    assert!(!allows(both.clone(), &request.clone().with("aws:c", "false")));
    assert!(!allows(both, &request));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
#[test]
fn variables_are_filled_from_the_request() {
    let home = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::home/${aws:username}/*" });
    let ask = |name: &str| Request::new("s3:GetObject", "arn:aws:s3:::home/eve/a").with("aws:username", name);
    assert!(allows(home.clone(), &ask("eve")));
    assert!(!allows(home.clone(), &ask("bob")));
    assert!(!allows(home, &Request::new("s3:GetObject", "arn:aws:s3:::home/eve/a")));
    let tag = when(json!({ "StringEquals": { "aws:a": "${aws:PrincipalTag/team, 'none'}" } }));
    assert!(allows(tag, &Request::new("a:b", "*").with("aws:a", "none")));
}

#[test]
fn what_is_not_known_is_an_error_and_no_answer() {
    let statement = |more: Json| {
        let mut statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Document::read(&json!({ "Version": "2012-10-17", "Statement": statement }))
    };
    for (more, element) in [
        (json!({ "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } }), "IpAddress"),
        (json!({ "Condition": { "ForSomeValues:StringEquals": { "a": "b" } } }), "ForSomeValues:StringEquals"),
        (json!({ "Condition": { "NullIfExists": { "a": "true" } } }), "NullIfExists"),
        (json!({ "Effect": "allow" }), "Effect"),
        (json!({ "NotAction": "a:b" }), "Action"),
        (json!({ "Principal": { "AWS": "*" } }), "Statement"),
        (json!({ "NotPrincipal": { "AWS": "*" } }), "NotPrincipal"),
        (json!({ "Resource": { "Ref": "Role" } }), "Resource"),
        (json!({ "Resource": "a${*}" }), "Resource"),
    ] {
        assert_eq!(statement(more.clone()).unwrap_err().element, element, "{more}");
    }
    assert!(Document::read(&json!({ "Version": "2008-10-17", "Statement": [] })).is_err());
    let trust = Document::read(&trust(json!({ "a": "b" }))).unwrap();
    assert!(evaluate(std::slice::from_ref(&trust), &[], &Request::new("a:b", "*")).is_err());
}

fn trust(equals: Json) -> Json {
    json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "Federated": "arn:aws:iam::1:oidc-provider/github" },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": equals },
    } })
}

#[test]
fn trust_is_of_the_principal_the_action_and_the_conditions() {
    let trust = Document::read(&trust(json!({ "github:sub": "repo:a/b" }))).unwrap();
    let ask = Request::new("sts:AssumeRoleWithWebIdentity", "*").with("github:sub", "repo:a/b");
    let github = Principal::Federated("arn:aws:iam::1:oidc-provider/github");
    assert_eq!(trusts(&trust, github, &ask), Ok(Decision::Allowed));
    for (principal, request) in [
        (Principal::Federated("arn:aws:iam::1:oidc-provider/gitlab"), ask.clone()),
        (Principal::Service("arn:aws:iam::1:oidc-provider/github"), ask.clone()),
        (Principal::Aws("arn:aws:iam::1:root"), ask.clone()),
        (github, ask.clone().with("github:sub", "repo:a/c")),
        (github, Request { action: "sts:AssumeRole".into(), ..ask.clone() }),
    ] {
        assert_eq!(trusts(&trust, principal, &request), Ok(Decision::NotAllowed));
    }
    let mut service = trust_service("ecs-tasks.amazonaws.com").to_json();
    service["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"] = "1".into();
    let service = Document::read(&service).unwrap();
    let ask = |account: &str| Request::new("sts:AssumeRole", "*").with("aws:SourceAccount", account);
    let tasks = Principal::Service("ecs-tasks.amazonaws.com");
    assert_eq!(trusts(&service, tasks, &ask("1")), Ok(Decision::Allowed));
    assert_eq!(trusts(&service, tasks, &ask("2")), Ok(Decision::NotAllowed));
}

/// A small world in which statements meet often.
fn statements() -> impl Strategy<Value = Vec<(bool, String, String)>> {
    let pattern = "[ab*?]{1,3}";
    prop::collection::vec((any::<bool>(), pattern, pattern), 0..5)
}

fn document(statements: &[(bool, String, String)]) -> Document {
    let json: Vec<Json> = statements
        .iter()
        .map(|(allows, action, resource)| {
            json!({ "Effect": if *allows { "Allow" } else { "Deny" }, "Action": format!("s:{action}"), "Resource": resource })
        })
        .collect();
    read(json.into())
}

/// `*` as a person would say it: some split of the text at which the rest fits.
fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| fits(rest.as_str(), &text[at..])),
        Some(c) => text.chars().next().is_some_and(|first| (c == '?' || c == first) && fits(rest.as_str(), &text[1..])),
    }
}

proptest! {
    #[test]
    fn wildcards_fit_as_said(pattern in "[ab*?]{0,6}", text in "[ab]{0,8}") {
        prop_assert_eq!(super::glob(&pattern, &text), fits(&pattern, &text));
    }

    #[test]
    fn order_and_splitting_change_nothing(all in statements(), action in "[ab]{1,2}", resource in "[ab]{1,2}") {
        let request = Request::new(format!("s:{action}"), resource);
        let whole = evaluate(&[document(&all)], &[], &request).unwrap();
        let mut reversed = all.clone();
        reversed.reverse();
        prop_assert_eq!(&whole, &evaluate(&[document(&reversed)], &[], &request).unwrap());
        let split: Vec<Document> = all.iter().map(|it| document(std::slice::from_ref(it))).collect();
        prop_assert_eq!(&whole, &evaluate(&split, &[], &request).unwrap());
    }

    #[test]
    fn a_denial_or_a_limit_never_gives_a_right(all in statements(), limit in statements(), action in "[ab]{1,2}", resource in "[ab]{1,2}") {
        let request = Request::new(format!("s:{action}"), resource);
        let own = [document(&all)];
        let free = evaluate(&own, &[], &request).unwrap();
        let limited = evaluate(&own, &[document(&limit)], &request).unwrap();
        prop_assert!(free.is_allowed() || !limited.is_allowed());
        let by_limit = evaluate(&[document(&limit)], &[], &request).unwrap();
        prop_assert_eq!(limited.is_allowed(), free.is_allowed() && by_limit.is_allowed());
        let denials: Vec<_> = limit.iter().map(|(_, action, on)| (false, action.clone(), on.clone())).collect();
        let denied = evaluate(&[own[0].clone(), document(&denials)], &[], &request).unwrap();
        prop_assert!(free.is_allowed() || !denied.is_allowed());
    }

    #[test]
    fn a_right_that_is_given_is_had_and_no_other(action in "[ab]{1,3}", resource in "[ab]{1,3}", other in "[ab]{1,3}") {
        let given = Statement::allow("A", &["s:*"], vec![json!(format!("{resource}"))]);
        let given = Document::read(&Policy::new([given]).to_json()).unwrap();
        let ask = |on: &str| evaluate(std::slice::from_ref(&given), &[], &Request::new(format!("s:{action}"), on)).unwrap();
        prop_assert!(ask(&resource).is_allowed());
        prop_assert_eq!(ask(&other).is_allowed(), other == resource);
    }
}
