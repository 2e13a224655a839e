//! The documentation of an app's infrastructure and settings, made from the same templates, definitions and prices that
//! are sent and summed: it cannot say anything else than what is done.
//!
//! There is no time, commit or digest in it, so that it changes only when the file does.

mod access;
mod diagram;
mod page;
mod recovery;
mod resources;
mod services;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use self::page::{Page, code};
use super::cost::NOT_COMPARED;
use crate::{
    cost::{Basis, Estimate, Item, prices},
    infra::{self, StackDesired},
    plan::{World, timeless_definition},
    workflow::Environment,
};

/// What a section is written from: an environment and everything that is rendered of it.
struct Whole<'a> {
    env: &'a Environment,
    /// Every stack.
    stacks: Vec<StackDesired>,
    /// The template of each, as it is sent.
    templates: Vec<Json>,
    /// The definition of each service, in the order of the services.
    definitions: Vec<Json>,
}

/// The page of an app: all environments of `file`.
pub fn docs(file: &str, environments: &[Environment]) -> String {
    let app = environments.first().map(|env| env.app.as_str()).unwrap_or_default();
    let mut page = Page::default();
    page.line(&format!("# {app}: infrastructure and settings"));
    page.paragraph(&format!(
        "Made by `runner docs` from {}; `runner docs --check` says whether it is current. What is to change is changed \
         there, not here.",
        code(file)
    ));
    let names: Vec<String> = environments.iter().map(|env| format!("[{0}](#{0})", env.name)).collect();
    page.paragraph(&format!("Environments: {}", names.join(", ")));
    for env in environments {
        let stacks = infra::stacks(env);
        let templates = stacks.iter().map(StackDesired::to_json).collect();
        let world = World::default();
        let definitions = env.services.values().map(|service| timeless_definition(env, service, &world)).collect();
        environment(&mut page, &Whole { env, stacks, templates, definitions });
    }
    page.finish()
}

fn environment(page: &mut Page, whole: &Whole<'_>) {
    let env = whole.env;
    page.line(&format!("## {}", env.name));
    let account = env.account.as_deref().map_or_else(|| "any".to_owned(), code);
    let domain = env.domain.as_deref().map_or_else(|| "none: HTTP only".to_owned(), code);
    let protected = if env.protected { "on" } else { "off" };
    page.table(
        &["", ""],
        vec![
            vec!["region".into(), code(&env.region)],
            vec!["account".into(), account],
            vec!["domain".into(), domain],
            vec!["cluster".into(), code(&env.cluster_name())],
            vec!["protection against deletion".into(), protected.into()],
        ],
    );
    diagram::write(page, whole);
    services::write(page, whole);
    access::ports(page, whole);
    access::roles(page, whole);
    resources::write(page, whole);
    resources::alarms(page, whole);
    costs(page, env);
    recovery::write(page, whole);
}

fn costs(page: &mut Page, env: &Environment) {
    let estimate = Estimate::of(env);
    page.line("### Costs");
    let scaled = match estimate.monthly_most > estimate.monthly {
        true => format!(", up to {}/month when scaled out", estimate.monthly_most),
        false => String::new(),
    };
    page.paragraph(&format!(
        "{}{scaled}. List prices on demand, noted {}; free tiers, discounts and taxes are left out.",
        estimate.sum(),
        prices().noted()
    ));
    let monthly = |item: &Item| match item.basis {
        Basis::Fixed => item.monthly.map(|monthly| monthly.to_string()).unwrap_or_default(),
        Basis::Metered => "by use".to_owned(),
    };
    let rows = estimate.items.iter().map(|item| {
        let mut price = item.unit_price.map(|price| format!("{}/{}", price.exact(), item.unit)).unwrap_or_default();
        if !item.compared {
            price.push_str(&format!(" ({NOT_COMPARED})"));
        }
        vec![page::plain(&item.what), code(&item.scope), monthly(item), price]
    });
    page.table(&["what", "where", "a month", "price"], rows.collect());
    for it in &estimate.not_priced {
        page.paragraph(&format!("Not priced: {} in {}.", page::plain(&it.what), code(&it.scope)));
    }
}
