//! One comment for each pull request and environment, whatever GitHub does meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use runner::github::{Api, Context, Live, Pace, Place, Protection, Said, Thread, Trouble, protection};
use runner_core::{
    report::{
        Block, Card, Header, Mark, Piece,
        comment::{Marker, Run},
    },
    text::Secret,
};
use serde_json::json;

use crate::support::github::{Fate, GitHub, User};

const TOKEN: &str = "ghs_0123456789abcdefABCDEF";
const SHA: &str = "3f9c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f";

const QUICK: Pace = Pace {
    between_writes: Duration::from_millis(1),
    between_updates: Duration::from_millis(400),
    after_limit: Duration::from_millis(20),
    after_trouble: Duration::from_millis(2),
};

fn header() -> Header {
    Header {
        app: "shop".into(),
        environment: "staging".into(),
        region: "us-east-1".into(),
        file: ".github/finance-infra.yml".into(),
        commit: Some(SHA.into()),
        started_at: "2026-03-04T14:02:00Z".parse().unwrap(),
        log: None,
        words: vec!["run".into()],
        flags: vec!["-e".into(), "staging".into()],
    }
}

fn card(mark: Mark, title: &str) -> Card {
    Card {
        mark,
        headline: title.into(),
        facts: Vec::new(),
        title: title.into(),
        safe: "users: unaffected".into(),
        action: Some(Piece::Command("runner status -e staging".into())),
        blocks: Vec::new(),
        small: vec!["14:02 UTC".into()],
    }
}

fn api(github: &GitHub, pace: Pace) -> Api {
    let variables = github.variables("workflow_dispatch");
    let context = Context::read(|name| variables.get(name).cloned(), Some("{}")).unwrap().unwrap();
    Api::new(&context, &Secret::new(TOKEN), pace).unwrap()
}

fn thread_at(github: &GitHub, place: Place, run: u64) -> Thread {
    Thread::new(api(github, QUICK), place, Run { id: run, attempt: 1 }, &header(), |text| {
        text.replace("s3cr_et*", "***")
    })
}

fn thread(github: &GitHub, run: u64) -> Thread {
    thread_at(github, Place::PullRequest(12), run)
}

async fn say(thread: &mut Thread, mark: Mark, title: &str) -> Result<Said, Trouble> {
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    thread.say(&card(mark, title), false, until).await
}

async fn quietly(thread: &mut Thread, title: &str) -> Result<Said, Trouble> {
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    thread.say(&card(Mark::Good, title), true, until).await
}

#[tokio::test]
async fn point_08_twenty_pushes_make_one_comment() {
    let github = GitHub::start().await;
    // Ours is on the third page.
    for n in 0..230 {
        github.add(12, User::new(7, "ann", "User"), &format!("remark {n}"));
    }
    github.add(13, User::actions(), "another pull request");
    for run in 1..=20 {
        let said = say(&mut thread(&github, run), Mark::Change, &format!("staging plan: {run} changes")).await.unwrap();
        let Said::There(Some(url)) = said else { panic!("{said:?}") };
        assert!(url.starts_with("https://github.acme.example/acme/shop/pull/12#issuecomment-"), "{url}");
    }
    let ours: Vec<_> =
        github.comments().into_iter().filter(|comment| comment.body.contains("finance-infra ")).collect();
    assert_eq!(ours.len(), 1);
    assert!(ours[0].body.starts_with("### 🟢 staging plan: 20 changes\n"), "{}", ours[0].body);
    assert!(ours[0].body.contains("<summary>History (19)</summary>"), "{}", ours[0].body);
    assert_eq!(ours[0].edits, 19);
}

#[tokio::test]
async fn each_environment_and_app_has_its_own() {
    let github = GitHub::start().await;
    say(&mut thread(&github, 1), Mark::Change, "staging").await.unwrap();
    for (app, environment) in [("shop", "production"), ("other", "staging")] {
        let header = Header { app: app.into(), environment: environment.into(), ..header() };
        let run = Run { id: 1, attempt: 1 };
        let mut thread = Thread::new(api(&github, QUICK), Place::PullRequest(12), run, &header, str::to_owned);
        say(&mut thread, Mark::Change, "x").await.unwrap();
    }
    assert_eq!(github.comments().len(), 3);
}

