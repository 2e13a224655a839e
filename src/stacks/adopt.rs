//! Stacks that take what exists: what a change set would take, and that it takes nothing else than was shown.

use aws_sdk_cloudformation::types::ChangeSetType;
use runner_core::plan::{Adoption, Fault, PutStack, Refusal, StackMove, guard};

use super::{Acting, Stop, change_set::Made, put::token, stack_named};

/// The stack that has it already, by CloudFormation's words: `NAME already exists in stack ARN`.
fn owner(text: &str) -> Option<&str> {
    let (_, arn) = text.split_once("already exists in stack ")?;
    // `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`.
    arn.split('/').nth(1)
}

impl Acting<'_> {
    /// What would be adopted and made: a change set is made, read and thrown away. Of a stack that was not there an
    /// empty one under review stays, which whoever makes it takes up.
    pub async fn preview(&self, put: &PutStack) -> Result<Adoption, Stop> {
        let doing = || format!("looking for what {} could adopt", stack_named(&put.name, &put.region));
        let kind = match put.step {
            StackMove::Create => ChangeSetType::Create,
            StackMove::Update => ChangeSetType::Update,
            StackMove::Recreate => {
                return Err(Fault::new(doing(), "its first create was rolled back, and nothing can be taken into it")
                    .with_hint("delete the stack, which holds nothing, and adopt again")
                    .into());
            }
            StackMove::Attach | StackMove::Protect | StackMove::Unprotect | StackMove::Delete => {
                return Ok(Adoption::default());
            }
        };
        let (set, _, _) = self.propose(put, kind, &token(&put.hash)).await?;
        let made = self.wait(put, &set).await;
        self.discard(&set).await;
        match made {
            Ok(Made::Nothing) => Ok(Adoption::default()),
            Ok(Made::Ready(changes, found)) => match Refusal::all(guard(&put.name, &changes, self.allow_replace)) {
                Some(refusal) if put.step == StackMove::Update => Err(Stop::Refused(refusal)),
                _ => Ok(found),
            },
            Err(fault) => match owner(fault.message.raw()) {
                Some(owner) => {
                    let hint = format!(
                        "a resource has one stack: let {owner} go of it (DeletionPolicy Retain, then take it out of \
                         that template), or name it in the workflow file as existing; nothing was done"
                    );
                    Err(fault.with_hint(hint).into())
                }
                None => Err(fault.into()),
            },
        }
    }

    /// A fault where the change set would adopt what nobody was shown.
    pub(super) fn beyond_shown(&self, put: &PutStack, made: &Made) -> Option<Fault> {
        let (shown, Made::Ready(_, found)) = (self.adopts?, made) else { return None };
        let more: Vec<&str> = found.adopts.iter().filter(|it| !shown.contains(it)).map(|it| it.id.as_str()).collect();
        (!more.is_empty()).then(|| {
            let doing = format!("adopting into {}", stack_named(&put.name, &put.region));
            Fault::new(doing, format!("it would also adopt {}, which was not there when it was shown", more.join(", ")))
                .with_hint("adopt again, and look at what it shows; nothing was done to this stack")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn the_stack_that_has_a_resource_is_named() {
        let text = "/ecs/api already exists in stack arn:aws:cloudformation:us-east-1:123456789012:stack/theirs/0a1b";
        assert_eq!(owner(text), Some("theirs"));
        assert_eq!(owner("api already exists"), None);
    }
}
