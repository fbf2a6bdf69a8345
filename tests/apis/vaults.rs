//! A whole agent whose secrets are kept elsewhere: in a key-value store of version 2, and in credentials of systemd. Each
//! system gets its own secret, and what is put there later counts from then on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use assent_tests::systems::{EVENT, Served};
use serde_json::json;

use super::kv2::{Asked, Bao};
use super::play::Play;
use super::site::{ACME, Kind, SECRET, Site, bodies};

/// What opens the store.
const TOKEN: &str = "s.a-token-of-the-agent";

/// Events after which each system was surely asked.
const EVENTS: usize = 6;

/// What is put into a slot at a time.
fn secret(slot: &str, time: &str) -> String {
    if slot.ends_with("/webhook") { SECRET.to_owned() } else { format!("{}-{time}", slot.replace('/', "-of-")) }
}

/// Runs some events of each workflow to their end, so that each system is asked; every one that was asked was shown its own secret of that time.
fn all_are_shown(play: &mut Play, time: &str) {
    play.served.take_authorised();
    play.events(EVENTS, |_| {});
    play.end(|_| true);
    let shown = play.served.take_authorised();
    let secrets = ACME.slots.iter().filter(|slot| !slot.ends_with("/webhook")).map(|slot| secret(slot, time));
    let missed: Vec<String> = secrets.filter(|one| !shown.iter().any(|value| value.contains(one))).collect();
    assert_eq!(missed, Vec::<String>::new(), "{shown:?}");
    assert_eq!(shown.len(), ACME.slots.len() - 1, "and nothing else: {shown:?}");
}

/// Says in `agent.toml` where secrets are.
fn configure(site: &Site, vault: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(site.agent.config()).expect("a configuration");
    write!(file, "\n[vault]\n{vault}").expect("a file");
}

fn served() -> Served {
    Served::open(&ACME.client.parse().expect("an id"), Ipv4Addr::LOCALHOST)
}

/// Serves a store on loopback, as the proxy of a vault does.
fn serve(bao: &Arc<Mutex<Bao>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, bao) = (listener.local_addr().expect("an address"), Arc::clone(bao));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let bao = Arc::clone(&bao);
            std::thread::spawn(move || answer(stream, &bao));
        }
    });
    address
}

fn answer(stream: TcpStream, bao: &Mutex<Bao>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> =
            pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let asked = Asked { method, target, headers: &headers, body: &body };
        let (status, body) = bao.lock().expect("a lock").answer(&asked);
        let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.get_mut().write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn an_agent_works_with_a_key_value_store_that_is_changed_and_sealed_meanwhile() {
    let (folder, served) = (tempfile::tempdir().expect("a folder"), served());
    let site = Site::empty(folder.path(), &ACME, served.address(), &assent_tests::assent(), |_| {});
    let bao = Arc::new(Mutex::new(Bao::default()));
    let address = serve(&bao);
    std::fs::write(site.agent.config().with_file_name("vault-token"), TOKEN).expect("a file");
    configure(&site, &format!("kind = \"kv2\"\naddress = \"http://{address}\"\ntoken = \"vault-token\"\n"));
    let put = |time: &str| {
        let mut bao = bao.lock().expect("a lock");
        bao.tokens.insert(TOKEN.to_owned());
        for slot in ACME.slots {
            bao.put("", &format!("{}/{slot}", ACME.client), json!({"value": secret(slot, time)}));
        }
    };
    put("first");
    let mut play = Play::begin(site, served);
    all_are_shown(&mut play, "first");
    put("second");
    all_are_shown(&mut play, "second");

    bao.lock().expect("a lock").sealed = true;
    let name = format!("{EVENT}9000");
    let (body, _) = bodies(Kind::Ticket, &name);
    assert_eq!(play.site.try_send("triage", &name, &body), 503, "its sender is asked to come again");
    bao.lock().expect("a lock").sealed = false;
    all_are_shown(&mut play, "second");
    let store = play.site.stopped();
    let (wrong, why) = play.account(&store);
    assert_eq!(wrong, Vec::<String>::new(), "{why:?}");
    assert!(!holds_a_secret(folder.path()), "no secret is in the agent's folder");
}

#[test]
fn an_agent_works_with_credentials_of_systemd() {
    let (folder, served) = (tempfile::tempdir().expect("a folder"), served());
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).expect("a folder");
    let put = |time: &str| {
        for slot in ACME.slots {
            let file = credentials.join(format!("{}.{}", ACME.client, slot.replace('/', ".")));
            std::fs::write(file, secret(slot, time)).expect("a file");
        }
    };
    put("first");
    // As systemd does it: a variable of the process that it starts.
    let program = folder.path().join("assent");
    let (assent, names) = (assent_tests::assent(), credentials.display());
    let script = format!("#!/bin/sh\nCREDENTIALS_DIRECTORY='{names}' exec '{}' \"$@\"\n", assent.display());
    std::fs::write(&program, script).expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let site = Site::empty(folder.path(), &ACME, served.address(), &program, |_| {});
    configure(&site, "kind = \"systemd\"\n");
    let refused = site.agent.set_secret("acme/shop/token", "another");
    assert!(refused.is_err(), "systemd alone fills it");
    let mut play = Play::begin(site, served);
    all_are_shown(&mut play, "first");
    // They change when systemd starts the service again.
    put("second");
    play.site.kill();
    all_are_shown(&mut play, "second");
    let store = play.site.stopped();
    let (wrong, why) = play.account(&store);
    assert_eq!(wrong, Vec::<String>::new(), "{why:?}");
    assert!(!holds_a_secret(folder.path()), "no secret is in the agent's folder");
}

/// Whether any file of the production agent holds one of the secrets.
fn holds_a_secret(folder: &Path) -> bool {
    let mut folders = vec![folder.join("agents").join(format!("{}-production-1", ACME.region))];
    let secrets: Vec<String> = ["first", "second"]
        .iter()
        .flat_map(|time| ACME.slots.iter().filter(|slot| !slot.ends_with("/webhook")).map(|slot| secret(slot, time)))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && secrets.iter().any(|one| bytes.windows(one.len()).any(|window| window == one.as_bytes()))
            {
                return true;
            }
        }
    }
    false
}
