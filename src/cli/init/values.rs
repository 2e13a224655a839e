//! Values of variables: which are secrets and must not be copied, and which mean another service or the database.

use std::collections::BTreeMap;

use runner_core::workflow::{reserved_variable, secret_by_name};

use super::draft::{Draft, Service, Source};

/// Whether a value must not stand in a file that is committed. In doubt it is a secret.
pub fn looks_secret(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    if secret_by_name(&upper) {
        return true;
    }
    if upper.starts_with("NEXT_PUBLIC_") || upper.starts_with("VITE_") {
        return false;
    }
    const NAMES: [&str; 12] = [
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "TOKEN",
        "CREDENTIAL",
        "PRIVATE",
        "APIKEY",
        "API_KEY",
        "ACCESS_KEY",
        "MASTER_KEY",
        "SIGNING",
        "DSN",
    ];
    if NAMES.iter().any(|word| upper.contains(word)) || upper.ends_with("_KEY") || upper.ends_with("_PASS") {
        return true;
    }
    // Bundler's form for a registry's user and password.
    if upper.starts_with("BUNDLE_") && upper.contains("__") {
        return true;
    }
    // A user and a password in an address.
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.split_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return true;
        }
    }
    const BEGINS: [&str; 11] =
        ["AKIA", "ASIA", "ghp_", "ghs_", "github_pat_", "sk_", "sk-", "xox", "eyJ", "-----BEGIN", "glpat-"];
    if BEGINS.iter().any(|begin| value.starts_with(begin)) {
        return true;
    }
    // What no person made up: long, in one piece, of letters of both cases and digits; or long hexadecimal.
    let piece = value.len() >= 20 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
    let has = |test: fn(&u8) -> bool| value.bytes().any(|b| test(&b));
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let hex = value.len() >= 32 && value.bytes().all(|b| b.is_ascii_hexdigit());
    (piece && mixed && !value.starts_with('/')) || hex
}

/// Whether this is an address of PostgreSQL.
pub fn is_postgres(value: &str) -> bool {
    ["postgres://", "postgresql://", "postgresql+", "postgis://", "jdbc:postgresql:"]
        .iter()
        .any(|scheme| value.starts_with(scheme))
}

