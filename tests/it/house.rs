//! The house itself: what the plan in the two `lib.rs` says is true of the files, every list holds against its
//! directory, and what is generated is current. No process is started.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use runner_core::{
    infra::{STACKS, access::CALLS, pascal},
    judge::causes,
    stages::stages,
    workflow,
};

/// The longest file; one that nears it holds two concepts.
const LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file beneath a folder, relative to the repository.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no Rust file");
    found
}

/// The file without comments and what stands in its strings: what the compiler would make of it.
fn code(path: &Path) -> String {
    let text = read(path);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::with_capacity(text.len());
    for line in lines {
        let mut quoted = false;
        let mut before = ' ';
        for c in line.chars() {
            if c == '"' && before != '\\' && before != '\'' {
                quoted = !quoted;
            }
            if !quoted {
                code.push(c);
            }
            before = if before == '\\' { ' ' } else { c };
        }
        code.push('\n');
    }
    code
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// The names in the list of floors that a `lib.rs` opens with.
fn floors(lib: &str) -> Vec<String> {
    let text = read(lib);
    let named = text.lines().filter_map(|line| line.strip_prefix("//! - [`")?.split('`').next());
    named.map(str::to_owned).collect()
}

/// The rooms of its own crate that a file imports: `crate::plan`, `crate::{plan::Fault, text}`.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (_, after) in code.match_indices("crate::").map(|(at, found)| (at, &code[at + found.len()..])) {
        let Some(list) = after.strip_prefix('{') else {
            rooms.insert(word(after));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    rooms.insert(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

/// Every import that goes against the list; `allowed(own place, the other's)`. Tests may build on what is above.
fn against(source: &str, allowed: impl Fn(usize, usize) -> bool) -> Vec<String> {
    let floors = floors(&format!("{source}/lib.rs"));
    let place = |name: &str| floors.iter().position(|floor| floor == name);
    let mut wrong = Vec::new();
    for file in files(source) {
        if stem(&file) == "tests" || stem(&file).ends_with("_tests") {
            continue;
        }
        let own = file.strip_prefix(source).unwrap().components().next().unwrap();
        let own = own.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some(here) = place(own) else {
            assert!(["lib", "main", "testing"].contains(&own), "{own} is no floor of {source}/lib.rs");
            continue;
        };
        for room in imports(&code(&file)) {
            if place(&room).is_some_and(|there| there != here && !allowed(here, there)) {
                wrong.push(format!("{} imports {room}", file.display()));
            }
        }
    }
    wrong
}

#[test]
fn imports_go_down_the_floors() {
    assert_eq!(against("core/src", |here, there| there < here), Vec::<String>::new());
    assert_eq!(against("src", |here, there| there > here), Vec::<String>::new());
}

#[test]
fn a_verdict_a_price_and_a_report_know_no_stage() {
    let wrong: Vec<PathBuf> = ["core/src/judge", "core/src/cost", "core/src/report"]
        .into_iter()
        .flat_map(files)
        .filter(|file| imports(&code(file)).contains("stages"))
        .collect();
    assert_eq!(wrong, Vec::<PathBuf>::new());
}

#[test]
fn imports_are_found_in_every_form() {
    let found =
        imports("use crate::text::Span;\nuse crate::{\n    plan::{Fault, Plan},\n    infra,\n};\ncrate::iam::x()");
    assert_eq!(found, ["iam", "infra", "plan", "text"].map(str::to_owned).into());
}

#[test]
fn an_sdk_is_named_only_where_it_is_spoken_to() {
    let rooms = ["stacks", "deploy", "image", "aws"];
    for file in files("src").into_iter().chain(files("core/src")) {
        let named = code(&file).contains("aws_sdk_");
        assert!(!named || rooms.iter().any(|room| file.starts_with(format!("src/{room}"))), "{}", file.display());
    }
}

#[test]
fn github_is_spoken_to_in_its_own_room() {
    for file in files("src").into_iter().chain(files("core/src")) {
        let named = code(&file).contains("octocrab::");
        assert!(!named || file.starts_with("src/github"), "{}", file.display());
    }
}

#[test]
fn only_the_command_line_prints() {
    for file in files("src").into_iter().chain(files("core/src")) {
        let code = code(&file);
        let prints = ["println!", "eprintln!", "print!(", "eprint!(", "io::stdout()", "io::stderr()"];
        let found = prints.iter().find(|print| code.contains(**print));
        let may = file.starts_with("src/cli") || file == Path::new("src/main.rs");
        assert!(found.is_none() || may, "{} has {found:?}", file.display());
    }
}

#[test]
fn every_file_says_what_it_owns_and_is_short() {
    let folders = ["src", "core/src", "tests", "benches", "stand-in", "fuzz/fuzz_targets"];
    for file in folders.into_iter().flat_map(files) {
        let text = read(&file);
        assert!(text.starts_with("//! "), "{} does not open with //!", file.display());
        assert!(text.lines().count() <= LINES, "{} has more than {LINES} lines", file.display());
        for left in [concat!("FIX", "ME"), concat!("TO", "DO:"), concat!("#[ign", "ore"), concat!("todo", "!(")] {
            assert!(!text.contains(left), "{} has {left}", file.display());
        }
    }
}

/// `DeployService` → `deploy-service`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[test]
fn every_stage_is_a_file_of_its_name_and_in_the_list() {
    let mut from_files = BTreeSet::new();
    for file in files("core/src/stages").into_iter().filter(|file| !stem(file).ends_with("_tests")) {
        let of: Vec<String> = read(&file)
            .split("\nimpl Stage for ")
            .skip(1)
            .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
            .collect();
        let Some(first) = of.first() else { continue };
        match (stem(&file), first.as_str()) {
            // One type over the list of stacks, whose names are held below.
            ("bootstrap", "StackStage") => {}
            // Speaks for the stages of the file's own.
            ("own", "OwnStages") => {
                from_files.insert("stages".to_owned());
            }
            (stem, first) => {
                assert_eq!(kebab(first), stem.replace('_', "-"), "{}", file.display());
                // A second one in a file is the same decision at another time.
                from_files.extend(of.iter().map(|name| kebab(name)));
            }
        }
    }
    let stacks: BTreeSet<&str> = STACKS.iter().map(|kind| kind.stage).collect();
    let listed: Vec<&str> = stages().iter().map(|stage| stage.name()).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "a stage stands twice in the list");
    let of_files: BTreeSet<String> =
        listed.iter().filter(|name| !stacks.contains(*name)).map(|name| (*name).to_owned()).collect();
    assert_eq!(of_files, from_files);
    assert!(stacks.iter().all(|stack| listed.contains(stack)));
}

#[test]
fn the_file_knows_the_stages_in_their_order() {
    // These two are sections of the file, and `workflow` knows them as such.
    let sections = ["extra-stacks", "stages"];
    let listed: Vec<&str> = stages().iter().map(|stage| stage.name()).filter(|it| !sections.contains(it)).collect();
    // Names that the file may not take and `needs` may name, though their stage is still to come: each is named as such
    // in the README.
    let (there, to_come): (Vec<&str>, Vec<&str>) = workflow::STAGES.into_iter().partition(|name| listed.contains(name));
    assert_eq!(there, listed);
    let readme = read("README.md");
    let not_yet = readme.split("\n## Not yet\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for name in to_come {
        assert!(not_yet.contains(&format!("`{name}`")), "README's `Not yet` lacks {name}");
    }
    for name in listed {
        assert!(!not_yet.contains(&format!("`{name}`")), "README says that {name} is not there yet");
    }
}

#[test]
fn every_table_of_causes_is_in_the_list() {
    let (list, mut rows) = (read("core/src/judge/causes/mod.rs"), 0);
    for file in files("core/src/judge/causes") {
        let text = read(&file);
        if text.contains("static CAUSES: &[Cause]") {
            let family = stem(&file);
            assert!(list.contains(&format!("    {family}::CAUSES,\n")), "{family} is not in TABLES");
            rows += text.matches("\n    Cause {\n").count();
        }
    }
    assert_eq!(causes::all().count(), rows);
}

/// The commands by the file that holds them.
fn commands() -> BTreeSet<String> {
    let with_arguments = files("src/cli").into_iter().filter(|file| read(file).contains("\npub struct Args {"));
    with_arguments.map(|file| stem(&file).to_owned()).collect()
}

#[test]
fn every_command_is_a_file_of_its_name_in_the_list_and_in_the_readme() {
    let (list, dispatch, readme) = (read("src/cli/args.rs"), read("src/cli/mod.rs"), read("README.md"));
    let commands = commands();
    for command in &commands {
        let variant = command[..1].to_uppercase() + &command[1..];
        assert!(list.contains(&format!("    {variant}({command}::Args),\n")), "{command} is not in Command");
        assert!(dispatch.contains(&format!("Command::{variant}(args) => ")), "{command} is not dispatched");
        assert!(readme.contains(&format!("\n| `{command}")), "README's table lacks {command}");
    }
    assert_eq!(list.matches("::Args),\n").count(), commands.len());
}

#[test]
fn the_texts_name_no_command_and_no_file_that_is_not_there() {
    let commands = commands();
    let mut texts =
        vec!["README.md".into(), "CONTRIBUTING.md".into(), "workflows-examples/finance-app/README.md".into()];
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                texts.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    for path in texts {
        let text = read(&path);
        for after in text.split("`runner ").skip(1).chain(text.split("\nrunner ").skip(1)) {
            let command: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
            let known = command.is_empty() || commands.contains(&command);
            assert!(known, "{} names the command `{command}`", path.display());
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_file = !target.is_empty() && !target.contains("://");
            let there = root().join(path.parent().unwrap()).join(target).exists();
            assert!(!is_file || there, "{} links to {target}", path.display());
        }
    }
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    let all: String = ["src", "core/src", "tests"].into_iter().flat_map(files).map(read).collect();
    let github = read("docs/github.md");
    let text = read("docs/security.md") + github.split("\n## What a report promises\n").nth(1).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1));
    let rows: Vec<&str> = rows.filter(|cell| !["shown by"].contains(&cell.trim())).collect();
    assert_eq!(rows.iter().filter(|cell| !cell.contains('`')).count(), 0, "a rule that no test shows: {rows:#?}");
    let named: Vec<&str> = rows.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(all.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

/// The points of a report, each with a row and a test of its number.
#[test]
fn every_point_of_a_report_has_its_row_and_its_test() {
    let page = read("docs/github.md");
    let table = page.split("\n## What a report promises\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let points: Vec<usize> = rows.iter().map(|row| row[2..].split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(points.iter().copied().eq(1..=25), "{points:?}");
    for (point, row) in points.iter().zip(&rows) {
        assert!(row.contains(&format!("`point_{point:02}_")), "no test of its number in: {row}");
    }
    // The other way round: a test of a point that no row names.
    let all: String = ["src", "core/src", "tests"].into_iter().flat_map(files).map(read).collect();
    for name in all.split("fn point_").skip(1).filter_map(|rest| rest.split_once("()")).map(|(name, _)| name) {
        assert!(
            table.contains(&format!("`point_{name}`")) || !name.starts_with(|c: char| c.is_ascii_digit()),
            "{name}"
        );
    }
}

#[test]
fn the_schema_is_current() {
    let schema = format!("{:#}\n", workflow::schema());
    let kept = read("docs/finance-infra.schema.json");
    assert!(kept == schema, "to renew: cargo run -- render schema --output docs");
}

#[test]
fn every_dependency_is_used() {
    for (manifest, source) in [("Cargo.toml", "src"), ("core/Cargo.toml", "core/src")] {
        let manifest = read(manifest);
        let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        let all: String = files(source).iter().map(|file| code(file)).collect();
        for name in section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_")) {
            assert!(all.contains(&format!("{name}::")), "{source} does not use {name}");
        }
    }
}

/// The operations that a file names: `clients.ecs().run_task(`, `call!(clients.ecs(), run_task, …`.
fn operations(code: &str) -> BTreeSet<String> {
    const CLIENTS: &[&str] = &[
        "cloudformation",
        "ecs",
        "ecr",
        "ssm",
        "elbv2",
        "logs",
        "autoscaling",
        "sts",
        "secretsmanager",
        "scheduler",
        "cloudcontrol",
    ];
    let mut found = BTreeSet::new();
    for client in CLIENTS {
        for (at, name) in code.match_indices(&format!("{client}()")) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code[at + name.len()..].trim_start();
            let Some(rest) = rest.strip_prefix(['.', ',']) else { continue };
            let operation: String =
                rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(operation.split('_').map(pascal).collect());
        }
    }
    found
}

/// A role that lacks the right to a call is found at night.
#[test]
fn every_call_to_aws_is_in_the_list_that_the_roles_are_made_of() {
    let listed: BTreeSet<&str> = CALLS.iter().map(|call| call.operation).collect();
    let mut all = BTreeSet::new();
    for file in files("src") {
        for operation in operations(&code(&file)) {
            assert!(listed.contains(operation.as_str()), "{} calls {operation}", file.display());
            all.insert(operation);
        }
    }
    assert!(all.len() > 50, "{all:?}");
    for call in CALLS.iter().filter(|call| call.operation != "push") {
        assert!(all.contains(call.operation), "{} is granted and never called", call.operation);
    }
}
