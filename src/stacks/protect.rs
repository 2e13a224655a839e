//! Termination protection.

use runner_core::{
    plan::Fault,
    report::{Changed, Fact},
};

use super::{Acting, stack_named};
use crate::aws::fault;

impl Acting<'_> {
    /// Turns termination protection on or off.
    pub async fn protect(&self, name: &str, region: &str, on: bool) -> Result<(), Fault> {
        let verb = if on { "protecting" } else { "unprotecting" };
        self.clients
            .cloudformation()
            .update_termination_protection()
            .stack_name(name)
            .enable_termination_protection(on)
            .send()
            .await
            .map_err(|error| fault(format!("{verb} {} from deletion", stack_named(name, region)), &error))?;
        let now = if on { "on" } else { "off" };
        (self.emit)(Fact::Changed(Changed::new("updated", format!("termination protection of stack {name}: {now}"))));
        Ok(())
    }
}
