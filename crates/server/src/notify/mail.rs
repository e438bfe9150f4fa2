//! By mail.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use camino::Utf8PathBuf;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::{
        Mailbox, Mailboxes,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls as SmtpTls, TlsParameters},
        extension::ClientId,
    },
};

use super::message::Message;
use crate::{
    config::{MailConfig, Tls, notify::server_of},
    start::secrets::read_secret,
    words::host,
};

/// Longest wait for the mail server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Mail through one server.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    to: Mailboxes,
    from: Mailbox,
    host: String,
    port: u16,
    tls: Tls,
    user: Option<String>,
    password_file: Option<Utf8PathBuf>,
    ca_file: Option<Utf8PathBuf>,
}

impl Mail {
    /// None: mail is not set up.
    ///
    /// # Errors
    /// An address cannot be one.
    pub(super) fn new(config: &MailConfig) -> Result<Option<Self>> {
        let Some((host, port)) = config.server.as_deref().and_then(server_of).filter(|_| !config.to.is_empty()) else {
            return Ok(None);
        };
        let mut to = Mailboxes::new();
        for address in &config.to {
            to.push(address.parse().with_context(|| format!("`notify.mail.to`: {address:?} is no mail address"))?);
        }
        let from = config.from.parse();
        Ok(Some(Self {
            to,
            from: from.with_context(|| format!("`notify.mail.from`: {:?} is no mail address", config.from))?,
            host: host.to_owned(),
            port,
            tls: config.tls,
            user: config.user.clone(),
            password_file: config.password_file.clone(),
            ca_file: config.ca_file.clone(),
        }))
    }

    /// Sends a message; the same id twice is the same message to whoever gets it.
    ///
    /// # Errors
    /// The mail server is not reached, or does not take it.
    pub(super) async fn send(&self, message: &Message, id: &str) -> Result<()> {
        let auto = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let mail = lettre::Message::builder()
            .mailbox(lettre::message::header::To::from(self.to.clone()))
            .from(self.from.clone())
            .subject(message.subject.clone())
            .message_id(Some(format!("<{id}@{}>", message.host)))
            .date_now()
            .raw_header(auto)
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .context("the message cannot be written as a mail")?;
        let transport = self.transport()?;
        // Its text has its causes in it.
        let failed = |error: lettre::transport::smtp::Error| {
            anyhow!("the mail server {}:{} (`notify.mail.server`) did not take it: {error}", self.host, self.port)
        };
        transport.send(mail).await.map(drop).map_err(failed)
    }

    /// A connection of its own for each message: there are few, and a password that was changed counts at once.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let tls = match self.tls {
            Tls::None => SmtpTls::None,
            Tls::Starttls => SmtpTls::Required(self.parameters()?),
            Tls::Tls => SmtpTls::Wrapper(self.parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .hello_name(ClientId::Domain(host()))
            .timeout(Some(TIMEOUT))
            .tls(tls);
        if let (Some(user), Some(file)) = (&self.user, &self.password_file) {
            let password = read_secret(file).context("cannot use `notify.mail.password-file`")?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(builder.build())
    }

    fn parameters(&self) -> Result<TlsParameters> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).with_context(|| format!("cannot read `notify.mail.ca-file` {path}"))?;
            let certificate =
                Certificate::from_pem(&pem).with_context(|| format!("{path} holds no PEM certificate"))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().context("cannot set up TLS for the mail server; install `ca-certificates`")
    }
}
