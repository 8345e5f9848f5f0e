//! What the code of one module defines and what it names, without knowing yet what the names mean.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{HashMap, HashSet};
use syn::visit::{self, Visit};

/// Path segments, as `["crate", "os", "Lock"]`.
pub(super) type Segments = Vec<String>;

/// What one module defines and names.
#[derive(Default)]
pub(super) struct Named {
    /// Types, functions, constants and so on.
    pub(super) items: HashSet<String>,
    /// `macro_rules!` that it defines.
    pub(super) macros: Vec<String>,
    /// What `use` declarations bring in, by the name that it has here.
    pub(super) uses: HashMap<String, Vec<Segments>>,
    /// What `use …::*` declarations bring in.
    pub(super) globs: Vec<Segments>,
    /// Everything that is passed on to others by `pub use`, its last segment `*` where that is all of a module.
    pub(super) passed_on: Vec<Segments>,
    /// All other paths in the code.
    pub(super) paths: Vec<Segments>,
    /// Names of variables.
    pub(super) variables: HashSet<String>,
    /// Macros that are called by a bare name.
    pub(super) macro_calls: HashSet<String>,
    /// Methods that are called on values.
    pub(super) method_calls: HashSet<String>,
    /// Functions in `impl Type` blocks, with the type's path.
    pub(super) methods: Vec<(Segments, String)>,
    /// Functions of traits, and of their implementations.
    pub(super) trait_methods: HashSet<String>,
}

/// What these items define and name. Modules among them are somebody else's.
pub(super) fn of(items: &[syn::Item]) -> Named {
    let mut reader = Reader::default();
    for item in items.iter().filter(|item| !is_test_only(attributes(item))) {
        reader.define(item);
        reader.visit_item(item);
    }
    reader.named
}

/// Whether only tests have what these attributes stand at.
pub(super) fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Meta>().is_ok_and(|condition| needs_test(&condition))
        }
        _ => false,
    })
}

/// Whether a condition holds in tests only: `test` itself, or `all(…)` with it.
fn needs_test(condition: &syn::Meta) -> bool {
    match condition {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => {
            let parts = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            list.parse_args_with(parts).is_ok_and(|parts| parts.iter().any(needs_test))
        }
        _ => false,
    }
}

/// The file that `#[path = "…"]` names, and whether it is the only one: with `#[cfg_attr(…, path = "…")]` it isn't.
pub(super) fn stated_path(attributes: &[syn::Attribute]) -> (Option<String>, bool) {
    for attribute in attributes {
        if attribute.path().is_ident("path") {
            return (text_after_path(&attribute.meta), true);
        }
        if attribute.path().is_ident("cfg_attr") {
            let parts = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            let parts = attribute.parse_args_with(parts).unwrap_or_default();
            if let Some(path) = parts.iter().find(|part| part.path().is_ident("path")) {
                return (text_after_path(path), false);
            }
        }
    }
    (None, false)
}

