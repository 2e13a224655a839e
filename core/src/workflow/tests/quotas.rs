//! Quotas of the load balancer, which no small file reaches.

use super::*;

fn said(services: usize, keys: &str) -> Vec<String> {
    let mut text = String::from(
        "app: shop\nregion: eu-central-1\nenvironments: { staging: { account: \"111122223333\", domain: shop.example } }\nservices:\n",
    );
    for index in 0..services {
        text.push_str(&format!(
            "  s{index}: {{ build: ., port: 80, host: \"s{index}.${{domain}}\", priority: {}{keys} }}\n",
            2 * index + 1
        ));
    }
    problems(&text).problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_load_balancer_takes_a_hundred_target_groups() {
    assert_eq!(said(100, ""), Vec::<String>::new());
    assert_eq!(
        said(101, ""),
        [
            "the services behind the load balancer need 101 listener rules; it takes 100",
            "the services behind the load balancer need 101 target groups; it takes 100",
        ]
    );
}

#[test]
fn services_that_shift_count_twice() {
    assert_eq!(said(50, ", deploy: { strategy: blue-green }"), Vec::<String>::new());
    let said = said(51, ", deploy: { strategy: linear }");
    assert_eq!(said, ["the services behind the load balancer need 102 target groups; it takes 100"]);
}

#[test]
fn a_certificate_of_many_names_is_a_warning() {
    let hosts: String = (0..10)
        .map(|index| format!("  s{index}: {{ build: ., port: 80, host: \"s{index}.${{domain}}\" }}\n"))
        .collect();
    let text = format!(
        "app: shop\nregion: eu-central-1\nenvironments: {{ staging: {{ account: \"111122223333\", domain: shop.example }} }}\nservices:\n{hosts}"
    );
    let problems = read(&text).check(&given(), &());
    assert!(problems.is_empty(), "{problems}");
    let [only] = problems.warnings.as_slice() else { panic!("{problems}") };
    assert_eq!(only.message, "the certificate of `staging` needs 11 names; ACM gives 10 unless asked for more");
}

#[test]
fn a_large_file_full_of_errors_is_answered_quickly() {
    let mut text =
        String::from("app: shop\nregion: eu-central-1\nenvironments: { staging: {}, production: {} }\nservices:\n");
    for index in 0..1_000 {
        text.push_str(&format!(
            "  s{index}: {{ build: ., prot: 80, cpu: 300, command: x, environment: {{ 1A: b, C: true }} }}\n"
        ));
    }
    let start = std::time::Instant::now();
    let problems = problems(&text);
    assert_eq!(problems.problems.len(), 5_000);
    assert!(problems.render(false).len() > 500_000);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
