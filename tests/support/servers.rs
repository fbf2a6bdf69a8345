//! Real git servers on loopback, each with one bare repository `agency.git`: a git daemon, nginx over TLS, sshd.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Running, command, have, succeed};

/// The user that the TLS server knows.
pub const USER: &str = "eu-1";
/// The password of [`USER`].
pub const PASSWORD: &str = "canary-password";

/// An address of this machine that nobody listens at.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Writes a file of a test.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// A program that servers are made of; they often lie where only root looks.
fn server_program(name: &str) -> Option<PathBuf> {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.is_file() { Some(sbin) } else { have(name).then(|| name.into()) }
}

/// A program that comes with git and is not in PATH.
fn of_git(name: &str, home: &Path) -> PathBuf {
    let folder = succeed(command("git", home).arg("--exec-path"));
    Path::new(folder.trim()).join(name)
}

/// A git daemon: everybody may read and write.
#[derive(Debug)]
pub struct Daemon {
    /// Where it listens.
    pub address: SocketAddr,
    /// The folder of its repositories.
    pub root: PathBuf,
    /// The process, while there is one.
    pub running: Option<Running>,
}

impl Daemon {
    /// Starts it over a folder of bare repositories; nothing, said in one line, where git has no daemon.
    pub fn start(root: &Path) -> Option<Self> {
        if !have("git") {
            return None;
        }
        let mut daemon = Self { address: free_address(), root: root.to_owned(), running: None };
        daemon.again();
        Some(daemon)
    }

    /// Starts it again where it was.
    pub fn again(&mut self) {
        let mut command = command(of_git("git-daemon", &self.root), &self.root);
        command.args(["--verbose", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]);
        command.arg(format!("--port={}", self.address.port()));
        command.arg(format!("--base-path={}", self.root.display()));
        self.running = Some(Running::start_heard(&mut command, |line| line.contains("Ready to rumble")));
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// The URL of the repository.
    pub fn url(&self) -> String {
        format!("git://{}/agency.git", self.address)
    }
}

/// A certificate authority, made by openssl.
#[derive(Debug)]
pub struct Authority {
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// When openssl refuses.
    pub fn make(folder: &Path, name: &str) -> Self {
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        let mut openssl = new_key(folder, &key);
        openssl.args(["-x509", "-days", "2", "-subj", &format!("/CN={name}"), "-out"]).arg(&certificate);
        openssl.args(["-addext", "basicConstraints=critical,CA:TRUE"]);
        succeed(&mut openssl);
        Self { certificate, key }
    }

