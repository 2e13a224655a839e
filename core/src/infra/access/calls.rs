//! Every call that the code makes to AWS, and what IAM asks for it. The jobs' roles are made of this list and nothing
//! else; tests hold it against the code (no call that is not here) and against what the integration tests record
//! (nothing here that is never called, but for [`Call::because`]).
//!
//! Actions, their resources and conditions are those of the Service Authorization Reference:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use serde_json::{Value as Json, json};

use super::{
    scope::{Scope, sub},
    service_role::service_role_arn,
};
use crate::{
    iam::{Job, Statement, account_arn},
    infra::{cdn, database},
    workflow::{Database, LoadBalancer, SecretSource},
};

/// Whose role needs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Commands that ask, and with them those that change.
    Both,
    /// Commands that ask, alone.
    Plan,
    /// Commands that change.
    Deploy,
}

/// An action with what it is about, and when.
pub type Need = (&'static str, On, When);

/// Why a call is in the list though no integration test makes it.
pub type Reason = &'static str;

/// One operation of one service.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The service as its requests are signed for: `elasticloadbalancing`.
    pub service: &'static str,
    /// `DescribeRules`.
    pub operation: &'static str,
    /// Whose.
    pub who: Who,
    /// What IAM asks for it; nothing for a call that everybody may make.
    pub needs: &'static [Need],
    /// Why no integration test makes it.
    pub because: Option<Reason>,
}

/// What an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum On {
    /// The action takes no narrower resource, or what it looks for is not known before.
    Any,
    Alarms,
    Cluster,
    LinkedRole,
    ListenerRules,
    Listeners,
    LogGroups,
    OriginSecret,
    Parameters,
    Repositories,
    ScalableTargets,
    ScheduleGroup,
    Schedules,
    Secrets,
    ServiceDeployments,
    ServiceRevisions,
    Services,
    Stacks,
    TaskDefinitions,
    Tasks,
}

/// When an action is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Always.
    Always,
    /// With the environment's service role and no other.
    WithServiceRole,
    /// In the environment's cluster.
    InCluster,
    /// For ECS's services.
    OfEcs,
    /// For the role that scales ECS's services.
    ScalingEcs,
}

use On::*;
use When::*;
use Who::*;

const fn call(service: &'static str, operation: &'static str, who: Who, needs: &'static [Need]) -> Call {
    Call { service, operation, who, needs, because: None }
}

impl Call {
    const fn because(mut self, reason: Reason) -> Self {
        self.because = Some(reason);
        self
    }
}

const CFN: &str = "cloudformation";
const ELB: &str = "elasticloadbalancing";
const SCALING: &str = "application-autoscaling";
const BY_COMMAND: Reason = "a command that asks for it by name";

