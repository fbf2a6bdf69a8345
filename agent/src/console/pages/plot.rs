//! Bars over days, drawn as SVG with a text of its own.

use maud::{Markup, html};

use crate::console::numbers::{Cell, Counts, DAYS, LEAST, Now, Series, date};

const WIDE: i64 = 600;
const HIGH: i64 = 140;
/// The room below the bars for dates.
const FOOT: i64 = 20;
/// How high a bar is whose value is not told.
const STUB: i64 = 4;

/// One bar for each day; on that of today stands what there is so far.
pub(super) fn bars(series: &Series, counts: &Counts, now: Now) -> Markup {
    let today = now.day();
    let first = today - DAYS + 1;
    let told = |cell: &Cell| if let Cell::Told(value) = cell { Some(*value) } else { None };
    let of_today = counts.days.get(&today).and_then(told).unwrap_or(0);
    let with_open = Some(of_today + counts.so_far).filter(|_| counts.so_far > 0);
    let highest = counts.days.values().filter_map(told).chain(with_open).max().filter(|value| *value >= LEAST);
    let most = highest.unwrap_or(0).max(LEAST);
    let wide = WIDE / DAYS;
    let so_far = series.shown(Cell::Told(counts.so_far));
    let open =
        if counts.so_far > 0 { format!(", and {so_far} so far today that no full hour has") } else { String::new() };
    let text = format!(
        "{} of {}: {} over {DAYS} days, at most {} a day{open}",
        series.name,
        series.workflow,
        series.total(counts),
        series.shown(Cell::Told(most))
    );
    html! {
        div.graph {
            @if let Some(highest) = highest {
                span.most aria-hidden="true" title="The highest day" { (series.shown(Cell::Told(highest))) }
            }
            svg.bars viewBox={ "0 0 " (WIDE) " " (HIGH + FOOT) } role="img" aria-label=(text) preserveAspectRatio="none" {
                @for quarter in 1..=4 { @let y = HIGH - height(quarter, 4); line.grid x1="0" x2=(WIDE) y1=(y) y2=(y) {} }
                line.axis x1="0" x2=(WIDE) y1=(HIGH) y2=(HIGH) {}
                @for place in 0..DAYS {
                    @let day = first + place;
                    @let cell = counts.days.get(&day).copied().unwrap_or(Cell::Told(0));
                    @if cell != Cell::Told(0) {
                        @let high = if let Cell::Told(value) = cell { height(value, most) } else { STUB };
                        rect.hidden[!matches!(cell, Cell::Told(_))] x=(place * wide + 3) y=(HIGH - high) width=(wide - 6) height=(high) rx="2" {
                            title { (date(day)) ": " (series.shown(cell)) }
                        }
                    }
                }
                @if counts.so_far > 0 {
                    @let (below, high) = (of_today * (HIGH - 6) / most, height(counts.so_far, most));
                    rect.open x=((DAYS - 1) * wide + 3) y=(HIGH - below - high) width=(wide - 6) height=(high) rx="2" {
                        title { (date(today)) ": " (so_far) " so far since " (format!("{:02}:00 UTC", now.open_since())) }
                    }
                }
            }
        }
        p.axis aria-hidden="true" { span { (date(first)) } span { (date(today)) } }
    }
}

fn height(value: i64, most: i64) -> i64 {
    let high = i128::from(value.max(0)) * i128::from(HIGH - 6) / i128::from(most.max(1));
    i64::try_from(high).unwrap_or(HIGH).clamp(2, HIGH)
}
