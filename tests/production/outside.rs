//! The systems outside fail all the time. What they answer when they do not, and how what they do is counted, is
//! `assent_tests::systems`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::sim::{Reply, Service};
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure, Wall};
use assent_tests::generate::Dice;
use assent_tests::systems::{Systems, event_of, response};

/// Who answers.
pub(crate) struct Outside {
    systems: Systems,
    seed: u64,
    /// Until then nothing fails: what runs first passes its trial.
    calm: Wall,
    pub(crate) faults: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    requests: u64,
}

/// What goes wrong with a request, and whether it is done nevertheless.
struct Fault {
    name: &'static str,
    does: bool,
    result: Result<HttpResponse, NetFailure>,
    after: Duration,
}

impl Outside {
    pub(crate) fn new(systems: Systems, seed: u64, calm: Wall) -> Self {
        Self { systems, seed, calm, faults: Arc::default(), requests: 0 }
    }

    fn fault(&mut self, request: &HttpRequest) -> Option<Fault> {
        self.requests += 1;
        let quick = Duration::from_millis(20);
        let (name, does, result, after) = match Dice::of(self.seed, &["fault", &self.requests.to_string()]).below(100) {
            0..=2 => ("no connection", false, Err(NetFailure::NeverConnected), quick),
            3 => ("done, no reply", true, Err(NetFailure::SentNoReply), quick),
            4 => ("not done, no reply", false, Err(NetFailure::SentNoReply), quick),
            5 => ("503", false, Ok(later(response(503, Vec::new()))), quick),
            6 => ("429", false, Ok(response(429, Vec::new())), quick),
            7 => ("done, 500", true, Ok(response(500, Vec::new())), quick),
            8 => ("done, too late", true, Err(NetFailure::TimedOut), request.timeout),
            _ => return None,
        };
        Some(Fault { name, does, result, after })
    }
}

/// An answer that says when to come again, as a server does that did not begin.
fn later(mut answer: HttpResponse) -> HttpResponse {
    answer.headers.push(("retry-after".to_owned(), Content::new(b"1".to_vec())));
    answer
}

impl Service for Outside {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let Some(event) = event_of(&request) else { panic!("a request of no event: {}", request.operation) };
        let fault = if now < self.calm { None } else { self.fault(&request) };
        if fault.as_ref().is_none_or(|fault| fault.does) {
            self.systems.does(&request, &event);
        }
        match fault {
            Some(fault) => {
                *self.faults.lock().unwrap().entry(fault.name).or_default() += 1;
                Reply { result: fault.result, after: fault.after }
            }
            None => Reply { result: Ok(self.systems.says(&request, &event)), after: Duration::from_millis(40) },
        }
    }
}
