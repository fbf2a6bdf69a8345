//! Messages with buttons, and what a press of one says. Pure.
//!
//! # Source
//! Slack: "Block Kit reference" (blocks, the button element, the confirmation dialog), "Handling user interaction"
//! (`block_actions` payloads), `chat.postMessage`, `chat.update`.

use assent_schema::release::Choice;
use serde_json::{Value, json};

use super::{Card, Ended, Said};
use crate::people::blocks::{SECTION_MOST, header, plain, section};
use crate::people::told;
use crate::request::json::Json;

/// What a press of each button is called; values of buttons hold the nonce.
const YES: &str = "assent_yes";
const NO: &str = "assent_no";
const OPEN: &str = "assent_open";

/// A message: the text that notifications show, which tells nothing of what is asked, and the blocks.
pub struct Post {
    /// For notifications and readers of screens.
    pub text: String,
    /// JSON of the blocks.
    pub blocks: Vec<Value>,
}

impl Post {
    /// The blocks as one text, as forms take them.
    pub fn blocks(&self) -> String {
        Value::from(self.blocks.clone()).to_string()
    }
}

/// The message of a question. `page` is where the console shows it.
pub fn question(card: &Card, page: Option<&str>) -> Post {
    let title = format!("{} asks for a decision", card.client);
    let mut blocks = vec![header(&title), section(&card.summary)];
    // Each fits whole: `Card` left what does not to the page.
    blocks.extend(card.values.iter().map(|(name, value)| section(&format!("{name}\n{value}"))));
    let facts = format!("For {}. No answer means no, {}. {}/{}", card.by, card.until, card.client, card.workflow);
    blocks.push(json!({"type": "context", "elements": [plain(&facts, SECTION_MOST)]}));
    if card.can_be_answered() {
        let nonce = card.nonce.to_string();
        let sure = json!({
            "title": plain("Say yes?", 100), "text": plain("The workflow goes on with what is shown above.", 300),
            "confirm": plain("Yes, do it", 30), "deny": plain("Back", 30), "style": "primary",
        });
        blocks.push(json!({"type": "actions", "block_id": "assent", "elements": [
            {"type": "button", "action_id": YES, "value": nonce, "style": "primary", "text": plain("Yes, do it", 75), "confirm": sure},
            {"type": "button", "action_id": NO, "value": nonce, "style": "danger", "text": plain("No", 75)},
        ]}));
    } else {
        blocks.push(section(card.why_not()));
        match page {
            Some(page) => blocks.push(json!({"type": "actions", "block_id": "assent", "elements": [
                {"type": "button", "action_id": OPEN, "url": format!("{page}decisions/{}", card.nonce), "text": plain("Open the page", 75)},
            ]})),
            None => blocks.push(section("`assent decide` shows it and signs your answer.")),
        }
    }
    Post { text: told::line(&title), blocks }
}

/// What stands in its place once it ended: nothing of what was asked.
pub fn ended(card_of: (&str, &str), ended: &Ended) -> Post {
    let (client, workflow) = card_of;
    let text = format!("{client}/{workflow}: {}", ended.sentence());
    Post { blocks: vec![section(&text)], text }
}

/// What a body says.
///
/// # Shape
/// A form with one `payload`, the JSON of an interaction. A press of the button that opens a page is no answer.
///
/// # Errors
/// Nothing of the body where it is no interaction.
pub fn said(body: &[u8]) -> Result<Option<Said>, NotAnAnswer> {
    let mut payloads = form_urlencoded::parse(body).filter(|(name, _)| name == "payload").map(|(_, value)| value);
    let (Some(payload), None) = (payloads.next(), payloads.next()) else { return Err(NotAnAnswer) };
    let json = Json::parse(payload.as_bytes()).or(Err(NotAnAnswer))?;
    if json.text_at("type") != Some("block_actions") {
        return Ok(None);
    }
    let action = json.text_at("actions.0.action_id").ok_or(NotAnAnswer)?;
    let choice = match action {
        YES => Choice::Approve,
        NO => Choice::Refuse,
        _ => return Ok(None),
    };
    if json.at("actions.1").is_some() {
        return Err(NotAnAnswer);
    }
    let user = json.text_at("user.id").ok_or(NotAnAnswer)?;
    let team = json.text_at("user.team_id").or_else(|| json.text_at("team.id")).ok_or(NotAnAnswer)?;
    let question = json.text_at("actions.0.value").ok_or(NotAnAnswer)?;
    Ok(Some(Said { account: format!("{team}/{user}"), question: question.to_owned(), choice }))
}

/// The body is none of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAnswer;
