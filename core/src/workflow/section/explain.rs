//! The page of a key, for `explain`.

use super::app::FileKeys;
use super::reader::Read;
use super::schema::prose;
use super::shape::{Key, Need, Section, Shape};

/// The documentation of a key: its meaning, what may be written, its default, an example, and the keys below it.
/// `services.api.cpu`, `services.*.cpu` and `environments.staging.services.api.cpu` are the same key; `file` is the
/// whole file. `None` where there is no such key.
pub fn explain(path: &str) -> Option<String> {
    let Shape::Section(file) = FileKeys::shape() else { return None };
    let path = match path.strip_prefix("environments.") {
        // In an environment every key means what it means outside.
        Some(rest) => rest.split_once('.').map_or("", |(_, rest)| rest),
        None => path,
    };
    if path == "environments" {
        return Some(
            "environments\n\n  The environments, by name. Each is merged over the rest of the file: maps merge, lists and scalars\n  \
             replace, null takes away.\n\n  example   environments: { staging: {}, production: { domain: example.com } }\n"
                .to_owned(),
        );
    }
    if path.is_empty() || path == "file" {
        return Some(format!("the workflow file\n\n  {}\n\n{}", prose(file.doc), keys(&file)));
    }
    let mut shape = Shape::Section(file);
    let mut found: Option<Key> = None;
    let mut title = Vec::new();
    for part in path.split('.') {
        (shape, found) = step(&shape, part, found)?;
        title.push(match &shape {
            _ if found.as_ref().is_some_and(|key| key.name == part) => part.to_owned(),
            _ => "NAME".to_owned(),
        });
    }
    let key = found?;
    Some(page(&title.join("."), &key, &shape))
}

/// One part of a path: a key of a section, or any name in a map.
fn step(shape: &Shape, part: &str, last: Option<Key>) -> Option<(Shape, Option<Key>)> {
    match shape {
        Shape::Section(section) => {
            let key = section.keys.iter().find(|key| key.name == part)?;
            Some((key.shape.clone(), Some(key.clone())))
        }
        Shape::Map { value, .. } => Some(((**value).clone(), last.map(|key| Key { name: String::new(), ..key }))),
        Shape::List(item, _) if part.bytes().all(|b| b.is_ascii_digit()) => Some(((**item).clone(), last)),
        Shape::Any(shapes) => shapes.iter().find_map(|shape| step(shape, part, last.clone())),
        _ => None,
    }
}

fn page(title: &str, key: &Key, shape: &Shape) -> String {
    let inner = section_of(shape);
    // Under a free name it is the section that says what it is, not the map.
    let doc = match inner {
        Some(section) if key.name.is_empty() => section.doc,
        _ => key.doc,
    };
    let mut page = format!("{title}\n\n  {}\n\n", prose(doc));
    let mut row = |name: &str, value: &str| page.push_str(&format!("  {name:<9} {value}\n"));
    if inner.is_none() {
        row("value", &shape.words());
    }
    if !key.name.is_empty() {
        match key.need {
            Need::Required => row("default", "none: it must be there"),
            Need::Default(default) if default != "{}" => row("default", default),
            _ => {}
        }
    }
    let example =
        key.doc.iter().find_map(|line| line.trim().strip_prefix("Example:")).map(|text| text.trim().to_owned());
    if let Some(example) = example.or_else(|| shape.example().filter(|example| example != "TEXT"))
        && !key.name.is_empty()
    {
        row("example", &format!("{}: {example}", key.name));
    }
    if let Some(section) = inner {
        if !page.ends_with("\n\n") {
            page.push('\n');
        }
        page.push_str(&keys(section));
    }
    page
}

fn section_of(shape: &Shape) -> Option<&Section> {
    match shape {
        Shape::Section(section) => Some(section),
        Shape::Any(shapes) => shapes.iter().find_map(section_of),
        Shape::Map { value, .. } => section_of(value),
        _ => None,
    }
}

fn keys(section: &Section) -> String {
    let width = section.keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
    section
        .keys
        .iter()
        .map(|key| {
            let first = key.doc.first().map_or("", |line| line.trim());
            format!("  {:<width$}  {first}\n", key.name)
        })
        .collect()
}
