//! Schedules of other tools as EventBridge's.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

/// `@daily`, `@every 5m`, five fields of cron, or what AWS takes as it is.
pub fn convert(text: &str) -> Option<String> {
    let text = text.trim();
    if ["cron(", "rate(", "at("].iter().any(|begin| text.starts_with(begin)) && text.ends_with(')') {
        return Some(text.to_owned());
    }
    let known = match text {
        "@yearly" | "@annually" => "cron(0 0 1 1 ? *)",
        "@monthly" => "cron(0 0 1 * ? *)",
        "@weekly" => "cron(0 0 ? * 1 *)",
        "@daily" | "@midnight" => "cron(0 0 * * ? *)",
        "@hourly" => "cron(0 * * * ? *)",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    if let Some(every) = text.strip_prefix("@every ") {
        return rate(every);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return None };
    // `*/5` is `0/5` there, and one of the two days must be `?`.
    let step = |field: &str| field.strip_prefix("*/").map_or_else(|| field.to_owned(), |step| format!("0/{step}"));
    let (day, weekday) = match (day, weekday) {
        (day, "*") => (step(day), "?".to_owned()),
        ("*", weekday) => ("?".to_owned(), days(weekday)?),
        // cron means either of the two, EventBridge cannot.
        _ => return None,
    };
    let (minute, hour) = (step(minute), step(hour));
    Some(format!("cron({minute} {hour} {day} {month} {weekday} *)"))
}

/// Sunday is 0 or 7 in cron and 1 there.
fn days(field: &str) -> Option<String> {
    let mut out = String::new();
    for c in field.chars() {
        match c {
            '0'..='6' => out.push(char::from_u32(u32::from(c) + 1)?),
            '7' => out.push('1'),
            ',' | '-' => out.push(c),
            c if c.is_ascii_alphabetic() => out.push(c.to_ascii_uppercase()),
            _ => return None,
        }
    }
    Some(out)
}

/// `1h30m`, in whole minutes.
fn rate(text: &str) -> Option<String> {
    let (mut minutes, mut number) = (0_u32, String::new());
    for c in text.chars() {
        match c {
            '0'..='9' => number.push(c),
            'h' | 'm' => {
                let unit = if c == 'h' { 60 } else { 1 };
                minutes = minutes.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
                number.clear();
            }
            _ => return None,
        }
    }
    if minutes == 0 || !number.is_empty() {
        return None;
    }
    Some(if minutes == 1 { "rate(1 minute)".to_owned() } else { format!("rate({minutes} minutes)") })
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn schedules_mean_the_same_as_before() {
        for (theirs, ours) in [
            ("@daily", "cron(0 0 * * ? *)"),
            ("@every 1h30m", "rate(90 minutes)"),
            ("*/10 * * * *", "cron(0/10 * * * ? *)"),
            ("0 9 * * MON-FRI", "cron(0 9 ? * MON-FRI *)"),
            ("30 2 1 * *", "cron(30 2 1 * ? *)"),
            ("0 0 * * 0,6", "cron(0 0 ? * 1,7 *)"),
            ("rate(5 minutes)", "rate(5 minutes)"),
        ] {
            assert_eq!(convert(theirs).as_deref(), Some(ours), "{theirs}");
        }
        for wrong in ["none", "0 0 1 * MON", "@every 5s", "0 0 * *", "0 0 * * 1/2"] {
            assert_eq!(convert(wrong), None, "{wrong}");
        }
    }
}
