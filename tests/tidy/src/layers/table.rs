//! The order of the layers, as `docs/architecture.md` shows it.

/// The layers of all crates, bottom to top.
pub(super) struct Table {
    /// The crates' folders, each with a `/` behind it.
    pub(super) crates: Vec<String>,
    pub(super) layers: Vec<Vec<Entry>>,
}

/// A file of a layer, or a folder, which has a `/` behind it.
pub(super) struct Entry {
    pub(super) path: String,
    /// As the table writes it, from the crate's folder.
    pub(super) short: String,
}

/// Reads the table below the heading `## Layers`. A row with bold print starts a crate, every other one is a layer: its
/// first cell lists files and folders as code, from the crate's folder.
pub(super) fn read(document: &str) -> Result<Table, String> {
    let mut table = Table { crates: Vec::new(), layers: Vec::new() };
    let section = document.lines().skip_while(|line| *line != "## Layers").skip(1);
    let rows = section.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
    // The first two are the head.
    for row in rows.skip(2) {
        let cell = row.trim_start_matches('|').split('|').next().unwrap_or_default();
        let paths = cell.split('`').skip(1).step_by(2).collect::<Vec<_>>();
        match (cell.contains("**"), &paths[..]) {
            (true, [folder]) => table.crates.push(format!("{folder}/")),
            (false, [_, ..]) => {
                let folder = table.crates.last().ok_or("the table of layers starts without a crate")?;
                let entry = |path: &&str| Entry { path: format!("{folder}{path}"), short: path.to_string() };
                table.layers.push(paths.iter().map(entry).collect());
            }
            _ => return Err(format!("a row of the table of layers can't be understood: {row}")),
        }
    }
    if table.layers.is_empty() {
        return Err("there is no table of layers".to_owned());
    }
    Ok(table)
}

impl Table {
    /// The number of the layer that a file is in, from the bottom, and the entry that says so: the longest that fits.
    pub(super) fn layer(&self, file: &str) -> Option<(usize, &Entry)> {
        let entries =
            self.layers.iter().enumerate().flat_map(|(at, layer)| layer.iter().map(move |entry| (at, entry)));
        let fitting = entries.filter(|(_, entry)| covers(&entry.path, file));
        fitting.max_by_key(|(_, entry)| entry.path.len())
    }
}

/// Whether `path` is the file, or a folder that it is in.
pub(super) fn covers(path: &str, file: &str) -> bool {
    path == file || (path.ends_with('/') && file.starts_with(path))
}
