//! Files of a folder: each begins one run, and is set aside or known.

use super::*;

/// Files by path, and the calls that move them.
#[derive(Default)]
struct Folder {
    files: Mutex<BTreeMap<String, (Vec<u8>, i64)>>,
    stuck: Mutex<bool>,
    /// Whether the folder is not there.
    missing: Mutex<bool>,
    /// What another system writes just before the next file is moved: a name, its bytes, and when.
    meanwhile: Mutex<Option<(&'static str, &'static str, i64)>>,
}

impl Folder {
    fn put(&self, name: &str, bytes: &str, changed: i64) {
        self.files.lock().expect("a lock").insert(format!("acme/drop/{name}"), (bytes.as_bytes().to_vec(), changed));
    }

    fn names(&self) -> Vec<String> {
        self.files.lock().expect("a lock").keys().map(|path| path.trim_start_matches("acme/drop/").to_owned()).collect()
    }
}

impl Inboxes for Folder {
    fn shown(&self, folder: &str, _: usize) -> Result<Option<Vec<Seen>>, DiskFailure> {
        if *self.missing.lock().expect("a lock") {
            return Ok(None);
        }
        let files = self.files.lock().expect("a lock");
        let here = files.iter().filter_map(|(path, file)| {
            let name = path.strip_prefix(folder)?.strip_prefix('/').filter(|name| !name.contains('/'))?;
            Some(Seen { name: name.to_owned(), size: file.0.len() as u64, changed: file.1 })
        });
        Ok(Some(here.collect()))
    }

