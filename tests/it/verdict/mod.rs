//! Every way in which a deployment ends, played by a scripted ECS: exit code, verdict, words and cause.

mod play;

use futures_util::future::join_all;
use play::{Play, scenarios, wrong};

#[tokio::test]
async fn every_ending_is_told_as_it_is() {
    let played = scenarios().into_iter().map(|(name, scenario)| async move {
        let expect = scenario.expect.clone();
        let ran = Play::new(scenario).await.run().await;
        wrong(&expect, &ran).into_iter().map(|words| format!("{name}: {words}")).collect::<Vec<_>>()
    });
    let wrong: Vec<String> = join_all(played).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
