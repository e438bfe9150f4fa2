//! The main job on one machine, from nothing, on embedded parts.

mod damage;
mod sample_vendor;
mod show;
mod sources;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use clap::Args;
use patchwharf_model::{
    api::{
        AptSource, BulletinChoice, BulletinDetail, BulletinQuery, BulletinSummary, Feed, FeedCreate, FeedImport,
        FeedPatch, FeedRules, FeedSource, Job, JobDetail, Page, SdpSource,
    },
    job::JobState,
};
use tokio::sync::oneshot;

use crate::{
    api,
    cli::{Client, Found, Global, output, read_keyring, segment, wait_for},
    config::{Config, Options},
    start,
};
use sources::Archive;

/// How many bulletins are staged, and how large each may be.
const BULLETINS: usize = 5;
const MOST_BYTES: u64 = 6 * 1024 * 1024;

/// Show everything on this machine: import a feed, stage a few bulletins, verify them, serve them.
///
/// On Debian and Ubuntu the machine's own security archive is used; elsewhere, or when it cannot be reached, a small
/// sample vendor that is built in.
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// End after the summary instead of staying up as a server.
    #[arg(long)]
    exit: bool,
    /// Then show the main point: damage three staged files, find them, mend them.
    #[arg(long)]
    damage: bool,
    /// Use the built-in sample vendor even where an archive is within reach.
    #[arg(long)]
    sample: bool,
    /// Address and port of the server [default: 127.0.0.1:8480, or a free port when that is taken].
    #[arg(long)]
    listen: Option<SocketAddr>,
}

impl Quickstart {
    pub(crate) async fn run(self, global: &Global) -> Result<Found> {
        let listen = self.listen.unwrap_or_else(free_address);
        let options = Options { data: global.data.clone(), listen: Some(listen), ..Options::default() };
        let mut config = Config::load(&options)?;
        // What the server does is told here in plain words; its log, which the console shows, has every detail.
        config.log.stderr_filter = Some("error".to_owned());
        show::say(&format!("data folder   {}", config.data))?;

        let (ready, url) = oneshot::channel();
        let server = start::serve(config, api::router, |app, url, first| {
            let _ = ready.send((url.to_owned(), app.admin_token.reveal(), first));
        });
        tokio::pin!(server);
        let (url, token, first) = tokio::select! {
            ended = &mut server => return ended.map(|()| Found::Nothing),
            ready = url => ready.context("the server did not come up")?,
        };
        show::say(&format!("server        {url}"))?;
        show::trust(&url, &global.data)?;
        let client = Client::with_token(from_here(&url, listen)?, token, global)?;
        let shown = tokio::select! {
            ended = &mut server => return ended.map(|()| Found::Nothing),
            shown = self.demonstrate(&client, vendor_after(&url)) => shown?,
        };
        if !self.exit {
            show::next_steps(&client, &url, first)?;
            server.await?;
        }
        Ok(shown)
    }

    async fn demonstrate(&self, client: &Client, vendor: SocketAddr) -> Result<Found> {
        let feed = self.import(client, vendor).await?;
        let chosen = choose(client, &feed).await?;
        anyhow::ensure!(!chosen.is_empty(), "the catalogue of {} has no bulletin that could be staged", feed.name);

        let mut rows = Vec::new();
        let mut found = Found::Nothing;
        for bulletin in &chosen {
            let job = stage(client, bulletin).await?;
            if job.job.state != JobState::Done {
                show::failures(&job)?;
                found = Found::Problems;
            }
            rows.push((bulletin.summary.name.clone(), show::seconds(&job)));
        }
        let names: Vec<String> = chosen.iter().map(|bulletin| reference(&feed, bulletin)).collect();
        let verified = verify(client, &names).await?;
        show::say(&format!("verify        {}", show::summary(&verified)))?;
        show::table(client, &feed, &rows).await?;
        if self.damage && found == Found::Nothing {
            found = damage::demonstrate(client, &chosen, &names).await?;
        }
        Ok(found)
    }

    /// The machine's own archive, else the sample vendor; says which, and why.
    async fn import(&self, client: &Client, vendor: SocketAddr) -> Result<Feed> {
        if self.sample {
            show::say("source        the built-in sample vendor, as asked (--sample)")?;
        } else {
            match sources::security_archive(Utf8Path::new("/")) {
                None => show::say(
                    "source        no security archive with a keyring in the apt sources here: the built-in sample vendor",
                )?,
                Some(archive) => {
                    show::say(&format!(
                        "source        {} {} {}, proved by {}",
                        archive.url, archive.suite, archive.component, archive.keyring
                    ))?;
                    let feed = add(client, archive.suite.clone(), apt(&archive)?).await?;
                    match import(client, &feed).await {
                        Ok(()) => return Ok(feed),
                        Err(error) => show::say(&format!(
                            "              it cannot be used now: {error:#}\n              so the built-in sample vendor takes its place"
                        ))?,
                    }
                }
            }
        }
        let vendor = sample_vendor::serve(vendor).await?;
        let url = format!("http://{vendor}/{}", sample_vendor::CATALOGUE);
        // Payloads lie beside the catalogue; a mirror is a host that the administrator named.
        let source = SdpSource { url, mirrors: vec![format!("http://{vendor}")] };
        let feed = add(client, "sample-vendor".to_owned(), FeedSource::Sdp(source)).await?;
        import(client, &feed).await?;
        Ok(feed)
    }
}

