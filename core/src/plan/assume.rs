//! What the world will be once an action is done: how a plan goes on where a run would wait.

use super::{Action, World};
use crate::workflow::Environment;

impl World {
    /// Takes an action as done. What only AWS can know is pending.
    pub fn assume(&mut self, env: &Environment, action: &Action) {
        if let Action::PutStack(put) = action {
            self.assume_stack(env, put);
        }
    }
}