fn text_after_path(meta: &syn::Meta) -> Option<String> {
    let syn::Meta::NameValue(pair) = meta else { return None };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::ForeignMod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::TraitAlias(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[derive(Default)]
struct Reader {
    named: Named,
    /// The type of the `impl` block around, which is what `Self` means.
    own_type: Option<Segments>,
}

impl Reader {
    fn define(&mut self, item: &syn::Item) {
        let name = match item {
            syn::Item::Const(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Fn(item) => &item.sig.ident,
            syn::Item::Static(item) => &item.ident,
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::TraitAlias(item) => &item.ident,
            syn::Item::Type(item) => &item.ident,
            syn::Item::Union(item) => &item.ident,
            syn::Item::Macro(syn::ItemMacro { ident: Some(name), .. }) => {
                self.named.macros.push(name.to_string());
                return;
            }
            syn::Item::ForeignMod(block) => {
                for item in &block.items {
                    match item {
                        syn::ForeignItem::Fn(item) => _ = self.named.items.insert(item.sig.ident.to_string()),
                        syn::ForeignItem::Static(item) => {
                            _ = self.named.items.insert(item.ident.to_string());
                        }
                        _ => {}
                    }
                }
                return;
            }
            _ => return,
        };
        self.named.items.insert(name.to_string());
    }

    /// Takes down what a `use` declaration says, `before` being the part in front of this tree.
    fn import(&mut self, tree: &syn::UseTree, before: &[String], passes_on: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            syn::UseTree::Path(path) => return self.import(&path.tree, &with(&path.ident), passes_on),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before, passes_on));
            }
            syn::UseTree::Glob(_) => {
                if passes_on {
                    self.named.passed_on.push([before, &["*".to_owned()]].concat());
                }
                return self.named.globs.push(before.to_vec());
            }
            syn::UseTree::Name(own) if own.ident == "self" => (before.to_vec(), before.last().cloned()),
            syn::UseTree::Name(own) => (with(&own.ident), Some(own.ident.to_string())),
            syn::UseTree::Rename(own) if own.ident == "self" => {
                (before.to_vec(), Some(own.rename.to_string()))
            }
            syn::UseTree::Rename(own) => (with(&own.ident), Some(own.rename.to_string())),
        };
        if passes_on {
            self.named.passed_on.push(path.clone());
        }
        self.named.uses.entry(name.unwrap_or_default()).or_default().push(path);
    }

    fn path(&mut self, mut segments: Segments) {
        if segments[0] == "Self" {
            let Some(own) = self.own_type.clone() else { return };
            segments.splice(..1, own);
        }
        self.named.paths.push(segments);
    }

    /// Paths in the argument of a macro, or in what it expands to: identifiers with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        // How many colons stand behind the last identifier, and whether a dot stands in front of the next.
        let (mut colons, mut is_member) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end_of_path(&mut path);
                    }
                    if !is_member {
                        path.push(name.to_string());
                    }
                    (colons, is_member) = (0, false);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    self.end_of_path(&mut path);
                    colons = 0;
                    is_member = matches!(&other, TokenTree::Punct(mark) if mark.as_char() == '.');
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Segments) {
        if !path.is_empty() {
            self.path(std::mem::take(path));
        }
    }
}

fn segments(path: &syn::Path) -> Segments {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    // Modules are read by themselves.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    // `pub(in path)` and `pub(super)` import nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let passes_on = !matches!(item.vis, syn::Visibility::Inherited);
            self.import(&item.tree, &[], passes_on);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let own_type = match &*block.self_ty {
            syn::Type::Path(own) if own.qself.is_none() => Some(segments(&own.path)),
            _ => None,
        };
        for item in &block.items {
            let syn::ImplItem::Fn(method) = item else { continue };
            let name = method.sig.ident.to_string();
            match (&block.trait_, &own_type) {
                (None, Some(own)) => self.named.methods.push((own.clone(), name)),
                _ => _ = self.named.trait_methods.insert(name),
            }
        }
        let outer = std::mem::replace(&mut self.own_type, own_type);
        visit::visit_item_impl(self, block);
        self.own_type = outer;
    }

    fn visit_item_trait(&mut self, block: &'ast syn::ItemTrait) {
        for item in &block.items {
            if let syn::TraitItem::Fn(method) = item {
                self.named.trait_methods.insert(method.sig.ident.to_string());
            }
        }
        visit::visit_item_trait(self, block);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !is_test_only(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, value: &'ast syn::FieldValue) {
        if !is_test_only(&value.attrs) {
            visit::visit_field_value(self, value);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test_only(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        if !is_test_only(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }

    fn visit_pat_ident(&mut self, variable: &'ast syn::PatIdent) {
        self.named.variables.insert(variable.ident.to_string());
        visit::visit_pat_ident(self, variable);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.named.method_calls.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.path(segments(path));
        }
        visit::visit_path(self, path);
    }

    // `#[serde(with = "path")]` and the like: what a derive calls is a string there.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if !attribute.path().is_ident("serde") {
            return;
        }
        let parts = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
        for part in attribute.parse_args_with(parts).unwrap_or_default() {
            let path = text_after_path(&part).and_then(|text| syn::parse_str::<syn::Path>(&text).ok());
            if let Some(path) = path.filter(|_| !part.path().is_ident("rename")) {
                self.path(segments(&path));
            }
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        match call.path.get_ident() {
            Some(name) => _ = self.named.macro_calls.insert(name.to_string()),
            None => self.path(segments(&call.path)),
        }
        self.tokens(call.tokens.clone());
    }
}
