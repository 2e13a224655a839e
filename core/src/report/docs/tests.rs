//! The page holds everything that is rendered, and nothing in it can break out.

use std::collections::BTreeSet;

use super::*;
use crate::{
    infra::{Body, testing::service},
    testing::example,
    workflow::{SecretSource, Text},
};

fn page() -> String {
    docs("finance-infra.yml", &[example("staging"), example("production")])
}

#[test]
fn r22_every_resource_alarm_role_and_secret_of_both_environments_is_in_it() {
    let page = page();
    for name in ["staging", "production"] {
        let env = example(name);
        for stack in infra::stacks(&env) {
            let Body::Rendered(template) = &stack.body else { continue };
            assert!(page.contains(&format!("Stack `{}` in", env.stack_name(&stack.key))), "{}", stack.key);
            for (id, resource) in &template.resources {
                assert!(page.contains(&format!("| `{id}` | `{}` |", resource.kind)), "{}/{id}", stack.key);
                match resource.kind {
                    "AWS::CloudWatch::Alarm" => {
                        let name = resource.properties["AlarmName"].as_str().unwrap();
                        assert!(page.contains(&format!("| `{name}` |")), "{name}");
                    }
                    "AWS::IAM::Role" => {
                        assert!(page.contains(&format!("| `{}/{id}`, taken by `", stack.key)), "{}/{id}", stack.key);
                    }
                    "AWS::EC2::SecurityGroup" => {
                        assert!(page.contains(&format!("| `{}/{id}` ", stack.key)), "{}/{id}", stack.key);
                    }
                    _ => {}
                }
            }
        }
        for item in Estimate::of(&env).items {
            assert!(page.contains(&page::plain(&item.what)), "{}", item.what);
        }
    }
    for variable in ["JWT_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "NEXTAUTH_SECRET"] {
        assert!(page.contains(&format!("`/finance-app/staging/{variable}`")), "{variable}");
    }
    assert!(page.contains("| `api` | `api` | `DATABASE_URL` | `${stacks.database.DatabaseUrlSecretArn}` |"), "{page}");
    assert!(page.contains("| `web` | `web` | `API_URL` | `https://api.finance-app.com` |"));
}

#[test]
fn r22_a_change_of_the_file_changes_the_page_and_nothing_else_does() {
    let env = example("staging");
    assert_eq!(docs("f.yml", std::slice::from_ref(&env)), docs("f.yml", std::slice::from_ref(&env)));
    let mut other = env.clone();
    other.monitoring.log_retention_days = 7;
    // Retention is a property: it stands in the template, and the page names the resource and the key that sets it.
    assert!(docs("f.yml", std::slice::from_ref(&env)).contains("`monitoring.log-retention`"));
    other.services.get_mut("api").unwrap().port = Some(4000);
    let (one, two) = (docs("f.yml", std::slice::from_ref(&env)), docs("f.yml", std::slice::from_ref(&other)));
    assert_ne!(one, two);
    assert!(two.contains("| 4000 | load balancer |"), "{two}");
}

#[test]
fn r22_the_diagram_stays_small_and_names_who_reaches_whom() {
    let mut env = example("staging");
    for number in 0..200 {
        let mut more = service(&format!("worker-{number:03}"), 256, 512, ".");
        more.secrets = [("DATABASE_URL".to_owned(), SecretSource::Database)].into();
        env.services.insert(more.name.clone(), more);
    }
    let page = docs("f.yml", &[env]);
    let diagram = page.split("```mermaid\n").nth(1).unwrap().split("\n```").next().unwrap();
    let nodes: BTreeSet<&str> = diagram
        .lines()
        .skip(1)
        .filter(|line| !line.contains("-->") && !line.contains("-.->"))
        .filter_map(|line| line.trim().split(['[', '(']).next())
        .collect();
    assert!(nodes.len() < 50, "{} nodes", nodes.len());
    assert!(diagram.contains("more[\"166 more services\"]"), "{diagram}");
    for edge in
        ["internet -->|443| balancer", "balancer -->|3000| s0", "s0 -->|5432| database", "more -->|5432| database"]
    {
        assert!(diagram.contains(edge), "{edge} in {diagram}");
    }
    // Every node that an edge names is drawn.
    for line in diagram.lines().filter(|line| line.contains("-->") || line.contains("-.->")) {
        for end in [line.split_whitespace().next().unwrap(), line.split_whitespace().last().unwrap()] {
            assert!(nodes.contains(end), "{end} of {line} in {nodes:?}");
        }
    }
}

#[test]
fn r22_values_of_the_file_stay_in_their_cells() {
    let mut env = example("staging");
    let api = env.services.get_mut("api").unwrap();
    api.environment.insert("EVIL".into(), Text::literal("a | b\n```\n# <script>`x`"));
    let page = docs("f.yml", &[env]);
    let line = page.lines().find(|line| line.contains("`EVIL`")).unwrap();
    assert!(line.ends_with("| ```` a \\| b ``` # <script>`x` ```` |"), "{line}");
    assert_eq!(page.lines().filter(|line| line.starts_with("```")).count(), 2, "one diagram");
}

#[test]
fn r22_the_page_says_what_each_role_may_do_and_what_each_port_is_for() {
    let page = page();
    assert!(page.contains("| `network/DatabaseSecurityGroup` Database | `${DatabaseClientsSecurityGroup.GroupId}` | 5432 | PostgreSQL from its clients |"), "{page}");
    let pull =
        page.lines().find(|line| line.contains("`service-api/ExecutionRole`") && line.contains("ecr:BatchGetImage"));
    let pull = pull.unwrap();
    assert!(pull.contains("taken by `ecs-tasks.amazonaws.com`") && pull.contains("`${ApiRepositoryArn}`"), "{pull}");
    assert!(page.contains("any second of them by point-in-time recovery"));
    assert!(page.contains("keep the last 20 deployed to staging"), "{page}");
}

#[test]
fn r22_the_test_port_stands_among_the_ports_with_whom_it_lets_in() {
    let mut env = example("production");
    if let crate::workflow::LoadBalancer::Managed { test_listener, .. } = &mut env.load_balancer {
        let allow_from = vec!["203.0.113.0/24".to_owned()];
        *test_listener = Some(crate::workflow::TestListener { port: 9443, allow_from });
    }
    let page = docs("f.yml", &[env]);
    assert!(page.contains("| `203.0.113.0/24` | 9443 | test traffic |"), "{page}");
    assert!(page.contains("testers -->|9443| balancer"), "{page}");
    assert!(page.contains("port 9443 (new versions, before traffic)"), "{page}");
    assert!(!docs("f.yml", &[example("production")]).contains("test traffic"));
}
