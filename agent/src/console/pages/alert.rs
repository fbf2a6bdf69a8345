//! One alert that opened no incident: what it means, what to do, who takes care of it. Where links of alerts lead.

use maud::html;

use super::incidents::about_alert;
use super::marks::{Mark, pill};
use super::run::{Named, named};
use super::{Body, Section, form_field};
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::control::alerts::AlertLine;
use crate::store::IncidentNo;
use crate::world::Wall;

/// An alert, and what is around it.
pub(in crate::console) struct Shown<'a> {
    pub(in crate::console) line: &'a AlertLine,
    /// Whether its cause is gone.
    pub(in crate::console) over: bool,
    /// The incident whose clock it is about.
    pub(in crate::console) about: Option<IncidentNo>,
    /// The run that it is about, where somebody may see it.
    pub(in crate::console) run: Option<Named>,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(shown: &Shown<'_>) -> Body {
    let Shown { line, over, about, run, viewer, now } = shown;
    let may_act = line.client.as_ref().map_or(viewer.may_act_on_agent(), |client| viewer.may_act(client));
    let main = html! {
        p.crumbs { a href="/incidents#alerts" { "Alerts" } }
        div #alert data-part="" {
            h1 {
                (line.rule.as_str().replace('-', " ")) " "
                @if *over { (pill("calm", Mark::Good, "over")) }
                @else if line.acknowledged.is_some() { (pill("busy", Mark::Person, "acknowledged")) }
                @else { (pill("warn", Mark::Warn, "alert")) }
            }
            p.lead { "Alert " code { (line.id) } ", because of " code { (line.code) } ". " (words::sentences(line.rule.row().what)) }
            (about_alert(line, *now))
            @if about.is_some() || run.is_some() {
                p.links {
                    @if let Some(incident) = about { a href={ "/incidents/" (incident) } { "Incident " (incident) } }
                    @if let Some(run) = run { (named(run)) }
                }
            }
            @if *over { p.hint { "Its cause is gone: nothing is left to do here." } }
            @else {
                h2 { "What to do" }
                p { (words::sentences(line.rule.row().help)) }
            }
            @if may_act && !over && line.acknowledged.is_none() {
                form.next method="post" action="/alerts" {
                    (form_field())
                    input type="hidden" name="alert" value=(line.id);
                    input type="hidden" name="from" value="alert";
                    button.main type="submit" { "Acknowledge" span.unseen { " " (line.id) } }
                }
            }
        }
    };
    Body { title: format!("Alert {}", line.id), section: Section::Incidents, main, is_live: true }
}