/// See the module.
#[rustfmt::skip]
pub const CALLS: &[Call] = &[
    // Without a name it lists, and IAM asks for both.
    call(CFN, "DescribeStacks", Both, &[("cloudformation:DescribeStacks", Any, Always), ("cloudformation:ListStacks", Any, Always)]),
    call(CFN, "GetTemplate", Both, &[("cloudformation:GetTemplate", Stacks, Always)]),
    call(CFN, "DescribeStackEvents", Both, &[("cloudformation:DescribeStackEvents", Stacks, Always)]),
    call(CFN, "ListStackResources", Both, &[("cloudformation:ListStackResources", Stacks, Always)]),
    call(CFN, "DetectStackDrift", Both, &[("cloudformation:DetectStackDrift", Stacks, Always), ("cloudformation:DetectStackResourceDrift", Stacks, Always)]),
    call(CFN, "DescribeStackDriftDetectionStatus", Both, &[("cloudformation:DescribeStackDriftDetectionStatus", Any, Always)]),
    call(CFN, "DescribeStackResourceDrifts", Both, &[("cloudformation:DescribeStackResourceDrifts", Stacks, Always)]),
    call(CFN, "CreateChangeSet", Deploy, &[("cloudformation:CreateChangeSet", Stacks, WithServiceRole), ("cloudformation:TagResource", Stacks, Always), ("cloudformation:UntagResource", Stacks, Always)]),
    call(CFN, "DescribeChangeSet", Deploy, &[("cloudformation:DescribeChangeSet", Stacks, Always)]),
    call(CFN, "DescribeEvents", Deploy, &[("cloudformation:DescribeEvents", Stacks, Always)]),
    call(CFN, "ExecuteChangeSet", Deploy, &[("cloudformation:ExecuteChangeSet", Stacks, Always)]),
    call(CFN, "DeleteChangeSet", Deploy, &[("cloudformation:DeleteChangeSet", Stacks, Always)]),
    call(CFN, "GetTemplateSummary", Deploy, &[("cloudformation:GetTemplateSummary", Any, Always)]),
    // What `adopt` looks for; with the rights of CloudFormation's role, which it passes.
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudcontrolapi.html
    call("cloudcontrolapi", "ListResources", Deploy, &[("cloudformation:ListResources", Any, Always)]),
    call("cloudcontrolapi", "GetResource", Deploy, &[("cloudformation:GetResource", Any, Always)]),
    call(CFN, "UpdateStack", Deploy, &[("cloudformation:UpdateStack", Stacks, WithServiceRole)]),
    call(CFN, "DeleteStack", Deploy, &[("cloudformation:DeleteStack", Stacks, WithServiceRole)]),
    call(CFN, "UpdateTerminationProtection", Deploy, &[("cloudformation:UpdateTerminationProtection", Stacks, Always)]),

    call("ecs", "DescribeServices", Both, &[("ecs:DescribeServices", Services, Always)]),
    call("ecs", "DescribeTaskDefinition", Both, &[("ecs:DescribeTaskDefinition", Any, Always)]),
    call("ecs", "ListTaskDefinitions", Both, &[("ecs:ListTaskDefinitions", Any, Always)]),
    call("ecs", "ListTaskDefinitionFamilies", Both, &[("ecs:ListTaskDefinitionFamilies", Any, Always)]),
    call("ecs", "ListTasks", Both, &[("ecs:ListTasks", Any, InCluster)]),
    call("ecs", "DescribeTasks", Both, &[("ecs:DescribeTasks", Tasks, Always)]),
    call("ecs", "ListServices", Both, &[("ecs:ListServices", Any, InCluster)]),
    call("ecs", "ListServiceDeployments", Both, &[("ecs:ListServiceDeployments", Services, Always)]),
    call("ecs", "DescribeServiceDeployments", Both, &[("ecs:DescribeServiceDeployments", Services, Always), ("ecs:DescribeServiceDeployments", ServiceDeployments, Always)]),
    call("ecs", "DescribeServiceRevisions", Both, &[("ecs:DescribeServiceRevisions", Services, Always), ("ecs:DescribeServiceRevisions", ServiceRevisions, Always)]),
    call("ecs", "RegisterTaskDefinition", Deploy, &[("ecs:RegisterTaskDefinition", TaskDefinitions, Always), ("ecs:TagResource", TaskDefinitions, Always)]),
    call("ecs", "DeregisterTaskDefinition", Deploy, &[("ecs:DeregisterTaskDefinition", Any, Always)]),
    call("ecs", "DeleteTaskDefinitions", Deploy, &[("ecs:DeleteTaskDefinitions", TaskDefinitions, Always)]),
    call("ecs", "CreateService", Deploy, &[("ecs:CreateService", Services, InCluster), ("ecs:TagResource", Services, Always)]),
    call("ecs", "UpdateService", Deploy, &[("ecs:UpdateService", Services, InCluster)]),
    call("ecs", "DeleteService", Deploy, &[("ecs:DeleteService", Services, InCluster)]),
    call("ecs", "TagResource", Deploy, &[("ecs:TagResource", Services, Always), ("ecs:TagResource", TaskDefinitions, Always)]),
    call("ecs", "RunTask", Deploy, &[("ecs:RunTask", TaskDefinitions, InCluster), ("ecs:TagResource", Tasks, Always)]),
    call("ecs", "StopTask", Deploy, &[("ecs:StopTask", Tasks, InCluster)]).because(BY_COMMAND),
    call("ecs", "ExecuteCommand", Deploy, &[("ecs:ExecuteCommand", Cluster, Always), ("ecs:ExecuteCommand", Tasks, Always)]),
    call("ecs", "StopServiceDeployment", Deploy, &[("ecs:StopServiceDeployment", Services, Always), ("ecs:StopServiceDeployment", ServiceDeployments, Always)]),
    call("ecs", "ContinueServiceDeployment", Deploy, &[("ecs:ContinueServiceDeployment", Services, Always), ("ecs:ContinueServiceDeployment", ServiceDeployments, Always)]),

    call("ecr", "GetAuthorizationToken", Deploy, &[("ecr:GetAuthorizationToken", Any, Always)]),
    call("ecr", "DescribeImages", Both, &[("ecr:DescribeImages", Repositories, Always)]),
    call("ecr", "BatchGetImage", Deploy, &[("ecr:BatchGetImage", Repositories, Always)]),
    call("ecr", "PutImage", Deploy, &[("ecr:PutImage", Repositories, Always)]),
    // The registry's own protocol, with the token of above; blobs are mounted from one repository into another.
    // https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    call("ecr", "push", Deploy, &[
        ("ecr:BatchCheckLayerAvailability", Repositories, Always),
        ("ecr:BatchGetImage", Repositories, Always),
        ("ecr:CompleteLayerUpload", Repositories, Always),
        ("ecr:GetDownloadUrlForLayer", Repositories, Always),
        ("ecr:InitiateLayerUpload", Repositories, Always),
        ("ecr:PutImage", Repositories, Always),
        ("ecr:UploadLayerPart", Repositories, Always),
    ]),
    call("ecr", "BatchDeleteImage", Deploy, &[("ecr:BatchDeleteImage", Repositories, Always)]),
    call("ecr", "ListImages", Deploy, &[("ecr:ListImages", Repositories, Always)]),

    call("ssm", "DescribeParameters", Both, &[("ssm:DescribeParameters", Any, Always)]),
    call("ssm", "GetParameters", Deploy, &[("ssm:GetParameters", Parameters, Always)]),
    call("ssm", "PutParameter", Deploy, &[("ssm:PutParameter", Parameters, Always), ("ssm:AddTagsToResource", Parameters, Always)]),
    call("ssm", "DeleteParameters", Deploy, &[("ssm:DeleteParameters", Parameters, Always)]),

    call("secretsmanager", "DescribeSecret", Both, &[("secretsmanager:DescribeSecret", Secrets, Always)]),

    // The header by which a listener's rule knows the CDN.
    call("secretsmanager", "GetSecretValue", Deploy, &[("secretsmanager:GetSecretValue", OriginSecret, Always)]),

    call(ELB, "DescribeRules", Both, &[("elasticloadbalancing:DescribeRules", Any, Always)]),
    call(ELB, "DescribeTargetHealth", Both, &[("elasticloadbalancing:DescribeTargetHealth", Any, Always)]),
    call(ELB, "DescribeTargetGroups", Both, &[("elasticloadbalancing:DescribeTargetGroups", Any, Always)]),
    call(ELB, "CreateRule", Deploy, &[("elasticloadbalancing:CreateRule", Listeners, Always), ("elasticloadbalancing:AddTags", ListenerRules, Always)]),
    call(ELB, "ModifyRule", Deploy, &[("elasticloadbalancing:ModifyRule", ListenerRules, Always)]),
    call(ELB, "SetRulePriorities", Deploy, &[("elasticloadbalancing:SetRulePriorities", ListenerRules, Always)]),
    call(ELB, "DeleteRule", Deploy, &[("elasticloadbalancing:DeleteRule", ListenerRules, Always)]),

    call(SCALING, "DescribeScalableTargets", Both, &[("application-autoscaling:DescribeScalableTargets", Any, Always)]),
    call(SCALING, "DescribeScalingPolicies", Both, &[("application-autoscaling:DescribeScalingPolicies", Any, Always)]),
    // https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
    call(SCALING, "RegisterScalableTarget", Deploy, &[("application-autoscaling:RegisterScalableTarget", ScalableTargets, OfEcs), ("iam:CreateServiceLinkedRole", LinkedRole, ScalingEcs)]),
    call(SCALING, "DeregisterScalableTarget", Deploy, &[("application-autoscaling:DeregisterScalableTarget", ScalableTargets, OfEcs)]),
    call(SCALING, "PutScalingPolicy", Deploy, &[
        ("application-autoscaling:PutScalingPolicy", ScalableTargets, OfEcs),
        ("cloudwatch:DescribeAlarms", Any, Always),
        ("cloudwatch:PutMetricAlarm", Alarms, Always),
    ]),
    call(SCALING, "DeleteScalingPolicy", Deploy, &[("application-autoscaling:DeleteScalingPolicy", ScalableTargets, OfEcs), ("cloudwatch:DeleteAlarms", Alarms, Always)]),

    call("logs", "GetLogEvents", Deploy, &[("logs:GetLogEvents", LogGroups, Always)]),
    call("logs", "FilterLogEvents", Deploy, &[("logs:FilterLogEvents", LogGroups, Always)]),
    call("logs", "DescribeLogGroups", Both, &[("logs:DescribeLogGroups", Any, Always)]),

    call("scheduler", "ListSchedules", Both, &[("scheduler:ListSchedules", Any, Always)]),
    call("scheduler", "CreateScheduleGroup", Deploy, &[("scheduler:CreateScheduleGroup", ScheduleGroup, Always), ("scheduler:TagResource", ScheduleGroup, Always)]),
    call("scheduler", "DeleteScheduleGroup", Deploy, &[("scheduler:DeleteScheduleGroup", ScheduleGroup, Always)]),
    call("scheduler", "CreateSchedule", Deploy, &[("scheduler:CreateSchedule", Schedules, Always)]),
    call("scheduler", "UpdateSchedule", Deploy, &[("scheduler:UpdateSchedule", Schedules, Always)]),
    call("scheduler", "DeleteSchedule", Deploy, &[("scheduler:DeleteSchedule", Schedules, Always)]),

    // Everybody may ask who they are.
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    call("sts", "GetCallerIdentity", Both, &[]),
];

