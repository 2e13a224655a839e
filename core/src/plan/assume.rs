//! What the world is after an action: how a plan looks past its own first step.

use super::{
    Action, Deployment, Follow, Image, MarkService, Parameter, PutService, RegisterTaskDefinition, Rollout, Service,
    TaskDefinition, Variable, World,
};
use crate::{
    text::Foreign,
    workflow::{Environment, Value},
};

impl World {
    /// Takes the action as done. What only AWS can know of its result is pending.
    pub fn assume(&mut self, env: &Environment, action: &Action) {
        match action {
            Action::PutStack(put) => self.assume_stack(env, put),
            Action::PutParameter(put) => {
                let seen = Parameter { version: put.version + 1, variable: Variable::Same };
                self.parameters.insert(put.name.clone(), seen);
            }
            Action::PushImage(push) => {
                let digest = Some(Value::Pending(format!("${{image.{}}}", push.service)));
                let image = Image { tag: push.tag.clone(), digest, stand_in: push.stand_in };
                self.images.insert(push.service.clone(), image);
            }
            Action::RegisterTaskDefinition(register) => self.assume_revision(register),
            Action::RunTask(run) => {
                let family = env.family(&run.service);
                if let Some(Some(revision)) = self.task_definitions.get_mut(&family) {
                    revision.done.insert(run.purpose.clone());
                }
            }
            Action::PutRule(put) => {
                self.rules
                    .entry(put.service.clone())
                    .or_insert_with(|| Value::Pending(format!("${{rule.{}}}", put.service)));
            }
            Action::PutService(put) => self.assume_service(put),
            Action::PutScaling(_) => {}
            Action::MarkService(mark) => self.assume_mark(mark),
            Action::Follow(follow) => self.assume_steady(follow),
            Action::RunCommand(run) => {
                self.done.insert(run.stage.clone());
            }
        }
    }

    fn assume_revision(&mut self, register: &RegisterTaskDefinition) {
        let revision = TaskDefinition {
            arn: Value::Pending(format!("${{revision.{}}}", register.service)),
            fingerprint: Some(register.fingerprint.clone()),
            done: Default::default(),
            json: register.definition.clone(),
        };
        self.task_definitions.insert(register.family.clone(), Some(revision));
    }

    fn assume_service(&mut self, put: &PutService) {
        let before = self.services.remove(&put.service).flatten();
        let wanted = put.input.get("desiredCount").and_then(serde_json::Value::as_u64).and_then(|n| n.try_into().ok());
        let desired = wanted.or(before.as_ref().map(|seen| seen.desired)).unwrap_or_default();
        let mut deployments = before.as_ref().map(|seen| seen.deployments.clone()).unwrap_or_default();
        if put.deploys {
            for deployment in &mut deployments {
                deployment.status = "ACTIVE".to_owned();
            }
            deployments.insert(
                0,
                Deployment {
                    id: format!("${{deployment.{}}}", put.service),
                    status: "PRIMARY".to_owned(),
                    revision: put.revision.shown().to_owned(),
                    rollout: Rollout::InProgress,
                    reason: Foreign::default(),
                    desired,
                    pending: 0,
                    running: 0,
                    failed: 0,
                },
            );
        }
        let service = Service {
            status: "ACTIVE".to_owned(),
            arn: before.as_ref().map(|seen| seen.arn.clone()).unwrap_or_default(),
            revision: put.revision.clone(),
            mark: before.as_ref().and_then(|seen| seen.mark.clone()),
            scales: before.as_ref().is_some_and(|seen| seen.scales),
            desired,
            running: before.as_ref().map(|seen| seen.running).unwrap_or_default(),
            pending: 0,
            deployments,
            json: put.input.clone(),
        };
        self.services.insert(put.service.clone(), Some(service));
    }

    /// The service has the mark.
    pub fn assume_mark(&mut self, mark: &MarkService) {
        if let Some(Some(service)) = self.services.get_mut(&mark.service) {
            service.mark = Some(mark.mark.clone());
            service.scales = mark.scales;
        }
    }

    fn assume_steady(&mut self, follow: &Follow) {
        if let Some(Some(service)) = self.services.get_mut(&follow.service) {
            service.running = service.desired;
            service.deployments.retain(|deployment| deployment.status == "PRIMARY");
            for deployment in &mut service.deployments {
                deployment.rollout = Rollout::Completed;
                deployment.running = service.desired;
            }
        }
    }
}
