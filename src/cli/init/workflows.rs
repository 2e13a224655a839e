//! The GitHub workflows: the shipped examples, with this app's environments and secrets.

/// The examples by file name.
const EXAMPLES: [(&str, &str); 6] = [
    ("plan.yml", include_str!("../../../workflows-examples/plan.yml")),
    ("deploy.yml", include_str!("../../../workflows-examples/deploy.yml")),
    ("rollback.yml", include_str!("../../../workflows-examples/rollback.yml")),
    ("approve.yml", include_str!("../../../workflows-examples/approve.yml")),
    ("drift.yml", include_str!("../../../workflows-examples/drift.yml")),
    ("identity.yml", include_str!("../../../workflows-examples/identity.yml")),
];

/// The list of environments in the examples.
const ENVIRONMENTS: &str = "[staging, production]";

/// The workflows by file name. The names are the file's own: letters, digits and hyphens, `_` in variables.
pub fn texts(environments: &[String], secrets: &[String]) -> Vec<(&'static str, String)> {
    let list = format!("[{}]", environments.join(", "));
    let first = environments.first().map_or("staging", String::as_str);
    EXAMPLES
        .into_iter()
        .map(|(name, text)| match name {
            "deploy.yml" => (name, deploy(text, environments, secrets)),
            _ => (name, text.replace(ENVIRONMENTS, &list).replace("-e staging", &format!("-e {first}"))),
        })
        .collect()
}

/// The first job once for each environment, each after the one before.
fn deploy(text: &str, environments: &[String], secrets: &[String]) -> String {
    let (head, jobs) = text.split_once("jobs:\n").unwrap_or((text, ""));
    let job = jobs.split("\n  production:\n").next().unwrap_or_default();
    let job = job.split("        env:\n").next().unwrap_or_default();
    let mut out = format!("{head}jobs:\n");
    for (index, environment) in environments.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let name = format!("    name: {environment}\n");
        let mut own = job.replace("staging", environment);
        if let Some(before) = index.checked_sub(1).and_then(|before| environments.get(before)) {
            own = own.replacen(&name, &format!("{name}    needs: {before}\n"), 1);
        }
        out.push_str(&own);
        if !secrets.is_empty() {
            out.push_str("        env:\n");
            for secret in secrets {
                out.push_str(&format!("          {secret}: ${{{{ secrets.{secret} }}}}\n"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn for_the_finance_app_they_are_the_examples() {
        let secrets = words(&[
            "JWT_SECRET_KEY",
            "DEVISE_JWT_SECRET_KEY",
            "SUPABASE_URL",
            "SUPABASE_SERVICE_ROLE_KEY",
            "NEXTAUTH_SECRET",
        ]);
        for ((name, made), (_, example)) in texts(&words(&["staging", "production"]), &secrets).iter().zip(EXAMPLES) {
            assert_eq!(made, example, "{name}");
        }
    }

    #[test]
    fn other_environments_take_the_place_of_the_examples_in_all() {
        let made = texts(&words(&["test", "prod"]), &[]);
        for (name, text) in &made {
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
            assert!(!code.contains("staging") && !code.contains("production"), "{name}: {text}");
            assert!(text.contains("[test, prod]") || *name == "deploy.yml", "{name}");
        }
        let deploy = &made[1].1;
        assert!(deploy.contains("  prod:\n    name: prod\n    needs: test\n"), "{deploy}");
        assert!(!deploy.contains("env:\n"), "{deploy}");
        let one = &texts(&words(&["live"]), &words(&["KEY"]))[1].1;
        assert!(one.ends_with("        env:\n          KEY: ${{ secrets.KEY }}\n") && !one.contains("needs:"), "{one}");
    }
}
