//! From a rollout that did not end well to what is said of it: cause, evidence, who is affected, what to do.

use runner_core::{
    judge::{
        Verdict,
        causes::{self, Certainty, Evidence, Rank, diagnose_all, key},
    },
    plan::{Deployment, DesiredService, Fault, Follow, World},
    report::{Failure, Paused, Standing},
    text::Foreign,
    workflow::{Environment, Service, Strategy},
};
use serde_json::Value as Json;

use crate::deploy::{self, Container, Followed, Piece};

/// The containers of a service's definition and where they write. A log group that is not known yet is that of the
/// service's stack.
pub(super) fn containers(env: &Environment, service: &Service, world: &World, log_group: &str) -> Vec<Container> {
    let definition = DesiredService::of(env, service, world).definition.json;
    let all = definition["containerDefinitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let read = |container: &Json| {
        let options = &container["logConfiguration"]["options"];
        let group = text(&options["awslogs-group"]);
        let prefix = text(&options["awslogs-stream-prefix"]);
        Container {
            name: text(&container["name"]),
            // ECS's own default.
            essential: container["essential"].as_bool().unwrap_or(true),
            group: if group.is_empty() || group.contains("${") { log_group.to_owned() } else { group },
            prefix: if prefix.is_empty() { service.name.clone() } else { prefix },
        }
    };
    all.iter().map(read).collect()
}

/// What is said of a verdict that is not good. `tried_at`: where the new revision is tried while it has test traffic.
pub(super) fn failure(env: &Environment, follow: &Follow, followed: &Followed, tried_at: Option<&str>) -> Failure {
    let verb = match followed.ending.verdict {
        Verdict::RolledBack => "was rolled back",
        Verdict::Superseded => "was superseded by a newer deployment",
        Verdict::Paused => "is paused and waits for a person",
        Verdict::Failed | Verdict::Succeeded => "failed",
    };
    let doing = format!("{} {verb} on {}", follow.service, env.name);
    let mut failure = Failure::from(Fault::new(doing, Foreign::new(followed.ending.reason.clone())));
    failure.exit = followed.ending.verdict.exit();
    failure.fault.exit = failure.exit;
    diagnose(env, &follow.service, &followed.evidence, &mut failure);
    failure.users = shared(follow, followed).or_else(|| users(follow, followed));
    failure.paused = paused(env, follow, followed, tried_at).map(Box::new);
    if failure.remedy.is_none() {
        failure.remedy = match followed.ending.verdict {
            Verdict::Superseded => None,
            Verdict::Paused => {
                let answer = format!("runner approve {}", follow.service);
                Some(format!("continue it: `{answer} -e {0}`, or turn it back: `{answer} --reject -e {0}`", env.name))
            }
            _ => Some(format!("look at it with `runner status -e {}`", env.name)),
        };
    }
    if is_down(follow, followed) {
        let back =
            format!("until then `runner rollback {} -e {}` brings the revision before back", follow.service, env.name);
        failure.remedy = failure.remedy.map(|remedy| format!("{remedy}; {back}"));
    }
    failure
}

/// A paused deployment: where it stands, which revisions stand beside each other, and where the new one is tried.
fn paused(env: &Environment, follow: &Follow, followed: &Followed, tried_at: Option<&str>) -> Option<Paused> {
    let pause = followed.ending.pause.clone()?;
    let tried_at = tried_at.filter(|_| followed.on_test).map(str::to_owned);
    let strategy = match env.services.get(&follow.service)?.deploy.strategy {
        Strategy::Rolling => "rolling deployment",
        Strategy::BlueGreen => "blue-green",
        Strategy::Canary { .. } => "canary",
        Strategy::Linear { .. } => "linear",
    };
    let ours = follow.revision.shown();
    let standing = |rollout: &Deployment| Standing {
        revision: number(&rollout.revision),
        is_new: rollout.revision == ours,
        running: rollout.running,
        desired: rollout.desired,
    };
    let rollouts = followed.service.iter().flat_map(|seen| &seen.deployments);
    let mut revisions: Vec<Standing> = rollouts.filter(|rollout| rollout.desired > 0).map(standing).collect();
    revisions.sort_by_key(|standing| !standing.is_new);
    Some(Paused { strategy, pause, revisions, tried_at })
}

/// `:42`
fn number(revision: &str) -> String {
    format!(":{}", revision.rsplit(':').next().unwrap_or(revision))
}

/// Puts cause, consequences, evidence and remedy into a failure; the line that decided stands first.
pub(super) fn diagnose(env: &Environment, service: &str, pieces: &[Piece], failure: &mut Failure) {
    let evidence: Vec<Evidence> = pieces.iter().map(Piece::evidence).collect();
    let found = diagnose_all(&evidence);
    let mut shown = Vec::new();
    if let Some(root) = found.first().filter(|root| !pieces.is_empty() && root.cause.rank < Rank::News) {
        failure.cause = Some((root.cause.name.to_owned(), root.certainty.as_str().to_owned()));
        failure.consequences = found[1..].iter().map(|other| other.cause.name.to_owned()).collect();
        failure.remedy = Some(remedy(env, service, root.cause.name, root.cause.remedy));
        // Of several that say it, the shortest is read first.
        let saying = evidence.iter().map(causes::diagnose).enumerate();
        let saying = saying.filter(|(_, other)| other.cause == root.cause && other.certainty == root.certainty);
        let shortest = saying.min_by_key(|(_, other)| other.quote.raw().len());
        let (at, quote) = shortest.map_or((root.piece, root.quote.clone()), |(at, other)| (at, other.quote));
        if let Some(piece) = pieces.get(at) {
            let same = pieces.iter().filter(|other| other.kind == piece.kind && other.text == piece.text).count();
            let from = if same > 1 { format!("{} and {} more", piece.from, same - 1) } else { piece.from.clone() };
            shown.push((from, quote));
        }
    } else if !pieces.is_empty() {
        failure.cause = Some(("unknown".to_owned(), Certainty::Unknown.as_str().to_owned()));
    }
    // What only repeats that something failed is read last.
    let mut told = pieces.to_vec();
    told.sort_by_key(|piece| {
        let rank = causes::diagnose(&piece.evidence()).cause.rank;
        piece.kind != "log" && matches!(rank, Rank::Cascade | Rank::News)
    });
    let all = deploy::folded(&told);
    let others = all.into_iter().filter(|(_, text)| shown.iter().all(|(_, quote): &(String, Foreign)| quote != text));
    let others: Vec<_> = others.collect();
    failure.evidence = shown.into_iter().chain(others).collect();
}

