//! A vendor's download host on loopback that lies by script.
//!
//! It speaks HTTP/1.1 with hand-written bytes: half of what it must do (control characters in headers, a body that ends
//! too early, a chunked body without an end) is what a proper HTTP library refuses to send.

mod act;
mod answer;
mod lie;
mod listen;
mod request;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use tokio::sync::watch;

pub use act::{Act, Lie, Publication};
pub use request::Request;

/// How the host as a whole behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers by script.
    Up,
    /// The port is closed and every open connection is reset.
    Refusing,
    /// Accepts and resets at once.
    Resetting,
    /// Accepts, reads, never answers.
    Silent,
    /// Answers everything with this status.
    Failing(u16),
}

/// A running host. Stops when dropped.
#[derive(Debug)]
pub struct Vendor {
    address: SocketAddr,
    state: Arc<State>,
    mood: watch::Sender<Mood>,
    stop: Option<watch::Sender<bool>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    paths: Mutex<HashMap<String, VecDeque<Act>>>,
    folder: Mutex<Option<PathBuf>>,
    requests: Mutex<Vec<Request>>,
    sent: Mutex<HashMap<String, u64>>,
    released: watch::Sender<u64>,
    held: Mutex<Held>,
}

/// Answers that stand still until they are released.
#[derive(Debug, Default)]
struct Held {
    now: usize,
    most: usize,
}

impl Vendor {
    /// Starts a host on 127.0.0.1 at a free port.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on("127.0.0.1:0")
    }

    /// Starts a host at an address of the loopback network, for example `127.0.0.2:0` or `[::1]:0`.
    #[must_use]
    pub fn start_on(address: &str) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let (mood, moods) = watch::channel(Mood::Up);
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn({
            let state = Arc::clone(&state);
            move || listen::run(listener, address, &state, moods, stopped)
        });
        Self { address, state, mood, stop: Some(stop), thread: Some(thread) }
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The absolute URL of a path (which begins with a slash).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Publishes a file honestly: length, strong ETag, Last-Modified, Range and If-Range.
    pub fn publish(&self, path: &str, content: impl Into<Publication>) {
        self.script(path, [Act::Serve(content.into())]);
    }

    /// Answers at this path from now on with these acts, one per request; the last one stays.
    pub fn script(&self, path: &str, acts: impl IntoIterator<Item = Act>) {
        let acts: VecDeque<Act> = acts.into_iter().collect();
        assert!(!acts.is_empty(), "a script has at least one act");
        self.state.paths.lock().unwrap().insert(path.to_owned(), acts);
    }

    /// Publishes a file that is lied about at every request.
    pub fn lie(&self, path: &str, content: impl Into<Publication>, lie: Lie) {
        self.script(path, [Act::Lie(content.into(), lie)]);
    }

    /// `hops` redirects from `from` that end at `to` (a path of this host).
    pub fn redirect_chain(&self, from: &str, hops: usize, to: &str) {
        for hop in 0..hops {
            let here = if hop == 0 { from.to_owned() } else { format!("{from}.hop{hop}") };
            let next = if hop + 1 == hops { to.to_owned() } else { format!("{from}.hop{}", hop + 1) };
            self.script(&here, [Act::redirect(&self.url(&next))]);
        }
    }

    /// Serves every file below a folder of the disk, where no script says otherwise.
    pub fn serve_folder(&self, folder: impl Into<PathBuf>) {
        *self.state.folder.lock().unwrap() = Some(folder.into());
    }

    /// Takes a path away: 404 from now on.
    pub fn unpublish(&self, path: &str) {
        self.state.paths.lock().unwrap().remove(path);
    }

    /// Changes how the whole host behaves; returns when it is so.
    pub fn set_mood(&self, mood: Mood) {
        let _ = self.mood.send(mood);
        // A refused connection is what tells that the port is closed, an accepted one that it is open again.
        crate::eventually("the vendor changes its mood", std::time::Duration::from_secs(10), || {
            let open = std::net::TcpStream::connect(self.address).is_ok();
            (open != (mood == Mood::Refusing)).then_some(())
        });
    }

    /// The vendor goes down: connections are refused.
    pub fn go_down(&self) {
        self.set_mood(Mood::Refusing);
    }

    /// The vendor is there again.
    pub fn come_up(&self) {
        self.set_mood(Mood::Up);
    }

    /// Lets every stalled body ([`Lie::StallAt`]) go on, and ends every silence.
    pub fn release(&self) {
        self.state.released.send_modify(|n| *n += 1);
    }

    /// How many bodies stand still ([`Lie::StallAt`]) at this moment: so many downloads are under way.
    #[must_use]
    pub fn held(&self) -> usize {
        self.state.held.lock().unwrap().now
    }

    /// How many of them stood still at once, at most.
    #[must_use]
    pub fn most_held(&self) -> usize {
        self.state.held.lock().unwrap().most
    }

    /// All requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The requests for one path.
    #[must_use]
    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|r| r.path == path).collect()
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.requests_for(path).len()
    }

    /// How many bytes of bodies were sent for a path.
    #[must_use]
    pub fn bytes_sent(&self, path: &str) -> u64 {
        self.state.sent.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    /// Forgets the requests and byte counts so far.
    pub fn forget(&self) {
        self.state.requests.lock().unwrap().clear();
        self.state.sent.lock().unwrap().clear();
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    /// What to do at the next request for a path: the script's next act, else a file of the folder.
    fn next_act(&self, path: &str) -> Option<Act> {
        if let Some(acts) = self.paths.lock().unwrap().get_mut(path) {
            return if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() };
        }
        let folder = self.folder.lock().unwrap().clone()?;
        let inside = path.trim_start_matches('/');
        if inside.split('/').any(|part| part == "..") {
            return None;
        }
        let bytes = std::fs::read(folder.join(inside)).ok()?;
        Some(Act::Serve(Publication::new(bytes)))
    }

    /// Waits until everything is released, and is counted meanwhile. Who waits for its last byte is counted no more before
    /// it gets it.
    async fn hold(&self, mut released: watch::Receiver<u64>) {
        let _turn = Turn::of(&self.held);
        let _ = released.changed().await;
    }

    fn note_sent(&self, path: &str, bytes: u64) {
        *self.sent.lock().unwrap().entry(path.to_owned()).or_default() += bytes;
    }
}

/// One of those that are held; given back also when its connection is cut.
struct Turn<'a>(&'a Mutex<Held>);

impl<'a> Turn<'a> {
    fn of(held: &'a Mutex<Held>) -> Self {
        let mut all = held.lock().unwrap();
        all.now += 1;
        all.most = all.most.max(all.now);
        Self(held)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().now -= 1;
    }
}

#[cfg(test)]
mod tests;
