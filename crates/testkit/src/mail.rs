//! A mail server on loopback that takes what it is sent (RFC 5321), with or without STARTTLS and a login.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::listener::Listener;

/// A mail that was taken.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// Who sent it, as the envelope says.
    pub from: String,
    /// Who gets it, as the envelope says.
    pub to: Vec<String>,
    /// Headers and body as they came.
    pub text: String,
    /// User and password that the client signed in with.
    pub login: Option<(String, String)>,
    /// Whether it came over TLS.
    pub over_tls: bool,
}

impl Mail {
    /// A header's value; folded lines are joined.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let line =
            head.split("\r\n").find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))?;
        Some(line[name.len() + 1..].trim().to_owned())
    }

    /// The body as people read it.
    #[must_use]
    pub fn body(&self) -> String {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body).replace("\r\n", "\n");
        match self.header("content-transfer-encoding").as_deref() {
            Some("quoted-printable") => unquoted(&body.replace("=\n", "")),
            _ => body,
        }
    }
}

/// How the server treats mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes it.
    Takes,
    /// Has no time now (451).
    Busy,
    /// Closes every connection at once.
    Down,
}

/// A running mail server. Stops when dropped.
#[derive(Debug)]
pub struct MailServer {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tls: Option<Arc<ServerConfig>>,
    manner: Mutex<Manner>,
    mails: Mutex<Vec<Mail>>,
}

impl MailServer {
    /// Starts a server without TLS.
    #[must_use]
    pub fn start() -> Self {
        Self::with(None)
    }

    /// Starts a server with STARTTLS, which it wants before anything else.
    #[must_use]
    pub fn start_tls(certificate: &Path, key: &Path) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let chain =
            CertificateDer::pem_file_iter(certificate).expect("a certificate").map(|c| c.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("they fit");
        Self::with(Some(Arc::new(config)))
    }

    fn with(tls: Option<Arc<ServerConfig>>) -> Self {
        let (manner, mails) = (Mutex::new(Manner::Takes), Mutex::default());
        let shared = Arc::new(Shared { tls, manner, mails });
        let own = Arc::clone(&shared);
        Self { listener: Listener::start(move |stream| own.converse(stream)), shared }
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Treats mail like this from now on.
    pub fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// What was taken, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap().clone()
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Shared {
    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    fn converse(&self, stream: TcpStream) {
        if self.manner() == Manner::Down {
            return;
        }
        let mut stream: Box<dyn Stream> = Box::new(stream);
        let mut mail = Mail::default();
        if write!(stream, "220 mail.example ESMTP\r\n").is_err() {
            return;
        }
        let mut line = Vec::new();
        while read_line(&mut stream, &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let (verb, rest) = text.split_once(' ').unwrap_or((text.as_str(), ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => match self.tls.is_some() && !mail.over_tls {
                    true => "250-mail.example\r\n250 STARTTLS\r\n".to_owned(),
                    false => "250-mail.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                },
                "STARTTLS" => {
                    let Some(config) = self.tls.clone() else { return };
                    if write!(stream, "220 go on\r\n").is_err() {
                        return;
                    }
                    let connection = ServerConnection::new(config).expect("a connection");
                    stream = Box::new(StreamOwned::new(connection, stream));
                    mail.over_tls = true;
                    continue;
                }
                "AUTH" => match login(rest) {
                    Some(login) => {
                        mail.login = Some(login);
                        "235 welcome\r\n".to_owned()
                    }
                    None => "504 only PLAIN\r\n".to_owned(),
                },
                "MAIL" if self.manner() == Manner::Busy => "451 no time now\r\n".to_owned(),
                "MAIL" => {
                    mail.from = address(rest);
                    "250 ok\r\n".to_owned()
                }
                "RCPT" => {
                    mail.to.push(address(rest));
                    "250 ok\r\n".to_owned()
                }
                "DATA" => {
                    if write!(stream, "354 go on\r\n").is_err() {
                        return;
                    }
                    mail.text = data(&mut stream);
                    let kept = Mail { login: mail.login.clone(), over_tls: mail.over_tls, ..Mail::default() };
                    self.mails.lock().unwrap().push(std::mem::replace(&mut mail, kept));
                    "250 taken\r\n".to_owned()
                }
                "QUIT" => {
                    let _ = write!(stream, "221 bye\r\n");
                    return;
                }
                _ => "250 ok\r\n".to_owned(),
            };
            if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
    }
}

fn read_line(stream: &mut dyn Read, line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            return true;
        }
    }
    false
}

/// Up to a line that is a full stop; doubled ones at the beginning of a line are one (RFC 5321 section 4.5.2).
fn data(stream: &mut dyn Read) -> String {
    let mut text = String::new();
    for line in BufReader::with_capacity(1, stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.trim_end() == "." {
            break;
        }
        text.push_str(line.strip_prefix('.').filter(|_| line.starts_with("..")).unwrap_or(&line));
        text.push('\n');
    }
    text
}

/// Takes `=41` for `A` (RFC 2045 section 6.7).
fn unquoted(text: &str) -> String {
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two hexadecimal digits"));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// `FROM:<a@b> SIZE=1` is `a@b`.
fn address(rest: &str) -> String {
    rest.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_owned()
}

/// `PLAIN base64(NUL user NUL password)` (RFC 4616).
fn login(rest: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(rest.strip_prefix("PLAIN ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.split('\0').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}