    fn file(&self, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, DiskFailure> {
        let files = self.files.lock().expect("a lock");
        let bytes = files.get(&format!("{folder}/{name}")).map(|(bytes, _)| bytes.clone());
        Ok(bytes.filter(|bytes| bytes.len() as u64 <= most))
    }

    fn set_aside(&self, folder: &str, seen: &Seen, into: &str, _: &str) -> Result<(), DiskFailure> {
        if *self.stuck.lock().expect("a lock") {
            return Err(DiskFailure::Broken);
        }
        if let Some((name, bytes, changed)) = self.meanwhile.lock().expect("a lock").take() {
            self.put(name, bytes, changed);
        }
        let name = &seen.name;
        let mut files = self.files.lock().expect("a lock");
        let path = format!("{folder}/{name}");
        if files.get(&path).is_none_or(|file| (file.0.len() as u64, file.1) != (seen.size, seen.changed)) {
            return Ok(());
        }
        let file = files.remove(&path).ok_or(DiskFailure::Broken)?;
        files.insert(format!("{folder}/{into}/{name}"), file);
        Ok(())
    }
}

fn dropped(after: &str) -> Host {
    Host::new(&json!({"kind": "inbox", "folder": "drop", "pattern": "*.json", "after": after,
        "fields": {"id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "anyone"}}}))
}

/// Looks until files stood still.
async fn settle(host: &Host, desk: &Door, folder: &Folder, minds: &mut Minds) {
    for _ in 0..3 {
        desk.look_at_inboxes(Some(folder), minds).await;
        host.pass(2);
    }
}

#[tokio::test]
async fn a_file_begins_one_run_and_is_set_aside_and_a_bad_one_is_not_lost() {
    let (host, folder, mut minds) = (dropped("move"), Folder::default(), Minds::new());
    let desk = host.boot().await;
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    folder.put("b.json", r#"{"id":"two words"}"#, 1);
    folder.put("c.txt", r#"{"id":"3"}"#, 1);
    folder.put(".d.json", r#"{"id":"4"}"#, 1);
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!(host.runs().len(), 1);
    assert_eq!(folder.names(), [".d.json", "accepted/a.json", "c.txt", "refused/b.json"]);
    assert_eq!(host.store().alerts().expect("alerts").len(), 1);
}

#[tokio::test]
async fn a_file_that_is_written_anew_before_it_is_moved_is_read() {
    let (host, folder, mut minds) = (dropped("move"), Folder::default(), Minds::new());
    let desk = host.boot().await;
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    *folder.meanwhile.lock().expect("a lock") = Some(("a.json", r#"{"id":"2"}"#, 2));
    settle(&host, &desk, &folder, &mut minds).await;
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!((host.runs().len(), folder.names()), (2, vec!["accepted/a.json".to_owned()]));
}

#[tokio::test]
async fn a_stop_between_the_run_and_the_move_repeats_nothing() {
    let (host, folder) = (dropped("move"), Folder::default());
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    *folder.stuck.lock().expect("a lock") = true;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["a.json".to_owned()]));
    *folder.stuck.lock().expect("a lock") = false;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["accepted/a.json".to_owned()]));
}

#[tokio::test]
async fn files_that_stay_are_known_by_name_and_bytes_also_after_a_restart() {
    let (host, folder) = (dropped("keep"), Folder::default());
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["a.json".to_owned()]));
    folder.put("a.json", r#"{"id":"2"}"#, 2);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!(host.runs().len(), 2);
}

#[tokio::test]
async fn a_file_leaves_no_plain_hash_and_one_that_was_known_by_it_is_known_still() {
    let (host, folder) = (dropped("keep"), Folder::default());
    let (phone, old) = (r#"{"id":"1","phone":"+49 30 23125 101"}"#, r#"{"id":"2"}"#);
    let plain = Digest::of_file(phone.as_bytes()).to_string();
    let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
    let name = "drop".parse().expect("a name");
    let former = |file: &str, bytes: &str| {
        inbox::former_key(&client, &workflow, &name, file, &Digest::of_file(bytes.as_bytes()))
    };
    folder.put("a.json", phone, 1);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    let first = host.store().runs(&RunFilter { most: 9, ..RunFilter::default() }).expect("runs").remove(0);
    assert!(!plain.starts_with(&first.accepted.event), "whoever reads it could try all numbers");
    assert_eq!(host.store().delivered(&former("a.json", phone)), Ok(None));
    // What an earlier version wrote.
    let write = Write::Deliver { key: former("b.json", old), run: first.run };
    host.store().commit(Transaction::new(host.world.now()).with(write)).await.expect("durable");
    folder.put("b.json", old, 2);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!(host.runs().len(), 1);
}

#[tokio::test]
async fn a_workflow_without_its_folder_is_told_of_once_and_when_it_is_there() {
    let (host, mut minds) = (dropped("keep"), Minds::new());
    let desk = host.boot().await;
    let told = || {
        let alerts = host.store().alerts().expect("alerts");
        alerts.into_iter().map(|row| (row.alert.code, row.count)).collect::<Vec<_>>()
    };
    desk.look_at_inboxes(None::<&Folder>, &mut minds).await;
    desk.look_at_inboxes(None::<&Folder>, &mut minds).await;
    assert_eq!(told(), [("no_root".to_owned(), 1)]);
    let folder = Folder::default();
    *folder.missing.lock().expect("a lock") = true;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    assert_eq!(told(), [("no_folder".to_owned(), 1)]);
    *folder.missing.lock().expect("a lock") = false;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    assert_eq!(told(), []);
}

/// A workflow that takes files of one kind, with a number that only those have.
fn of_kind(workflow: &str, kind: &str, number: &str, after: &str) -> Arc<Compiled> {
    let fact = |at: &str, shape: &str| json!({"at": at, "shape": {"type": shape}, "class": "reference", "written_by": "anyone"});
    let mut made = plan(&json!({"kind": "inbox", "folder": "drop", "pattern": "*.json", "after": after,
        "fields": {"kind": fact("kind", "token"), "number": fact(number, "integer")}, "only": {"kind": kind}}));
    made.workflow = workflow.parse().expect("an id");
    compiled(made)
}

/// Three workflows of one folder: parcels, and bills for two of them.
fn three() -> Host {
    let mut host = dropped("move");
    let all = [("parcels", "parcel", "weight"), ("bills", "bill", "total"), ("books", "bill", "total")];
    let all = all.map(|(workflow, kind, number)| of_kind(workflow, kind, number, "move"));
    host.plans.lock().expect("a lock").clear();
    for one in &all {
        host.deploy(one);
    }
    host
}

#[tokio::test]
async fn a_file_of_another_kind_is_left_to_the_workflows_that_want_it_and_each_of_them_gets_it() {
    let (host, folder, mut minds) = (three(), Folder::default(), Minds::new());
    let desk = host.boot().await;
    folder.put("a.json", r#"{"kind":"bill","total":5}"#, 1);
    folder.put("b.json", r#"{"kind":"bill","total":"much"}"#, 1);
    folder.put("c.json", r#"{"kind":"letter"}"#, 1);
    folder.put("d.json", r#"{"kind":"parcel","weight":5,"total":5}"#, 1);
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!(host.runs().len(), 3, "two for the bill, one for the parcel");
    assert_eq!(folder.names(), ["accepted/a.json", "accepted/d.json", "c.json", "refused/b.json"]);
}

#[tokio::test]
async fn a_file_stays_until_each_workflow_of_the_folder_could_look() {
    let (mut host, folder, mut minds) = (three(), Folder::default(), Minds::new());
    let late = of_kind("books", "bill", "total", "move");
    // The third is not there yet when the file is taken, and the file cannot be moved.
    host.plans.lock().expect("a lock").truncate(2);
    let desk = host.boot().await;
    folder.put("a.json", r#"{"kind":"bill","total":5}"#, 1);
    *folder.stuck.lock().expect("a lock") = true;
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["a.json".to_owned()]));
    *folder.stuck.lock().expect("a lock") = false;
    host.deploy(&late);
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    assert_eq!(folder.names(), ["a.json"], "it has not looked yet");
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!((host.runs().len(), folder.names()), (2, vec!["accepted/a.json".to_owned()]));
}
