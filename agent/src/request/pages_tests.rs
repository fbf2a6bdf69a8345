//! Lists that come in pages: where the next one begins, when they end, and what they are together.

use assent_schema::expr::Value;
use assent_schema::id::ClientId;
use assent_schema::plan::Operation;
use serde_json::json;

use super::tests::{Arguments, bearer, operation, read, response};
use super::*;
use crate::content::Content;
use crate::world::HttpResponse;

fn listing() -> Operation {
    operation(json!({
        "method": "GET", "path": "/tickets", "params": {}, "effect": "none",
        "pages": {"cursor_at": "next", "param": "cursor", "collect": "items", "most": 3},
        "response": {"items": {"at": "items", "class": "content", "written_by": "anyone", "shape": {"type": "list", "most": 5, "of":
            {"at": "", "class": "content", "written_by": "anyone", "shape": {"type": "integer"}}}}},
    }))
}

/// Reads pages until there is no next one; gives the list's length and the number of pages.
fn pages(bodies: &[&str], cut: bool) -> Result<(usize, usize), String> {
    let mut operation = listing();
    operation.pages.as_mut().unwrap().cut = cut;
    let mut paging = Paging::default();
    let mut count = 0;
    for body in bodies {
        count += 1;
        let page = read(&operation, &response(200, body, &[])).map_err(|failed| failed.code)?;
        if paging.add(&operation, page).map_err(|failed| failed.code)?.is_none() {
            break;
        }
    }
    match paging.whole(&operation).map_err(|failed| failed.code)?.as_ref().and_then(|answer| answer.fields.get("items"))
    {
        Some(Value::List(items)) => Ok((items.len(), count)),
        _ => Err("no list".to_owned()),
    }
}

