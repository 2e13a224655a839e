//! From a draft to `.github/finance-infra.yml`.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, Service},
    yaml::Yaml,
};

/// What was asked, or said by flags.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// The domain of production; the others are below it.
    pub domain: Option<String>,
    /// The environments' names; those of the draft, else staging and production.
    pub environments: Vec<String>,
    /// `OWNER/NAME` on GitHub.
    pub repository: Option<String>,
}

/// The environments, the last one production.
pub fn environments(draft: &Draft, answers: &Answers) -> Vec<String> {
    if !answers.environments.is_empty() {
        return answers.environments.clone();
    }
    let of_draft: Vec<String> = draft.environments.iter().map(|(name, _)| name.clone()).collect();
    if of_draft.is_empty() { vec!["staging".to_owned(), "production".to_owned()] } else { of_draft }
}

/// Whether users reach more than one service, so that hosts must tell them apart.
pub fn needs_domain(draft: &Draft) -> bool {
    draft.services.values().filter(|service| service.public).count() > 1
}

/// The secrets that the job gives.
pub fn job_secrets(draft: &Draft) -> Vec<String> {
    let overrides = draft.environments.iter().flat_map(|(_, services)| services.values());
    let mut names: Vec<String> = draft
        .services
        .values()
        .chain(overrides)
        .flat_map(|service| service.secrets.iter().chain(service.sidecars.values().flat_map(|it| &it.secrets)))
        .filter(|(_, source)| *source == "ssm")
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The text of the file.
pub fn text(draft: &Draft, answers: &Answers) -> String {
    let mut out = String::from(
        "# The app in all its environments. `runner validate` checks this file, `runner explain services.NAME.cpu` explains a\n\
         # key, and `runner validate -v` shows what each key is that is not here.\n",
    );
    let app = draft.app.clone().unwrap_or_default();
    let top = [("app", Yaml::text(app)), ("region", Yaml::text(draft.region.clone().unwrap_or_default()))];
    out.push_str(&Yaml::lines(&top.map(|(key, value)| (key.to_owned(), value)), 0));
    let repository = answers.repository.as_deref().unwrap_or("OWNER/NAME");
    out.push_str(&format!(
        "# Whom AWS shall trust, for bootstrap-identity. The id: gh api repos/{repository} --jq .id\n\
         # identity: {{ repository: {repository}, repository-id: \"…\" }}\n\n"
    ));

    out.push_str("# Each is merged over all that follows. `account: \"111122223333\"` is checked before any call.\nenvironments:\n");
    let names = environments(draft, answers);
    let hosts = hosts(draft, answers);
    let changes: BTreeMap<&String, &BTreeMap<String, Service>> =
        draft.environments.iter().map(|(name, services)| (name, services)).collect();
    for name in &names {
        let mut entries = Vec::new();
        if let Some(domain) = &answers.domain {
            let domain = if is_production(name) { domain.clone() } else { format!("{name}.{domain}") };
            entries.push(("domain".to_owned(), Yaml::text(domain)));
        }
        // The default for the one name.
        if is_production(name) && name != "production" {
            entries.push(("protected".to_owned(), Yaml::Plain("true".to_owned())));
        }
        let services: Vec<(String, Yaml)> = changes
            .get(name)
            .into_iter()
            .flat_map(|services| services.iter())
            .filter(|(_, service)| **service != Service::default())
            .map(|(name, service)| (name.clone(), Yaml::Map(service.entries())))
            .collect();
        if !services.is_empty() {
            entries.push(("services".to_owned(), Yaml::Map(services)));
        }
        out.push_str(&Yaml::lines(&[(name.clone(), Yaml::Map(entries))], 2));
    }
    out.push('\n');

    if let Some(version) = &draft.database {
        let keys = [("engine", "postgres"), ("version", version.as_str())];
        let keys = keys.map(|(key, value)| (key.to_owned(), Yaml::text(value)));
        out.push_str(&Yaml::lines(&[("database".to_owned(), Yaml::Map(keys.into()))], 0));
        out.push('\n');
    }
    let services = draft
        .services
        .iter()
        .map(|(name, service)| {
            let own = service.host.as_ref().map(|host| below(host, answers.domain.as_deref()));
            let service = Service { host: hosts.get(name).cloned().or(own), ..service.clone() };
            (name.clone(), Yaml::Map(service.entries()))
        })
        .collect();
    out.push_str(&Yaml::lines(&[("services".to_owned(), Yaml::Map(services))], 0));
    out
}

/// A host that the other tool has, with `${domain}` where it ends in the domain.
fn below(host: &str, domain: Option<&str>) -> String {
    match domain.and_then(|domain| host.strip_suffix(domain)) {
        Some("") => "${domain}".to_owned(),
        Some(label) if label.ends_with('.') => format!("{label}${{domain}}"),
        _ => host.to_owned(),
    }
}

/// The domain that the other tool's hosts are below: the first one without its first name.
pub fn domain_of_hosts(draft: &Draft) -> Option<String> {
    let host = draft.services.values().find_map(|service| service.host.clone())?;
    let (_, rest) = host.split_once('.')?;
    Some(if rest.contains('.') { rest.to_owned() } else { host })
}

/// The name that has the domain itself and is protected.
pub fn is_production(name: &str) -> bool {
    matches!(name, "production" | "prod" | "live")
}

/// One that users reach needs no host where it is the only one; of several each gets its name below the domain.
fn hosts(draft: &Draft, answers: &Answers) -> BTreeMap<String, String> {
    let public: Vec<&String> =
        draft.services.iter().filter(|(_, service)| service.public).map(|(name, _)| name).collect();
    if answers.domain.is_none() || draft.services.values().any(|service| service.host.is_some()) {
        return BTreeMap::new();
    }
    let host =
        |name: &String| if public.len() == 1 { "${domain}".to_owned() } else { format!("{}.${{domain}}", label(name)) };
    public.iter().map(|name| ((*name).clone(), host(name))).collect()
}

/// People look for a frontend under `www`.
fn label(name: &str) -> &str {
    if matches!(name, "web" | "frontend" | "www" | "site") { "www" } else { name }
}
