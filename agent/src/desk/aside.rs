//! Items that cannot be read leave their list: a run of each is durable with the cursor, and a list goes on behind them.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Poll, Trigger};
use assent_schema::time::Moment;

use super::polls::{failed, lost};
use super::{FrontDesk, Registry};
use crate::accept::aside::Aside;
use crate::accept::poll::{Cursor, Item, Known, Place, Position, unread};
use crate::accept::{event, webhook};
use crate::listen::Receipt;
use crate::request::keyed::{Purpose, keyed};
use crate::request::watched::Unread;
use crate::request::wire::BadField;
use crate::run::{BAD_ITEM, Compiled, Deployed, NewRun, NotLooked, came_back};
use crate::store::{QueueItem, RunId, Store, Transaction, TriggerKind, Write};
use crate::world::{Clock as _, World};

/// How many digits name an item that says no place.
const PLACELESS_DIGITS: usize = 32;

/// Items that cannot be read: those that say their place in the list, with it, and those that do not.
type PutAside = (Vec<(usize, Item)>, Vec<Strange>);

/// What one look at a list knows of the items that were put aside.
pub(super) struct Apart {
    /// What is kept of them.
    known: Option<Aside>,
    /// Whether this look is for them too.
    again: Option<Aside>,
    /// The first one that this look saw, and that is still to be taken or handled.
    first: Option<Moment>,
}

impl Apart {
    /// From where on the list is read for their sake.
    pub(super) fn again_from(&self) -> Option<Moment> {
        self.again.as_ref().map(|again| again.from)
    }

    fn sees(&mut self, at: Moment) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
    }
}

/// An item that is put aside.
pub(super) struct Strange {
    /// What names it.
    event: String,
    /// By which it is known again while it cannot be read: the key that counts, and those that it had before.
    keys: Vec<[u8; 16]>,
    /// What of it can be read.
    fields: BTreeMap<Name, Value>,
    /// Where it stands; nothing where it does not say so.
    position: Option<Position>,
    /// From where on the list is read to see it.
    from: Moment,
    /// The field that does not fit; nothing where the workflow has no use for what does.
    misfit: Option<BadField>,
}

impl Strange {
    /// An item that says its place.
    pub(super) fn at(item: Item, (place, lists): (&Place<'_>, &BTreeSet<OperationRef>), event: Option<String>) -> Self {
        Self {
            event: event.unwrap_or_else(|| item.position.id.clone()),
            keys: place.keys(Known::Aside(&item), lists),
            from: item.position.order,
            position: Some(item.position),
            fields: item.fields,
            misfit: item.misfit,
        }
    }

    /// The same where the list must be read from there on to see it.
    pub(super) fn seen_from(self, from: Moment) -> Self {
        Self { from, ..self }
    }
}

/// What became of an item before that can be read now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing: it is as any other.
    New,
    /// It was put aside, and nobody handled it.
    Aside(RunId),
    /// A person handled it.
    Handled,
}

impl Was {
    /// What is written when it is taken after all.
    pub(super) fn writes(self) -> Vec<Write> {
        match self {
            Self::Aside(run) => came_back(run).into(),
            Self::New | Self::Handled => Vec::new(),
        }
    }
}

/// All items that say their place, in the order in which they came: with each that cannot be read comes how many stand before
/// it of those that can.
pub(super) fn in_order(items: Vec<Item>, strange: Vec<(usize, Item)>) -> Vec<Item> {
    let mut strange = strange.into_iter().peekable();
    let mut all = Vec::with_capacity(items.len().saturating_add(strange.len()));
    for (place, item) in items.into_iter().enumerate() {
        while let Some((_, before)) = strange.next_if(|(before, _)| *before <= place) {
            all.push(before);
        }
        all.push(item);
    }
    all.extend(strange.map(|(_, item)| item));
    all
}

