//! The tripwire: no line of the log is written that holds a secret which is in memory at that moment, and no answer is taken
//! that gives one back as a fact.
//!
//! What is looked for is kept as keyed hashes of eight bytes alone; a line whose windows meet one is compared with the secret
//! itself, as it stands, in base64 (at each of its three places), percent-encoded and escaped as JSON does, twice over. Such
//! a line is replaced by one that says so and nothing else, and counted; the daemon alerts.
//!
//! A secret shorter than eight bytes is not looked for: half of the log would be taken for it. Of a record the values are
//! looked for, but its `client_id`, which is no secret; of a text of several lines also each long line.
//!
//! # Source
//! Promise P07.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::sync::lock;

/// What is hashed of each form, in bytes; nothing shorter is looked for.
const WINDOW: usize = 8;
/// The shortest line of a text of several lines that is looked for by itself.
const LINE_LEAST: usize = 24;
/// How often escapes are taken off a line: a text that was escaped into a text that was escaped.
const ESCAPED_MOST: usize = 2;
/// The line that stands where another one would have told a secret.
const INSTEAD: &[u8] =
    b"{\"level\":\"ERROR\",\"code\":\"secret_in_log\",\"message\":\"a line that held a secret was not written\"}\n";

/// The bytes of a secret, and by which hashes they are found.
pub(super) struct Watched {
    bytes: Zeroizing<Vec<u8>>,
    marks: Vec<u32>,
}

impl Watched {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watching = watching();
        for mark in &self.marks {
            if let Some(same) = watching.get_mut(mark) {
                same.retain(|other| other.strong_count() > 0);
                if same.is_empty() {
                    watching.remove(mark);
                }
            }
        }
    }
}

/// Every secret that lives, by the hashes of its forms.
static WATCHING: Mutex<BTreeMap<u32, Vec<Weak<Watched>>>> = Mutex::new(BTreeMap::new());
/// Lines that were not written.
static TRIPPED: AtomicU64 = AtomicU64::new(0);

fn watching() -> MutexGuard<'static, BTreeMap<u32, Vec<Weak<Watched>>>> {
    // One insertion or removal at a time: nothing half done is left behind.
    lock(&WATCHING)
}

/// How many lines of this process were not written because they held a secret.
pub fn tripped() -> u64 {
    TRIPPED.load(Ordering::Relaxed)
}

/// Takes bytes into keeping and looks for them from now on.
pub(super) fn watch(bytes: Vec<u8>) -> Arc<Watched> {
    let bytes = Zeroizing::new(bytes);
    let mut marks: Vec<u32> = Vec::new();
    for_each_form(&bytes, |form| {
        marks.extend(form.first_chunk::<WINDOW>().copied().map(mark));
        false
    });
    marks.sort_unstable();
    marks.dedup();
    let watched = Arc::new(Watched { bytes, marks });
    let mut watching = watching();
    for mark in &watched.marks {
        watching.entry(*mark).or_default().push(Arc::downgrade(&watched));
    }
    watched
}

/// A keyed hash that tells eight bytes from others, and of which they cannot be told.
fn mark(window: [u8; WINDOW]) -> u32 {
    static KEY: OnceLock<[u64; 2]> = OnceLock::new();
    let [first, second] = KEY.get_or_init(|| {
        let mut bytes = [0; 16];
        // Without dice the hashes are the same in each process; what is found stays the same.
        let _thrown = getrandom::fill(&mut bytes);
        let (a, b) = bytes.split_at(8);
        let number = |part: &[u8]| part.try_into().map_or(0, u64::from_le_bytes);
        [number(a), number(b) | 1]
    });
    let mixed = (u64::from_le_bytes(window) ^ first).wrapping_mul(*second);
    u32::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).unwrap_or(u32::MAX)
}

/// Calls with each form in which a secret is looked for until one says that it is the one.
fn for_each_form(bytes: &[u8], mut says: impl FnMut(&[u8]) -> bool) -> bool {
    parts(bytes).iter().any(|part| says(part) || encoded(part, &mut says))
}

