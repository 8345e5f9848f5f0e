//! Debug info from servers, by build id: the protocol of debuginfod, which distributions run for their packages and
//! companies for their releases.
//!
//! What was fetched is kept where the clients of elfutils keep it, so that debuggers and this share one copy.

use super::tried::Tried;
use crate::output_file::{Readers, Unfinished};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;

/// What `DEBUGINFOD_TIMEOUT` is where nobody says.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Servers to ask, and where their answers are kept.
#[derive(Clone, Debug)]
pub struct Servers {
    urls: Vec<String>,
    cache: PathBuf,
    timeout: Duration,
}

impl Servers {
    /// The servers that `DEBUGINFOD_URLS` names, with `DEBUGINFOD_CACHE_PATH` and `DEBUGINFOD_TIMEOUT`; none where it
    /// names none, or nothing could be kept.
    pub fn of_user(variable: impl Fn(&str) -> Option<OsString>) -> Option<Servers> {
        let urls = variable("DEBUGINFOD_URLS")?.into_string().ok()?;
        let urls: Vec<String> =
            urls.split_whitespace().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("DEBUGINFOD_CACHE_PATH").or_else(|| {
            let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
            Some(base.join("debuginfod_client"))
        })?;
        let seconds = variable("DEBUGINFOD_TIMEOUT").and_then(|text| text.to_str()?.parse().ok());
        let timeout = seconds.filter(|seconds| *seconds > 0).map_or(TIMEOUT, Duration::from_secs);
        (!urls.is_empty()).then_some(Servers { urls, cache, timeout })
    }

    /// Fetches the debug info of a build, unless it was fetched before, and says what was tried. The build id is
    /// hexadecimal, as everything that comes from a sound dump.
    pub(super) fn fetch(&self, build_id: &str) -> (Option<PathBuf>, Vec<Tried>) {
        if !build_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return (None, Vec::new());
        }
        let kept = self.cache.join(build_id).join("debuginfo");
        // An empty file is a client's note that no server had it.
        if fs::metadata(&kept).is_ok_and(|metadata| metadata.len() > 0) {
            return (Some(kept), Vec::new());
        }
        let mut tried = Vec::new();
        for url in &self.urls {
            let place = format!("{url}/buildid/{build_id}/debuginfo");
            let fetched = self.get(&place, &kept);
            let outcome = fetched.as_ref().map_or_else(Clone::clone, |()| "fetched".to_owned());
            tried.push(Tried { place, outcome });
            if fetched.is_ok() {
                return (Some(kept), tried);
            }
        }
        (None, tried)
    }

    /// Gets one file, which has its name only when it is whole.
    fn get(&self, url: &str, kept: &Path) -> Result<(), String> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .user_agent(concat!("alloc-probe/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut response = agent.get(url).call().map_err(|error| format!("no answer: {error}"))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Err("the server does not have it".to_owned()),
            status => return Err(format!("the server answers with status {status}")),
        }
        let stored = (|| -> io::Result<()> {
            fs::create_dir_all(kept.parent().unwrap_or(Path::new("/")))?;
            let mut unfinished = Unfinished::new(kept, Readers::Usual)?;
            io::copy(&mut response.body_mut().as_reader(), &mut unfinished.file)?;
            unfinished.finish()
        })();
        stored.map_err(|error| format!("it could not be kept: {error}"))
    }
}
