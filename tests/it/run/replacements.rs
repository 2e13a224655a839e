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
