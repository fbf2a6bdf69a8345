//! What the answers of effects tell: a token names what was made, all else may tell of what was given.

use super::*;

#[test]
fn that_something_is_absent_tells_too() {
    let field = json!({"at": "got", "class": "reference", "shape": {"type": "boolean"}, "written_by": "system", "optional": true});
    let changes = [
        ("/operations/helpdesk.keep_note/response/id/optional", json!(true)),
        ("/operations/helpdesk.keep_note/response/got", field),
    ];
    let flows = flows(REPLY, &changes);
    let told: Vec<_> = releases(&flows).into_iter().filter(|(what, _)| what.starts_with("keep.")).collect();
    assert_eq!(told, [("keep.got: one of 3", 2), ("keep.id: one of 2", 1)]);
}

#[test]
fn an_effect_that_finds_a_record_answers_like_a_read() {
    let fields = json!({
        "id": {"at": "id", "class": "reference", "shape": {"type": "token"}, "written_by": "system"},
        "vip": {"at": "vip", "class": "reference", "shape": {"type": "boolean"}, "written_by": "system"},
        "owes": {"at": "owes", "class": "reference", "written_by": "system", "shape": {"type": "money",
            "wire": {"unit": "minor", "value": "v", "currency": {"at": "c"}}}},
    });
    let changes = |finds: bool| {
        let response = ("/operations/helpdesk.keep_note/response", fields.clone());
        flows(REPLY, &[response, ("/operations/helpdesk.keep_note/finds", json!(finds))])
    };
    // The note's text is the AI's.
    let of = |flows: &Flows, path: &str| find(flows, path).expect(path).label;
    let (made, found) = (changes(false), changes(true));
    let (reference, content) = (Class::Reference, Class::Content);
    for (path, class, marked) in
        [("keep.id", reference, false), ("keep.vip", reference, true), ("keep.owes", content, true)]
    {
        let label = of(&made, path);
        assert_eq!((label.class, label.marks.any()), (class, marked), "{path}");
        let label = of(&found, path);
        assert_eq!((label.class, label.marks.any()), (Class::Content, true), "{path}, where it finds");
    }
}

fn answering(fields: &Value) -> [(&'static str, Value); 1] {
    let mut fields = fields.clone();
    fields["id"] = json!({"at": "id", "class": "reference", "shape": {"type": "token"}, "written_by": "system"});
    [("/operations/helpdesk.keep_note/response", fields)]
}

/// An API that scores, counts or dates what it is given answers as many bits of it as a number has.
#[test]
fn numbers_moments_and_lists_that_an_effect_answers_tell_of_what_it_was_given() {
    let field = |shape: Value, class: &str| json!({"at": "x", "class": class, "shape": shape, "written_by": "system"});
    let token = field(json!({"type": "token"}), "reference");
    let shapes = [
        field(json!({"type": "integer"}), "reference"),
        field(json!({"type": "instant", "wire": "iso"}), "reference"),
        // Whatever the catalog says of it.
        field(json!({"type": "text", "most_bytes": 100}), "public"),
        field(json!({"type": "list", "most": 9, "of": token}), "public"),
    ];
    for shape in shapes {
        let flows = flows(REPLY, &answering(&json!({"said": shape, "made": token})));
        let label = |path: &str| find(&flows, path).expect(path).whole_label();
        assert_eq!((label("keep.said").class, label("keep.said").marks.any()), (Class::Content, true), "{shape}");
        assert_eq!((label("keep.made").class, label("keep.made").marks.any()), (Class::Reference, false), "{shape}");
        let facts: Vec<&str> = flows.step("keep").expect("a step").facts.keys().map(Name::as_str).collect();
        assert_eq!(facts, ["id", "made"], "{shape}");
    }
}
