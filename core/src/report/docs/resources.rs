//! Every resource by its stack, and the alarms.

use serde_json::Value as Json;

use super::{
    Whole,
    access::of_type,
    page::{Page, code, list, plain, shown},
};
use crate::infra::{self, Body, Holds, Keep};

/// Writes the resources of every stack, in the order in which stacks are made.
pub(super) fn write(page: &mut Page, whole: &Whole<'_>) {
    let env = whole.env;
    page.line("### Resources");
    for (stack, template) in whole.stacks.iter().zip(&whole.templates) {
        let region = stack.region.as_deref().unwrap_or(&env.region);
        page.line(&format!("#### {}", plain(&stack.key)));
        page.paragraph(&format!(
            "Stack {} in {region}: {}",
            code(&env.stack_name(&stack.key)),
            plain(template["Description"].as_str().unwrap_or("a template of your own"))
        ));
        let rows = match &stack.body {
            Body::Rendered(rendered) => rendered
                .resources
                .iter()
                .map(|(id, it)| {
                    let key = it.origin.as_deref().map(code).unwrap_or_default();
                    vec![code(id), code(it.kind), holds(it.holds).into(), kept(it.keep).into(), key]
                })
                .collect(),
            Body::Own { template, .. } => own(template),
        };
        page.table(&["resource", "type", "holds", "when it goes", "key of the file"], rows);
    }
}

fn own(template: &Json) -> Vec<Vec<String>> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources
        .map(|(id, resource)| {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let policy = resource["DeletionPolicy"].as_str().unwrap_or("Delete");
            vec![code(id), code(kind), holds(infra::holds(kind)).into(), code(policy), String::new()]
        })
        .collect()
}

fn holds(holds: Holds) -> &'static str {
    match holds {
        Holds::Nothing => "",
        Holds::Data => "data",
        Holds::Traffic => "traffic",
    }
}

/// What becomes of it when its stack lets go of it.
pub(super) fn kept(keep: Keep) -> &'static str {
    match keep {
        Keep::Delete => "deleted",
        Keep::Retain => "kept",
        Keep::RetainExceptOnCreate => "kept, but for a failed first create",
        Keep::OnReplacement => "deleted with its stack, kept when replaced",
        Keep::Snapshot => "a last snapshot is kept",
    }
}

/// Writes the alarms.
pub(super) fn alarms(page: &mut Page, whole: &Whole<'_>) {
    page.line("### Alarms");
    let rows = of_type(whole, "AWS::CloudWatch::Alarm").map(|(stack, id, it)| {
        let name = it["AlarmName"].as_str().map_or_else(|| format!("{stack}/{id}"), str::to_owned);
        let statistic = shown(&it["Statistic"]);
        let sign = match it["ComparisonOperator"].as_str() {
            Some("GreaterThanThreshold") => ">",
            Some("GreaterThanOrEqualToThreshold") => "≥",
            Some("LessThanThreshold") => "<",
            Some("LessThanOrEqualToThreshold") => "≤",
            _ => "?",
        };
        let when = format!(
            "{statistic} {sign} {} in {} × {} s",
            shown(&it["Threshold"]),
            shown(&it["EvaluationPeriods"]),
            shown(&it["Period"])
        );
        let metric = match it["MetricName"].as_str() {
            Some(metric) => metric.to_owned(),
            None => list(&it["Metrics"]).iter().map(|metric| shown(&metric["Expression"])).collect::<String>(),
        };
        vec![code(&name), plain(&shown(&it["AlarmDescription"])), code(&metric), plain(&when)]
    });
    page.table(&["alarm", "means", "metric", "when"], rows.collect());
    let to = match &whole.env.monitoring.notify {
        Some(address) => format!("Alarms go to a topic, and from there to {}.", code(address)),
        None => "Alarms go to a topic that nobody is subscribed to by the file.".to_owned(),
    };
    page.paragraph(&to);
}