impl Who {
    /// Whether a job's role has it.
    pub fn includes(self, job: Job) -> bool {
        match self {
            Both => true,
            Plan => job == Job::Plan,
            Deploy => job == Job::Deploy,
        }
    }
}

impl On {
    /// ARNs or patterns, as templates write them.
    pub fn arns(self, scope: &Scope<'_>) -> Vec<Json> {
        let env = scope.env;
        let (prefix, cluster) = (env.prefix(), env.cluster_name());
        let here = |service: &str, rest: String| sub(&account_arn(service, &env.region, &rest));
        match self {
            Any => vec![json!("*")],
            Alarms => vec![here("cloudwatch", format!("alarm:TargetTracking-service/{cluster}/*"))],
            Cluster => vec![here("ecs", format!("cluster/{cluster}"))],
            LinkedRole => vec![sub(
                "arn:${AWS::Partition}:iam::*:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/*",
            )],
            // A load balancer's name is CloudFormation's own.
            ListenerRules | Listeners => {
                let kind = if self == Listeners { "listener" } else { "listener-rule" };
                match &env.load_balancer {
                    LoadBalancer::Managed { .. } => vec![here(ELB, format!("{kind}/app/*"))],
                    LoadBalancer::Existing { listener, test_listener, .. } => {
                        let of = |listener: &String| match self {
                            Listeners => json!(listener),
                            _ => json!(format!("{}/*", listener.replacen(":listener/", ":listener-rule/", 1))),
                        };
                        std::iter::once(listener).chain(test_listener).map(of).collect()
                    }
                }
            }
            LogGroups => vec![here("logs", format!("log-group:/ecs/{prefix}-*"))],
            OriginSecret if env.cdn.is_none() => Vec::new(),
            OriginSecret => vec![secret("*", cdn::SECRET)],
            Parameters => vec![here("ssm", format!("parameter/{}/{}/*", env.app, env.name))],
            Repositories => vec![here("ecr", format!("repository/{}/*", env.app))],
            ScalableTargets => vec![here(SCALING, "scalable-target/*".to_owned())],
            ScheduleGroup => vec![here("scheduler", format!("schedule-group/{prefix}"))],
            Schedules => vec![here("scheduler", format!("schedule/{prefix}/*"))],
            Secrets => secrets(scope),
            ServiceDeployments => vec![here("ecs", format!("service-deployment/{cluster}/*"))],
            ServiceRevisions => vec![here("ecs", format!("service-revision/{cluster}/*"))],
            // In a cluster that others use too, ours by name.
            Services if env.cluster.existing.is_some() => {
                env.services.keys().map(|name| here("ecs", format!("service/{cluster}/{name}"))).collect()
            }
            Services => vec![here("ecs", format!("service/{cluster}/*"))],
            Stacks => [format!("stack/{prefix}-*"), format!("stack/{}/*", env.stack_name("registry"))]
                .iter()
                .map(|rest| sub(&account_arn(CFN, "*", rest)))
                .collect(),
            TaskDefinitions => vec![here("ecs", format!("task-definition/{prefix}-*"))],
            Tasks => vec![here("ecs", format!("task/{cluster}/*"))],
        }
    }
}

