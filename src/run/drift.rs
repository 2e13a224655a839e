//! Looks at everything that is ours, in stacks and beside them. What may not be read is named, and stops nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use runner_core::{
    plan::{Ask, Fault, NotChecked, Observed, World},
    stages::pipeline,
    workflow::Environment,
};

use super::{Options, edge::Edge, look};
use crate::{
    aws::{Code, parameter_facts},
    deploy, stacks,
};

/// Detections at the same time: CloudFormation allows few a second.
const AT_ONCE: usize = 8;

/// What was seen for `drift`, and how many stacks were looked at.
pub async fn observe(env: &Environment, options: &Options) -> Result<(World, Observed, usize), Fault> {
    let edge = Edge::new(env, options).await;
    let mut world = edge.world(false).await?;
    let steps = pipeline(env);
    look::look(&edge, &steps.iter().collect::<Vec<_>>(), &mut world).await?;
    let mut observed = Observed::default();
    let families = env.services.keys().map(|service| Ask::TaskDefinition { family: env.family(service) });
    soft(&edge, families.collect(), &mut world, &mut observed, "task definitions").await?;
    let rules = world.listeners(env).into_iter().map(|listener| Ask::ListenerRules { listener }).collect();
    soft(&edge, rules, &mut world, &mut observed, "listener rules").await?;
    scaling(&edge, &world, &mut observed).await?;
    let names: BTreeSet<String> = world.parameters.keys().cloned().collect();
    match parameter_facts(&edge.clients, &names.into_iter().collect::<Vec<_>>()).await {
        Ok(facts) => observed.parameters = Some(facts),
        Err(fault) => observed.not_checked.push(unread("parameters", fault)?),
    }
    let stacks = of_stacks(&edge, &world, &mut observed).await?;
    Ok((world, observed, stacks))
}

/// What may not be read is not checked; every other failure ends the look.
fn unread(what: &str, fault: Fault) -> Result<NotChecked, Fault> {
    let code = fault.code.as_deref().and_then(Code::of);
    let lacks = code == Some(Code::Unsupported) || fault.message.raw().contains("Unsupported service");
    let denied = code == Some(Code::Denied) || fault.code.as_deref() == Some("HTTP 403");
    if denied || lacks { Ok(not_checked(what, &fault)) } else { Err(fault) }
}

fn not_checked(what: &str, fault: &Fault) -> NotChecked {
    let code = fault.code.as_deref().unwrap_or_default();
    NotChecked { what: what.to_owned(), why: format!("{code}: {}", fault.message.one_line()) }
}

/// Whether CloudFormation looks for no drift in a stack because of the state it is in.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
fn is_in_no_state_for_it(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("ValidationError") && fault.message.raw().contains(" state")
}

async fn soft(
    edge: &Edge<'_>,
    asks: Vec<Ask>,
    world: &mut World,
    observed: &mut Observed,
    what: &str,
) -> Result<(), Fault> {
    match look::learn_all(edge, asks, world).await {
        Ok(()) => Ok(()),
        Err(fault) => {
            observed.not_checked.push(unread(what, fault)?);
            Ok(())
        }
    }
}

async fn scaling(edge: &Edge<'_>, world: &World, observed: &mut Observed) -> Result<(), Fault> {
    let env = edge.env;
    let running: Vec<&String> = env.services.keys().filter(|name| world.service(name).is_some()).collect();
    let scales = |name: &&&String| {
        world.service(name).is_some_and(|seen| seen.scales)
            || env.services.get(**name).is_some_and(|service| service.scaling.is_some())
    };
    let asked: Vec<String> = running.iter().filter(scales).map(|name| (*name).clone()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    match deploy::scaling_seen(&edge.clients, &env.cluster_name(), &asked).await {
        Ok(seen) => observed.scaling = seen,
        Err(fault) => observed.not_checked.push(unread("autoscaling", fault)?),
    }
    Ok(())
}

async fn of_stacks(edge: &Edge<'_>, world: &World, observed: &mut Observed) -> Result<usize, Fault> {
    let wanted: BTreeSet<String> =
        runner_core::infra::stacks(edge.env).iter().map(|stack| edge.env.stack_name(&stack.key)).collect();
    let there: Vec<(String, String, String)> = world
        .stacks
        .values()
        .filter(|stack| wanted.contains(&stack.name))
        .map(|stack| (stack.name.clone(), stack.region.clone(), stack.status.0.clone()))
        .collect();
    let looked = stream::iter(there)
        .map(|(name, region, status)| async move {
            // One that is being changed is compared with neither.
            if status.ends_with("_IN_PROGRESS") {
                let why = format!("it is {status}");
                return Ok((Vec::new(), Some(NotChecked { what: format!("stack {name}"), why })));
            }
            let clients = edge.region(&region).await;
            match stacks::drift(&clients, &region, &name).await {
                Ok((found, None)) => Ok((found, None)),
                Ok((found, Some(why))) => Ok((found, Some(NotChecked { what: format!("part of stack {name}"), why }))),
                Err(fault) => {
                    let what = format!("stack {name}");
                    let unseen =
                        if is_in_no_state_for_it(&fault) { not_checked(&what, &fault) } else { unread(&what, fault)? };
                    Ok((Vec::new(), Some(unseen)))
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<Result<_, Fault>>>()
        .await;
    let number = looked.len();
    for one in looked {
        let (found, not_checked) = one?;
        observed.stacks.extend(found);
        observed.not_checked.extend(not_checked);
    }
    observed.stacks.sort_by(|one, other| one.what.cmp(&other.what));
    Ok(number)
}
