//! The one comment of a pull request, app and environment: found, edited, posted anew, never posted twice.
//!
//! GitHub has no compare-and-swap, so the comment is read again before each write, and a run that finds a newer one's
//! words leaves them alone. After a lost answer it looks before it posts again.

use std::time::Duration;

use http::Method;
use runner_core::report::{
    Card, Header,
    comment::{Marker, Move, Run, body, decide},
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{Api, Place, Trouble};

/// Attempts of a write whose answer was lost.
const ATTEMPTS: u32 = 4;
/// The author of what a job's own token writes.
/// <https://docs.github.com/en/actions/concepts/security/github_token>
const ACTIONS_BOT: &str = "/users/github-actions%5Bbot%5D";

/// Who writes: a marker in someone else's comment is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Author {
    id: u64,
    kind: String,
}

impl Author {
    fn of(user: &Json) -> Option<Self> {
        Some(Self { id: user["id"].as_u64()?, kind: user["type"].as_str()?.to_owned() })
    }
}

/// A comment of ours.
#[derive(Debug, Clone)]
struct Ours {
    id: u64,
    url: Option<String>,
    body: String,
    marker: Marker,
}

/// What became of what was to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It stands there; its address.
    There(Option<String>),
    /// There was nothing to say, or nothing to say it on.
    Nothing,
    /// A newer run has spoken.
    Newer,
}

/// The comment on one pull request.
pub struct Thread {
    api: Api,
    place: Place,
    number: Option<u64>,
    header: Header,
    run: Run,
    author: Option<Author>,
    redact: fn(&str) -> String,
}

impl Thread {
    /// The comment of this environment. `redact` takes out of every text what must not leave.
    pub fn new(api: Api, place: Place, run: Run, header: &Header, redact: fn(&str) -> String) -> Self {
        let number = if let Place::PullRequest(number) = place { Some(number) } else { None };
        Self { api, place, number, header: header.clone(), run, author: None, redact }
    }

    /// Says it. `quiet`: not where nothing was said before. Gives up at `until`.
    ///
    /// # Errors
    /// What stood in the way. Whatever it is, it is no reason for a command to fail.
    pub async fn say(&mut self, card: &Card, quiet: bool, until: Instant) -> Result<Said, Trouble> {
        let card = card.cleaned(self.redact);
        match tokio::time::timeout_at(until, self.speak(&card, quiet, until)).await {
            Ok(said) => said,
            Err(_) => Err(Trouble::Unclear("time was up".to_owned())),
        }
    }

    /// What is asked and written how often.
    pub fn pace(&self) -> super::Pace {
        self.api.pace
    }

    async fn speak(&mut self, card: &Card, quiet: bool, until: Instant) -> Result<Said, Trouble> {
        let (mut limit, mut trouble) = (self.api.pace.after_limit, self.api.pace.after_trouble);
        let mut attempts = 0;
        loop {
            let wait = match self.once(card, quiet).await {
                Err(Trouble::Limited(told)) => {
                    let wait = told.unwrap_or(limit);
                    limit *= 2;
                    (wait, Trouble::Limited(told))
                }
                // The next round looks first: what was written after all is found.
                Err(Trouble::Unclear(words)) if attempts + 1 < ATTEMPTS => {
                    attempts += 1;
                    trouble *= 2;
                    (trouble / 2, Trouble::Unclear(words))
                }
                done => return done,
            };
            if Instant::now() + wait.0 >= until {
                return Err(wait.1);
            }
            tokio::time::sleep(wait.0).await;
        }
    }

    async fn once(&mut self, card: &Card, quiet: bool) -> Result<Said, Trouble> {
        let Some(number) = self.number().await? else { return Ok(Said::Nothing) };
        let author = self.author().await?;
        let mut ours = self.find(number, &author).await?.into_iter();
        let earlier = ours.next();
        let marker = Marker::of(&self.header, card, self.run, earlier.as_ref().map(|ours| &ours.marker));
        let text = (self.redact)(&body(card, &marker));
        let sent = json!({ "body": text });
        let said = match (decide(earlier.as_ref().map(|ours| &ours.marker), &marker, quiet), earlier) {
            (Move::Nothing, Some(_)) => return Ok(Said::Newer),
            (Move::Nothing, None) => return Ok(Said::Nothing),
            // A write whose answer was lost.
            (_, Some(ours)) if ours.body == text => Said::There(ours.url),
            (Move::Edit, Some(ours)) => self.edit(&ours, &sent).await?,
            (Move::Anew, Some(ours)) => {
                match self.api.write(Method::DELETE, &self.one(ours.id), None).await {
                    Ok(_) | Err(Trouble::Gone) => self.post(number, &sent).await?,
                    // Not to be deleted: what is said matters more than that it notifies.
                    Err(Trouble::Refused(_)) => self.edit(&ours, &sent).await?,
                    Err(trouble) => return Err(trouble),
                }
            }
            (_, _) => self.post(number, &sent).await?,
        };
        // Two runs that looked at the same time have both posted: the oldest stays.
        for other in ours {
            let _ = self.api.write(Method::DELETE, &self.one(other.id), None).await;
        }
        Ok(said)
    }

