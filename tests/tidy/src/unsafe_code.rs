//! Unsafe code says why it is sound.

use crate::{expect_none, files};

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is("rs")) {
        let lines = file.text.lines().collect::<Vec<_>>();
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_code = !code.starts_with("//");
            let opens = [" {", " impl"].iter().any(|next| code.contains(&format!("unsafe{next}")));
            if is_code && opens && !is_explained(&lines[..index]) {
                broken.push(format!("{}:{}: no `SAFETY:` above", file.path, index + 1));
            }
        }
        let parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        for (signature, attributes) in functions(&parsed.items) {
            let documented = attributes.iter().any(|attribute| quoted(attribute).contains("# Safety"));
            if signature.unsafety.is_some() && !documented {
                broken.push(format!("{}: `unsafe fn {}` has no `# Safety`", file.path, signature.ident));
            }
        }
    }
    expect_none("unsafe code has a comment that says what upholds its contract", broken);
}

/// Whether a `SAFETY:` comment stands above: before any blank line, so in the same paragraph.
fn is_explained(above: &[&str]) -> bool {
    let paragraph = above.iter().rev().take_while(|line| !line.trim().is_empty());
    paragraph.take(15).any(|line| line.contains("SAFETY:"))
}

/// The functions of a file and their attributes. The methods of a trait's implementation are left out: the trait
/// documents their contract.
fn functions(items: &[syn::Item]) -> Vec<(&syn::Signature, &[syn::Attribute])> {
    let mut found = Vec::new();
    for item in items {
        match item {
            syn::Item::Fn(function) => found.push((&function.sig, &function.attrs[..])),
            syn::Item::Impl(block) if block.trait_.is_none() => {
                found.extend(block.items.iter().filter_map(|item| {
                    let syn::ImplItem::Fn(method) = item else { return None };
                    Some((&method.sig, &method.attrs[..]))
                }))
            }
            syn::Item::Trait(block) => found.extend(block.items.iter().filter_map(|item| {
                let syn::TraitItem::Fn(method) = item else { return None };
                Some((&method.sig, &method.attrs[..]))
            })),
            syn::Item::Mod(syn::ItemMod { content: Some((_, items)), .. }) => found.extend(functions(items)),
            _ => {}
        }
    }
    found
}

/// The text of a documentation line; empty for other attributes.
fn quoted(attribute: &syn::Attribute) -> String {
    match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Lit(literal), .. })
            if path.is_ident("doc") =>
        {
            match &literal.lit {
                syn::Lit::Str(text) => text.value(),
                _ => String::new(),
            }
        }
        _ => String::new(),
    }
}
