//! `verify`, on a real emulator: what a run made fits, and what was broken by hand is found.

use super::NOTHING;
use crate::support::{app::App, program};

const SHOP: &str = "
app: shop
region: us-east-1
environments: { staging: {} }
services:
  api: { image: { layout: image }, port: 3000, secrets: { JWT_SECRET_KEY: ssm } }
";

#[tokio::test]
async fn what_a_run_made_fits_and_what_was_broken_is_found() {
    let app = App::new(SHOP).await;
    std::fs::create_dir(app.root.join("image")).unwrap();
    program::layout(&app.root.join("image"), "serving", 0);
    let verify = |code: i32| {
        let mut command = app.command(&["verify"]);
        async move {
            let output = command.output().await.unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(code), "{said}{}", String::from_utf8_lossy(&output.stderr));
            said
        }
    };
    let said = verify(0).await;
    assert!(said.contains("there is no revision of it"), "{said}");
    assert_eq!(app.run("staging").await.troubles(), NOTHING);
    app.proxy.pass();
    let said = verify(0).await;
    assert!(said.contains("staging fits together") && said.contains("6 of 7 checks fit, 1 not checked"), "{said}");
    assert_eq!(app.proxy.writes(), NOTHING);

    let clients = app.clients().await;
    clients.ssm().delete_parameter().name("/shop/staging/JWT_SECRET_KEY").send().await.unwrap();
    clients.logs().delete_log_group().log_group_name("/ecs/shop-staging-api").send().await.unwrap();
    let said = verify(1).await;
    assert!(said.contains("there is no /shop/staging/JWT_SECRET_KEY"), "{said}");
    assert!(said.contains("there is no log group /ecs/shop-staging-api"), "{said}");
}
