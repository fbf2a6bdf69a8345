//! Statements of clients: withheld, replayed, borrowed, added up, and signed by people who may not.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::class::Class;
use assent_schema::plan::Effect;
use assent_schema::release::FileName;
use assent_schema::time::Period;
use assent_schema::trust::{Approval, Cancelled, Decision, Namespace, Statement};
use assent_schema::uses::{DataUse, Party, UseKind};

use super::fixture::{Files, id, key, moment, place, put, text};
use super::table::{Attack, Verdict, attack, because};
use super::world::{By, World, after, bent, bent_second, judge, judge_at, judge_by, later};

const APPROVERS: &[By] = &["dana", "emil"];

/// One more statement beside the approval, signed by some people.
fn with(by: &[By], statement: impl FnOnce(&World) -> String) -> Verdict {
    bent(|world| world.statements.push((statement(world), by.to_vec())))
}

/// Other statements instead of the approval.
fn instead(statements: impl FnOnce(&World) -> Vec<(String, Vec<By>)>) -> Verdict {
    bent(|world| world.statements = statements(world))
}

/// The approval with its text changed before it was signed.
fn rewritten(from: &str, to: &str) -> Verdict {
    with(APPROVERS, |world| {
        let second = world.approve(2, world.uses());
        assert!(second.contains(from), "{from}");
        second.replacen(from, to, 1)
    })
}

/// An approval of all uses, with one of them narrowed below what the plan needs.
fn narrowed(kind: UseKind, change: fn(&mut DataUse)) -> Verdict {
    instead(|world| {
        let mut uses = world.uses();
        let mut narrowed = 0;
        for one in uses.iter_mut().filter(|one| one.kind == kind) {
            let before = one.clone();
            change(one);
            narrowed += usize::from(*one != before);
        }
        assert!(narrowed > 0, "nothing was narrowed");
        let uses: BTreeSet<DataUse> = uses.into_iter().collect();
        vec![(world.approve(1, uses.into_iter().collect()), APPROVERS.to_vec())]
    })
}

/// Halves of the uses in two statements.
fn halves(world: &World) -> (Vec<DataUse>, Vec<DataUse>) {
    let mut first = world.uses();
    let second = first.split_off(first.len() / 2);
    (first, second)
}

/// What the client's second approvers file changes.
fn dana_left(world: &mut World) {
    let first = Digest::of_file(text(world.approvers[0].0.to_toml()).as_bytes());
    let mut next = world.approvers[0].0.next(first);
    next.people.remove(&id("dana"));
    world.approvers.push((next, vec!["dana", "emil"]));
}

/// An agent that accepted a withdrawal, then a release from which it is left out.
fn left_out(change: fn(&World, &mut Files)) -> Verdict {
    let mut world = World::honest();
    world.statements.push((world.withdraw(2, Cancelled::All), vec!["fay"]));
    let pinned = after(&world.release());
    world.statements.pop();
    (world.sequence, world.previous) = (2, pinned.manifest);
    let mut files = world.listed();
    change(&world, &mut files);
    judge_by(&world.release_of(files), &pinned)
}