#[test]
fn pages_end_at_their_end_or_in_a_circle() {
    let pages = |bodies: &[&str]| pages(bodies, false);
    assert_eq!(pages(&[r#"{"items":[1,2],"next":"a"}"#, r#"{"items":[3],"next":null}"#]), Ok((3, 2)));
    assert_eq!(pages(&[r#"{"items":[1,2],"next":""}"#]), Ok((2, 1)));
    assert_eq!(pages(&[r#"{"items":[1],"next":"a"}"#, r#"{"items":[2],"next":"a"}"#]), Err(REPEATED_CURSOR.to_owned()));
    assert_eq!(
        pages(&[r#"{"items":[1],"next":"a"}"#, r#"{"items":[],"next":"a"}"#]),
        Ok((1, 2)),
        "as some APIs tell the end"
    );
    assert_eq!(pages(&[r#"{"items":[1],"next":{"x":1}}"#]), Err(BAD_ANSWER.to_owned()));
}

/// Some APIs leave a list out that holds nothing: where the catalog says so it is an empty one, on the first page and on others.
#[test]
fn a_list_that_is_left_out_is_empty() {
    let read_all = |optional: bool, bodies: &[&str]| {
        let mut operation = listing();
        operation.response.values_mut().for_each(|field| field.optional = optional);
        let mut paging = Paging::default();
        for body in bodies {
            let page = read(&operation, &response(200, body, &[])).map_err(|failed| failed.code)?;
            drop(paging.add(&operation, page).map_err(|failed| failed.code)?);
        }
        match paging.finish().unwrap_or_default().fields.get("items") {
            Some(Value::List(items)) => Ok(items.len()),
            _ => Err("no list".to_owned()),
        }
    };
    assert_eq!(read_all(true, &["{}"]), Ok(0));
    assert_eq!(read_all(true, &[r#"{"items":null}"#]), Ok(0));
    assert_eq!(read_all(true, &[r#"{"items":[1,2],"next":"a"}"#, "{}"]), Ok(2));
    assert_eq!(read_all(true, &[r#"{"next":"a"}"#, r#"{"items":[1]}"#]), Ok(1));
    assert_eq!(read_all(false, &["{}"]), Err(BAD_ANSWER.to_owned()));
    assert_eq!(read_all(true, &[r#"{"items":3}"#]), Err(BAD_ANSWER.to_owned()));
}

#[test]
fn a_part_of_a_list_is_not_given_out_as_the_list() {
    // At most five items, and three pages.
    let too_many = [r#"{"items":[1,2,3],"next":"a"}"#, r#"{"items":[4,5,6],"next":"b"}"#, "{}"];
    let too_much = [r#"{"items":[1,2,3,4,5,6,7],"next":"a"}"#];
    let last_too_much = [r#"{"items":[1,2,3],"next":"a"}"#, r#"{"items":[4,5,6]}"#];
    let too_long = [r#"{"items":[1],"next":"a"}"#, r#"{"items":[2],"next":"b"}"#, r#"{"items":[3],"next":"c"}"#, "{}"];
    let cases: [(&[&str], _); 4] =
        [(&too_many, (5, 2)), (&too_much, (5, 1)), (&last_too_much, (5, 2)), (&too_long, (3, 3))];
    for (bodies, taken) in cases {
        assert_eq!(pages(bodies, false), Err(LIST_TOO_LONG.to_owned()), "{bodies:?}");
        assert_eq!(pages(bodies, true), Ok(taken), "where the catalog says that a part is enough");
    }
    let exactly = [r#"{"items":[1,2,3,4,5],"next":"a"}"#, r#"{"items":[],"next":null}"#];
    assert_eq!(pages(&exactly, false), Ok((5, 2)));
}

fn next_page(operation: &Operation, cursor: &str) -> Built {
    page(operation, &Arguments::new(), Some(cursor))
}

fn page(operation: &Operation, arguments: &Arguments, cursor: Option<&str>) -> Built {
    let (client, reference) = (ClientId::new("acme").unwrap(), "helpdesk.list".parse().unwrap());
    let call = Call {
        client: &client,
        reference: &reference,
        operation,
        endpoint: "https://api.example.com",
        connection: &bearer(),
        arguments,
        secret: Some(b"x"),
        idempotency: None,
        cursor,
    };
    build(&call).ok().unwrap()
}

#[test]
fn a_list_ends_where_the_answer_says_so_and_its_cursor_goes_where_it_is_read() {
    let pages = json!({"cursor_at": "next", "more_at": "more", "param": "page.after", "in": "body", "collect": "items", "most": 3});
    let operation =
        operation(json!({"path": "/search", "params": {}, "effect": "none", "pages": pages, "response": {}}));
    let cursor = |body: &str| read(&operation, &response(200, body, &[])).unwrap().next.is_some();
    assert!(
        cursor(r#"{"next":"a","more":true}"#) && !cursor(r#"{"next":"a","more":false}"#) && !cursor(r#"{"next":"a"}"#)
    );
    let request = next_page(&operation, "a").request;
    assert_eq!(request.body.reveal().as_slice(), br#"{"page":{"after":"a"}}"#);
    assert_eq!(request.target.reveal(), "/search");
}

/// Reads pages as an API gives them, with the header `Link` where there is one; gives what each further page was asked with.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the many callers")]
fn walked(by: serde_json::Value, answers: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let mut operation = listing();
    let mut pages = json!({"param": "at", "collect": "items", "most": 9});
    pages.as_object_mut().unwrap().extend(by.as_object().unwrap().clone());
    operation.pages = Some(serde_json::from_value(pages).unwrap());
    let (mut paging, mut asked) = (Paging::default(), Vec::new());
    for (body, link) in answers {
        let headers: &[(&str, &str)] = &[("link", link)];
        let page = read(&operation, &response(200, body, headers)).map_err(|failed| failed.code)?;
        let Some(cursor) = paging.add(&operation, page).map_err(|failed| failed.code)? else { break };
        let target = next_page(&operation, cursor.reveal()).request.target.reveal().clone();
        asked.push(target.split_once('?').unwrap().1.to_owned());
    }
    Ok(asked)
}

#[test]
fn a_link_leads_to_the_next_page_by_what_it_gives_the_parameter() {
    let header = json!({"by": "link", "cursor_at": "header:Link"});
    let first =
        r#"<https://api.example.com/t?at=9&at2=7>; rel="prev", <https://api.example.com/t?x=1&at=a%2Fb>; rel="next""#;
    let last = r#"<https://api.example.com/t?at=1>; rel="first""#;
    let asked = walked(header.clone(), &[(r#"{"items":[1]}"#, first), (r#"{"items":[2]}"#, last)]);
    assert_eq!(asked, Ok(vec!["at=a%2Fb".to_owned()]));
    let other = r#"<https://api.example.com/t?page=2>; rel="next""#;
    assert_eq!(walked(header, &[(r#"{"items":[1]}"#, other)]), Err("bad_answer".to_owned()));
    let body = json!({"by": "link", "cursor_at": "next"});
    let answers = [(r#"{"items":[1],"next":"/t?at=two"}"#, ""), (r#"{"items":[2],"next":null}"#, "")];
    assert_eq!(walked(body, &answers), Ok(vec!["at=two".to_owned()]));
    let named = json!({"cursor_at": "header:Link"});
    assert_eq!(walked(named, &[("{\"items\":[1]}", "7"), ("{\"items\":[2]}", "")]), Ok(vec!["at=7".to_owned()]));
}

#[test]
fn the_place_behind_the_last_item_leads_to_the_next_page() {
    let more = |items: &str, more: bool| (format!(r#"{{"items":{items},"has_more":{more}}}"#), "");
    let ends = [more("[1,2]", true), more("[3,4]", true), more("[5]", false)];
    let stripe = json!({"cursor_at": "items.last", "more_at": "has_more"});
    let asked = |answers: &[(String, &str)]| {
        let answers: Vec<_> = answers.iter().map(|(body, link)| (body.as_str(), *link)).collect();
        walked(stripe.clone(), &answers)
    };
    assert_eq!(asked(&ends), Ok(vec!["at=2".to_owned(), "at=4".to_owned()]));
    assert_eq!(asked(&[more("[1]", true), more("[]", true)]), Err("bad_answer".to_owned()));
}

#[test]
fn a_part_is_not_taken_for_the_list_where_the_answer_says_that_there_is_more() {
    let cases = [
        (json!({"cursor_at": "next", "more_at": "more"}), r#"{"items":[1],"more":true}"#),
        (json!({"cursor_at": "next", "more_at": "more"}), r#"{"items":[1],"more":true,"next":null}"#),
        (json!({"by": "link", "cursor_at": "header:Link", "more_at": "more"}), r#"{"items":[1],"more":true}"#),
    ];
    for (by, body) in cases {
        assert_eq!(walked(by, &[(body, "")]), Err("bad_answer".to_owned()), "{body}");
    }
}

#[test]
fn further_pages_keep_what_the_api_takes_beside_their_place() {
    let asked = |keep: Option<&[&str]>| {
        let mut operation = listing();
        let query = |at: &str| json!({"place": "query", "at": at, "class": "reference", "shape": {"type": "token"}});
        let params = json!({"limit": query("limit"), "status": query("status")});
        operation.params = serde_json::from_value(params).unwrap();
        operation.constants = serde_json::from_value(json!({"fields": "id"})).unwrap();
        operation.method = serde_json::from_value(json!("GET")).unwrap();
        operation.pages.as_mut().unwrap().keep =
            keep.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let arguments = [("limit", "50"), ("status", "open")];
        let arguments = arguments.map(|(name, text)| (name.parse().unwrap(), Value::text(text))).into();
        let target = |cursor| page(&operation, &arguments, cursor).request.target.reveal().clone();
        (target(None), target(Some("a")))
    };
    let whole = "/tickets?limit=50&status=open&fields=id".to_owned();
    assert_eq!(asked(None), (whole.clone(), format!("{whole}&cursor=a")));
    assert_eq!(asked(Some(&["limit"])), (whole.clone(), "/tickets?limit=50&cursor=a".to_owned()), "as Shopify asks");
    assert_eq!(asked(Some(&[])), (whole, "/tickets?cursor=a".to_owned()));
}

/// Twilio's next page is asked for with two parameters of its link, and with nothing else of it.
#[test]
fn a_link_may_give_several_parameters() {
    let mut operation = listing();
    operation.method = serde_json::from_value(json!("GET")).unwrap();
    operation.pages = serde_json::from_value(json!({"by": "link", "cursor_at": "next_page_uri", "param": "PageToken",
        "also": ["Page"], "collect": "items", "most": 5}))
    .unwrap();
    let told = |link: &str| {
        let body = json!({"items": [], "next_page_uri": link}).to_string();
        let response = HttpResponse { status: 200, headers: Vec::new(), body: Content::new(body.into_bytes()) };
        read(&operation, &response).map(|answer| match answer.next {
            Some(Next::At(cursor)) => {
                page(&operation, &Arguments::new(), Some(cursor.reveal())).request.target.reveal().clone()
            }
            _ => String::new(),
        })
    };
    let link = "/2010-04-01/Accounts/AC1/Messages.json?PageSize=50&Page=1&PageToken=PASM%26x%3D1";
    assert_eq!(told(link).unwrap(), "/tickets?PageToken=PASM%26x%3D1&Page=1");
    for part in ["/Messages.json?Page=1", "/Messages.json?PageToken=PASM", "/Messages.json?PageToken=&Page=1", "/M"] {
        assert!(told(part).is_err(), "{part}: another page would come");
    }
}

#[test]
fn a_list_is_counted_until_a_page_is_empty_or_comes_again() {
    let pages = ["{\"items\":[1,2]}", "{\"items\":[3]}", "{\"items\":[]}"].map(|body| (body, ""));
    let asked = |texts: &[&str]| Ok(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(walked(json!({"by": "offset"}), &pages), asked(&["at=2", "at=3"]));
    assert_eq!(walked(json!({"by": "page"}), &pages), asked(&["at=2", "at=3"]));
    assert_eq!(walked(json!({"by": "page", "first": 0}), &pages), asked(&["at=1", "at=2"]));
    let said = [("{\"items\":[1],\"more\":true}", ""), ("{\"items\":[2],\"more\":false}", "")];
    assert_eq!(walked(json!({"by": "page", "more_at": "more"}), &said), asked(&["at=2"]));
    let deaf = [("{\"items\":[1,2]}", ""), ("{\"items\":[1,2]}", "")];
    assert_eq!(walked(json!({"by": "offset"}), &deaf), Err("repeated_cursor".to_owned()));
    let mut in_body = operation(json!({"path": "/search", "params": {}, "effect": "none", "response": {}}));
    let pages = json!({"by": "offset", "param": "from", "in": "body", "collect": "items", "most": 3});
    in_body.pages = Some(serde_json::from_value(pages).unwrap());
    assert_eq!(next_page(&in_body, "2").request.body.reveal().as_slice(), br#"{"from":2}"#);
}

#[test]
fn a_cursor_is_one_query_value() {
    let request = next_page(&listing(), "a&b=/../?").request;
    assert_eq!(request.target.reveal(), "/tickets?cursor=a%26b%3D%2F..%2F%3F");
    assert!(request.body.reveal().is_empty());
}
