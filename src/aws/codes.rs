//! The table of error codes: what a service's own code means for us. Codes are matched as text, since several are
//! not modelled by the SDKs (ECS does not model ThrottlingException).

/// What an error code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The thing that was named is not there.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// Someone else is changing it, or it is in a state that does not allow this now.
    Conflict,
    /// Too many calls.
    Throttled,
    /// The caller may not.
    Denied,
    /// The credentials are expired or unknown.
    Credentials,
    /// The endpoint does not have this service or operation.
    Unsupported,
    /// The request itself is wrong.
    Invalid,
    /// A failure on the other side.
    Server,
}

const TABLE: &[(&str, Code)] = &[
    ("ClusterNotFoundException", Code::NotFound),
    ("ServiceNotFoundException", Code::NotFound),
    ("ServiceNotActiveException", Code::NotFound),
    ("TaskDefinitionNotFoundException", Code::NotFound),
    ("RepositoryNotFoundException", Code::NotFound),
    ("ImageNotFoundException", Code::NotFound),
    ("ParameterNotFound", Code::NotFound),
    ("ResourceNotFoundException", Code::NotFound),
    ("RuleNotFound", Code::NotFound),
    ("RuleNotFoundException", Code::NotFound),
    ("ListenerNotFound", Code::NotFound),
    ("ListenerNotFoundException", Code::NotFound),
    ("TargetGroupNotFound", Code::NotFound),
    ("TargetGroupNotFoundException", Code::NotFound),
    ("ObjectNotFoundException", Code::NotFound),
    ("ChangeSetNotFound", Code::NotFound),
    ("ChangeSetNotFoundException", Code::NotFound),
    ("ParameterAlreadyExists", Code::AlreadyExists),
    ("AlreadyExistsException", Code::AlreadyExists),
    ("ResourceAlreadyExistsException", Code::AlreadyExists),
    ("PriorityInUse", Code::AlreadyExists),
    ("PriorityInUseException", Code::AlreadyExists),
    ("ImageAlreadyExistsException", Code::AlreadyExists),
    ("ImageTagAlreadyExistsException", Code::AlreadyExists),
    ("ConflictException", Code::Conflict),
    ("ResourceInUseException", Code::Conflict),
    ("ResourceInUse", Code::Conflict),
    ("UpdateInProgressException", Code::Conflict),
    ("OperationInProgressException", Code::Conflict),
    ("InvalidChangeSetStatus", Code::Conflict),
    ("InvalidChangeSetStatusException", Code::Conflict),
    ("Throttling", Code::Throttled),
    ("ThrottlingException", Code::Throttled),
    ("TooManyRequestsException", Code::Throttled),
    ("RequestLimitExceeded", Code::Throttled),
    ("TooManyUpdates", Code::Throttled),
    ("AccessDenied", Code::Denied),
    ("AccessDeniedException", Code::Denied),
    ("UnauthorizedOperation", Code::Denied),
    ("ExpiredToken", Code::Credentials),
    ("ExpiredTokenException", Code::Credentials),
    ("InvalidClientTokenId", Code::Credentials),
    ("UnrecognizedClientException", Code::Credentials),
    ("SignatureDoesNotMatch", Code::Credentials),
    ("InvalidAction", Code::Unsupported),
    ("UnknownOperationException", Code::Unsupported),
    ("NotImplemented", Code::Unsupported),
    ("ValidationError", Code::Invalid),
    ("ValidationException", Code::Invalid),
    ("InvalidParameterException", Code::Invalid),
    ("ClientException", Code::Invalid),
    ("ServerException", Code::Server),
    ("InternalFailure", Code::Server),
    ("ServiceUnavailable", Code::Server),
];

impl Code {
    /// What a service's code means, where the table knows it.
    pub fn of(code: &str) -> Option<Self> {
        TABLE.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
    }

    /// What to do now, in general.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Denied => Some("the role that ran this lacks the permission named above"),
            Self::Credentials => Some("sign in again: the AWS credentials are expired or unknown"),
            Self::Throttled => Some("AWS asks to slow down; run the same command again, it goes on where it was"),
            Self::Server => Some("a failure on AWS's side; run the same command again, it goes on where it was"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, _) in super::TABLE {
            assert!(seen.insert(code), "{code} stands twice");
        }
        assert_eq!(Code::of("ThrottlingException"), Some(Code::Throttled));
        assert_eq!(Code::of("SomethingNew"), None);
    }
}
