//! Ids and ARNs of what AWS already has.

use super::leaf::text_of;
use super::reader::{Read, Reader};
use super::shape::Shape;
use super::word::{all_digits, is_region, word};
use crate::workflow::tree::{Kind, Node};

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| {
        (1..=17).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

word! {
    /// A VPC.
    VpcId "the id of a VPC", "vpc-0abc1234", |text| is_id(text, "vpc-")
}

word! {
    /// A subnet.
    SubnetId "the id of a subnet", "subnet-0abc1234", |text| is_id(text, "subnet-")
}

word! {
    /// A security group.
    SecurityGroupId "the id of a security group", "sg-0abc1234", |text| is_id(text, "sg-")
}

/// Whether it is an ARN of this service whose resource fits.
pub(in crate::workflow) fn is_arn(text: &str, service: &str, resource: fn(&str) -> bool) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, named, region, account, rest] = parts.as_slice() else {
        return false;
    };
    *arn == "arn"
        && matches!(*partition, "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc")
        && *named == service
        && (region.is_empty() || is_region(region))
        && (account.is_empty() || *account == "aws" || (account.len() == 12 && all_digits(account)))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
        && resource(rest)
}

word! {
    /// A policy that a role may be given.
    PolicyArn "the ARN of a managed policy", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    |text| is_arn(text, "iam", |resource| resource.starts_with("policy/"))
}

word! {
    /// A role.
    RoleArn "the ARN of a role", "arn:aws:iam::111122223333:role/hooks",
    |text| is_arn(text, "iam", |resource| resource.starts_with("role/"))
}

word! {
    /// An OIDC provider.
    OidcArn "the ARN of an OIDC provider",
    "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
    |text| is_arn(text, "iam", |resource| resource.starts_with("oidc-provider/"))
}

word! {
    /// A Lambda function.
    FunctionArn "the ARN of a Lambda function", "arn:aws:lambda:us-east-1:111122223333:function:check",
    |text| is_arn(text, "lambda", |resource| resource.starts_with("function:"))
}

word! {
    /// A listener of an Application Load Balancer.
    ListenerArn "the ARN of a listener of an Application Load Balancer",
    "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/main/50dc6c495c0c9188/f2f7dc8efc522ab2",
    |text| is_arn(text, "elasticloadbalancing", |resource| resource.starts_with("listener/app/"))
}

word! {
    /// A secret of Secrets Manager or a parameter of SSM.
    SecretArn "the ARN of a secret of Secrets Manager or a parameter of SSM",
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:database-url-AbCdEf",
    |text| {
        is_arn(text, "secretsmanager", |resource| resource.starts_with("secret:"))
            || is_arn(text, "ssm", |resource| resource.starts_with("parameter/"))
    }
}
