//! `Fault`: what went wrong while doing what to what.

use serde::Serialize;

use super::Exit;
use crate::text::Foreign;

/// A failure, in the words a tired person needs: what was being done to which resource, the service's own code
/// and message, the request id, and what to do now. What had already been changed is not in here: that is the
/// driver's journal to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", self.headline())]
pub struct Fault {
    /// Verb first, with the identity: "updating ECS service (api) in finance-app-staging".
    pub doing: String,
    /// The service's own error code, e.g. `ClusterNotFoundException`.
    pub code: Option<String>,
    /// The service's own words, or ours where no service spoke.
    pub message: Foreign,
    /// The request id AWS support asks for.
    pub request_id: Option<String>,
    /// What to do now, where we know.
    pub hint: Option<String>,
    /// How the process ends for it.
    pub exit: Exit,
}

impl Fault {
    /// A fault of our own finding, without a service's code.
    pub fn new(doing: impl Into<String>, message: impl Into<Foreign>) -> Self {
        Self {
            doing: doing.into(),
            code: None,
            message: message.into(),
            request_id: None,
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// The same fault with the service's own code.
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same fault with what to do now.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault with another way for the process to end.
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same with every text passed through `clean`.
    pub fn cleaned(&self, clean: impl Fn(&str) -> String) -> Self {
        Self {
            doing: clean(&self.doing),
            code: self.code.as_deref().map(&clean),
            message: Foreign::new(clean(self.message.raw())),
            request_id: self.request_id.as_deref().map(&clean),
            hint: self.hint.as_deref().map(&clean),
            exit: self.exit,
        }
    }

    /// All of it on one line.
    pub fn headline(&self) -> String {
        let mut line = format!("{}: ", self.doing);
        if let Some(code) = &self.code {
            line.push_str(code);
            line.push_str(": ");
        }
        line.push_str(&self.message.one_line());
        if let Some(id) = &self.request_id {
            line.push_str(&format!(" (request {id})"));
        }
        line
    }
}
