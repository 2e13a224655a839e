//! Takes away what ECS, SSM and ECR hold for an environment: the acts that no template does.

use runner_core::{
    plan::Action,
    report::{Changed, Fact},
};

use super::{act::Learn, edge::Edge};
use crate::{
    aws::{delete_images, delete_parameters},
    deploy::{self, Emit},
    stacks::Stop,
};

/// Does one of the actions that take away. What is gone by the time is no error: a run that was killed is done again.
pub(super) async fn act(edge: &Edge<'_>, action: &Action, emit: Emit<'_>) -> Result<Learn, Stop> {
    let (clients, cluster) = (&edge.clients, edge.env.cluster_name());
    match action {
        Action::RemoveService(remove) => {
            deploy::remove_service(clients, &edge.poller, &cluster, remove, emit).await?;
        }
        Action::DeleteRules(delete) => deploy::delete_rules(clients, delete, emit).await?,
        Action::DeleteRevisions(delete) => deploy::delete_revisions(clients, &cluster, delete, emit).await?,
        Action::DeleteParameters(delete) => {
            delete_parameters(clients, &delete.names).await?;
            for name in &delete.names {
                emit(Fact::Changed(Changed::new("deleted", format!("parameter {name}"))));
            }
        }
        Action::DeleteImages(delete) => {
            let went = delete_images(clients, &delete.repository, delete.tags.as_ref()).await?;
            let what = if delete.tags.is_some() { "tags of images" } else { "images" };
            emit(Fact::Changed(Changed::new("deleted", format!("{what} of {} ({went})", delete.repository))));
        }
        _ => {}
    }
    let action = action.clone();
    Ok(Box::new(move |world| world.assume_gone(&action)))
}
