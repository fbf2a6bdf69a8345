//! A stand-in for the key-value store, version 2, of OpenBao and HashiCorp Vault, which no package registry of ours has: what
//! it answers to a request, as a function. It follows the published HTTP API: "KV secrets engine, version 2" (`data`,
//! `metadata`, check-and-set), "`AppRole` auth method" (`login`), "HTTP API" (headers, status codes, errors) of OpenBao 2 and
//! Vault 1. Included by the agent's own tests and, behind TLS, by the end-to-end tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// One request.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

/// The versions of one secret.
#[derive(Debug, Default)]
pub struct Kept {
    /// All versions, the first first; nothing for one that was deleted.
    pub versions: Vec<Option<Value>>,
    /// What people wrote beside it.
    pub custom: Option<Value>,
}

/// The server.
#[derive(Debug, Default)]
pub struct Bao {
    /// By namespace and path below the mount `secret`.
    pub secrets: BTreeMap<(String, String), Kept>,
    /// Tokens that are taken.
    pub tokens: BTreeSet<String>,
    /// The role and its secret id.
    pub role: Option<(String, String)>,
    /// How long a token of the role lives, in seconds.
    pub lease: u64,
    /// Whether it was sealed.
    pub sealed: bool,
    /// How many tokens it gave out.
    pub logins: u64,
    /// Every request: method and target.
    pub seen: Vec<String>,
}

impl Bao {
    /// A person writes a secret.
    pub fn put(&mut self, namespace: &str, path: &str, data: Value) {
        let kept = self.secrets.entry((namespace.to_owned(), path.to_owned())).or_default();
        kept.versions.push(Some(data));
    }

    /// What is in a secret now.
    pub fn get(&self, namespace: &str, path: &str) -> Option<&Value> {
        self.secrets.get(&(namespace.to_owned(), path.to_owned()))?.versions.last()?.as_ref()
    }

    /// Answers a request: status and body.
    pub fn answer(&mut self, asked: &Asked<'_>) -> (u16, String) {
        self.seen.push(format!("{} {}", asked.method, asked.target));
        let (status, body) = self.judge(asked);
        (status, body.map_or_else(String::new, |body| body.to_string()))
    }

    fn judge(&mut self, asked: &Asked<'_>) -> (u16, Option<Value>) {
        let header = |name: &str| asked.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        if self.sealed {
            return errors(503, &["Vault is sealed"]);
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        let namespace = header("x-vault-namespace").unwrap_or_default().to_owned();
        if path == "/v1/auth/approle/login" && asked.method == "POST" {
            return self.log_in(asked.body);
        }
        if !header("x-vault-token").is_some_and(|token| self.tokens.contains(token)) {
            return errors(403, &["permission denied"]);
        }
        if let Some(path) = path.strip_prefix("/v1/secret/data/") {
            return self.data(asked, (namespace, path.to_owned()));
        }
        match path.strip_prefix("/v1/secret/metadata").map(|path| path.trim_start_matches('/').to_owned()) {
            Some(path) if asked.method == "LIST" || (asked.method == "GET" && query == "list=true") => {
                self.list(&namespace, &path)
            }
            Some(path) if asked.method == "DELETE" => {
                self.secrets.remove(&(namespace, path));
                (204, None)
            }
            _ => errors(404, &["no handler for route"]),
        }
    }

    fn log_in(&mut self, body: &[u8]) -> (u16, Option<Value>) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return errors(400, &["failed to parse JSON input"]);
        };
        let of = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let said = (of("role_id"), of("secret_id"));
        if self.role.as_ref().is_none_or(|(role, secret)| said != (role.as_str(), secret.as_str())) {
            return errors(400, &["invalid role or secret ID"]);
        }
        self.logins += 1;
        let token = format!("s.canary-login-{}", self.logins);
        self.tokens.insert(token.clone());
        let auth = json!({
            "client_token": token, "accessor": "a", "policies": ["default"], "token_policies": ["default"],
            "metadata": {"role_name": "assent"}, "lease_duration": self.lease, "renewable": true, "entity_id": "e",
            "token_type": "service", "orphan": true
        });
        (200, Some(whole(&Value::Null, &auth)))
    }

    fn data(&mut self, asked: &Asked<'_>, at: (String, String)) -> (u16, Option<Value>) {
        match asked.method {
            "GET" => match self.secrets.get(&at).and_then(|kept| Some((kept.versions.last()?, kept.versions.len()))) {
                None => errors(404, &[]),
                Some((data, version)) => {
                    let status = if data.is_some() { 200 } else { 404 };
                    let mut beside = metadata(version, data.is_none());
                    let custom = self.secrets.get(&at).and_then(|kept| kept.custom.clone());
                    if let (Some(beside), Some(custom)) = (beside.as_object_mut(), custom) {
                        beside.insert("custom_metadata".to_owned(), custom);
                    }
                    let data = json!({"data": data, "metadata": beside});
                    (status, Some(whole(&data, &Value::Null)))
                }
            },
            "POST" | "PUT" => {
                let Ok(body) = serde_json::from_slice::<Value>(asked.body) else {
                    return errors(400, &["failed to parse JSON input"]);
                };
                let Some(data) = body.get("data").filter(|data| data.is_object()) else {
                    return errors(400, &["no data provided"]);
                };
                let kept = self.secrets.entry(at).or_default();
                let version = kept.versions.len();
                if body.pointer("/options/cas").and_then(Value::as_u64).is_some_and(|cas| cas != version as u64) {
                    return errors(400, &["check-and-set parameter did not match the current version"]);
                }
                kept.versions.push(Some(data.clone()));
                (200, Some(whole(&metadata(version + 1, false), &Value::Null)))
            }
            _ => errors(405, &["unsupported operation"]),
        }
    }

    fn list(&self, namespace: &str, folder: &str) -> (u16, Option<Value>) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{}/", folder.trim_end_matches('/')) };
        let below =
            self.secrets.keys().filter(|(of, _)| of == namespace).filter_map(|(_, path)| path.strip_prefix(&prefix));
        let keys: BTreeSet<String> = below
            .map(|path| path.split_once('/').map_or_else(|| path.to_owned(), |(folder, _)| format!("{folder}/")))
            .collect();
        if keys.is_empty() { errors(404, &[]) } else { (200, Some(whole(&json!({"keys": keys}), &Value::Null))) }
    }
}

fn metadata(version: usize, deleted: bool) -> Value {
    let deletion_time = if deleted { "2026-06-01T10:00:00.000000000Z" } else { "" };
    json!({
        "created_time": "2026-06-01T09:00:00.000000000Z", "custom_metadata": null, "deletion_time": deletion_time,
        "destroyed": false, "version": version
    })
}

fn whole(data: &Value, auth: &Value) -> Value {
    json!({
        "request_id": "00000000-0000-0000-0000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": auth
    })
}

fn errors(status: u16, errors: &[&str]) -> (u16, Option<Value>) {
    (status, Some(json!({"errors": errors})))
}
