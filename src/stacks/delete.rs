//! Deletes a stack and follows it to its end.

use runner_core::{
    judge::stack_events::tally,
    plan::{Fault, PutStack, Refusal},
    report::{Changed, Fact},
};

use super::{
    Acting, Stop,
    failure::failure,
    follow::{Since, follow, newest},
    observe::{look, resources},
    put::token,
    stack_named,
};
use crate::aws::fault;

impl Acting<'_> {
    /// Deletes the stack; one that is not there is no error.
    pub async fn delete(&self, name: &str, region: &str) -> Result<(), Stop> {
        let Some((id, _)) = look(self.clients, name).await? else { return Ok(()) };
        let since = Since::After(newest(self.clients, &id).await?);
        self.clients
            .cloudformation()
            .delete_stack()
            .stack_name(name)
            .set_role_arn(self.role_arn.map(str::to_owned))
            .client_request_token(token("delete"))
            .send()
            .await
            .map_err(|error| fault(format!("deleting {}", stack_named(name, region)), &error))?;
        let ended = follow(self.clients, &id, &since, self.emit).await?;
        if ended.status != "DELETE_COMPLETE" {
            return Err(Stop::Failed(Box::new(failure(name, region, "deleting", &ended))));
        }
        let mut changed = Changed::new("deleted", format!("stack {name}"));
        changed.resources = tally(&ended.events);
        (self.emit)(Fact::Changed(changed));
        Ok(())
    }

    /// Deletes what a rolled back first create left: nothing but its name. A resource that the rollback kept is a
    /// person's to judge, since a new create could collide with it or leave it behind for good.
    pub(super) async fn clear(&self, put: &PutStack) -> Result<(), Stop> {
        let kept = self.kept(put).await?;
        if !kept.is_empty() {
            return Err(Stop::Refused(Refusal::new(
                format!("creating {} anew", stack_named(&put.name, &put.region)),
                format!("its first create was rolled back, but these were kept: {}", kept.join(", ")),
                format!(
                    "keep or delete them by hand, then: aws cloudformation delete-stack --stack-name {} --region {}, and run again",
                    put.name, put.region
                ),
            )));
        }
        self.delete(&put.name, &put.region).await
    }

    pub(super) async fn kept(&self, put: &PutStack) -> Result<Vec<String>, Fault> {
        let doing = format!("reading what is left of {}", stack_named(&put.name, &put.region));
        let mut kept = Vec::new();
        for resource in resources(self.clients, &put.name, doing).await? {
            let status = resource.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
            let physical = resource.physical_resource_id.filter(|id| !id.is_empty());
            // A resource whose create failed has no physical id, or one of nothing; one whose import was rolled back is
            // as free as before.
            if matches!(
                status.as_str(),
                "DELETE_COMPLETE" | "CREATE_FAILED" | "IMPORT_FAILED" | "IMPORT_ROLLBACK_COMPLETE"
            ) || physical.is_none()
            {
                continue;
            }
            kept.push(format!(
                "{} ({}) {}",
                resource.logical_resource_id.unwrap_or_default(),
                resource.resource_type.unwrap_or_default(),
                physical.unwrap_or_default()
            ));
        }
        Ok(kept)
    }
}
