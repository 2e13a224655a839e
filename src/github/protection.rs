//! How a GitHub environment is protected. Any job of a repository may name an environment that is not there: GitHub makes
//! it, without rules, and the token's `sub` says its name. So a role that trusts the name needs the environment to be
//! there and to say which branches may use it.
//! <https://docs.github.com/en/rest/deployments/environments#get-an-environment>

use super::{Api, Trouble};

/// Which branches may use an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// There is no such environment, or the token may not see it (it needs `actions: read`).
    Absent,
    /// Every branch may use it.
    AnyBranch,
    /// Only protected branches, or those that it names.
    Branches {
        /// Persons or teams must approve.
        reviewed: bool,
        /// The protected branches, rather than a list of its own.
        protected_only: bool,
    },
}

impl Protection {
    /// Whether a role may trust the environment's name.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Branches { .. })
    }

    /// Why it may not, and what to do; none where it may.
    pub fn refusal(&self, environment: &str) -> Option<(String, String)> {
        let settings =
            format!("open Settings, Environments, {environment} in the repository, and choose its deployment branches");
        match self {
            Self::Absent => Some((
                format!(
                    "the repository has no GitHub environment `{environment}`: any job that names it would make it, without rules"
                ),
                format!("make it first: {settings}"),
            )),
            Self::AnyBranch => Some((
                format!(
                    "the GitHub environment `{environment}` lets every branch use it: whoever can push one could deploy"
                ),
                settings,
            )),
            Self::Branches { .. } => None,
        }
    }
}

/// Asks GitHub how an environment is protected.
///
/// # Errors
/// What stood in the way; that it is not there is no error.
pub async fn protection(api: &Api, environment: &str) -> Result<Protection, Trouble> {
    match api.get(&api.path(&format!("environments/{}", encoded(environment)))).await {
        Err(Trouble::Gone) => Ok(Protection::Absent),
        Err(trouble) => Err(trouble),
        Ok(answer) => {
            let policy = &answer["deployment_branch_policy"];
            if !policy.is_object() {
                return Ok(Protection::AnyBranch);
            }
            let rules = answer["protection_rules"].as_array();
            let reviewed = rules.is_some_and(|rules| rules.iter().any(|rule| rule["type"] == "required_reviewers"));
            Ok(Protection::Branches { reviewed, protected_only: policy["protected_branches"] == true })
        }
    }
}

/// A name as one part of a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