/// Where a variable goes.
pub enum Place {
    /// `environment`, with this value.
    Plain(String),
    /// `secrets`, from there.
    Secret(&'static str),
    /// `build.args`: Next.js puts it in when it is built.
    Argument(String),
    /// Nowhere, for this reason.
    Nowhere(&'static str),
}

/// Where a variable with this value goes; the value of a secret is not looked at again.
pub fn place(name: &str, value: &str) -> Place {
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !shaped {
        return Place::Nowhere("its name is no variable's");
    }
    // CloudFormation would put any secret's value there, and the file refuses it.
    if value.contains("{{") {
        return Place::Nowhere("its value has `{{`");
    }
    if is_postgres(value) {
        return Place::Secret("database");
    }
    let secret = looks_secret(name, value);
    if name.starts_with("AWS_") && (secret || name == "AWS_PROFILE") {
        return Place::Nowhere("the task has a role instead (`task-role`)");
    }
    if secret && reserved_variable(name) {
        return Place::Nowhere("a secret cannot have this name");
    }
    if secret {
        return Place::Secret("ssm");
    }
    if name.starts_with("NEXT_PUBLIC_") {
        return Place::Argument(escape(value));
    }
    Place::Plain(escape(value))
}

/// Whether a secret of this name is refused by the file; says so.
pub fn is_refused(name: &str, variable: &str, notes: &mut Vec<String>) -> bool {
    let refused = reserved_variable(variable);
    if refused {
        notes
            .push(format!("{name}: {variable} was left out: a secret cannot have this name; rename it in the program"));
    }
    refused
}

/// `${` in another tool's value is two characters; in our file it would begin a name.
pub fn escape(value: &str) -> String {
    value.replace("${", "$${")
}

/// Variables, each where it belongs.
#[derive(Debug, Default)]
pub struct Sorted {
    /// For `environment`.
    pub plain: BTreeMap<String, String>,
    /// For `secrets`.
    pub secrets: BTreeMap<String, String>,
    /// For `build.args`.
    pub arguments: BTreeMap<String, String>,
}

/// Puts variables where they belong, and says what was left out. The importers copy values by this alone, so that none
/// copies a secret by mistake.
pub fn sort(name: &str, variables: BTreeMap<String, String>, notes: &mut Vec<String>) -> Sorted {
    let mut sorted = Sorted::default();
    for (variable, value) in variables {
        match place(&variable, &value) {
            Place::Plain(value) => sorted.plain.insert(variable, value),
            Place::Secret(source) => sorted.secrets.insert(variable, source.to_owned()),
            Place::Argument(value) => sorted.arguments.insert(variable, value),
            Place::Nowhere(why) => {
                notes.push(format!("{name}: {variable} was left out: {why}"));
                continue;
            }
        };
    }
    sorted
}

/// The same, into a service.
pub fn put(service: &mut Service, name: &str, variables: BTreeMap<String, String>, notes: &mut Vec<String>) {
    let sorted = sort(name, variables, notes);
    service.environment.extend(sorted.plain);
    service.secrets.extend(sorted.secrets);
    match &mut service.source {
        Some(Source::Build(build)) => {
            for (variable, value) in sorted.arguments {
                build.args.entry(variable).or_insert(value);
            }
        }
        _ => notes.extend(
            sorted.arguments.keys().map(|it| format!("{name}: {it} was left out: Next.js reads it when it is built")),
        ),
    }
}

/// What holds across services: one that runs another's image takes it from there, where it then has no variable that it
/// had not before; a database that somebody's address names exists; a service that another's variable names
/// is reached under its name in the private namespace, and lets that one in.
pub fn connect(draft: &mut Draft) {
    let uses_database = |service: &Service| service.secrets.values().any(|source| source == "database");
    if draft.database.is_none() && draft.services.values().any(uses_database) {
        draft.database = Some("16".to_owned());
        draft
            .notes
            .push("database: PostgreSQL 16, since an address of one was found; set the version you run".to_owned());
    }
    let listening: Vec<(String, bool)> = draft
        .services
        .iter()
        .filter(|(_, service)| service.port.is_some())
        .map(|(name, service)| (name.clone(), service.public))
        .collect();
    let mut calls = Vec::new();
    for (caller, service) in &mut draft.services {
        for value in service.environment.values_mut() {
            for (callee, _) in listening.iter().filter(|(callee, _)| callee != caller) {
                if let Some(changed) = private(value, callee) {
                    *value = changed;
                    calls.push((caller.clone(), callee.clone()));
                }
            }
        }
    }
    for (caller, callee) in calls {
        if let Some(service) = draft.services.get_mut(&callee) {
            service.allow_from.insert(caller);
        }
    }
    // Without a port nobody asks for the path.
    for service in draft.services.values_mut().filter(|service| service.port.is_none()) {
        service.health_path = None;
    }
    share(draft);
}

fn share(draft: &mut Draft) {
    let bases: Vec<(String, Service)> = draft
        .services
        .iter()
        .filter(|(_, base)| base.schedule.is_none() && matches!(base.source, Some(Source::Build(_))))
        .map(|(name, base)| (name.clone(), base.clone()))
        .collect();
    let mut taken = BTreeMap::<String, String>::new();
    for (name, service) in &draft.services {
        let fits = |(other, base): &&(String, Service)| {
            other != name
                && !taken.contains_key(other)
                && !taken.values().any(|used| used == name)
                && base.source == service.source
                && base.sidecars.is_empty()
                && service.port.is_none()
                && base.environment.keys().all(|key| service.environment.contains_key(key))
                && base.secrets.keys().all(|key| service.secrets.contains_key(key))
        };
        if let Some((base, _)) = bases.iter().find(fits) {
            taken.insert(name.clone(), base.clone());
        }
    }
    for (name, base) in taken {
        let Some((_, base_service)) = bases.iter().find(|(other, _)| *other == base) else { continue };
        if let Some(service) = draft.services.get_mut(&name) {
            service.environment.retain(|key, value| base_service.environment.get(key) != Some(value));
            service.secrets.retain(|key, source| base_service.secrets.get(key) != Some(source));
            service.source = Some(Source::From(base));
        }
    }
}

/// `http://api:3000/x` → `http://api.${app}.local:3000/x`.
fn private(value: &str, service: &str) -> Option<String> {
    let (scheme, rest) = value.split_once("://")?;
    let after = rest.strip_prefix(service)?;
    let ends = after.is_empty() || after.starts_with([':', '/', '?']);
    ends.then(|| format!("{scheme}://{service}.${{app}}.local{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_by_value() {
        for (name, value) in [
            ("JWT_SECRET_KEY", "x"),
            ("SUPABASE_SERVICE_ROLE_KEY", ""),
            ("DB_PASS", "x"),
            ("STRIPE", "sk_live_51H"),
            ("REDIS_URL", "redis://user:word@cache:6379"),
            ("SENTRY_DSN", "https://a@b/1"),
            ("HOOK", "eyJhbGciOi"),
            ("SALT", "f81d4fae7dec11d0a76500a0c91e6bf6"),
            ("THING", "Zm9vYmFyQmF6MTIzNDU2Nzg5"),
            ("KEY", "-----BEGIN PRIVATE KEY-----"),
        ] {
            assert!(looks_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("RAILS_ENV", "production"),
            ("API_URL", "https://api.example.com/a@b:c"),
            ("REDIS_URL", "redis://cache:6379/0"),
            ("NEXT_PUBLIC_API_TOKENS_PAGE", "/tokens"),
            ("LANG", "en_US.UTF-8"),
            ("PATH_TO_FILES", "/srv/Files2024/some-long-directory"),
            ("FEATURES", "one,two,three,four,five,six"),
        ] {
            assert!(!looks_secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn hosts_of_the_others_become_private_names() {
        assert_eq!(private("http://api:3000/x", "api").unwrap(), "http://api.${app}.local:3000/x");
        assert_eq!(private("redis://cache", "cache").unwrap(), "redis://cache.${app}.local");
        assert_eq!(private("http://api.example.com", "api"), None);
        assert_eq!(private("http://apis:3000", "api"), None);
        assert_eq!(private("api:3000", "api"), None);
    }
}
