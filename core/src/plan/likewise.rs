//! What a template was before, told from how another one changed: a change of the file or of the runner's own templates is
//! nearly always the same one in every service's stack.

use serde_json::{Map, Value as Json};

/// A template that changed, and the name that stands in it where a template like it has its own.
#[derive(Clone, Copy)]
pub struct Changed<'a> {
    /// As it was.
    pub before: &'a Json,
    /// As it shall be.
    pub after: &'a Json,
    /// `api`.
    pub name: &'a str,
}

/// What the template `after`, whose own name is `name`, was before, if it changes like `example`. It is a guess, which a
/// digest has to prove.
pub fn likewise(example: Changed<'_>, after: &Json, name: &str) -> Json {
    let mut before = after.clone();
    turn_back(&mut before, Some(example.before), Some(example.after), &|text| renamed(text, example.name, name));
    before
}

/// Where the example's two sides differ, `own` gets what the example had before; where they do not, it keeps what it has.
fn turn_back(own: &mut Json, before: Option<&Json>, after: Option<&Json>, rename: &dyn Fn(&str) -> String) {
    match (before, after, &mut *own) {
        (Some(before), Some(after), _) if before == after => {}
        (Some(Json::Object(before)), Some(Json::Object(after)), Json::Object(own)) => {
            own.retain(|key, _| before.contains_key(key) || !after.contains_key(key));
            for (key, value) in before {
                turn_back(own.entry(key.clone()).or_insert(Json::Null), Some(value), after.get(key), rename);
            }
        }
        (Some(Json::Array(before)), Some(Json::Array(after)), Json::Array(own)) => {
            if before.len() == after.len() && own.len() == after.len() {
                for (own, (before, after)) in own.iter_mut().zip(before.iter().zip(after)) {
                    turn_back(own, Some(before), Some(after), rename);
                }
                return;
            }
            // What both sides begin and end with was not changed, so that the rest is what came or went.
            let same = |(one, other): &(&Json, &Json)| one == other;
            let most = before.len().min(after.len());
            let first = before.iter().zip(after).take(most).take_while(same).count();
            let last = before.iter().rev().zip(after.iter().rev()).take(most - first).take_while(same).count();
            if own.len() >= first + last {
                let came = before[first..before.len() - last].iter().map(|value| with_names(value, rename));
                own.splice(first..own.len() - last, came);
            }
        }
        (Some(before), _, own) => *own = with_names(before, rename),
        (None, _, _) => {}
    }
}

fn with_names(value: &Json, rename: &dyn Fn(&str) -> String) -> Json {
    match value {
        Json::String(text) => Json::String(rename(text)),
        Json::Array(list) => list.iter().map(|value| with_names(value, rename)).collect(),
        Json::Object(map) => {
            let map: Map<String, Json> =
                map.iter().map(|(key, value)| (key.clone(), with_names(value, rename))).collect();
            Json::Object(map)
        }
        other => other.clone(),
    }
}

/// The text with another name wherever the name stands as a word of its own: `shop-api` has `api`, `rapid` has not.
fn renamed(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, found) = rest.split_at(at);
        let after = &found[from.len()..];
        let is_word = !out.chars().chain(before.chars()).next_back().is_some_and(char::is_alphanumeric)
            && !after.starts_with(char::is_alphanumeric);
        out.push_str(before);
        out.push_str(if is_word { to } else { from });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of two templates, each with its before and after, the one's change tells what the other was.
    fn tells(of: impl Fn(&str) -> (Json, Json)) -> bool {
        let (before, after) = of("api");
        let (expected, own) = of("web-2");
        likewise(Changed { before: &before, after: &after, name: "api" }, &own, "web-2") == expected
    }

    #[test]
    fn the_same_change_is_turned_back_whatever_is_the_templates_own() {
        assert!(tells(|name| (json!({ "Days": 30, "Name": name }), json!({ "Days": 90, "Name": name }))), "a value");
        assert!(tells(|name| (json!({ "Name": name }), json!({ "Name": name, "New": [1] }))), "a property that came");
        assert!(
            tells(|name| (json!({ "Group": { "Name": format!("shop-{name}/rapid") } }), json!({}))),
            "a resource that went, with a name in it"
        );
        assert!(tells(|name| (json!([name, 1, name]), json!([name, 2, name]))), "an element of a list");
        assert!(tells(|name| (json!([name, "a", name]), json!([name, name]))), "an element that went");
        assert!(tells(|name| (json!([name]), json!([name, "b", "c"]))), "elements that came");
        assert!(tells(|name| (json!({ "A": "text" }), json!({ "A": { "Ref": name } }))), "another kind of value");
    }

    #[test]
    fn another_change_is_not_taken_for_it() {
        let of = |name: &str| {
            let days = if name == "api" { 30 } else { 7 };
            (json!({ "Days": days }), json!({ "Days": 90 }))
        };
        assert!(!tells(of));
    }

    #[test]
    fn a_template_of_another_shape_is_left_as_it_is_there() {
        let example = Changed { before: &json!({ "A": [1, 2, 3] }), after: &json!({ "A": [1, 3] }), name: "api" };
        assert_eq!(likewise(example, &json!({ "A": [] }), "web"), json!({ "A": [] }));
        assert_eq!(likewise(example, &json!("none"), "web"), json!({ "A": [1, 2, 3] }));
    }

    #[test]
    fn a_name_is_a_word() {
        assert_eq!(renamed("api: shop-api, rapid, apis, api", "api", "web"), "web: shop-web, rapid, apis, web");
        assert_eq!(renamed("s1 s12 s1", "s1", "s2"), "s2 s12 s2");
        assert_eq!(renamed("text", "", "web"), "text");
    }
}
