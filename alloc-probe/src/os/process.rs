//! What the process may do.

/// Whether the process has more rights than whoever started it, as by a set-user-ID bit, a set-group-ID bit, or a file's
/// capabilities.
pub(crate) fn has_more_rights() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// How the C library numbers limits.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// One of the process's limits.
pub(crate) fn limit(resource: Resource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    unsafe { libc::getrlimit(resource, &mut limit) };
    limit.rlim_cur
}