/// What of a secret must not be seen: all of it, and its parts that are secrets by themselves.
fn parts(bytes: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut parts = vec![Zeroizing::new(bytes.to_vec())];
    if bytes.first() == Some(&b'{')
        && let Ok(record) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(bytes)
    {
        for (name, value) in record {
            if let serde_json::Value::String(text) = value
                && name != "client_id"
            {
                parts.push(Zeroizing::new(text.into_bytes()));
            }
        }
        return parts;
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.len() >= LINE_LEAST && line.len() < bytes.len());
    parts.extend(lines.filter(|line| !line.starts_with(b"-----")).map(|line| Zeroizing::new(line.to_vec())));
    // `user:password`: the password alone.
    if let Some(colon) = bytes.iter().position(|byte| *byte == b':')
        && bytes.iter().all(u8::is_ascii_graphic)
    {
        parts.push(Zeroizing::new(bytes.get(colon.saturating_add(1)..).unwrap_or_default().to_vec()));
    }
    parts
}

/// The forms of base64: what stands before a secret moves it to one of three places, and what stands behind it changes the
/// last character.
fn encoded(part: &[u8], says: &mut impl FnMut(&[u8]) -> bool) -> bool {
    // Not shorter than what is looked for as it stands: base64 of a short word is a word too.
    if part.len() < WINDOW {
        return false;
    }
    (0..3_usize).any(|before| {
        let mut shifted = Zeroizing::new(vec![0; before]);
        shifted.reserve_exact(part.len());
        shifted.extend_from_slice(part);
        let whole = shifted.len().saturating_mul(8) / 6;
        let first = before.saturating_mul(8).div_ceil(6);
        [STANDARD_NO_PAD.encode(&*shifted), URL_SAFE_NO_PAD.encode(&*shifted)].into_iter().any(|text| {
            let text = Zeroizing::new(text);
            text.as_bytes().get(first..whole).is_some_and(&mut *says)
        })
    })
}

/// Whether a line, or a text that came from outside, holds a secret that lives now.
pub fn holds(line: &[u8]) -> bool {
    let mut line = Zeroizing::new(line.to_vec());
    for _ in 0..=ESCAPED_MOST {
        if is_met(&line) || (line.contains(&b'%') && is_met(&unpercent(&line))) {
            return true;
        }
        if !line.contains(&b'\\') {
            return false;
        }
        line = unescape(&line);
    }
    false
}

fn is_met(text: &[u8]) -> bool {
    let mut suspects: Vec<Arc<Watched>> = Vec::new();
    {
        let watching = watching();
        if watching.is_empty() {
            return false;
        }
        for window in text.windows(WINDOW) {
            let found = window.first_chunk::<WINDOW>().and_then(|window| watching.get(&mark(*window)));
            suspects.extend(found.into_iter().flatten().filter_map(Weak::upgrade));
        }
        // Dropped below, without the lock: the last clone of a secret takes it.
    }
    suspects.iter().any(|watched| {
        for_each_form(&watched.bytes, |form| form.len() >= WINDOW && text.windows(form.len()).any(|at| at == form))
    })
}

/// Takes percent-encoding off, and the plus of forms.
fn unpercent(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let byte = match (first, behind) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (b'+', _) => b' ',
            (byte, _) => *byte,
        };
        out.push(byte);
    }
    out
}

