//! What a stage's stacks could adopt, before any of it is done.

use std::collections::BTreeSet;

use runner_core::{
    plan::{Action, Adoption, Fault, Plan, PutStack, StackMove, World},
    stages::draw,
    workflow::Environment,
};

use super::{Options, act::stack_actor, edge::Edge, steps};
use crate::stacks::Stop;

/// The plan of the stage in `options`, and what its stacks would adopt and make. What another run has under way is
/// waited for first.
pub async fn adoption(env: &Environment, options: &Options) -> Result<(Plan, Adoption), Fault> {
    let edge = Edge::new(env, options).await;
    let (mut plan, mut world) = look(&edge).await?;
    let under_way: Vec<PutStack> = puts(&plan, |step| step == StackMove::Attach);
    if !under_way.is_empty() {
        for put in &under_way {
            stack_actor(&edge, put, &world).await.acting(&|_| {}).put(put).await.map_err(told)?;
        }
        (plan, world) = look(&edge).await?;
    }
    let mut found = Adoption::default();
    if plan.refusals().next().is_some() {
        return Ok((plan, found));
    }
    let mut looked = BTreeSet::new();
    for put in puts(&plan, StackMove::has_template) {
        // A stack that is made in two steps adopts in the first.
        if looked.insert(put.name.clone()) {
            let more =
                stack_actor(&edge, &put, &world).await.acting(&|_| {}).preview(&put.adopting()).await.map_err(told)?;
            found.adopts.extend(more.adopts);
            found.creates.extend(more.creates);
        }
    }
    Ok((plan, found))
}

/// Nothing was begun yet, so a fault says it all.
fn told(stop: Stop) -> Fault {
    match stop {
        Stop::Refused(refusal) => {
            Fault::new(refusal.what, refusal.why).with_hint(refusal.remedy).with_exit(refusal.exit)
        }
        Stop::Failed(failure) => match failure.remedy {
            Some(remedy) => failure.fault.with_hint(remedy),
            None => failure.fault,
        },
    }
}

fn puts(plan: &Plan, wanted: impl Fn(StackMove) -> bool) -> Vec<PutStack> {
    let puts = plan.actions().filter_map(|(_, action)| match action {
        Action::PutStack(put) => Some(put),
        _ => None,
    });
    puts.filter(|put| wanted(put.step)).map(|put| (**put).clone()).collect()
}

async fn look(edge: &Edge<'_>) -> Result<(Plan, World), Fault> {
    let mut world = edge.world(false).await?;
    let steps = steps(edge, &mut world).await?;
    let plan = draw(edge.env, &steps.iter().collect::<Vec<_>>(), &world);
    Ok((plan, world))
}
