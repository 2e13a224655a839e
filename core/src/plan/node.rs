//! A node of the pipeline: a stage and what it is about.

use serde::{Serialize, Serializer};

use crate::workflow::{Environment, Service};

/// Which node: a stage's name and its scope (a service, or a stack's key); a stage about everything has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// `deploy-service`.
    pub stage: String,
    /// `api`.
    pub scope: Option<String>,
}

impl NodeId {
    /// A node of this stage about everything.
    pub fn of(stage: impl Into<String>) -> Self {
        Self { stage: stage.into(), scope: None }
    }

    /// A node of this stage about one service or stack.
    pub fn scoped(stage: impl Into<String>, scope: impl Into<String>) -> Self {
        Self { stage: stage.into(), scope: Some(scope.into()) }
    }
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{} {scope}", self.stage),
            None => f.write_str(&self.stage),
        }
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A node and what must be done before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// The service it belongs to, where it belongs to one.
    pub service: Option<String>,
    /// What must be done before. Ids of nodes that this environment does not have are passed over.
    pub needs: Vec<NodeId>,
}

impl Node {
    /// The service it belongs to, where that is in the environment.
    pub fn service_in<'e>(&self, env: &'e Environment) -> Option<&'e Service> {
        env.services.get(self.service.as_deref()?)
    }
}