pub(crate) const ROOM: &[Attack] = &[
    attack("no approval at all", "off: uncovered", || instead(|_| Vec::new())),
    attack("an approval by one person where two are needed", "off: uncovered", || {
        bent(|world| world.statements[0].1 = vec!["dana"])
    }),
    attack("an approval by two of three", "accepted", || bent(|world| world.statements[0].1 = vec!["emil", "fay"])),
    because(
        "an approval signed by one person under two names",
        "statement-invalid",
        "not listed for this person",
        || {
            let world = World::honest();
            let mut files = world.listed();
            let name = FileName::Statement(Digest::of_file(world.statements[0].0.as_bytes())).to_string();
            let twice = files[&format!("{name}.dana.sig")].clone();
            files.insert(format!("{name}.emil.sig"), twice);
            judge(&world.release_of(files))
        },
    ),
    attack("one approval twice, each signed by another person", "off: uncovered", || {
        // The bytes differ, so these are two statements, each below the threshold.
        instead(|world| {
            let uses = world.uses();
            vec![(world.approve(1, uses.clone()), vec!["dana"]), (world.approve(2, uses), vec!["emil"])]
        })
    }),
    attack("one statement whose signatures come one after the other", "accepted", || {
        let mut world = World::honest();
        world.statements[0].1 = vec!["dana"];
        let pinned = after(&world.release());
        world.statements[0].1 = vec!["emil"];
        (world.sequence, world.previous) = (2, pinned.manifest);
        judge_by(&world.release(), &pinned)
    }),
    attack("halves of what is needed, each approved by one person", "off: uncovered", || {
        instead(|world| {
            let (first, second) = halves(world);
            vec![(world.approve(1, first), vec!["dana"]), (world.approve(2, second), vec!["emil"])]
        })
    }),
    attack("halves of what is needed, each approved by two", "accepted", || {
        instead(|world| {
            let (first, second) = halves(world);
            vec![(world.approve(1, first), APPROVERS.to_vec()), (world.approve(2, second), APPROVERS.to_vec())]
        })
    }),
    attack("one use approved in two parts that would add up to it", "off: uncovered", || {
        instead(|world| {
            let uses = world.uses();
            let wide = uses.iter().find(|one| one.kind == UseKind::Show && one.fields.len() > 1).unwrap();
            let parts = (0..2).map(|part| {
                let fields = wide.fields.iter().skip(part).step_by(2).map(|(path, class)| (path.clone(), *class));
                DataUse { fields: fields.collect(), ..wide.clone() }
            });
            let others = uses.iter().filter(|one| *one != wide).cloned();
            vec![(world.approve(1, others.chain(parts).collect()), APPROVERS.to_vec())]
        })
    }),
    because("an approval that the agency signed", "statement-invalid", "ann", || {
        with(&["ann", "ben"], |world| world.approve(2, world.uses()))
    }),
    because("an approval with a stranger's signature beside the honest ones", "statement-invalid", "eve", || {
        with(&["dana", "emil", "eve"], |world| world.approve(2, world.uses()))
    }),
    because("an approval that nobody signed", "statement-invalid", "0 of the 1 person", || {
        with(&[], |world| world.approve(2, world.uses()))
    }),
    because("an approval signed for another purpose", "statement-invalid", "another purpose", || {
        let world = World::honest();
        let mut files = world.listed();
        let (statement, _) = &world.statements[0];
        let name = FileName::Statement(Digest::of_file(statement.as_bytes()));
        put(&mut files, &name, statement.as_bytes(), Namespace::Approvers, APPROVERS);
        judge(&world.release_of(files))
    }),
    because("an approval changed after it was signed", "statement-invalid", "does not match", || {
        let world = World::honest();
        let mut files = world.listed();
        let (statement, _) = &world.statements[0];
        let honest = FileName::Statement(Digest::of_file(statement.as_bytes())).to_string();
        let changed = statement.replace("per_call = 10000", "per_call = 90000");
        assert_ne!(&changed, statement);
        let name = FileName::Statement(Digest::of_file(changed.as_bytes())).to_string();
        files.insert(name.clone(), changed.into_bytes());
        for who in APPROVERS {
            let signature = files[&format!("{honest}.{who}.sig")].clone();
            files.insert(format!("{name}.{who}.sig"), signature);
        }
        judge(&world.release_of(files))
    }),
    because("another client's approval", "statement-invalid", "cedar", || {
        rewritten("client = \"acme\"", "client = \"cedar\"")
    }),
    because("another project's approval", "statement-invalid", "another project or client", || {
        let other = Digest::of_file(b"other").to_string();
        rewritten(&super::world::project().to_string(), &other)
    }),
    because(
        "an approval that names another first approvers file",
        "statement-invalid",
        "another first approvers file",
        || {
            let first = Digest::of_file(text(World::honest().approvers[0].0.to_toml()).as_bytes()).to_string();
            rewritten(&first, &Digest::of_file(b"other").to_string())
        },
    ),
    because("an approval for more than 400 days", "statement-invalid", "more than 400 days", || {
        rewritten("expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-04-06T00:00:00Z\"")
    }),
    because("a serial that jumps, to shadow withdrawals for ever", "statement-invalid", "more than 1000 above", || {
        rewritten("serial = 2", "serial = 1002")
    }),
    because("serial zero", "statement-invalid", "serial 0", || rewritten("serial = 2", "serial = 0")),
    because("a key that nobody knows", "statement-invalid", "there is no key", || {
        rewritten("given = ", "hidden = true\ngiven = ")
    }),
    because("a data use with a member that nobody knows", "statement-invalid", "there is no key", || {
        rewritten("kind = \"ask\"", "kind = \"ask\"\nhidden = true")
    }),
    because("a file that is not a statement", "statement-invalid", "must begin with the keys", || {
        with(APPROVERS, |_| "x = 1\n".to_owned())
    }),
    because("an approval that approves nothing", "statement-invalid", "names no data use", || {
        with(APPROVERS, |world| {
            let all = world.approve(2, world.uses());
            format!("{}use = []\n", all.split("\n[[use]]").next().map(|head| format!("{head}\n")).unwrap())
        })
    }),
    because("a use that is listed twice", "statement-invalid", "lists a data use twice", || {
        with(APPROVERS, |world| {
            let one = world.approve(2, world.uses()[..1].to_vec());
            let (_, last) = one.split_once("\n[[use]]").unwrap();
            format!("{one}\n[[use]]{last}")
        })
    }),
    attack("an approval given for a later time", "off: uncovered", || {
        instead(|world| {
            let approval = Approval::new(moment("2027-03-01T00:00:00Z"), world.uses());
            let late =
                Statement { given: moment("2026-06-03T00:00:00Z"), ..world.statement(1, Decision::Approve(approval)) };
            vec![(text(late.to_toml()), APPROVERS.to_vec())]
        })
    }),
    attack("an approval that has expired", "off: uncovered", || {
        let mut world = World::honest();
        let approval = Approval::new(moment("2026-06-10T00:00:00Z"), world.uses());
        world.statements = vec![(world.says(1, Decision::Approve(approval)), APPROVERS.to_vec())];
        judge_at(&world.release(), &after(&world.release()), later(Period::days(8)))
    }),
    attack("a withdrawal by one approver", "off: uncovered", || {
        with(&["fay"], |world| world.withdraw(2, Cancelled::All))
    }),
    attack("a withdrawal with the serial of the approval", "off: uncovered", || {
        with(&["fay"], |world| world.withdraw(1, Cancelled::All))
    }),
    attack("a withdrawal of the workflow", "off: uncovered", || {
        with(&["fay"], |world| world.withdraw(2, Cancelled::Workflow("refund".parse().unwrap())))
    }),
    attack("a withdrawal of one use by its digest", "off: uncovered", || {
        with(&["fay"], |world| {
            world.withdraw(2, Cancelled::Digest(world.one_use(|one| one.kind == UseKind::Ask).digest().unwrap()))
        })
    }),
    attack("a withdrawal of another workflow", "accepted", || {
        with(&["fay"], |world| world.withdraw(2, Cancelled::Workflow("reply".parse().unwrap())))
    }),
    attack("a rejection", "off: uncovered", || {
        with(&["fay"], |world| world.says(2, Decision::Reject(vec![Cancelled::All])))
    }),
    because("a withdrawal that a stranger signed", "statement-invalid", "eve", || {
        with(&["eve"], |world| world.withdraw(2, Cancelled::All))
    }),
    attack("a withdrawal that the next release leaves out", "off: uncovered", || left_out(|_, _| ())),
    attack("all statements left out after a withdrawal", "off: uncovered", || {
        left_out(|_, files| files.retain(|path, _| !path.starts_with("statements/")))
    }),
    attack("an older approval replayed after a withdrawal", "off: uncovered", || {
        let mut world = World::honest();
        world.statements.push((world.withdraw(5, Cancelled::All), vec!["fay"]));
        let pinned = after(&world.release());
        // A second approval, signed before the withdrawal and never released until now.
        world.statements = vec![(world.approve(4, world.uses()), APPROVERS.to_vec())];
        (world.sequence, world.previous) = (2, pinned.manifest);
        judge_by(&world.release(), &pinned)
    }),
    attack("a new approval after a withdrawal", "accepted", || {
        let mut world = World::honest();
        world.statements.push((world.withdraw(5, Cancelled::All), vec!["fay"]));
        world.statements.push((world.approve(6, world.uses()), APPROVERS.to_vec()));
        judge(&world.release())
    }),
    attack("an approval by somebody who has left since", "off: uncovered", || bent_second(dana_left)),
    attack("a new approval by somebody who has left", "off: uncovered", || {
        bent(|world| {
            dana_left(world);
            world.statements = vec![(world.approve(2, world.uses()), APPROVERS.to_vec())];
        })
    }),
    attack("a withdrawal by somebody who has left, which still holds", "off: uncovered", || {
        bent(|world| {
            dana_left(world);
            world.statements = vec![
                (world.approve(1, world.uses()), vec!["emil", "fay"]),
                (world.withdraw(1, Cancelled::All), vec!["dana"]),
            ];
        })
    }),
    attack("an approval by a key that the person no longer has", "off: uncovered", || {
        bent(|world| {
            let first = Digest::of_file(text(world.approvers[0].0.to_toml()).as_bytes());
            let mut next = world.approvers[0].0.next(first);
            next.people.get_mut(&id("dana")).unwrap().keys = [key("dana's new").public().clone()].into();
            world.approvers.push((next, APPROVERS.to_vec()));
        })
    }),
    attack("narrower: another region", "off: uncovered", || {
        narrowed(UseKind::Ask, |one| {
            if let Some(Party::Connection(to)) = &mut one.to {
                to.region = "us".parse().unwrap();
            }
        })
    }),
    attack("narrower: another host", "off: uncovered", || {
        narrowed(UseKind::Effect, |one| {
            if let Some(Party::Connection(to)) = &mut one.to {
                to.host = "other.example".into();
            }
        })
    }),
    attack("narrower: fewer scopes", "off: uncovered", || {
        narrowed(UseKind::Effect, |one| one.scopes = Some(BTreeSet::new()))
    }),
    attack("narrower: fewer fields", "off: uncovered", || narrowed(UseKind::Show, |one| drop(one.fields.pop_first()))),
    attack("narrower: a field of a lower class", "off: uncovered", || {
        narrowed(UseKind::Ask, |one| {
            one.fields.values_mut().for_each(|class| *class = Class::Public);
        })
    }),
    attack("narrower: fewer bits", "off: uncovered", || {
        narrowed(UseKind::Release, |one| one.bits = one.bits.map(|bits| bits - 1))
    }),
    attack("narrower: another thing that is released", "off: uncovered", || {
        narrowed(UseKind::Release, |one| drop(one.releases.pop()))
    }),
    attack("narrower: a smaller guardrail", "off: uncovered", || {
        narrowed(UseKind::Guardrail, |one| {
            if let Some(guardrail) = &mut one.guardrail {
                guardrail.per_call = Some(9_999);
            }
        })
    }),
    attack("narrower: a guardrail in another currency", "off: uncovered", || {
        narrowed(UseKind::Guardrail, |one| {
            if let Some(guardrail) = one.guardrail.as_mut().filter(|guardrail| guardrail.currency.is_some()) {
                guardrail.currency = Some("USD".into());
            }
        })
    }),
    because("a use that leaves out whose it is", "statement-invalid", "a `ask` without `workflow`", || {
        rewritten("kind = \"ask\"\nworkflow = \"refund\"\n", "kind = \"ask\"\n")
    }),
    attack("narrower: read from another host", "off: uncovered", || {
        narrowed(UseKind::Read, |one| {
            if let Some(Party::Connection(party)) = &mut one.from {
                party.host = "elsewhere.example".into();
            }
        })
    }),
    attack("narrower: another effect", "off: uncovered", || {
        narrowed(UseKind::Effect, |one| one.effect = Some(Effect::Write))
    }),
    attack("narrower: another purpose", "off: uncovered", || {
        narrowed(UseKind::Ask, |one| one.purpose = Some("essential.service.operations".into()))
    }),
    attack("narrower: another provider", "off: uncovered", || {
        narrowed(UseKind::Ask, |one| one.provider = Some("other-ai".parse().unwrap()))
    }),
    attack("narrower: an agreement that ends earlier", "off: uncovered", || {
        narrowed(UseKind::Ask, |one| {
            if let Some(agreement) = &mut one.agreement {
                agreement.until = moment("2026-12-31T00:00:00Z");
            }
        })
    }),
    attack("narrower: a shorter stay", "off: uncovered", || {
        narrowed(UseKind::Effect, |one| one.retention = Some("none".into()))
    }),
    attack("narrower: another group sees it", "off: uncovered", || {
        narrowed(UseKind::Show, |one| {
            if let Some(Party::Group(to)) = &mut one.to {
                to.group = "interns".parse().unwrap();
            }
        })
    }),
    attack("narrower: another workflow", "off: uncovered", || {
        narrowed(UseKind::Effect, |one| one.workflow = Some("reply".parse().unwrap()))
    }),
    attack("wider than needed", "accepted", || {
        instead(|world| {
            let mut uses = world.uses();
            for one in &mut uses {
                one.fields.insert("ticket.more".into(), Class::Personal);
                one.bits = one.bits.map(|bits| bits + 1);
                if let Some(guardrail) = &mut one.guardrail {
                    guardrail.per_call = Some(20_000);
                }
            }
            vec![(world.approve(1, uses), APPROVERS.to_vec())]
        })
    }),
    attack("statements in a release of which the agent knows the withdrawal by other means", "off: uncovered", || {
        let mut world = World::honest();
        let honest = world.release();
        world.statements = vec![(world.withdraw(3, Cancelled::All), vec!["emil"])];
        let mut pinned = after(&honest);
        let withdrawn = after(&world.release());
        pinned.statements = withdrawn.statements;
        assert_eq!(place().region.as_str(), "eu");
        judge_by(&honest, &pinned)
    }),
];