    /// Signs a certificate for this machine's loopback address; certificate and key.
    ///
    /// # Panics
    /// When openssl refuses.
    pub fn certify(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let file = |name: &str| folder.join(name);
        succeed(new_key(folder, &file("server.key")).args(["-subj", "/CN=git", "-out"]).arg(file("server.csr")));
        write(&file("server.ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
        let mut openssl = command("openssl", folder);
        openssl.args(["x509", "-req", "-days", "2", "-CAcreateserial", "-in"]).arg(file("server.csr"));
        openssl.arg("-CA").arg(&self.certificate).arg("-CAkey").arg(&self.key);
        openssl.arg("-extfile").arg(file("server.ext")).arg("-out").arg(file("server.pem"));
        succeed(&mut openssl);
        (file("server.pem"), file("server.key"))
    }

    /// As [`Authority::certify`], from one time until another, which openssl reads as `20240101000000Z`; with the same key each time.
    ///
    /// # Panics
    /// When openssl refuses.
    pub fn certify_between(&self, folder: &Path, from: &str, until: &str) -> (PathBuf, PathBuf) {
        let file = |name: &str| folder.join(name);
        if !file("server.csr").exists() {
            self.certify(folder);
            let config = "[ca]\ndefault_ca = d\n[d]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n\
                          unique_subject = no\npolicy = p\n[p]\ncommonName = supplied\n";
            write(&file("ca.cnf"), config);
            write(&file("index"), "");
            write(&file("serial"), "01\n");
        }
        let mut openssl = command("openssl", folder);
        openssl.current_dir(folder).args(["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "server.csr"]);
        openssl.args(["-startdate", from, "-enddate", until, "-extfile", "server.ext", "-out", "between.pem"]);
        succeed(openssl.arg("-cert").arg(&self.certificate).arg("-keyfile").arg(&self.key));
        (file("between.pem"), file("server.key"))
    }
}

fn new_key(folder: &Path, key: &Path) -> Command {
    let mut openssl = command("openssl", folder);
    openssl.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"]);
    openssl.arg(key);
    openssl
}

/// nginx over TLS, with `git-http-backend` behind it and one user who may read and write.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who signed its certificate.
    pub authority: Authority,
    /// nginx, and what runs git for it.
    pub running: [Running; 2],
}

impl Nginx {
    /// Starts it over a folder of bare repositories; nothing, said in one line, where a program is missing.
    ///
    /// # Panics
    /// When a file cannot be written or a program does not start.
    pub fn start(folder: &Path, root: &Path) -> Option<Self> {
        if !have("git") || !have("openssl") {
            return None;
        }
        let (nginx, fcgiwrap) = (server_program("nginx")?, server_program("fcgiwrap")?);
        let authority = Authority::make(folder, "authority");
        let (certificate, key) = authority.certify(folder);
        let socket = folder.join("fcgi.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let backend = Running::begin(command(fcgiwrap, folder).stdin(OwnedFd::from(listener)));
        let address = free_address();
        write(&folder.join("users"), &format!("{USER}:{{PLAIN}}{PASSWORD}\n"));
        let here = folder.display();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {here}/nginx.pid;\nerror_log stderr notice;\nworker_processes 1;\nevents {{}}\n\
             http {{\naccess_log off;\nclient_max_body_size 0;\n\
             client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\nfastcgi_temp_path {here}/fastcgi;\n\
             uwsgi_temp_path {here}/uwsgi;\nscgi_temp_path {here}/scgi;\n\
             server {{\nlisten {address} ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n\
             location /moved/ {{ return 301 https://{address}/git/agency.git/info/refs?service=git-upload-pack; }}\n\
             location /page/ {{ return 200 \"<html>a page</html>\"; }}\n\
             location ~ ^/git(/.*)$ {{\nauth_basic git;\nauth_basic_user_file {here}/users;\n\
             fastcgi_pass unix:{socket};\nfastcgi_param REQUEST_METHOD $request_method;\n\
             fastcgi_param QUERY_STRING $query_string;\nfastcgi_param CONTENT_TYPE $content_type;\n\
             fastcgi_param CONTENT_LENGTH $content_length;\nfastcgi_param REMOTE_USER $remote_user;\n\
             fastcgi_param SCRIPT_FILENAME {backend};\nfastcgi_param GIT_PROJECT_ROOT {root};\n\
             fastcgi_param GIT_HTTP_EXPORT_ALL \"\";\nfastcgi_param PATH_INFO $1;\n}}\n}}\n}}\n",
            certificate = certificate.display(),
            key = key.display(),
            socket = socket.display(),
            backend = of_git("git-http-backend", folder).display(),
            root = root.display(),
        );
        let file = folder.join("nginx.conf");
        write(&file, &config);
        let mut nginx = command(nginx, folder);
        nginx.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&file);
        let running = Running::start_heard(&mut nginx, |line| line.contains("getrlimit"));
        Some(Self { address, authority, running: [running, backend] })
    }

    /// The URL of something below it.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address)
    }
}

/// sshd with a host key and a list of log-ins of its own.
#[derive(Debug)]
pub struct Sshd {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its host key, as `agent.toml` pins it.
    pub host_key: String,
    /// The private key that may log in.
    pub key: PathBuf,
    /// The user that logs in.
    pub user: String,
    /// The process.
    pub running: Running,
}

impl Sshd {
    /// Starts it; nothing, said in one line, where a program is missing.
    ///
    /// # Panics
    /// When a file cannot be written or the program does not start.
    pub fn start(folder: &Path) -> Option<Self> {
        if !have("git") || !have("ssh-keygen") || !have("ssh") {
            return None;
        }
        let sshd = server_program("sshd")?;
        let (host, key) = (ssh_key(folder, "host"), ssh_key(folder, "agent"));
        let user = succeed(command("id", folder).arg("-un")).trim().to_owned();
        if user == "root" {
            // What the system's own service does before it starts sshd.
            std::fs::create_dir_all("/run/sshd").expect("the folder that sshd asks for");
        }
        let address = free_address();
        let here = folder.display();
        write(
            &folder.join("sshd_config"),
            &format!(
                "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {here}/agent.pub\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin prohibit-password\nLogLevel INFO\n",
                host.display()
            ),
        );
        let mut sshd = command(sshd, folder);
        sshd.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let running = Running::start_heard(&mut sshd, |line| line.contains("Server listening"));
        let public = std::fs::read_to_string(folder.join("host.pub")).expect("a public key");
        let host_key = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
        Some(Self { address, host_key, key, user, running })
    }

    /// The URL of a repository of this machine.
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@{}{}", self.user, self.address, path.display())
    }
}

/// Makes a pair of keys; the private one's file.
///
/// # Panics
/// When ssh-keygen refuses.
pub fn ssh_key(folder: &Path, name: &str) -> PathBuf {
    let key = folder.join(name);
    succeed(command("ssh-keygen", folder).args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&key));
    key
}
