//! Rust code that is made from rust code, with syn, quote and prettyplease. `generated FILES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Data, DeriveInput, Fields, Ident, Type};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

struct Member {
    name: Ident,
    ty: Type,
    optional: bool,
}

fn source(number: usize) -> String {
    let fields: String = (0..1 + number % 6)
        .map(|field| match field % 3 {
            0 => format!("/// Field {field}\n#[builder(each)] pub field_{field}: Vec<String>,"),
            1 => {
                format!("field_{field}: Option<Box<dyn Fn(u{}) -> [u8; {field}] + Send>>,", 8 << (number % 3))
            }
            _ => format!("field_{field}: std::collections::HashMap<&'a str, (u8, T)>,"),
        })
        .collect();
    format!(
        "#[derive(Debug, Builder)] pub struct Thing{number}<'a, T: Clone + 'a> where T: Send {{ {fields} }}"
    )
}

fn members(input: &DeriveInput) -> syn::Result<Vec<Member>> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(input, "only structs"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&data.fields, "only named fields"));
    };
    fields
        .named
        .iter()
        .map(|field| {
            let name = field.ident.clone().ok_or_else(|| syn::Error::new_spanned(field, "a name"))?;
            let optional = matches!(&field.ty, Type::Path(path)
                if path.path.segments.last().is_some_and(|last| last.ident == "Option"));
            Ok(Member { name, ty: field.ty.clone(), optional })
        })
        .collect()
}

fn builder(input: &DeriveInput) -> syn::Result<TokenStream> {
    let members = members(input)?;
    let name = &input.ident;
    let builder = format_ident!("{}Builder", name);
    let (impls, types, bounds) = input.generics.split_for_impl();
    let generics = &input.generics;
    let fields = members.iter().map(|Member { name, ty, optional }| {
        if *optional { quote!(#name: #ty) } else { quote!(#name: ::std::option::Option<#ty>) }
    });
    let setters = members.iter().map(|Member { name, ty, .. }| {
        let doc = format!("Sets {name}.");
        quote! {
            #[doc = #doc]
            pub fn #name(mut self, value: impl Into<#ty>) -> Self { self.#name = Some(value.into()); self }
        }
    });
    let finish = members.iter().map(|Member { name, optional, .. }| {
        let missing = name.to_string();
        if *optional { quote!(#name: self.#name) } else { quote!(#name: self.#name.ok_or(#missing)?) }
    });
    Ok(quote! {
        #[derive(Default)]
        pub struct #builder #generics #bounds { #(#fields),* }
        impl #impls #builder #types #bounds {
            #(#setters)*
            pub fn finish(self) -> ::std::result::Result<#name #types, &'static str> {
                Ok(#name { #(#finish),* })
            }
        }
    })
}

struct Renaming(Vec<String>);

impl VisitMut for Renaming {
    fn visit_ident_mut(&mut self, ident: &mut Ident) {
        if ident.to_string().starts_with("field_") {
            self.0.push(ident.to_string());
            *ident = format_ident!("{}_{}", ident, self.0.len());
        }
    }

    fn visit_expr_mut(&mut self, expression: &mut syn::Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let syn::Expr::Try(inner) = expression {
            let inner = &inner.expr;
            *expression = syn::parse_quote!(match #inner { Ok(value) => value, Err(error) => return Err(error.into()) });
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: generated FILES")?.parse()?;
    let mut kept = Vec::new();
    let mut errors = Vec::new();
    for number in 0..count {
        step(number);
        let text = if number % 7 == 6 { "enum E { A, B(u8) }".to_owned() } else { source(number as usize) };
        step(number);
        let input: DeriveInput = syn::parse_str(&text)?;
        step(number);
        let tokens = match builder(&input) {
            Ok(tokens) => tokens,
            Err(error) => {
                errors.push(error.to_compile_error().to_string());
                continue;
            }
        };
        step(number);
        let mut file: syn::File = syn::parse2(tokens)?;
        step(number);
        let mut renaming = Renaming(Vec::new());
        renaming.visit_file_mut(&mut file);
        step(number);
        let pretty = prettyplease::unparse(&file);
        step(number);
        kept.push((pretty, renaming.0, file.clone()));
    }
    step(1 << 32);
    println!(
        "{} bytes, {} errors",
        kept.iter().map(|kept| kept.0.len()).sum::<usize>(),
        errors.concat().len()
    );
    Ok(())
}
