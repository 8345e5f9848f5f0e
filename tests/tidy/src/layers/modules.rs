//! A crate as the compiler sees it: its modules, the file each lies in, what it defines, and what it names.

use super::names::{self, Named};
use std::collections::{BTreeMap, HashMap};

/// The text of each source file, by its path from the repository's root.
pub(super) type Sources = BTreeMap<String, String>;

/// Which module, as an index of [`Crate::modules`].
pub(super) type ModuleId = usize;

/// The library or binary that starts at one root file.
pub(super) struct Crate {
    /// Parents come before children. The first is the root.
    pub(super) modules: Vec<Module>,
    /// `macro_rules!` by name: the file that has it.
    pub(super) macros: HashMap<String, String>,
    /// Files and folders, these with a `/` behind them, that only tests compile.
    pub(super) for_tests: Vec<String>,
}

/// A module, in a file of its own or inside another one.
pub(super) struct Module {
    pub(super) file: String,
    pub(super) parent: Option<ModuleId>,
    /// By name. Several where `cfg` picks one.
    pub(super) children: HashMap<String, Vec<ModuleId>>,
    pub(super) named: Named,
}

/// Reads the crate whose root is `root`. What only tests compile is left out.
pub(super) fn read(sources: &Sources, root: &str) -> Result<Crate, String> {
    let mut read = Crate { modules: Vec::new(), macros: HashMap::new(), for_tests: Vec::new() };
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    read.add_file(sources, root, folder, None)?;
    Ok(read)
}

impl Crate {
    /// Reads a file as a module whose own modules lie in `folder`.
    fn add_file(
        &mut self,
        sources: &Sources,
        path: &str,
        folder: &str,
        parent: Option<ModuleId>,
    ) -> Result<ModuleId, String> {
        let text = sources.get(path).ok_or_else(|| format!("{path} is declared, and isn't there"))?;
        let parsed = syn::parse_file(text).map_err(|error| format!("{path}: {error}"))?;
        self.add(sources, path, folder, &parsed.items, parent)
    }

    fn add(
        &mut self,
        sources: &Sources,
        path: &str,
        folder: &str,
        items: &[syn::Item],
        parent: Option<ModuleId>,
    ) -> Result<ModuleId, String> {
        let id = self.modules.len();
        let named = names::of(items);
        self.macros.extend(named.macros.iter().map(|name| (name.clone(), path.to_owned())));
        self.modules.push(Module { file: path.to_owned(), parent, children: HashMap::new(), named });
        for item in items {
            let syn::Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            if names::is_test_only(&module.attrs) {
                for (file, folder) in files_of(sources, path, folder, &name, &module.attrs) {
                    self.for_tests.extend([file, format!("{folder}/")]);
                }
                continue;
            }
            let inner = format!("{folder}/{name}");
            let mut children = Vec::new();
            if let Some((_, items)) = &module.content {
                children.push(self.add(sources, path, &inner, items, Some(id))?);
            } else {
                for (file, folder) in files_of(sources, path, folder, &name, &module.attrs) {
                    children.push(self.add_file(sources, &file, &folder, Some(id))?);
                }
            }
            self.modules[id].children.entry(name).or_default().extend(children);
        }
        Ok(id)
    }
}

/// The files that a `mod name;` may mean, each with the folder of its own modules.
fn files_of(
    sources: &Sources,
    declared_in: &str,
    folder: &str,
    name: &str,
    attributes: &[syn::Attribute],
) -> Vec<(String, String)> {
    let beside = declared_in.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (stated, always) = names::stated_path(attributes);
    let mut files =
        Vec::from_iter(stated.map(|path| (format!("{beside}/{path}"), format!("{folder}/{name}"))));
    if !always {
        let own = format!("{folder}/{name}");
        let in_folder = format!("{own}/mod.rs");
        let file = if sources.contains_key(&in_folder) { in_folder } else { format!("{own}.rs") };
        files.push((file, own));
    }
    files
}