#[tokio::test]
async fn point_09_an_older_run_never_overwrites_a_newer() {
    let github = GitHub::start().await;
    say(&mut thread(&github, 9), Mark::Good, "staging: the newer").await.unwrap();
    let said = say(&mut thread(&github, 8), Mark::Bad, "staging: the older").await.unwrap();
    assert_eq!(said, Said::Newer);
    assert!(github.comment().body.contains("the newer"));
    assert_eq!(github.writes(), ["POST"]);
}

#[tokio::test]
async fn point_10_worse_is_posted_anew_and_better_is_edited() {
    let github = GitHub::start().await;
    let mut run = thread(&github, 1);
    say(&mut run, Mark::Running, "staging: deploying").await.unwrap();
    let first = github.comment().id;
    say(&mut run, Mark::Back, "staging: api rolled back").await.unwrap();
    let second = github.comment();
    assert!(second.id > first && second.edits == 0);
    assert_eq!(github.writes(), ["POST", "DELETE", "POST"]);
    say(&mut thread(&github, 2), Mark::Good, "staging: healthy").await.unwrap();
    assert_eq!(github.comment().id, second.id);
    say(&mut thread(&github, 3), Mark::Waiting, "staging: waiting for you").await.unwrap();
    let waiting = github.comment();
    assert!(waiting.id > second.id);
    assert!(waiting.body.contains("History (2)") && waiting.body.contains("api rolled back"), "{}", waiting.body);
}

