//! What those see who look at the process from outside, and which of its memory that is.

use alloc_probe_format::dump::Dump;

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What tools call it.
    pub name: &'static str,
    /// The figure.
    pub bytes: u64,
    /// Who shows it, and what it is.
    pub meaning: String,
}

/// Every figure that the dump has.
pub(super) fn seen(dump: &Dump) -> Vec<Seen> {
    let memory = &dump.memory;
    let mut seen = Vec::new();
    let mut add =
        |name, bytes: u64, meaning: &str| seen.push(Seen { name, bytes, meaning: meaning.to_owned() });
    if memory.rss_bytes == 0 {
        return Vec::new();
    }
    add("RSS", memory.rss_bytes, "`top`, `ps`: resident, the account above");
    if let Some(bytes) = memory.pss_bytes {
        add("PSS", bytes, "`smem`: of shared pages only its part");
    }
    if let Some(bytes) = memory.uss_bytes {
        add("USS", bytes, "`smem`: its own pages, which would be free without it");
    }
    if let Some(bytes) = memory.shmem_bytes.filter(|bytes| *bytes > 0) {
        add("shared memory", bytes, "`RssShmem`: tmpfs, memfd; in RSS");
    }
    add("virtual", memory.virtual_bytes, "`VIRT`, `VSZ`: address space, mostly what the recording reserves");
    if memory.swap_bytes > 0 {
        add("swap", memory.swap_bytes, "`SWAP`: not in RSS any more");
    }
    if let Some(group) = &memory.cgroup {
        let limit = match group.limit_bytes {
            0 => "without a limit".to_owned(),
            limit => format!("of {} at the most", crate::units::bytes(limit)),
        };
        let cache = match group.file_bytes {
            Some(bytes) => format!(", {} of it pages of files", crate::units::bytes(bytes)),
            None => ", with pages of files".to_owned(),
        };
        add(
            "control group",
            group.current_bytes,
            &format!("the container, all of its processes{cache}; {limit}"),
        );
    }
    seen
}
