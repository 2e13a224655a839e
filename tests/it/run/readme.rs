//! The README's sample is what its command prints.

use crate::support::app::App;

const README: &str = include_str!("../../../README.md");

/// What stands between these lines of the README, without them.
fn fenced(from: &str, first: &str) -> &'static str {
    let at = README.find(&format!("{from}\n{first}")).unwrap() + from.len() + 1;
    README[at..].split("\n```").next().unwrap()
}

/// What differs from one folder and moment to the next: the time it took, and the tag of the folder's content.
fn timeless(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let line = line.replace("app.yml", ".github/finance-infra.yml").replace(" -f .github/finance-infra.yml", "");
        let words = line.split_whitespace().map(|word| word.split(":in-").next().unwrap_or(word));
        let words: Vec<&str> = words.collect();
        let line = words.join(" ");
        if line.starts_with('●') {
            line.rsplit_once(" · ").map(|(line, _)| line.to_owned()).unwrap_or(line)
        } else {
            line
        }
    };
    text.lines().map(line).filter(|line| !line.starts_with("warning:") && !line.is_empty()).collect()
}

#[tokio::test]
async fn the_sample_plan_is_what_is_printed() {
    let app = App::new(&format!("{}\n", fenced("```yaml", "app: shop"))).await;
    let output = app.command(&["plan"]).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(timeless(&printed), timeless(fenced("```text", "● staging plan")));
}
