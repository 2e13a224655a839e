//! A GitHub that has releases: answers by path as it is told, and keeps what it was asked. Blocking, on threads, since
//! what asks it is a script.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

/// What is answered to a path.
#[derive(Clone)]
pub enum Reply {
    /// All of it.
    Bytes(Arc<Vec<u8>>),
    /// The length of all of it, and then half.
    Half(Arc<Vec<u8>>),
    /// 302 to there.
    Redirect(String),
    /// This status and no more.
    Status(u16),
    /// Nothing, for ever.
    Silence,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// What it brought to prove itself.
    pub authorization: Option<String>,
}

/// A listening server; its thread lives as long as the process.
pub struct Releases {
    /// `http://127.0.0.1:port`.
    pub url: String,
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    arrivals: Receiver<()>,
}

impl Releases {
    /// Listens on this address of the machine.
    pub fn at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (replies, asked) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(Mutex::new(Vec::new())));
        let (arrived, arrivals) = channel();
        let (answers, seen) = (replies.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, seen, arrived) = (answers.clone(), seen.clone(), arrived.clone());
                // A client that goes away is no error of ours.
                std::thread::spawn(move || serve(stream.unwrap(), &answers, &seen, &arrived).unwrap_or_default());
            }
        });
        Self { url, replies, asked, arrivals }
    }

    /// Listens.
    pub fn start() -> Self {
        Self::at("127.0.0.1")
    }

    /// Answers a path, from now on.
    pub fn on(&self, path: impl Into<String>, reply: Reply) -> &Self {
        self.replies.lock().unwrap().insert(path.into(), reply);
        self
    }

    /// What was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths that were asked for, in order.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// Waits for the next request.
    pub fn next(&self) {
        self.arrivals.recv().unwrap();
    }
}

fn serve(
    mut stream: TcpStream,
    replies: &Mutex<BTreeMap<String, Reply>>,
    asked: &Mutex<Vec<Asked>>,
    arrived: &Sender<()>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    for line in lines.by_ref() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    let reply = replies.lock().unwrap().get(&path).cloned().unwrap_or(Reply::Status(404));
    asked.lock().unwrap().push(Asked { path, authorization });
    // A test that waits for no request has no receiver to fill.
    let _ = arrived.send(());
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} It\r\nConnection: close\r\n{more}\r\n");
    let length = |bytes: &[u8]| format!("Content-Length: {}\r\n", bytes.len());
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(head(200, &length(&bytes)).as_bytes())?;
            stream.write_all(&bytes)
        }
        Reply::Half(bytes) => {
            stream.write_all(head(200, &length(&bytes)).as_bytes())?;
            stream.write_all(&bytes[..bytes.len() / 2])
        }
        Reply::Redirect(to) => {
            stream.write_all(head(302, &format!("Location: {to}\r\nContent-Length: 0\r\n")).as_bytes())
        }
        Reply::Status(status) => stream.write_all(head(status, "Content-Length: 0\r\n").as_bytes()),
        // Until the other side goes.
        Reply::Silence => stream.read_to_end(&mut Vec::new()).map(drop),
    }
}
