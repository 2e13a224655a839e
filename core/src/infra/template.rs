//! A CloudFormation template as data.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::workflow::Text;

/// A template, its resources by logical id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    /// What it is, for people.
    pub description: String,
    /// Parameters by name; each says where its value comes from.
    pub parameters: BTreeMap<String, Parameter>,
    /// Conditions by name.
    pub conditions: BTreeMap<String, Json>,
    /// Resources by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, Output>,
    /// Logical ids that an earlier template had and that nothing misses, though their type says otherwise: a password
    /// of before, a header that is no longer asked for. They may go without leave.
    pub retired: BTreeSet<String>,
}

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// CloudFormation's type: `String`, `AWS::EC2::VPC::Id`, `List<AWS::EC2::Subnet::Id>`.
    pub kind: &'static str,
    /// Where the value comes from.
    pub source: Source,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An output of an earlier stack.
    Output {
        /// The stack's key.
        stack: String,
        /// The output's name.
        output: String,
    },
    /// An output of a stack that may never have been made; then nothing.
    IfMade {
        /// The stack's key.
        stack: String,
        /// The output's name.
        output: String,
    },
    /// A value of the file's.
    Literal(String),
    /// A text of the file's that may hold outputs of earlier stacks.
    Text(Text),
    /// `true` once the stack has been made: deletion protection is off in a first create, which could not be rolled
    /// back otherwise, and on ever after. One template, a parameter of it: never two templates.
    Protect,
}

/// A resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// `AWS::EC2::VPC`.
    pub kind: &'static str,
    /// Its properties.
    pub properties: Map<String, Json>,
    /// Logical ids it waits for beyond what references say.
    pub depends_on: Vec<String>,
    /// DeletionPolicy and UpdateReplacePolicy.
    pub keep: Keep,
    /// What is lost when it is replaced or removed.
    pub holds: Holds,
    /// The key of the workflow file behind it, e.g. `services.api.port`; reports name its line.
    pub origin: Option<String>,
    /// The keys behind properties of it that others say than the resource's own, by the property's name.
    pub origins: BTreeMap<&'static str, String>,
}

/// What becomes of a resource when its stack lets go of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// CloudFormation's default: deleted.
    #[default]
    Delete,
    /// Kept on deletion and on replacement.
    Retain,
    /// Kept, but for a failed first create, which would leave an orphan under a fixed name.
    RetainExceptOnCreate,
    /// Deleted with its stack, kept on replacement: what uses the old one moves on in a later stack.
    OnReplacement,
    /// A final snapshot on deletion and on replacement.
    Snapshot,
}

/// What hangs on a resource. The guard, deletion policies and documentation read it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holds {
    /// Nothing that would be missed.
    #[default]
    Nothing,
    /// Data: database, repository, key, vault, bucket, hosted zone, secret.
    Data,
    /// What running tasks or traffic depend on.
    Traffic,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// An intrinsic or text.
    pub value: Json,
    /// What it is, for people.
    pub description: &'static str,
}

impl Resource {
    /// A resource of this type with these properties (a JSON object).
    pub fn new(kind: &'static str, properties: Json) -> Self {
        let properties = match properties {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        let (depends_on, origins) = Default::default();
        Self { kind, properties, depends_on, keep: Keep::Delete, holds: Holds::Nothing, origin: None, origins }
    }

    /// The same, waiting for another.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.depends_on.push(id.into());
        self
    }

    /// The same, with another fate when its stack lets go of it.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// The same, holding data or traffic.
    pub fn holds(mut self, holds: Holds) -> Self {
        self.holds = holds;
        self
    }

    /// The same, with the key of the file behind it.
    pub fn origin(mut self, path: impl Into<String>) -> Self {
        self.origin = Some(path.into());
        self
    }

    /// The same, with the key of the file behind one property.
    pub fn origin_of(mut self, property: &'static str, path: impl Into<String>) -> Self {
        self.origins.insert(property, path.into());
        self
    }

