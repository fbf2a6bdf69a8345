//! Who one is: challenges, and what is signed with them.

use super::*;

pub(super) fn lena() -> Introduction {
    Introduction { client: Some(ClientId::new("acme").unwrap()), person: person("lena") }
}

fn answered(seed: u8, challenge: &Challenge) -> SignedIn {
    let text = String::from_utf8(canon::to_bytes(challenge).unwrap()).unwrap();
    let signature = sign(&signer(seed), Namespace::Console, text.as_bytes());
    SignedIn { challenge: text, signature: signature.into(), run: None }
}

const BOOT: Duration = Duration::from_secs(1_000);

fn given(challenges: &Challenges, dice: u8) -> Challenge {
    challenges.give(&itself(), &lena(), [dice; 8], BOOT, Moment::from_seconds(0))
}

#[test]
fn a_challenge_is_good_once_and_for_two_minutes() {
    let mut challenges = Challenges::new([7; 32]);
    let signed = answered(1, &given(&challenges, 1));
    assert_eq!(challenges.sign_in(&itself(), &signed, None, BOOT, known_at), Ok((lena(), None)));
    assert_eq!(challenges.sign_in(&itself(), &signed, None, BOOT, known_at), Err(NotTaken::BadChallenge), "used");
    let late = answered(1, &given(&challenges, 2));
    let end = BOOT + sign_in::CHALLENGE_LIVES.duration();
    assert_eq!(challenges.sign_in(&itself(), &late, None, end, known_at), Err(NotTaken::BadChallenge), "late");
    let kept = answered(1, &given(&challenges, 3));
    assert_eq!(
        Challenges::new([8; 32]).sign_in(&itself(), &kept, None, BOOT, known_at),
        Err(NotTaken::BadChallenge),
        "after a restart"
    );
    assert_eq!(challenges.sign_in(&itself(), &kept, None, BOOT, known_at), Ok((lena(), None)));
}

#[test]
fn a_challenge_is_for_one_person_at_one_agent() {
    let mut challenges = Challenges::new([7; 32]);
    let challenge = given(&challenges, 1);
    for (forged, seed, wanted) in [
        (challenge.clone(), 2, NotTaken::BadSignature),
        (Challenge { person: person("tom"), ..challenge.clone() }, 2, NotTaken::BadChallenge),
        (Challenge { agent: AgentId::new("eu-2").unwrap(), ..challenge.clone() }, 1, NotTaken::OtherQuestion),
        (Challenge { project: digest(9), ..challenge.clone() }, 1, NotTaken::OtherQuestion),
        (Challenge { nonce: digest(9), ..challenge.clone() }, 1, NotTaken::BadChallenge),
        (Challenge { nonce: digest(0xff), ..challenge.clone() }, 1, NotTaken::BadChallenge),
        (Challenge { client: ClientId::new("zenith").ok(), ..challenge.clone() }, 1, NotTaken::BadChallenge),
        (Challenge { client: None, ..challenge.clone() }, 1, NotTaken::BadSignature),
        (Challenge { person: person("nobody"), ..challenge.clone() }, 1, NotTaken::BadSignature),
    ] {
        assert_eq!(challenges.sign_in(&itself(), &answered(seed, &forged), None, BOOT, known_at), Err(wanted));
    }
    assert_eq!(
        challenges.sign_in(&itself(), &answered(1, &challenge), None, BOOT, known_at),
        Ok((lena(), None)),
        "failures use nothing up"
    );
}

#[test]
fn a_start_is_signed_and_counts_once() {
    let mut challenges = Challenges::new([7; 32]);
    let start = Start {
        kind: StartType::Start,
        schema: 1,
        project: digest(1),
        client: ClientId::new("acme").unwrap(),
        agent: AgentId::new("eu-1").unwrap(),
        workflow: assent_schema::id::WorkflowId::new("report").unwrap(),
        fields: json!({"day": "2026-03-02"}),
        nonce: given(&challenges, 1).nonce,
        person: person("lena"),
    };
    let text = String::from_utf8(canon::to_bytes(&start).unwrap()).unwrap();
    let signature = sign(&signer(1), Namespace::Console, text.as_bytes());
    let mut signed = SignedStart { start: text, signature };
    assert_eq!(challenges.start(&itself(), &signed, BOOT, known), Ok(start));
    assert_eq!(challenges.start(&itself(), &signed, BOOT, known), Err(NotTaken::BadChallenge));
    signed.start = signed.start.replace("03-02", "03-03");
    assert_eq!(challenges.start(&itself(), &signed, BOOT, known), Err(NotTaken::BadSignature));
}

#[test]
fn a_command_is_signed_with_its_question_and_counts_once() {
    let mut challenges = Challenges::new([7; 32]);
    let who = Introduction { client: None, person: person("lena") };
    let nonce = challenges.give(&itself(), &who, [1; 8], BOOT, Moment::from_seconds(0)).nonce;
    let question = "\"queue\"".to_owned();
    let command = |change: &dyn Fn(&mut Command)| {
        let mut command = Command {
            kind: CommandType::Command,
            schema: 1,
            project: digest(1),
            agent: AgentId::new("eu-1").unwrap(),
            person: person("lena"),
            nonce,
            question: Command::digest(&question),
        };
        change(&mut command);
        let command = String::from_utf8(canon::to_bytes(&command).unwrap()).unwrap();
        let signature = sign(&signer(1), Namespace::Console, command.as_bytes());
        SignedCommand { question: question.clone(), command, signature }
    };
    let known = |one: &PersonId| if *one == person("lena") { known_at(None, one) } else { Keys::default() };
    let known = |one: &PersonId| {
        let mut keys = known(one);
        keys.ssh.insert(signer(1).public().clone());
        keys
    };
    let honest = command(&|_| ());
    for (forged, wanted) in [
        (command(&|command| command.schema = 2), NotTaken::OtherQuestion),
        (command(&|command| command.project = digest(9)), NotTaken::OtherQuestion),
        (command(&|command| command.agent = AgentId::new("eu-2").unwrap()), NotTaken::OtherQuestion),
        (command(&|command| command.nonce = digest(9)), NotTaken::BadChallenge),
        (command(&|command| command.person = person("tom")), NotTaken::BadChallenge),
        (SignedCommand { question: "\"status\"".to_owned(), ..honest.clone() }, NotTaken::OtherQuestion),
        (SignedCommand { command: honest.command.replace("lena", "tomx"), ..honest.clone() }, NotTaken::BadSignature),
    ] {
        assert_eq!(challenges.command(&itself(), &forged, BOOT, known), Err(wanted));
    }
    let stranger = |_: &PersonId| Keys::default();
    assert_eq!(challenges.command(&itself(), &honest, BOOT, stranger), Err(NotTaken::BadSignature));
    assert_eq!(challenges.command(&itself(), &honest, BOOT, known), Ok(person("lena")));
    assert_eq!(challenges.command(&itself(), &honest, BOOT, known), Err(NotTaken::BadChallenge), "used");
}