/// A secret of one of our stacks: CloudFormation makes its name of the logical id, without the stack's.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/cfn-example_secret.html>
fn secret(region: &str, id: &str) -> Json {
    sub(&account_arn("secretsmanager", region, &format!("secret:{id}-*")))
}

/// That of the database's URL, and those that the file names.
fn secrets(scope: &Scope<'_>) -> Vec<Json> {
    let env = scope.env;
    let mut all = Vec::new();
    match &env.database {
        Some(Database::Managed(_)) => all.push(secret(&env.region, database::URL_SECRET)),
        Some(Database::Existing { url, .. }) => all.push(json!(url)),
        None => {}
    }
    let sidecars = |service: &crate::workflow::Service| {
        service.sidecars.values().flat_map(|sidecar| sidecar.secrets.values().cloned()).collect::<Vec<_>>()
    };
    for service in env.services.values() {
        for source in service.secrets.values().cloned().chain(sidecars(service)) {
            if let SecretSource::SecretsManager { arn, .. } = source {
                all.extend([json!(arn), json!(format!("{arn}-??????"))]);
            }
        }
    }
    all.sort_by_key(Json::to_string);
    all.dedup();
    all
}

impl When {
    /// The end of a statement's id.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Always => "",
            WithServiceRole => "WithServiceRole",
            InCluster => "InCluster",
            OfEcs => "OfEcs",
            ScalingEcs => "ForScaling",
        }
    }

    /// The statement under its condition.
    pub(super) fn on(self, statement: Statement, scope: &Scope<'_>) -> Statement {
        match self {
            Always => statement,
            WithServiceRole => statement.when("StringEquals", "cloudformation:RoleArn", service_role_arn(scope)),
            InCluster => {
                let cluster = Cluster.arns(scope).into_iter().next().unwrap_or_default();
                statement.when("ArnEquals", "ecs:cluster", cluster)
            }
            OfEcs => statement.when("StringEquals", "application-autoscaling:service-namespace", json!("ecs")),
            ScalingEcs => {
                statement.when("StringEquals", "iam:AWSServiceName", json!("ecs.application-autoscaling.amazonaws.com"))
            }
        }
    }
}
