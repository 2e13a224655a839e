//! What the world is after an action: how a plan looks past its own first step.

use super::{
    Action, DeleteImages, Deployment, Follow, Image, MarkService, Parameter, PutService, RegisterTaskDefinition,
    Rollout, Service, TaskDefinition, Variable, World,
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
                let seen = Parameter { version: put.version + 1, variable: Variable::Same, modified: None };
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
                if put.rules.iter().any(|rule| put.is_for_tests(rule)) {
                    self.test_rules
                        .entry(put.service.clone())
                        .or_insert_with(|| Value::Pending(format!("${{test-rule.{}}}", put.service)));
                }
            }
            Action::PutService(put) => self.assume_service(put),
            Action::PutScaling(put) => {
                if let Some(Some(service)) = self.services.get_mut(&put.service) {
                    service.scales = put.bounds.is_some();
                }
            }
            Action::MarkService(mark) => self.assume_mark(mark),
            Action::PutSchedule(put) => {
                self.schedules.insert(put.name.clone());
                if let Some(Some(revision)) = self.task_definitions.get_mut(&put.family) {
                    revision.schedule = Some(put.fingerprint.clone());
                }
            }
            Action::RemoveSchedule(remove) => {
                self.schedules.remove(&remove.name);
            }
            // What they lead to is seen by following.
            Action::TurnBack(_) | Action::Answer(_) => {}
            Action::Follow(follow) | Action::FollowBack(follow) => self.assume_steady(follow),
            Action::RunCommand(run) => {
                self.done.insert(run.stage.clone());
            }
            Action::RemoveService(_)
            | Action::DeleteRules(_)
            | Action::DeleteRevisions(_)
            | Action::DeleteParameters(_)
            | Action::DeleteImages(_) => self.assume_gone(action),
        }
    }

    fn assume_revision(&mut self, register: &RegisterTaskDefinition) {
        let revision = TaskDefinition {
            arn: Value::Pending(format!("${{revision.{}}}", register.service)),
            fingerprint: Some(register.fingerprint.clone()),
            done: Default::default(),
            schedule: None,
            json: register.definition.clone(),
        };
        self.passed_over.remove(&register.family);
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
        let mut service = Service {
            status: "ACTIVE".to_owned(),
            arn: before.as_ref().map(|seen| seen.arn.clone()).unwrap_or_default(),
            revision: put.revision.clone(),
            mark: before.as_ref().and_then(|seen| seen.mark.clone()),
            definition: before.as_ref().and_then(|seen| seen.definition.clone()),
            scales: before.as_ref().is_some_and(|seen| seen.scales),
            test_rule: before.as_ref().and_then(|seen| seen.test_rule.clone()),
            desired,
            running: before.as_ref().map(|seen| seen.running).unwrap_or_default(),
            pending: 0,
            deployments,
            json: put.input.clone(),
        };
        if service.is_given_up() {
            service.mark_older_failed();
        }
        self.services.insert(put.service.clone(), Some(service));
    }

    /// What an action takes away is not there any more.
    pub fn assume_gone(&mut self, action: &Action) {
        match action {
            Action::RemoveService(remove) => {
                self.services.insert(remove.service.clone(), None);
                self.cluster_services.remove(&remove.service);
            }
            Action::DeleteRules(delete) => {
                if let Some(rules) = self.listener_rules.get_mut(&delete.listener) {
                    rules.retain(|rule| !delete.rules.contains(&rule.arn));
                }
                for rules in [&mut self.rules, &mut self.test_rules] {
                    rules.retain(|_, rule| rule.known().is_none_or(|arn| !delete.rules.iter().any(|it| it == arn)));
                }
            }
            Action::DeleteRevisions(delete) => {
                self.revisions.insert(delete.family.clone(), Vec::new());
                self.task_definitions.insert(delete.family.clone(), None);
            }
            Action::DeleteParameters(delete) => {
                self.parameters_under.insert(delete.path.clone(), Default::default());
                for name in &delete.names {
                    self.parameters.remove(name);
                }
            }
            Action::DeleteImages(delete) => self.assume_images(delete),
            _ => {}
        }
    }

    fn assume_images(&mut self, delete: &DeleteImages) {
        let Some(Some(images)) = self.repositories.get_mut(&delete.repository) else { return };
        match &delete.tags {
            None => images.clear(),
            Some(gone) => {
                for tags in images.iter_mut() {
                    tags.retain(|tag| !gone.contains(tag));
                }
                images.retain(|tags| !tags.is_empty());
            }
        }
    }

    /// The service has the mark.
    pub fn assume_mark(&mut self, mark: &MarkService) {
        if let Some(Some(service)) = self.services.get_mut(&mark.service) {
            service.mark = Some(mark.mark.clone());
            if let Some(definition) = &mark.definition {
                service.definition = Some(definition.clone());
            }
            service.scales = mark.scales;
            if let Some(rule) = &mark.test_rule {
                service.test_rule = Some(rule.shown().to_owned()).filter(|rule| !rule.is_empty());
            }
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