    async fn post(&self, number: u64, text: &Json) -> Result<Said, Trouble> {
        let path = self.api.path(&format!("issues/{number}/comments"));
        self.api.write(Method::POST, &path, Some(text)).await.map(|answer| Said::There(url(&answer)))
    }

    async fn edit(&self, ours: &Ours, text: &Json) -> Result<Said, Trouble> {
        match self.api.write(Method::PATCH, &self.one(ours.id), Some(text)).await {
            Ok(answer) => Ok(Said::There(url(&answer).or_else(|| ours.url.clone()))),
            // Deleted since we looked: the next round finds none and posts.
            Err(Trouble::Gone) => Err(Trouble::Unclear("the comment was deleted while it was edited".to_owned())),
            Err(trouble) => Err(trouble),
        }
    }

    fn one(&self, id: u64) -> String {
        self.api.path(&format!("issues/comments/{id}"))
    }

    /// Our comments about this environment, oldest first.
    async fn find(&self, number: u64, author: &Author) -> Result<Vec<Ours>, Trouble> {
        let comments = self.api.list(&self.api.path(&format!("issues/{number}/comments"))).await?;
        let mut ours: Vec<Ours> = comments
            .iter()
            .filter(|comment| Author::of(&comment["user"]).as_ref() == Some(author))
            .filter_map(|comment| {
                let body = comment["body"].as_str()?.to_owned();
                let marker = Marker::read(&body).filter(|marker| marker.is_of(&self.header))?;
                Some(Ours { id: comment["id"].as_u64()?, url: url(comment), body, marker })
            })
            .collect();
        ours.sort_by_key(|ours| ours.id);
        Ok(ours)
    }

    /// The pull request, asked for where the event did not say it.
    async fn number(&mut self) -> Result<Option<u64>, Trouble> {
        let (sha, merged) = match (&self.number, &self.place) {
            (Some(number), _) => return Ok(Some(*number)),
            (None, Place::MergedBy(sha)) => (sha.clone(), true),
            (None, Place::HeadOf(sha)) => (sha.clone(), false),
            (None, _) => return Ok(None),
        };
        // <https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit>
        let pulls = match self.api.list(&self.api.path(&format!("commits/{sha}/pulls"))).await {
            Ok(pulls) => pulls,
            Err(Trouble::Gone) => Vec::new(),
            Err(trouble) => return Err(trouble),
        };
        let fits = |pull: &&Json| match merged {
            true => pull["merged_at"].is_string(),
            false => pull["state"] == "open" && pull["head"]["sha"] == sha.as_str(),
        };
        let exact = pulls.iter().filter(fits).find(|pull| pull["merge_commit_sha"] == sha.as_str());
        let found = exact.or_else(|| pulls.iter().find(fits)).and_then(|pull| pull["number"].as_u64());
        self.number = found;
        if found.is_none() {
            self.place = Place::Nowhere;
        }
        Ok(found)
    }

    /// Who we are. A person's token may ask; an app's may not, and GraphQL tells; the job's own is known.
    async fn author(&mut self) -> Result<Author, Trouble> {
        if let Some(author) = &self.author {
            return Ok(author.clone());
        }
        let author = match self.api.get("/user").await {
            Ok(user) => Author::of(&user),
            Err(Trouble::Refused(_) | Trouble::Gone) => match self.viewer().await {
                Some(author) => Some(author),
                None => Author::of(&self.api.get(ACTIONS_BOT).await?),
            },
            Err(trouble) => return Err(trouble),
        };
        let author = author.ok_or_else(|| Trouble::Refused("GitHub does not say whose the token is".to_owned()))?;
        self.author = Some(author.clone());
        Ok(author)
    }

    async fn viewer(&self) -> Option<Author> {
        let answer = self.api.query("query { viewer { login databaseId } }").await.ok()?;
        let viewer = &answer["data"]["viewer"];
        let kind = if viewer["login"].as_str()?.ends_with("[bot]") { "Bot" } else { "User" };
        Some(Author { id: viewer["databaseId"].as_u64()?, kind: kind.to_owned() })
    }
}

fn url(comment: &Json) -> Option<String> {
    comment["html_url"].as_str().map(str::to_owned)
}

/// How long a final word may take: a secondary limit of GitHub's lasts a minute.
pub const PATIENCE: Duration = Duration::from_secs(100);
