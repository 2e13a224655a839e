//! The binary in the middle of a run: what it shows of secrets, which is nothing, and how it ends when a person stops it.

use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::kills::{SMALL, fresh, undisturbed};
use crate::support::{
    app::App,
    inventory::{inventory, whole},
    proxy::Effect,
};

/// What breaks quoting, escaping, matching and line by line reading, around a text that is found whatever was done to
/// the rest.
pub const ODD: [(&str, &str); 20] = [
    ("", ""),
    ("\"", "\""),
    ("'", "\\"),
    ("\\n", "\\\\"),
    ("a\nb", "\nc"),
    ("\r\n", "\r\n"),
    ("\t ", " \t"),
    ("<b>&amp;", "</b>"),
    ("%41%zz", "+%20"),
    ("${x}", "$(y)`z`"),
    ("{\"a\":\"", "\"}"),
    ("-----BEGIN KEY-----\nMII", "\n-----END KEY-----\n"),
    ("ü€😀", "\u{301}"),
    ("\u{1b}[31m", "\u{1b}[0m"),
    ("postgres://u:p", "@h/db?x=1&y=2"),
    ("::add-mask::", "\n::set-output name=x::y"),
    ("| a |", "| `b` |"),
    ("a,b;c", "=d"),
    ("\u{feff}", "\u{200b}"),
    ("end", "/+=="),
];

pub fn canary(n: usize) -> String {
    format!("cAnArY{n:02}x{:x}", 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n as u64 + 1))
}

pub async fn with_canaries() -> App {
    let names: Vec<String> = (0..ODD.len()).map(|n| format!("CANARY_{n}: ssm")).collect();
    let mut app = App::new(&SMALL.replace("JWT_SECRET_KEY: ssm", &names.join(", "))).await;
    app.variables = ODD
        .iter()
        .enumerate()
        .map(|(n, (before, after))| (format!("CANARY_{n}"), format!("{before}{}{after}", canary(n))))
        .collect();
    app
}

fn shows_nothing(output: &Output, context: &str) {
    for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        for (n, odd) in ODD.iter().enumerate() {
            if let Some(at) = text.find(&canary(n)) {
                let around: String = text[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{context}: canary {n} ({odd:?}) on {stream} after {around:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_any_byte() {
    let app = with_canaries().await;
    let run = async |arguments: &[&str], expected: i32| {
        let mut command = app.command(arguments);
        let output = command.env("INFRA_LOG", "trace").arg("-v").output().await.unwrap();
        let context = arguments.join(" ");
        shows_nothing(&output, &context);
        let code = output.status.code();
        assert_eq!(code, Some(expected), "{context}: {}", String::from_utf8_lossy(&output.stderr));
        output
    };
    run(&["plan"], 0).await;
    // What AWS says of a value that it does not take has the value in it.
    let values: Vec<String> = app.variables.values().cloned().collect();
    app.proxy.set(move |call| match call.action.as_str() {
        "PutParameter" => {
            let sent: serde_json::Value = serde_json::from_str(&call.body).unwrap();
            let value = sent["Value"].as_str().unwrap();
            assert!(value.contains("cAnArY") || sent["Name"] == "/shop/staging/SUPABASE_URL", "{sent}");
            let message =
                format!("1 validation error detected: Value '{value}' at 'value' failed; also {}", json!(values));
            Effect::Answer(400, json!({ "__type": "ValidationException", "message": message }))
        }
        _ => Effect::Pass,
    });
    let failed = run(&["run", "--format", "json"], 1).await;
    assert!(whole(&failed.stdout)["failures"][0]["fault"]["message"].as_str().unwrap().contains("validation error"));
    run(&["run"], 1).await;
    app.proxy.pass();
    let done = run(&["run", "--format", "json"], 0).await;
    assert_eq!(whole(&done.stdout)["exit_code"], 0);
    run(&["run"], 0).await;
    run(&["plan", "--format", "json"], 0).await;
    run(&["plan", "--format", "markdown"], 0).await;
    run(&["status", "--format", "json"], 0).await;

    // They did arrive, every byte of them.
    let clients = app.clients().await;
    for (name, value) in app.variables.iter() {
        let parameter = clients.ssm().get_parameter().name(format!("/shop/staging/{name}")).with_decryption(true);
        let held = parameter.send().await.unwrap().parameter.unwrap().value.unwrap();
        assert!(held == *value, "{name} was not kept as it is");
    }
}

#[tokio::test]
async fn point_18_a_person_who_stops_it_is_told_what_was_done_and_how_to_go_on() {
    let (expected, _) = undisturbed(SMALL).await;
    let app = fresh(SMALL).await;
    app.proxy.set(|call| match call.action.as_str() {
        "CreateService" if call.body.contains("\"serviceName\":\"api\"") => Effect::HoldAnswer,
        _ => Effect::Pass,
    });
    let child = app.command(&["run", "--format", "json"]).spawn().unwrap();
    app.proxy.holds().await;
    kill_process(Pid::from_raw(child.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    let told = whole(&output.stdout);
    assert_eq!((&told["exit_code"], &told["verdict"]), (&json!(130), &json!("cancelled")));
    let changed: Vec<String> = told["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|changed| format!("{} {}", changed["verb"].as_str().unwrap(), changed["what"].as_str().unwrap()))
        .collect();
    for done in ["created stack shop-staging-network", "registered shop-staging-api:1"] {
        assert!(changed.iter().any(|changed| changed == done), "{changed:?}");
    }
    let again = "runner run -e staging -f app.yml --sandbox";
    assert_eq!(told["again"], again);
    assert!(errors.contains(again), "{errors}");
    assert!(errors.contains("AWS goes on"), "{errors}");

    app.proxy.pass();
    let words: Vec<&str> = again.split(' ').skip(1).take(1).collect();
    let next = app.command(&words).output().await.unwrap();
    assert_eq!(next.status.code(), Some(0), "{}", String::from_utf8_lossy(&next.stderr));
    assert_eq!(inventory(&app.clients().await).await, expected);
}