    fn to_json(&self) -> Json {
        let mut out = Map::new();
        out.insert("Type".into(), self.kind.into());
        if !self.properties.is_empty() {
            out.insert("Properties".into(), Json::Object(self.properties.clone()));
        }
        if !self.depends_on.is_empty() {
            out.insert("DependsOn".into(), json!(self.depends_on));
        }
        let (deletion, replacement) = match self.keep {
            Keep::Delete => (None, None),
            Keep::Retain => (Some("Retain"), Some("Retain")),
            // UpdateReplacePolicy has no such value.
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html
            Keep::RetainExceptOnCreate => (Some("RetainExceptOnCreate"), Some("Retain")),
            Keep::OnReplacement => (Some("Delete"), Some("Retain")),
            Keep::Snapshot => (Some("Snapshot"), Some("Snapshot")),
        };
        if let Some(policy) = deletion {
            out.insert("DeletionPolicy".into(), policy.into());
        }
        if let Some(policy) = replacement {
            out.insert("UpdateReplacePolicy".into(), policy.into());
        }
        Json::Object(out)
    }
}

impl Template {
    /// An empty template.
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), ..Self::default() }
    }

    /// Adds a resource.
    pub fn add(&mut self, id: impl Into<String>, resource: Resource) {
        super::roles::declare(self, &resource);
        self.resources.insert(id.into(), resource);
    }

    /// Says that a resource of an earlier template may go.
    pub fn retire(&mut self, id: impl Into<String>) {
        self.retired.insert(id.into());
    }

    /// Adds a parameter that takes an output of an earlier stack, and gives the reference to it.
    pub fn take(&mut self, name: &str, kind: &'static str, stack: &str, output: &str) -> Json {
        self.parameters.insert(
            name.to_owned(),
            Parameter { kind, source: Source::Output { stack: stack.to_owned(), output: output.to_owned() } },
        );
        reference(name)
    }

    /// Adds the parameter that turns deletion protection on after a first create, and gives the reference to it.
    pub fn protect(&mut self) -> Json {
        self.parameters.insert("Protect".to_owned(), Parameter { kind: "String", source: Source::Protect });
        reference("Protect")
    }

    /// Adds an output.
    pub fn output(&mut self, name: impl Into<String>, value: Json, description: &'static str) {
        self.outputs.insert(name.into(), Output { value, description });
    }

    /// The template as CloudFormation reads it. Keys are sorted, so that equal templates are equal texts.
    pub fn to_json(&self) -> Json {
        let mut out = Map::new();
        out.insert("AWSTemplateFormatVersion".into(), "2010-09-09".into());
        out.insert("Description".into(), self.description.clone().into());
        if !self.parameters.is_empty() {
            let parameters = self
                .parameters
                .iter()
                .map(|(name, parameter)| (name.clone(), json!({ "Type": parameter.kind })))
                .collect();
            out.insert("Parameters".into(), Json::Object(parameters));
        }
        if !self.conditions.is_empty() {
            let conditions = self.conditions.iter().map(|(name, test)| (name.clone(), test.clone())).collect();
            out.insert("Conditions".into(), Json::Object(conditions));
        }
        let resources = self.resources.iter().map(|(id, resource)| (id.clone(), resource.to_json())).collect();
        out.insert("Resources".into(), Json::Object(resources));
        if !self.outputs.is_empty() {
            let outputs = self
                .outputs
                .iter()
                .map(|(name, output)| {
                    (name.clone(), json!({ "Value": output.value, "Description": output.description }))
                })
                .collect();
            out.insert("Outputs".into(), Json::Object(outputs));
        }
        Json::Object(out)
    }
}

/// `Ref`.
pub fn reference(id: &str) -> Json {
    json!({ "Ref": id })
}

/// `Fn::GetAtt`.
pub fn attribute(id: &str, name: &str) -> Json {
    json!({ "Fn::GetAtt": [id, name] })
}

/// `Fn::Sub` over a text.
pub fn substitute(text: &str) -> Json {
    json!({ "Fn::Sub": text })
}
