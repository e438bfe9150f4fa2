//! A server whose store is full: what checks and moves begin with.

use anyhow::Result;

use crate::{
    catalogue,
    nginx::Nginx,
    process::{Bench, timed},
    server::Server,
};

/// Counts and sizes of files, each a package of its own.
pub(crate) type Sizes = &'static [(usize, usize)];

/// Starts a server in a fresh folder and stages a package for each file.
pub(crate) fn server(bench: &Bench, sizes: Sizes) -> Result<Server> {
    Ok(server_and_vendor(bench, sizes)?.0)
}

/// The same with the vendor that it stages from.
pub(crate) fn server_and_vendor(bench: &Bench, sizes: Sizes) -> Result<(Server, Nginx)> {
    let source = bench.fresh("source")?;
    let payloads = catalogue::payloads(&source, sizes)?;
    let vendor = Nginx::serve(&source, &bench.work)?;
    let catalogue = bench.work.join("catalogue.xml");
    catalogue::write(&catalogue, &vendor.url(), &payloads, 10)?;
    let server = Server::start(bench, &bench.fresh("data")?)?;
    timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "bench"]))?;
    timed(&mut server.command(&["feed", "import", "bench"]))?;
    timed(&mut server.command(&["bulletin", "stage", "--all"]))?;
    Ok((server, vendor))
}

/// How many packages that makes.
pub(crate) fn count(sizes: Sizes) -> usize {
    sizes.iter().map(|(count, _)| count).sum()
}