/// What kind of run an item of a list begins.
pub(super) fn kind_of(trigger: &Trigger) -> TriggerKind {
    match trigger {
        Trigger::Webhook { .. } => TriggerKind::Reconcile,
        _ => TriggerKind::Poll,
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// What is known of the items of a list that were put aside. That it is looked for them now is durable first: a list that
    /// cannot be read through from there keeps nobody from the newer items for long.
    pub(super) async fn apart(&self, compiled: &Compiled, place: &Place<'_>) -> Result<Apart, NotLooked> {
        let known = self.engine.store().state(&Aside::name(place)).or(Err(lost()))?;
        let mut known = known.map(|bytes| Aside::read(&bytes).ok_or_else(lost)).transpose()?;
        let now = self.world.clock().now().moment();
        let again = known.clone().filter(|known| known.is_due(compiled.digest, now));
        if let (Some(known), Some(_)) = (&mut known, &again) {
            *known = Aside { plan: compiled.digest, looked: now, ..known.clone() };
            self.keep(Aside::write(Some(known), place)).await?;
        }
        Ok(Apart { known, again, first: None })
    }

    /// The list was read to its end: of what was put aside that is left which was seen again, or which another list showed.
    pub(super) async fn looked_through(
        &self,
        apart: &Apart,
        (place, list): (&Place<'_>, &OperationRef),
    ) -> Result<(), NotLooked> {
        let (Some(known), Some(_)) = (&apart.known, &apart.again) else { return Ok(()) };
        if known.is_of_another(list) && self.is_anything_aside(place)? {
            return Ok(());
        }
        let left = apart.first.map(|from| Aside { from, list: Some(list.clone()), ..known.clone() });
        if left.as_ref() == Some(known) { Ok(()) } else { self.keep(Aside::write(left.as_ref(), place)).await }
    }

    /// Whether anything that was put aside waits for somebody to handle it.
    fn is_anything_aside(&self, place: &Place<'_>) -> Result<bool, NotLooked> {
        let queue = self.engine.store().queue().or(Err(lost()))?;
        let ours = |item: &QueueItem| (&item.client, &item.workflow) == (place.client, place.workflow);
        Ok(queue.iter().any(|item| ours(item) && item.why == BAD_ITEM))
    }

    /// Items that cannot be read: those that say their place, and the others. Where nothing of a list can be read, the list
    /// cannot: then its description is wrong, and nothing is put aside.
    pub(super) fn strange(
        &self,
        compiled: &Compiled,
        poll: &Poll,
        items: Vec<Unread>,
        (cursor, alone): (&Cursor, bool),
    ) -> Result<PutAside, NotLooked> {
        let plan = &compiled.plan;
        let place = Place { client: &plan.client, workflow: &plan.workflow };
        let (mut placed, mut placeless) = (Vec::new(), Vec::new());
        let mut news = false;
        for one in items {
            let item = unread(poll, &plan.trigger, &one);
            let before = one.before;
            let strange = self.placeless((compiled, &place), one, &cursor.lists);
            let known = match &item {
                Some(item) => {
                    let meant = item.ours && item.position.order >= cursor.floor;
                    !meant
                        || self.is_known(&place.keys(Known::Aside(item), &cursor.lists))?
                        || self.is_known(&self.taken_by((compiled, &place), item, &cursor.lists))?
                }
                None => self.is_known(&strange.keys)?,
            };
            if alone && !known && !news {
                tracing::warn!(client = %plan.client, workflow = %plan.workflow, field = strange.misfit.as_ref().map(ToString::to_string), "no item of a list can be read");
            }
            news |= !known;
            match item {
                Some(item) => placed.push((before, item)),
                None => placeless.push(strange),
            }
        }
        if alone && news { Err(failed(BAD_ITEM)) } else { Ok((placed, placeless)) }
    }

    /// Whether any of these keys is one of an event that was accepted.
    pub(super) fn is_known(&self, keys: &[[u8; 16]]) -> Result<bool, NotLooked> {
        Ok(self.run_of(keys)?.is_some())
    }

    /// The run that was accepted by the first of these keys that is known.
    fn run_of(&self, keys: &[[u8; 16]]) -> Result<Option<RunId>, NotLooked> {
        for key in keys {
            if let Some(run) = self.engine.store().delivered(key).or(Err(lost()))? {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    fn placeless(
        &self,
        (compiled, place): (&Compiled, &Place<'_>),
        item: Unread,
        lists: &BTreeSet<OperationRef>,
    ) -> Strange {
        let plan = &compiled.plan;
        let key = self.webhook_key(&plan.client, &plan.workflow);
        let digest: Digest = keyed(&key, Purpose::Webhook, item.bytes.reveal());
        let name: String = digest.to_string().chars().filter(char::is_ascii_hexdigit).take(PLACELESS_DIGITS).collect();
        let declared = plan.trigger.fields();
        let fields = item.values.into_iter().filter(|(name, _)| declared.is_some_and(|all| all.contains_key(name)));
        Strange {
            event: format!("unread-{name}"),
            keys: place.keys(Known::Placeless(digest), lists),
            fields: fields.collect(),
            position: None,
            from: Moment::from_seconds(0),
            misfit: Some(item.field),
        }
    }

    /// What names the event of an item, and by which key it is accepted once; nothing where it lacks what says so.
    pub(super) fn named(&self, compiled: &Compiled, place: &Place<'_>, item: &Item) -> Option<(String, [u8; 16])> {
        let plan = &compiled.plan;
        match &plan.trigger {
            Trigger::Webhook { once: Some(once), .. } => {
                let value = event::once(&item.fields, once, &item.exact)?;
                let key = webhook::once_key(&self.webhook_key(&plan.client, &plan.workflow), &value);
                Some((value, key))
            }
            _ => Some((item.position.id.clone(), place.key(Known::Item(item)))),
        }
    }

    /// All keys by which the event of an item may have been accepted: by what its trigger knows it by, and by its place in the
    /// list, as a plan before may have taken it that knew it by nothing else.
    pub(super) fn taken_by(
        &self,
        (compiled, place): (&Compiled, &Place<'_>),
        item: &Item,
        lists: &BTreeSet<OperationRef>,
    ) -> Vec<[u8; 16]> {
        let named = self.named(compiled, place, item).map(|(_, key)| key);
        let placed = place.keys(Known::Item(item), lists);
        named.filter(|key| !placed.contains(key)).into_iter().chain(placed).collect()
    }

    /// What became before of an item that can be read now.
    pub(super) fn was_apart(&self, keys: &[[u8; 16]]) -> Result<Was, NotLooked> {
        let Some(run) = self.run_of(keys)? else { return Ok(Was::New) };
        let queue = self.engine.store().queue().or(Err(lost()))?;
        Ok(if queue.iter().any(|item| item.run == run) { Was::Aside(run) } else { Was::Handled })
    }

    /// Puts one item aside, and moves the cursor past it. False when it cannot be done now.
    pub(super) async fn put_aside(
        &self,
        compiled: &Compiled,
        poll: &Poll,
        (cursor, apart): (&mut Cursor, &mut Apart),
        item: Strange,
    ) -> Result<bool, NotLooked> {
        let plan = &compiled.plan;
        let place = Place { client: &plan.client, workflow: &plan.workflow };
        let now = self.world.clock().now().moment();
        let moved = item.position.as_ref().map_or_else(|| cursor.clone(), |position| cursor.past(position, now));
        let was = self.was_apart(&item.keys)?;
        if was != Was::Handled {
            apart.sees(item.from);
        }
        if was != Was::New {
            if moved != *cursor {
                self.keep_cursor(&moved, &place).await?;
                *cursor = moved;
            }
            return Ok(true);
        }
        let known = Aside::with(apart.known.as_ref(), (item.from, &poll.read), (compiled.digest, now));
        let field = item.misfit.as_ref().map(ToString::to_string);
        let new = NewRun {
            client: plan.client.clone(),
            workflow: plan.workflow.clone(),
            trigger: kind_of(&plan.trigger),
            event: item.event.clone(),
            keys: item.keys.into_iter().take(1).collect(),
            fields: item.fields,
            writes: vec![moved.write(&place), Aside::write(Some(&known), &place)],
        };
        match self.drive(self.engine.set_aside(new)).await {
            Receipt::Accepted(run) => {
                let event = item.event;
                self.counted.refused(&plan.client, &plan.workflow, BAD_ITEM);
                tracing::warn!(client = %plan.client, workflow = %plan.workflow, %run, event, field, "an item of a list cannot be read: it is in the manual queue");
                (*cursor, apart.known) = (moved, Some(known));
                Ok(true)
            }
            Receipt::Refused(_) => Err(failed(BAD_ITEM)),
            Receipt::Duplicate(_)
            | Receipt::Ignored
            | Receipt::Heard
            | Receipt::Challenge(_)
            | Receipt::Unknown
            | Receipt::Busy { .. }
            | Receipt::Unavailable => Ok(false),
        }
    }

    async fn keep(&self, write: Write) -> Result<(), NotLooked> {
        let transaction = Transaction::new(self.world.clock().now()).with(write);
        self.engine.store().commit(transaction).await.or(Err(lost()))
    }
}
