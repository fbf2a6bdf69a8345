//! What no software can enforce, said plainly.

/// What of a promise rests on people or on others' word; nothing where all of it is mechanical.
pub fn beyond(promise: &str) -> Option<&'static str> {
    Some(match promise {
        "P02" | "P04" => {
            "Buffers inside libraries and the operating system are not ours; they are freed and not overwritten."
        }
        "P05" => {
            "That a host stands where its region says is the word of whoever runs it. Where the repository lies to which agents push their statuses and the heads of ledgers is the agency's choice; they hold ids, codes, digests and counts."
        }
        "P06" => {
            "What the API really granted is only known where it can be asked; the list in `client.toml` is the agency's word."
        }
        "P08" => {
            "Where an API has no call for it, a person makes the new secret there and revokes the old one; the interval, the reminders, the test of the new one and the record are not left to people. Whether an API forgets the old credential is up to the API."
        }
        "P09" => {
            "Who belongs to a team is decided by people at the agency, who sign it. Whoever can read the repository can read every client's folder in it."
        }
        "P10" => {
            "Whoever is root on a host can read its state folder past every command; which hosts those are is the agency's choice."
        }
        "P11" => "A ledger shows that nothing in it was changed, not that everything was written into it.",
        "P13" => "Whether a person reads the alert is up to that person; the clock of P20 runs meanwhile.",
        "P20" => "Answering is done by people; the clock, the warnings and the record are not.",
        "P21" => "That the root cause is the true one is judged by whoever reads it.",
        "P22" => "That the contacts read it is up to them.",
        "P23" | "P24" => {
            "That a provider keeps its agreement is the provider's word; the agreement is named, and so is its end."
        }
        "P25" => "That whoever signs understood what they sign is helped by plain words and cannot be enforced.",
        "P26" => "A page does not replace a conversation: somebody at the agency goes through it with the client.",
        _ => return None,
    })
}
