//! What is pushed to a release branch without a key is nothing to build upon.

use assent_compiler::publish::branch::{self, Files};
use assent_schema::canon::{self, Digest};
use serde_json::{Value, json};

use super::back::{Place, RELEASES};

/// The files of the commit that the branch stands at.
fn tip(place: &Place) -> Files {
    let tip = branch::tip(&place.repository, RELEASES).unwrap().unwrap();
    branch::read(&place.repository, tip).unwrap()
}

/// Pushes files without any key.
fn push(place: &Place, files: &Files) {
    branch::write(&place.repository, RELEASES, files, "Release", place.agency.now).unwrap();
}

/// Other people as authors of every workflow.
fn forge(files: &mut Files, change: impl FnOnce(&mut Value)) {
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    for active in manifest["active"].as_array_mut().unwrap() {
        active["authors"] = json!(["chen"]);
    }
    change(&mut manifest);
    files.insert("manifest.json".to_owned(), canon::to_bytes(&manifest).unwrap());
}

fn authors(manifest: &Value) -> Vec<Value> {
    manifest["active"].as_array().unwrap().iter().map(|active| active["authors"].clone()).collect()
}

const BACK: [&str; 2] = ["rollback", "acme/refund"];
const TO: [&str; 4] = ["--to", "1", "--readmit", "fine"];

fn is_signature(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "sig")
}

#[test]
fn a_rollback_is_built_upon_nothing_that_nobody_signed() {
    let place = Place::new();
    let (_, digest) = place.newest();
    let honest = tip(&place);
    let mut forged = honest.clone();
    forged.retain(|path, _| !path.starts_with("manifest.json."));
    forge(&mut forged, |manifest| {
        manifest["sequence"] = 3.into();
        manifest["previous"] = json!(digest);
    });
    push(&place, &forged);
    let refused = place.call(&BACK, &TO).unwrap_err();
    assert!(refused.contains("cannot be built upon: manifest.json is signed by 0 of the 1"), "{refused}");
    assert_eq!(place.newest().0["sequence"], 3, "nothing was signed");
    // Nor with the signature of what stood there before.
    forged.extend(honest.iter().filter(|(path, _)| is_signature(path)).map(|(p, b)| (p.clone(), b.clone())));
    push(&place, &forged);
    let refused = place.call(&BACK, &TO).unwrap_err();
    assert!(refused.contains("cannot be built upon"), "{refused}");
    // A signed manifest vouches for its own files alone.
    let mut bent = honest.clone();
    let mut client: Value = serde_json::from_slice(&bent["clients/acme.json"]).unwrap();
    client["stale_limit"] = "1h".into();
    bent.insert("clients/acme.json".to_owned(), canon::to_bytes(&client).unwrap());
    push(&place, &bent);
    let refused = place.call(&BACK, &TO).unwrap_err();
    assert!(refused.contains("clients/acme.json is not there as its manifest lists it"), "{refused}");
    push(&place, &honest);
    assert!(place.call(&BACK, &TO).is_ok());
}

#[test]
fn a_rollback_takes_older_plans_from_releases_that_the_newest_vouches_for() {
    let place = Place::new();
    let newest = tip(&place);
    let first = {
        let tip = branch::tip(&place.repository, RELEASES).unwrap().unwrap();
        let first = place.repository.find_commit(tip).unwrap().parent_id(0).unwrap();
        branch::read(&place.repository, first).unwrap()
    };
    let genuine: Value = serde_json::from_slice(&first["manifest.json"]).unwrap();
    // Between the two: the first again with other authors, its manifest with other files, and something that is no release.
    let mut forged = first.clone();
    forge(&mut forged, |_| ());
    push(&place, &forged);
    let mut bent = first;
    let plan = genuine["active"].as_array().unwrap().iter().find(|one| one["workflow"] == "refund").unwrap();
    let file = format!("plans/{}.json", plan["plan"].as_str().unwrap());
    bent.insert(file.clone(), b"{}".to_vec());
    push(&place, &bent);
    push(&place, &[("clients/x.json".to_owned(), b"{}".to_vec())].into());
    push(&place, &newest);
    place.call(&BACK, &TO).unwrap();
    let (manifest, _) = place.newest();
    assert_eq!((&manifest["sequence"], authors(&manifest)), (&json!(3), authors(&genuine)));
    let (back, files) = (place.plan(), tip(&place));
    assert_eq!(json!(back), plan["plan"]);
    assert_eq!(Digest::of_file(&files[&file]).to_string(), back);
}
