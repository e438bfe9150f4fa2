//! `patchwharf serve`.

use crate::{
    api,
    config::{Config, Options},
    start,
};

/// Run the server until it is told to stop (SIGTERM, Ctrl-C).
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = Config::load(&self.options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(start::serve(config, api::router, |app, address| {
            eprintln!("patchwharf: serving http://{address} from {}", app.config.data);
        }))
    }
}
