//! From names to arrows: which file imports what from which other file.

use super::modules::{Crate, ModuleId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// From a file to one that it imports from, with the names.
pub(super) type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

/// The arrows of a crate. `roots` are crates that this one names by their own names, as a binary does its library.
///
/// A name counts for the file that defines it, through whatever `pub use` it was reached. `mod` declarations are not
/// imports; a `pub use` is one.
pub(super) fn of<'a>(own: &'a Crate, roots: &'a HashMap<String, &'a Crate>) -> Arrows {
    let mut resolver = Resolver { own, roots, away: HashMap::new() };
    resolver.away = resolver.methods_away_from_their_type();
    let known = resolver.method_names();
    let mut arrows = Arrows::new();
    for (id, module) in own.modules.iter().enumerate() {
        let mut add = |to: &str, name: &str| {
            if to != module.file {
                let names = arrows.entry((module.file.clone(), to.to_owned())).or_default();
                names.insert(name.to_owned());
            }
        };
        let named = &module.named;
        let is_variable = |path: &[String]| matches!(path, [name] if named.variables.contains(name));
        for path in named.paths.iter().filter(|path| !is_variable(path)) {
            for found in resolver.path(own, id, path, &mut Vec::new()).unwrap_or_default() {
                if let Found::Item { file, name } = found {
                    add(&file, &name);
                }
            }
        }
        for path in named.uses.values().flatten() {
            let found = resolver.path(own, id, path, &mut Vec::new()).unwrap_or_default();
            // Of a module, and of what has the same name, only what is used counts.
            if found.iter().any(|found| matches!(found, Found::Module(..))) {
                continue;
            }
            for found in found {
                if let Found::Item { file, name } = found {
                    add(&file, &name);
                }
            }
        }
        for path in &named.passed_on {
            let (all, path) = match path.split_last() {
                Some((last, module)) if last == "*" => (true, module),
                _ => (false, &path[..]),
            };
            for found in resolver.path(own, id, path, &mut Vec::new()).unwrap_or_default() {
                if let Found::Module(of, module) = found {
                    add(
                        &of.modules[module].file,
                        if all { "*" } else { path.last().map_or("", |name| name) },
                    );
                }
            }
        }
        for name in &named.macro_calls {
            if let Some(file) = own.macros.get(name) {
                add(file, &format!("{name}!"));
            }
        }
        for name in &named.method_calls {
            // Types aren't known here. A name that only one method has is as good.
            if let Some(file) = known.get(name).and_then(Option::as_ref) {
                add(file, &format!(".{name}()"));
            }
        }
    }
    arrows
}

/// What a name means.
#[derive(Clone)]
enum Found<'a> {
    Module(&'a Crate, ModuleId),
    Item { file: String, name: String },
}

struct Resolver<'a> {
    own: &'a Crate,
    roots: &'a HashMap<String, &'a Crate>,
    /// By file and name of a type, and by name of a method that stands in another file: that file.
    away: HashMap<(String, String, String), String>,
}

