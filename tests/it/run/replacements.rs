//! A change of the file that would replace what holds data or traffic: the plan names the line, the run changes nothing.

use super::{NOTHING, kills::fresh};
use crate::support::{app::EXAMPLE, inventory::inventory};

#[tokio::test]
async fn another_network_is_refused_with_its_line_and_nothing_is_changed() {
    let mut app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let clients = app.clients().await;
    let before = inventory(&clients).await;
    let line = 1 + app.file.lines().position(|line| line.contains("cidr: 10.0.0.0/16")).unwrap();
    app.edit("cidr: 10.0.0.0/16", "cidr: 10.1.0.0/16");
    app.file = app.file.replace("10.0.1.0/24", "10.1.1.0/24").replace("10.0.2.0/24", "10.1.2.0/24");
    app.file = app.file.replace("10.0.3.0/24", "10.1.3.0/24").replace("10.0.4.0/24", "10.1.4.0/24");
    let ran = app.run("staging").await;
    assert_eq!(ran.outcome.exit_code, 1);
    assert_eq!((ran.changed(), app.proxy.writes()), (vec![], vec![]));
    assert_eq!(inventory(&clients).await, before);
    let said = ran.troubles().join("\n");
    assert!(said.contains("replacing Vpc (AWS::EC2::VPC)"), "{said}");
    assert!(said.contains(&format!("CidrBlock changes (line {line} of the file)")), "{said}");
    // What refers to it is replaced with it, and named too.
    assert!(said.contains("(AWS::EC2::Subnet)") && said.contains("(AWS::EC2::SecurityGroup)"), "{said}");
    let output = app.command(&["plan"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("refused") && told.contains("another environment with the new network"), "{told}");
}

/// A target group that serves: refused at plan and run, and done where it is named.
#[tokio::test]
async fn a_target_group_in_use_is_replaced_only_by_its_name() {
    let mut app = fresh(EXAMPLE).await;
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    let clients = app.clients().await;
    let before = inventory(&clients).await;
    let groups = async || {
        let all = clients.elbv2().describe_target_groups().send().await.unwrap();
        let mut arns: Vec<_> =
            all.target_groups().iter().map(|group| group.target_group_arn.clone().unwrap()).collect();
        arns.sort();
        arns
    };
    let were = groups().await;
    app.edit("    health-check: /api/health\n", "    health-check: /api/health\n    tls: true\n");
    let ran = app.run("staging").await;
    assert_eq!((ran.outcome.exit_code, ran.changed(), app.proxy.writes()), (1, vec![], vec![]));
    let said = ran.troubles().join("\n");
    assert!(said.contains("replacing TargetGroup (AWS::ElasticLoadBalancingV2::TargetGroup)"), "{said}");
    let line = 1 + app.file.lines().position(|line| line.contains("tls: true")).unwrap();
    assert!(said.contains(&format!("Protocol changes (line {line} of the file)")), "{said}");
    let remedy = ran.outcome.remedy.as_deref().unwrap_or_default();
    assert!(remedy.contains("--allow-replace TargetGroup"), "{remedy}");
    assert_eq!((inventory(&clients).await, groups().await), (before, were.clone()));

    app.allow_replace = vec!["TargetGroup".to_owned()];
    let ran = app.run("staging").await;
    assert_eq!(ran.troubles(), NOTHING);
    assert_eq!(ran.outcome.resources.replaced, 1, "{:?}", ran.changed());
    let are = groups().await;
    assert_eq!(are.len(), were.len());
    assert_eq!(are.iter().filter(|arn| !were.contains(arn)).count(), 1);
    assert!(app.plan("staging").await.is_empty());
}
