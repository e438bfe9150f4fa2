//! The host's thread: accepts, answers, and closes the port when the vendor is down.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{Act, Mood, Request, State, answer};

pub(super) fn run(
    listener: std::net::TcpListener,
    address: SocketAddr,
    state: &Arc<State>,
    moods: watch::Receiver<Mood>,
    stopped: watch::Receiver<bool>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(host(listener, address, state, moods, stopped));
}

async fn host(
    listener: std::net::TcpListener,
    address: SocketAddr,
    state: &Arc<State>,
    mut moods: watch::Receiver<Mood>,
    mut stopped: watch::Receiver<bool>,
) {
    listener.set_nonblocking(true).expect("a listener that does not block");
    let mut listener = Some(TcpListener::from_std(listener).expect("a listener"));
    let mut connections = JoinSet::new();
    loop {
        let mood = *moods.borrow_and_update();
        if mood == Mood::Refusing {
            listener = None;
            // Dropped tasks drop their sockets, which are set to reset.
            connections.abort_all();
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
        }
        tokio::select! {
            _ = stopped.changed() => return,
            _ = moods.changed() => {}
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = accept(listener.as_ref()) => {
                connections.spawn(converse(stream, Arc::clone(state), moods.clone()));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One connection: any number of requests, until an answer ends it.
async fn converse(stream: TcpStream, state: Arc<State>, moods: watch::Receiver<Mood>) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_zero_linger();
    let mut stream = BufReader::new(stream);
    if *moods.borrow() == Mood::Resetting {
        return;
    }
    while let Some(request) = Request::read(&mut stream).await {
        state.requests.lock().unwrap().push(request.clone());
        let mood = *moods.borrow();
        let act = match mood {
            Mood::Up => state.next_act(&request.path).unwrap_or_else(|| Act::status(404)),
            Mood::Failing(code) => Act::status(code),
            Mood::Silent => Act::Silence,
            Mood::Refusing | Mood::Resetting => Act::Reset,
        };
        match answer::answer(stream.get_mut(), &request, act, &state).await {
            Ok(answer::After::KeepAlive) if request.header("connection") != Some("close") => {}
            Ok(answer::After::Reset) | Err(_) => return,
            Ok(_) => break,
        }
    }
    answer::close(stream.into_inner()).await;
}