impl<'a> Resolver<'a> {
    /// What a path means that stands in module `at`. `None` where it leads out of the crate, or is a local variable.
    /// `pending` are the names that are being looked up, which `use` declarations may lead back to.
    fn path(
        &self,
        of: &'a Crate,
        at: ModuleId,
        path: &[String],
        pending: &mut Vec<(ModuleId, String)>,
    ) -> Option<Vec<Found<'a>>> {
        let (first, mut rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => vec![Found::Module(of, 0)],
            "self" => vec![Found::Module(of, at)],
            "super" => vec![Found::Module(of, of.modules[at].parent?)],
            name => match self.name(of, at, name, pending) {
                Some(found) => found,
                None => vec![Found::Module(self.roots.get(name)?, 0)],
            },
        };
        while let Some((next, behind)) = rest.split_first() {
            rest = behind;
            // What a module and a function are called alike: in front of `::`, it is the module.
            if found.iter().any(|found| matches!(found, Found::Module(..))) {
                found.retain(|found| matches!(found, Found::Module(..)));
            }
            let mut step = Vec::new();
            for one in found {
                match one {
                    Found::Module(of, id) if next == "super" => {
                        step.extend(of.modules[id].parent.map(|parent| Found::Module(of, parent)));
                    }
                    Found::Module(of, id) if next == "self" => step.push(Found::Module(of, id)),
                    // A name that is not to be found there was made by a macro.
                    Found::Module(of, id) => {
                        step.extend(self.name(of, id, next, pending).unwrap_or_else(|| {
                            vec![Found::Item { file: of.modules[id].file.clone(), name: next.clone() }]
                        }))
                    }
                    Found::Item { file, name } => {
                        let method = (file, name, next.clone());
                        let elsewhere = self.away.get(&method).cloned();
                        let (file, name, method) = method;
                        step.extend(
                            elsewhere.map(|file| Found::Item { file, name: format!("{name}::{method}") }),
                        );
                        step.push(Found::Item { file, name });
                    }
                }
            }
            found = step;
        }
        Some(found)
    }

    /// What a name means in module `at`; `None` where that has no such name.
    fn name(
        &self,
        of: &'a Crate,
        at: ModuleId,
        name: &str,
        pending: &mut Vec<(ModuleId, String)>,
    ) -> Option<Vec<Found<'a>>> {
        let key = (at, name.to_owned());
        if pending.contains(&key) {
            return None;
        }
        pending.push(key);
        let module = &of.modules[at];
        let mut found = Vec::new();
        let mut is_known = false;
        if let Some(children) = module.children.get(name) {
            found.extend(children.iter().map(|&child| Found::Module(of, child)));
        }
        if module.named.items.contains(name) {
            found.push(Found::Item { file: module.file.clone(), name: name.to_owned() });
        }
        for path in module.named.uses.get(name).into_iter().flatten() {
            is_known = true;
            found.extend(self.path(of, at, path, pending).unwrap_or_default());
        }
        if found.is_empty() && at == 0 {
            let file = of.macros.get(name).cloned();
            found.extend(file.map(|file| Found::Item { file, name: format!("{name}!") }));
        }
        if found.is_empty() && !is_known {
            for path in &module.named.globs {
                for from in self.path(of, at, path, pending).unwrap_or_default() {
                    if let Found::Module(of, id) = from {
                        found.extend(self.name(of, id, name, pending).unwrap_or_default());
                    }
                }
            }
        }
        pending.pop();
        (is_known || !found.is_empty()).then_some(found)
    }

    /// Each method that an `impl` block has in another file than its type's.
    fn methods_away_from_their_type(&self) -> HashMap<(String, String, String), String> {
        let mut away = HashMap::new();
        for (id, module) in self.own.modules.iter().enumerate() {
            for (of_type, method) in &module.named.methods {
                for found in self.path(self.own, id, of_type, &mut Vec::new()).unwrap_or_default() {
                    if let Found::Item { file, name } = found
                        && file != module.file
                    {
                        away.insert((file, name, method.clone()), module.file.clone());
                    }
                }
            }
        }
        away
    }

    /// The methods that stand away from their type and whose name no other method has, with their file.
    fn method_names(&self) -> HashMap<String, Option<String>> {
        let mut files = HashMap::<String, Option<String>>::new();
        for ((_, _, method), file) in &self.away {
            files.entry(method.clone()).and_modify(|file| *file = None).or_insert(Some(file.clone()));
        }
        let mut times = HashMap::<&str, usize>::new();
        for module in &self.own.modules {
            for (_, method) in &module.named.methods {
                *times.entry(method).or_default() += 1;
            }
            for method in &module.named.trait_methods {
                *times.entry(method).or_default() += 1;
            }
        }
        files.retain(|method, _| times.get(method.as_str()) == Some(&1));
        files
    }
}
