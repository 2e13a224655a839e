//! What a stage's stacks could adopt, before any of it is done.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use runner_core::{
    plan::{Action, Adoption, Fault, Looking, Pick, Plan, PutStack, Refusal, StackMove, World},
    stages::draw,
    workflow::Environment,
};

use super::{Options, act::stack_actor, edge::Edge, steps};
use crate::{aws::existing, stacks::Stop};

/// What a person said of resources: by the stack's key and the logical id.
pub type Picks = BTreeMap<(String, String), Pick>;

/// How many questions are asked at a time.
const AT_ONCE: usize = 4;

/// What the stacks of the stage in `options` would adopt. What another run has under way is waited for first.
///
/// # Errors
/// Nothing was done but to look, so a fault says it all.
pub async fn adoption(env: &Environment, options: &Options, picks: &Picks) -> Result<Adoption, Fault> {
    let edge = Edge::new(env, options).await;
    let (mut plan, mut world) = look(&edge).await?;
    let under_way: Vec<PutStack> = puts(&plan, |step| step == StackMove::Attach);
    if !under_way.is_empty() {
        for put in &under_way {
            stack_actor(&edge, put, &world).await.acting(&|_| {}).put(put).await.map_err(told)?;
        }
        (plan, world) = look(&edge).await?;
    }
    if let Some(refusal) = Refusal::all(plan.refusals().map(|(_, refusal)| refusal.clone())) {
        return Err(told(Stop::Refused(refusal)));
    }
    let mut found = Adoption::default();
    let mut looked = BTreeSet::new();
    for put in puts(&plan, StackMove::has_template) {
        // A stack that is made in two steps is looked at in the first.
        if looked.insert(put.name.clone()) {
            found.add(of_stack(&edge, &world, put, picks).await.map_err(told)?);
        }
    }
    Ok(found)
}

async fn of_stack(edge: &Edge<'_>, world: &World, put: PutStack, picks: &Picks) -> Result<Adoption, Stop> {
    let actor = stack_actor(edge, &put, world).await;
    let acting = actor.acting(&|_| {});
    if put.step == StackMove::Recreate {
        return Err(acting.rolled_back(&put).await);
    }
    let present = world.templates.get(&put.name).cloned().flatten().filter(|_| put.step == StackMove::Update);
    if put.step == StackMove::Update && present.is_none() {
        return Err(Fault::new(
            format!("adopting into stack {}", put.name),
            "its template is no JSON, and an import has to give it again unchanged",
        )
        .into());
    }
    let service = put.key.strip_prefix("service-").filter(|service| edge.env.services.contains_key(*service));
    let of_put = picks.iter().filter(|((key, _), _)| *key == put.key);
    let mut looking = Looking {
        account: world.caller.as_ref().map(|caller| caller.account.clone()).unwrap_or_default(),
        held: if present.is_some() { acting.held(&put).await? } else { BTreeMap::new() },
        picks: of_put.map(|((_, id), pick)| (id.clone(), pick.clone())).collect(),
        named: BTreeMap::new(),
        keys: acting.identifiers(&put).await?,
        prefix: service.map_or_else(|| edge.env.prefix(), |service| edge.env.family(service)),
        stacks: world.stacks.keys().cloned().collect(),
        listed: BTreeMap::new(),
        present,
        put,
    };
    if looking.has_names() {
        looking.named = acting.named(&looking.put.asking_by_name()).await?;
    }
    loop {
        let asks = looking.asks();
        if asks.is_empty() {
            break;
        }
        let answers = stream::iter(asks).map(async |ask| {
            let answer = existing(&actor.clients, actor.role.as_deref(), &ask).await;
            (ask, answer.map_err(|fault| fault.code.unwrap_or_else(|| fault.message.one_line())))
        });
        looking.listed.extend(answers.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
    }
    let found = looking.end().map_err(Stop::Refused)?;
    if found.may_go() {
        for put in &found.puts {
            acting.would_import(put).await?;
        }
    }
    Ok(found)
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
