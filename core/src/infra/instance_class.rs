//! Memory of RDS's instance classes, from their names.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>

const GIB: u64 = 1 << 30;

/// Bytes of memory of an instance class; none of a class that is not known.
pub fn memory(class: &str) -> Option<u64> {
    let mut parts = class.strip_prefix("db.")?.splitn(2, '.');
    let (family, size) = (parts.next()?, parts.next()?);
    let burstable = |small: u64| match size {
        "micro" => Some(1),
        "small" => Some(2),
        "medium" => Some(4),
        _ => Some(small * larges(size)?),
    };
    // GiB of the size `large`.
    let gib = match family {
        "t2" | "t3" | "t4g" => burstable(8),
        "m4" | "m5" | "m5d" | "m6g" | "m6gd" | "m6i" | "m6id" | "m7g" | "m7i" | "m8g" | "m8gd" => {
            Some(8 * larges(size)?)
        }
        "r5" | "r5b" | "r5d" | "r6g" | "r6gd" | "r6i" | "r6id" | "r7g" | "r7i" | "r8g" | "r8gd" | "z1d" => {
            Some(16 * larges(size)?)
        }
        "x2g" => Some(32 * larges(size)?),
        _ => None,
    }?;
    Some(gib * GIB)
}

/// How many times a `large` a size is.
fn larges(size: &str) -> Option<u64> {
    match size {
        "large" => Some(1),
        "xlarge" => Some(2),
        _ => size.strip_suffix("xlarge")?.parse::<u64>().ok().map(|number| number * 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_memory_that_aws_lists() {
        for (class, gib) in [
            ("db.t3.micro", 1),
            ("db.t4g.medium", 4),
            ("db.t3.2xlarge", 32),
            ("db.m5.large", 8),
            ("db.m6g.16xlarge", 256),
            ("db.r6g.4xlarge", 128),
            ("db.x2g.xlarge", 64),
        ] {
            assert_eq!(memory(class), Some(gib * GIB), "{class}");
        }
        for class in ["db.x1e.xlarge", "t3.micro", "db.t3", "db.m5.odd", "db.r6i.xlarge.tpc2.mem4x"] {
            assert_eq!(memory(class), None, "{class}");
        }
    }
}