/// The server's URL as this machine reaches it: one that listens at every address is told to people by the host's name,
/// which need not be known here.
fn from_here(url: &str, listen: SocketAddr) -> Result<String> {
    let mut here = url::Url::parse(url).with_context(|| format!("{url} is not a URL"))?;
    if listen.ip().is_unspecified() {
        here.set_host(Some("127.0.0.1"))?;
    }
    Ok(here.as_str().trim_end_matches('/').to_owned())
}

/// Where the sample vendor may listen: beside the server.
fn vendor_after(url: &str) -> SocketAddr {
    let port = url::Url::parse(url).ok().and_then(|url| url.port()).unwrap_or(0);
    SocketAddr::from((Ipv4Addr::LOCALHOST, port.saturating_add(1)))
}

/// The usual port, or any that is free.
fn free_address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 8480));
    match std::net::TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

fn apt(archive: &Archive) -> Result<FeedSource> {
    Ok(FeedSource::Apt(AptSource {
        url: archive.url.clone(),
        suite: archive.suite.clone(),
        components: vec![archive.component.clone()],
        architectures: vec![sources::architecture().to_owned()],
        keyring: read_keyring(&archive.keyring)?,
        keys: Vec::new(),
        advisories: None,
        mirrors: Vec::new(),
    }))
}

/// Adds a feed, or takes the one of an earlier run.
async fn add(client: &Client, name: String, source: FeedSource) -> Result<Feed> {
    let feeds: Page<Feed> = client.get("/feeds").await?;
    if let Some(feed) = feeds.items.into_iter().find(|feed| feed.name == name) {
        let patch = FeedPatch { source: Some(source), ..FeedPatch::default() };
        return client.patch(&format!("/feeds/{}", feed.id), &patch).await;
    }
    let feed = FeedCreate {
        name,
        source,
        rules: FeedRules::default(),
        auto_stage: None,
        accept_sha1: false,
        ca: None,
        schedule_minutes: None,
    };
    client.post("/feeds", &feed).await
}

async fn import(client: &Client, feed: &Feed) -> Result<()> {
    let job: Job = client.post(&format!("/feeds/{}/import", feed.id), &FeedImport::default()).await?;
    let detail = wait_for(client, job.id).await?;
    if detail.job.state != JobState::Done {
        anyhow::bail!("{}", show::summary(&detail));
    }
    show::say(&format!("import        {}", show::summary(&detail)))
}

/// A few bulletins that are quickly fetched: the smallest first page's fitting ones, those with most packages first.
async fn choose(client: &Client, feed: &Feed) -> Result<Vec<BulletinDetail>> {
    let query = BulletinQuery { feed: Some(feed.id), limit: Some(120), ..BulletinQuery::default() };
    let page: Page<BulletinSummary> = client.find("/bulletins", &query).await?;
    let mut chosen = Vec::new();
    let live = page.items.into_iter().filter(|b| b.updates > 0 && b.superseded_by.is_none() && !b.withdrawn);
    for summary in live {
        let detail: BulletinDetail = client.get(&format!("/bulletins/{}", summary.id)).await?;
        let bytes: u64 = detail.software_updates.iter().map(|update| update.size_bytes).sum();
        if bytes <= MOST_BYTES {
            chosen.push(detail);
        }
        if chosen.len() == BULLETINS {
            break;
        }
    }
    Ok(chosen)
}

/// A name that is unique over all feeds.
fn reference(feed: &Feed, bulletin: &BulletinDetail) -> String {
    format!("{}/{}", feed.name, bulletin.summary.name)
}

async fn stage(client: &Client, bulletin: &BulletinDetail) -> Result<JobDetail> {
    let choice = BulletinChoice { bulletins: vec![bulletin.summary.id.to_string()], filter: None, confirm: None };
    let job: Job = client.post("/bulletins/stage", &choice).await?;
    let detail = wait_for(client, job.id).await?;
    show::say(&format!("stage         {}: {}", output::harmless(&bulletin.summary.name), show::summary(&detail)))?;
    Ok(detail)
}

async fn verify(client: &Client, bulletins: &[String]) -> Result<JobDetail> {
    let choice = patchwharf_model::api::PackageChoice { bulletins: bulletins.to_vec(), ..Default::default() };
    let job: Job = client.post("/packages/verify", &choice).await?;
    wait_for(client, job.id).await
}

async fn bulletin(client: &Client, feed: &Feed, name: &str) -> Result<BulletinDetail> {
    client.get(&format!("/bulletins/{}", segment(&format!("{}/{name}", feed.name)))).await
}