#[tokio::test]
async fn point_11_reverted_changes_are_no_changes_and_nothing_begins_a_comment() {
    let github = GitHub::start().await;
    assert_eq!(quietly(&mut thread(&github, 1), "staging plan: no changes").await.unwrap(), Said::Nothing);
    assert_eq!(github.comments().len(), 0);
    say(&mut thread(&github, 2), Mark::Change, "staging plan: 3 changes").await.unwrap();
    quietly(&mut thread(&github, 3), "staging plan: no changes").await.unwrap();
    let comment = github.comment();
    assert!(comment.body.starts_with("### ✅ staging plan: no changes\n"), "{}", comment.body);
    assert_eq!(comment.edits, 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_after_before_it_is_posted_again() {
    for fate in [Fate::DoAndCut, Fate::DoAndFail] {
        let github = GitHub::start().await;
        let mut first = true;
        let lost = fate.clone();
        github.decide(move |asked| match asked.method.as_str() {
            "POST" if asked.path.contains("comments") && std::mem::take(&mut first) => lost.clone(),
            _ => Fate::Pass,
        });
        say(&mut thread(&github, 1), Mark::Change, "staging plan: 3 changes").await.unwrap();
        let comment = github.comment();
        assert_eq!(github.writes().iter().filter(|method| *method == "POST").count(), 1, "{fate:?}");
        assert!(!comment.body.contains("History"), "{}", comment.body);

        // The same with a comment that is posted anew: its deletion and its posting may both be lost.
        let mut lose = 2;
        let lost = fate.clone();
        github.decide(move |asked| {
            if asked.writes() && lose > 0 {
                lose -= 1;
                return lost.clone();
            }
            Fate::Pass
        });
        say(&mut thread(&github, 2), Mark::Bad, "staging: failed").await.unwrap();
        assert!(github.comment().body.starts_with("### ❌ staging: failed\n"));
    }
}

#[tokio::test]
async fn two_that_were_posted_at_the_same_time_become_one() {
    let github = GitHub::start().await;
    say(&mut thread(&github, 1), Mark::Change, "staging plan: 3 changes").await.unwrap();
    let body = github.comment().body;
    github.add(12, User::actions(), &body);
    say(&mut thread(&github, 2), Mark::Change, "staging plan: 4 changes").await.unwrap();
    assert_eq!(github.comment().id, 1_001);
}

#[tokio::test]
async fn a_marker_in_a_strangers_comment_is_the_strangers() {
    let github = GitHub::start().await;
    let forged = Marker::of(&header(), &card(Mark::Good, "x"), Run { id: u64::MAX, attempt: 9 }, None);
    let forged = runner_core::report::comment::body(&card(Mark::Good, "x"), &forged);
    let strangers = [
        User::new(666, "github-actions[bot]", "Bot"),
        User::new(41_898_282, "github-actions[bot]", "User"),
        User::new(666, "mallory", "User"),
    ];
    for stranger in strangers.clone() {
        github.add(12, stranger, &forged);
    }
    // Ours, with a forged marker in a quoted log that is not at its end.
    let mut failed = card(Mark::Bad, "staging: failed");
    failed.blocks.push(Block::Details("Log".into(), forged.lines().map(str::to_owned).collect()));
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    thread(&github, 5).say(&failed, false, until).await.unwrap();
    say(&mut thread(&github, 6), Mark::Good, "staging: healthy").await.unwrap();
    let comments = github.comments();
    assert_eq!(comments.len(), 4);
    assert!(comments[..3].iter().all(|comment| comment.edits == 0 && comment.body == forged));
    assert!(comments[3].body.starts_with("### ✅ staging: healthy\n"));
}

#[tokio::test]
async fn limits_are_waited_for_and_writes_are_apart() {
    let github = GitHub::start().await;
    let mut left = vec![Fate::limited(Some(1)), Fate::limited(None)];
    github.decide(move |asked| if asked.writes() { left.pop().unwrap_or(Fate::Pass) } else { Fate::Pass });
    let began = Instant::now();
    let pace = Pace { between_writes: Duration::from_millis(30), ..QUICK };
    let run = Run { id: 1, attempt: 1 };
    let mut thread = Thread::new(api(&github, pace), Place::PullRequest(12), run, &header(), str::to_owned);
    say(&mut thread, Mark::Change, "staging plan").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(1_020), "{:?}", began.elapsed());
    say(&mut thread, Mark::Bad, "staging: failed").await.unwrap();
    github.comment();
    let writes: Vec<Instant> = github.asked().iter().filter(|asked| asked.writes()).map(|asked| asked.at).collect();
    assert!(writes.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(30)), "{writes:?}");
    // A limit that lasts longer than one would wait is given up at once.
    github.decide(|_| Fate::limited(Some(3_600)));
    let began = Instant::now();
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    let trouble = thread.say(&card(Mark::Good, "x"), false, until).await.unwrap_err();
    assert_eq!(trouble, Trouble::Limited(Some(Duration::from_secs(3_600))));
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn what_github_refuses_is_said_in_words() {
    for (fate, words) in [
        (Fate::denied(), "403: Resource not accessible by integration"),
        (Fate::Refuse(422, Vec::new(), json!({ "message": "Validation Failed" })), "422: Validation Failed"),
        (Fate::Refuse(401, Vec::new(), json!({ "message": "Bad credentials" })), "401: Bad credentials"),
        (Fate::Refuse(502, Vec::new(), json!("<html>")), "HTTP 502"),
        (Fate::Refuse(200, Vec::new(), json!("no object")), "does not say whose"),
    ] {
        let github = GitHub::start().await;
        let all = fate.clone();
        github.decide(move |_| all.clone());
        let trouble = say(&mut thread(&github, 1), Mark::Change, "x").await.unwrap_err().to_string();
        assert!(trouble.contains(words), "{fate:?}: {trouble}");
    }
    let nobody = GitHub::start().await;
    let variables = nobody.variables("push");
    drop(nobody);
    let context = Context::read(|name| variables.get(name).cloned(), Some("{}")).unwrap().unwrap();
    let api = Api::new(&context, &Secret::new(TOKEN), QUICK).unwrap();
    let run = Run { id: 1, attempt: 1 };
    let mut thread = Thread::new(api, Place::PullRequest(12), run, &header(), str::to_owned);
    assert!(matches!(say(&mut thread, Mark::Change, "x").await, Err(Trouble::Unclear(_))));
}

#[tokio::test]
async fn the_author_is_who_the_token_is() {
    for (viewer, person, graphql) in [
        (User::new(7, "ann", "User"), true, true),
        (User::new(90_210, "deployer[bot]", "Bot"), false, true),
        (User::actions(), false, false),
    ] {
        let github = GitHub::start().await;
        github.viewer(viewer.clone(), person, graphql);
        for run in 1..=3 {
            say(&mut thread(&github, run), Mark::Change, "staging plan").await.unwrap();
        }
        let comment = github.comment();
        assert_eq!((comment.user, comment.edits), (viewer, 2));
    }
}

#[tokio::test]
async fn a_push_speaks_on_the_pull_request_that_was_merged_by_it() {
    let github = GitHub::start().await;
    let pull = |number: u64, state: &str, merged: Option<&str>, commit: &str| {
        let head = json!({ "sha": SHA, "ref": "cpu" });
        json!({ "number": number, "state": state, "merged_at": merged, "merge_commit_sha": commit, "head": head })
    };
    github.pulls_of(
        SHA,
        json!([
            pull(3, "open", None, "x"),
            pull(4, "closed", Some("2026-03-01T00:00:00Z"), "an older one"),
            pull(12, "closed", Some("2026-03-04T14:00:00Z"), SHA),
        ]),
    );
    say(&mut thread_at(&github, Place::MergedBy(SHA.into()), 1), Mark::Good, "staging: healthy").await.unwrap();
    assert_eq!(github.comment().number, 12);
    say(&mut thread_at(&github, Place::HeadOf(SHA.into()), 1), Mark::Good, "staging: healthy").await.unwrap();
    assert_eq!(github.comments()[1].number, 3);
    for place in [Place::MergedBy("0".repeat(40)), Place::Nowhere] {
        let said = say(&mut thread_at(&github, place, 1), Mark::Bad, "staging: failed").await.unwrap();
        assert_eq!(said, Said::Nothing);
    }
}

#[tokio::test]
async fn a_run_under_way_is_written_now_and_then_and_at_each_change_of_state() {
    let github = GitHub::start().await;
    let mut live = Live::start(thread(&github, 1));
    let began = Instant::now();
    let mut shown = 0;
    while began.elapsed() < Duration::from_millis(1_000) {
        if live.wants(Mark::Running) {
            shown += 1;
            live.show(card(Mark::Running, &format!("staging: deploying, {shown}")));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((2..=3).contains(&shown), "{shown}");
    assert!(live.wants(Mark::Waiting));
    live.show(card(Mark::Waiting, "staging: waiting for you"));
    let done = live.finish(&card(Mark::Good, "staging: healthy"), false, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(done, Said::There(Some(_))));
    let comment = github.comment();
    assert!(comment.body.starts_with("### ✅ staging: healthy\n"), "{}", comment.body);
    assert!(github.writes().len() <= 6, "{:?}", github.writes());
}

#[tokio::test]
async fn nothing_secret_is_sent_even_where_it_would_have_been_escaped() {
    let github = GitHub::start().await;
    let mut card = card(Mark::Bad, "failed with s3cr_et*");
    card.blocks.push(Block::Table(vec!["s3cr_et*".into()], vec![vec!["a s3cr_et* b".into()]]));
    card.blocks.push(Block::Facts(vec![("e".into(), vec![Piece::Quote("s3cr_et*".into(), "s3cr_et*".into())])]));
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    thread(&github, 1).say(&card, false, until).await.unwrap();
    assert!(!github.comment().body.contains("s3cr"), "{}", github.comment().body);
}

#[tokio::test]
async fn an_environment_that_is_absent_or_open_to_every_branch_is_not_trusted() {
    let github = GitHub::start().await;
    let rules =
        json!([{ "id": 1, "type": "required_reviewers", "reviewers": [] }, { "id": 2, "type": "branch_policy" }]);
    github.environment("open", json!({ "name": "open", "protection_rules": [], "deployment_branch_policy": null }));
    let policy = json!({ "protected_branches": true, "custom_branch_policies": false });
    github.environment("a%2Fb%20c", json!({ "protection_rules": rules, "deployment_branch_policy": policy }));
    let custom = json!({ "protected_branches": false, "custom_branch_policies": true });
    github.environment("production", json!({ "protection_rules": [], "deployment_branch_policy": custom }));
    let api = api(&github, QUICK);
    let expected: BTreeMap<&str, Protection> = [
        ("absent", Protection::Absent),
        ("open", Protection::AnyBranch),
        ("a/b c", Protection::Branches { reviewed: true, protected_only: true }),
        ("production", Protection::Branches { reviewed: false, protected_only: false }),
    ]
    .into();
    for (name, expected) in expected {
        let found = protection(&api, name).await.unwrap();
        assert_eq!(found, expected, "{name}");
        assert_eq!(found.holds(), found.refusal(name).is_none());
    }
    github.decide(|_| Fate::denied());
    assert!(matches!(protection(&api, "production").await, Err(Trouble::Refused(_))));
}