/// Takes the escapes of JSON off, which are also those of Rust's own quoting but for `\u{…}`.
fn unescape(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let (b'\\', [escape, after @ ..]) = (first, behind) else {
            out.push(*first);
            continue;
        };
        rest = after;
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'0' => out.push(0),
            b'u' => {
                let digits = after.get(..4).and_then(|four| {
                    four.iter().try_fold(0_u32, |sum, digit| Some(sum << 4 | u32::from(hex(*digit)?)))
                });
                if let Some(letter) = digits.and_then(char::from_u32) {
                    rest = after.get(4..).unwrap_or_default();
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            other => out.push(*other),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Writes lines, each by one call as `tracing` does, but those that hold a secret.
pub struct Guarded<W>(pub W);

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if holds(line) {
            TRIPPED.fetch_add(1, Ordering::Relaxed);
            self.0.write_all(INSTEAD)?;
        } else {
            self.0.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Secret;

    fn written(line: &str) -> String {
        let mut out = Vec::new();
        Guarded(&mut out).write_all(line.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn is_let_through(line: &str) -> bool {
        written(line) == line
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).ok().unwrap()
    }

    #[test]
    fn a_line_that_holds_a_secret_is_not_written_in_any_form_of_it() {
        let text = "tw0\"Ünlike\\ly/+ 77?";
        let line = |form: &str| format!("{{\"message\":\"before {form} behind\"}}\n");
        let json = serde_json::to_string(text).unwrap();
        let twice = serde_json::to_string(&json).unwrap();
        let coded = |write: fn(u8) -> String| text.bytes().map(write).collect::<Vec<_>>().concat();
        let (percent, lower) = (coded(|byte| format!("%{byte:02X}")), coded(|byte| format!("%{byte:02x}")));
        let mut form = String::new();
        crate::request::url::encode(text, &mut form);
        let debug = format!("{text:?}");
        let mut forms = vec![text.to_owned(), json, twice, percent, lower, form, debug];
        for before in ["", "u", "us", "user:"] {
            for behind in ["", "x", "xy"] {
                let whole = format!("{before}{text}{behind}");
                forms.push(STANDARD_NO_PAD.encode(&whole));
                forms.push(URL_SAFE_NO_PAD.encode(&whole));
            }
        }
        assert!(forms.iter().all(|form| is_let_through(&line(form))), "nothing is looked for yet");
        let kept = secret(text);
        let before = tripped();
        for form in &forms {
            let instead = written(&line(form));
            assert!(!instead.contains(form.as_str()) && instead.contains("secret_in_log"), "{form}");
        }
        assert!(tripped() >= before + forms.len() as u64);
        assert!(is_let_through(&line("tw0\"Ünlike\\ly/+ 78?")), "another text");
        let clone = kept.clone();
        drop(kept);
        assert!(!is_let_through(&line(text)), "one clone lives");
        drop(clone);
        assert!(is_let_through(&line(text)), "nobody has it any more");
    }

    #[test]
    fn parts_of_records_keys_and_pairs_are_secrets_too() {
        let record = secret(
            r#"{"client_id":"twr-public-name","client_secret":"twr-one-two-3","refresh_token":"twr-\u0072efresh-9"}"#,
        );
        assert!(is_let_through("client twr-public-name asks"));
        assert!(!is_let_through("twr-one-two-3"));
        assert!(!is_let_through("token twr-refresh-9 came"));
        drop(record);
        let key = secret("-----BEGIN K-----\ntwkAAAAbbbbCCCCddddEEEE0\ntwkFFFFggggHHHHiiiiJJJJ1\n-----END K-----\n");
        assert!(is_let_through("-----BEGIN K-----"));
        assert!(!is_let_through("see twkFFFFggggHHHHiiiiJJJJ1"));
        drop(key);
        let pair = secret("deploy:twp-pass-word");
        assert!(!is_let_through("password twp-pass-word"));
        drop(pair);
        let short = secret("twshort");
        assert!(is_let_through("a twshort word"));
        drop(short);
    }

    /// Lines in memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_secret_that_is_planted_in_the_agents_log_does_not_come_out() {
        let lines = Lines::default();
        let out = lines.clone();
        let log =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || Guarded(out.clone())).finish();
        let planted = secret("twl-planted \"q\" 0");
        let text = String::from_utf8(planted.reveal().to_vec()).unwrap();
        let before = tripped();
        tracing::subscriber::with_default(log, || {
            tracing::info!("an honest line");
            tracing::error!(body = %text, "a library says too much");
            tracing::error!("{text}");
            tracing::error!(body = ?Some(&text), "quoted twice");
            tracing::info!("another honest line");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!written.contains("twl-planted"), "{written}");
        let codes: Vec<bool> = written.lines().map(|line| line.contains("secret_in_log")).collect();
        assert_eq!(codes, [false, true, true, true, false], "{written}");
        assert!(tripped() >= before + 3);
        let last = written.lines().last().unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(last).is_ok(), "every line is JSON: {last}");
    }

    #[test]
    fn nothing_that_can_be_read_is_kept_of_what_is_looked_for() {
        let kept = secret("twn-never-kept-0");
        let marks = watching().iter().filter(|(_, held)| !held.is_empty()).count();
        assert!(marks > 0);
        drop(kept);
        // The type holds numbers of 32 bits beside the wiped bytes, and nothing else.
        assert_eq!(size_of::<Watched>(), 2 * size_of::<Vec<u8>>());
    }
}
