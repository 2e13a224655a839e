//! `.dockerignore`: which files of a build context the builder sees, by Docker's own rules.
//! <https://docs.docker.com/build/concepts/context/#dockerignore-files>

/// The rules of one file, in its order: the last that matches a path, or a directory above it, decides.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Vec<Token>,
    keeps: bool,
}

#[derive(Debug, PartialEq)]
enum Token {
    Literal(char),
    /// `?`: any one character but the separator.
    One,
    /// `*`: any run without the separator.
    Run,
    /// `**` at the end: any run, separators too.
    Deep,
    /// `**` before more: nothing, or any run that ends with a separator.
    DeepDirectory,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// What the rules say of a path; for those below it, which rules have matched so far.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub ignored: bool,
    matched: Vec<bool>,
}

impl Ignore {
    /// Reads the text of the file. Docker drops what it cannot read as a pattern only with an error of the
    /// build; here such a rule matches nothing, and the build says what is wrong with it.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rules = text.lines().filter(|line| !line.starts_with('#')).filter_map(rule).collect();
        Self { rules }
    }

    /// Whether a rule beginning with `!` could bring back something below an ignored directory.
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.keeps)
    }

    /// Judges a path relative to the context, with `/` between its parts, below a directory judged before.
    pub fn judge(&self, path: &str, above: Option<&Verdict>) -> Verdict {
        let path: Vec<char> = path.chars().collect();
        let mut ignored = false;
        let mut matched = Vec::with_capacity(self.rules.len());
        for (i, rule) in self.rules.iter().enumerate() {
            let hit = above.is_some_and(|above| above.matched[i]) || matches(&rule.pattern, &path);
            matched.push(hit);
            if hit {
                ignored = !rule.keeps;
            }
        }
        Verdict { ignored, matched }
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.trim();
    let (line, keeps) = match line.strip_prefix('!') {
        Some(rest) => (rest.trim(), true),
        None => (line, false),
    };
    if line.is_empty() {
        return None;
    }
    let clean = clean(line);
    (clean != ".").then(|| Rule { pattern: tokens(&clean), keeps })
}

/// Go's `filepath.Clean`, then without the leading separator.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                // The separator goes with it; in the middle of a pattern it means whole directories either way.
                chars.next_if_eq(&'/');
                if chars.peek().is_some() { Token::DeepDirectory } else { Token::Deep }
            }
            '*' => Token::Run,
            '?' => Token::One,
            '\\' => Token::Literal(chars.next().unwrap_or('\\')),
            '[' => set(&mut chars),
            c => Token::Literal(c),
        });
    }
    out
}

fn set(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Token {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while let Some(c) = chars.next() {
        let low = match c {
            ']' => break,
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        };
        let high = match chars.next_if_eq(&'-') {
            Some(_) => chars.next().unwrap_or(low),
            None => low,
        };
        ranges.push((low, high));
    }
    Token::Set { negated, ranges }
}

/// Matches the whole path. Each token keeps the set of positions it can end at, so that no pattern is slow.
fn matches(pattern: &[Token], path: &[char]) -> bool {
    let mut at = vec![false; path.len() + 1];
    at[0] = true;
    for token in pattern {
        at = step(token, &at, path);
    }
    at[path.len()]
}

fn step(token: &Token, from: &[bool], path: &[char]) -> Vec<bool> {
    let mut to = vec![false; from.len()];
    let mut open = false;
    for i in 0..from.len() {
        match token {
            Token::Run => {
                open = from[i] || (open && path[i - 1] != '/');
                to[i] = open;
            }
            Token::Deep => {
                open = open || from[i];
                to[i] = open;
            }
            Token::DeepDirectory => {
                to[i] = from[i] || (open && path[i - 1] == '/');
                open = open || from[i];
            }
            one => {
                if i > 0 && from[i - 1] {
                    to[i] = fits(one, path[i - 1]);
                }
            }
        }
    }
    to
}

fn fits(token: &Token, c: char) -> bool {
    match token {
        Token::Literal(literal) => *literal == c,
        Token::Set { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        _ => c != '/',
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    /// Judges a path as the walk does: from the top down.
    fn ignored(rules: &str, path: &str) -> bool {
        let ignore = Ignore::parse(rules);
        let ends = path.match_indices('/').map(|(i, _)| i).chain([path.len()]);
        let mut above = None;
        for end in ends {
            above = Some(ignore.judge(&path[..end], above.as_ref()));
        }
        above.expect("a path has a part").ignored
    }

    #[test]
    fn patterns_match_as_dockers_own_examples_say() {
        for (rules, path, expected) in [
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "temporary.txt", false),
            ("*/temp*", "somedir/temp", true),
            ("*/*/temp*", "somedir/subdir/temporary.txt", true),
            ("*/*/temp*", "somedir/temporary.txt", false),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("temp?", "x/tempa", false),
            ("**/*.go", "a.go", true),
            ("**/*.go", "x/y/a.go", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true),
            ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false),
            ("/foo/bar", "foo/bar", true),
            ("foo/bar/", "foo/bar/baz", true),
            ("# foo", "# foo", false),
            (" # foo", "# foo", true),
            ("node_modules", "x/node_modules", false),
            ("**/node_modules", "x/node_modules/y", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("**", "a/b", true),
            ("**c", "a/b/c", true),
            ("**c", "a/bc", false),
            ("a\n!a/keep", "a/keep", false),
            ("a\n!a/keep", "a/keep/below", false),
            ("a\n!a/keep", "a/other", true),
            ("*\n!src", "src/main.rs", false),
            ("*\n!src", "srcs", true),
            ("[a-c].txt", "b.txt", true),
            ("[^a-c].txt", "b.txt", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a.c", "abc", false),
            ("./x/../y", "y", true),
            (".", "y", false),
            ("\u{feff}y", "y", true),
            ("! keep\n", "keep", false),
        ] {
            assert_eq!(ignored(rules, path), expected, "{rules:?} on {path:?}");
        }
    }

    #[test]
    fn no_pattern_is_slow() {
        let rules = "*a".repeat(400);
        assert!(!ignored(&rules, &"a".repeat(4000).replace("aaaa", "aab")));
    }
}
