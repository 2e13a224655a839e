//! Termination protection.

use runner_core::plan::{Fault, PutStack};
use runner_core::report::{Changed, Fact};

use super::{Acting, stack_named};
use crate::aws::fault;

impl Acting<'_> {
    pub(super) async fn protect(&self, put: &PutStack) -> Result<(), Fault> {
        self.set_protection(put, true).await
    }

    /// Turns termination protection on or off.
    pub async fn set_protection(&self, put: &PutStack, on: bool) -> Result<(), Fault> {
        let verb = if on { "protecting" } else { "unprotecting" };
        self.clients
            .cloudformation()
            .update_termination_protection()
            .stack_name(&put.name)
            .enable_termination_protection(on)
            .send()
            .await
            .map_err(|error| fault(format!("{verb} {} from deletion", stack_named(&put.name, &put.region)), &error))?;
        let now = if on { "on" } else { "off" };
        (self.emit)(Fact::Changed(Changed::new(
            "updated",
            format!("termination protection of stack {}: {now}", put.name),
        )));
        Ok(())
    }
}