/// What to do, with the key of this very file that it is about.
fn remedy(env: &Environment, service: &str, cause: &str, general: &str) -> String {
    let general = general.replace("SERVICE", &format!("{service} -e {}", env.name));
    let Some(key) = key(cause) else { return general };
    let path = format!("services.{service}.{key}");
    let file = &env.origins.file;
    match (env.origins.spans.get(&path), env.origins.find(&path)) {
        (Some(span), _) => format!("{general} (`{key}`, {file}:{})", span.line),
        // The key has its default: it would stand below the service.
        (None, Some(span)) => match env.origins.defaults.get(&path) {
            Some(default) if default.len() < 20 => {
                format!("{general} (`{key}` is {default} by default, {file}:{})", span.line)
            }
            _ => format!("{general} (`{key}` of {service}, {file}:{})", span.line),
        },
        (None, None) => general,
    }
}

/// Whether users are left with a revision that does not serve, where one did before.
fn is_down(follow: &Follow, followed: &Followed) -> bool {
    followed.ending.verdict == Verdict::Failed
        && !follow.first
        && !others(follow, followed).any(|rollout| rollout.running > 0)
}

/// Deployments of other revisions than the one that was followed.
fn others<'a>(follow: &'a Follow, followed: &'a Followed) -> impl Iterator<Item = &'a Deployment> {
    let all = followed.service.iter().flat_map(|seen| &seen.deployments);
    all.filter(|rollout| rollout.revision != follow.revision.shown())
}

/// Who is served by what while a deployment is paused, where the new revision has traffic.
fn shared(follow: &Follow, followed: &Followed) -> Option<String> {
    let share = followed.ending.pause.as_ref()?.share.filter(|share| *share > 0.0)?;
    let (new, old) = (number(follow.revision.shown()), others(follow, followed).find(|rollout| rollout.running > 0));
    Some(match old.map(|rollout| number(&rollout.revision)) {
        Some(old) if share < 100.0 => format!("served by {new} for {share} % of the traffic, else by {old}"),
        Some(old) => format!("served by {new}; {old} still runs, to be turned back to"),
        None if share >= 100.0 => format!("served by {new}"),
        None => return None,
    })
}

/// Who is affected, by what runs of which revision.
fn users(follow: &Follow, followed: &Followed) -> Option<String> {
    let seen = followed.service.as_ref();
    // Tasks that run, by revision, without those of the one that failed.
    let (revision, running) = others(follow, followed).fold((None, 0), |(revision, running), rollout| {
        let revision = if rollout.running > 0 { Some(rollout.revision.as_str()) } else { revision };
        (revision, running + rollout.running)
    });
    let serving = followed.ending.serving.as_deref();
    let all = || seen.iter().flat_map(|seen| &seen.deployments);
    let running_of = |revision: &str| {
        all().filter(|rollout| rollout.revision == revision).map(|rollout| rollout.running).sum::<u32>()
    };
    let ours = running_of(follow.revision.shown());
    let desired = seen.map_or(0, |seen| seen.desired);
    match (followed.ending.verdict, serving.or(revision)) {
        (Verdict::Succeeded, _) => None,
        (Verdict::Superseded, Some(revision)) => {
            let running = running_of(revision);
            let state = if running >= desired { "served by" } else { "a newer deployment is under way, of" };
            Some(format!("{state} {} ({running}/{desired})", number(revision)))
        }
        (Verdict::Superseded, None) => None,
        (verdict, Some(revision)) if running >= desired => {
            let (old, new) = (number(revision), number(follow.revision.shown()));
            let served = format!("served by {old} ({running}/{desired})");
            Some(match (followed.had_traffic, verdict) {
                // What runs beside it may serve too.
                (Some(false), Verdict::Failed) if ours > 0 => served,
                (Some(false), _) => format!("unaffected, {served}"),
                (Some(true), Verdict::RolledBack) => format!("{served}; {new} had traffic until it was turned back"),
                (Some(true), _) => format!("{new} has traffic, and {old} still runs ({running}/{desired})"),
                (None, _) => served,
            })
        }
        (_, Some(revision)) if running > 0 => {
            Some(format!("affected: only {running} of {desired} tasks of {} run", number(revision)))
        }
        (Verdict::Failed, _) if follow.first => Some(format!("{} was never served before", follow.service)),
        (Verdict::Failed, _) => Some("affected: nothing healthy may be serving".to_owned()),
        (_, Some(revision)) => Some(format!("affected: no task of {} runs yet", number(revision))),
        (_, None) => None,
    }
}
