//! What is compared: profiles, and the variants of them that `--matrix` makes.

use super::setting::Setting;
use crate::error::Error;
use std::str::FromStr;

/// The most variants that one comparison has.
const MOST: usize = 64;

/// Settings with the values that each is to have: `lto=off,fat; codegen-units=16,1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix(Vec<(String, Vec<String>)>);

/// One way to build the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// What it is called, in tables and as a file.
    pub(super) name: String,
    /// Its profile.
    pub(super) profile: String,
    /// Its settings.
    pub(super) settings: Vec<Setting>,
    /// Whether it is built in a folder of its own.
    pub(super) is_apart: bool,
}

impl FromStr for Matrix {
    type Err = String;

    fn from_str(text: &str) -> Result<Matrix, String> {
        let mut axes = Vec::new();
        for axis in text.split(';').map(str::trim).filter(|axis| !axis.is_empty()) {
            let (key, values) = axis.split_once('=').unwrap_or((axis, ""));
            let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
            let is_twice = values.iter().enumerate().any(|(index, value)| values[..index].contains(value));
            if key.trim().is_empty() || values.iter().any(String::is_empty) || is_twice {
                return Err("write it like 'lto=off,thin,fat; codegen-units=16,1'".to_owned());
            }
            axes.push((key.trim().to_owned(), values));
        }
        let is_twice = axes
            .iter()
            .enumerate()
            .any(|(index, (key, _))| axes[..index].iter().any(|(other, _)| other == key));
        match axes.is_empty() || is_twice {
            true => {
                Err("name each setting once, with its values: 'lto=off,fat; codegen-units=16,1'".to_owned())
            }
            false => Ok(Matrix(axes)),
        }
    }
}

/// All variants: each profile with each combination of the matrix, the last setting changing fastest.
///
/// # Errors
///
/// Where there are not two of them, or far too many.
pub(super) fn variants(
    profiles: &[String],
    sets: &[Setting],
    matrix: Option<&Matrix>,
) -> Result<Vec<Variant>, Error> {
    if let Some(twice) =
        profiles.iter().enumerate().find(|(index, profile)| profiles[..*index].contains(profile))
    {
        return Err(Error::new(format!("the profile `{}` can't be compared with itself", twice.1)));
    }
    let axes = matrix.map_or(&[][..], |matrix| &matrix.0);
    let number = axes.iter().map(|(_, values)| values.len()).try_fold(profiles.len(), usize::checked_mul);
    match number {
        Some(0 | 1) if matrix.is_some() => {
            return Err(Error::new("the matrix makes one variant, and a comparison needs two")
                .with_hint("`--matrix 'lto=off,fat'` makes two"));
        }
        Some(0 | 1) => {
            return Err(
                Error::new("a comparison needs two profiles").with_hint("`--profiles dev,release` names two")
            );
        }
        Some(2..=MOST) => {}
        _ => {
            let number = number.map_or("far too many".to_owned(), |number| number.to_string());
            return Err(Error::new(format!("the matrix makes {number} variants; {MOST} are the most")));
        }
    }
    let mut variants: Vec<Variant> = profiles
        .iter()
        .map(|profile| Variant {
            name: match (matrix, profiles.len()) {
                (Some(_), 1) => String::new(),
                _ => file_stem(profile).to_owned(),
            },
            profile: profile.clone(),
            settings: sets.to_vec(),
            is_apart: matrix.is_some(),
        })
        .collect();
    for (key, values) in axes {
        let with = |variant: &Variant, value: &String| {
            let mut variant = variant.clone();
            let separator = if variant.name.is_empty() { "" } else { "-" };
            variant.name = format!("{}{separator}{}", variant.name, short(key, value));
            variant.settings.push(Setting::new(key, value));
            variant
        };
        variants = variants
            .iter()
            .flat_map(|one| values.iter().map(|value| with(one, value)).collect::<Vec<_>>())
            .collect();
    }
    Ok(variants)
}

/// Cargo's own name for what `dev` builds is `debug`.
fn file_stem(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

/// A setting in a name: of letters that a file may have.
fn short(key: &str, value: &str) -> String {
    let value: String =
        value.chars().filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter)).collect();
    match key {
        "opt-level" => format!("O{value}"),
        "codegen-units" => format!("cgu{value}"),
        "panic" => value,
        _ => format!("{}-{value}", key.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(profiles: &[&str], matrix: &str) -> Result<Vec<String>, String> {
        let profiles: Vec<String> = profiles.iter().map(|profile| (*profile).to_owned()).collect();
        let matrix = match matrix {
            "" => None,
            text => Some(text.parse::<Matrix>()?),
        };
        let variants = variants(&profiles, &[], matrix.as_ref()).map_err(|error| error.to_string())?;
        Ok(variants.into_iter().map(|variant| variant.name).collect())
    }

    #[test]
    fn a_matrix_makes_the_product() {
        assert_eq!(names(&["dev", "release"], "").unwrap(), ["debug", "release"]);
        assert_eq!(
            names(&["release"], "lto=off, fat ; codegen-units=16,1").unwrap(),
            ["lto-off-cgu16", "lto-off-cgu1", "lto-fat-cgu16", "lto-fat-cgu1"]
        );
        assert_eq!(
            names(&["release", "fast"], "panic=unwind,abort; opt-level=3").unwrap(),
            ["release-unwind-O3", "release-abort-O3", "fast-unwind-O3", "fast-abort-O3"]
        );
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        assert_eq!(names(&["dev"], ""), Err("a comparison needs two profiles".to_owned()));
        assert_eq!(
            names(&["a", "b", "a"], ""),
            Err("the profile `a` can't be compared with itself".to_owned())
        );
        assert!(names(&["release"], "lto=off").unwrap_err().starts_with("the matrix makes one variant"));
        let many = "a=1,2,3,4,5,6,7,8; b=1,2,3,4,5,6,7,8; c=1,2";
        assert_eq!(
            names(&["release"], many),
            Err("the matrix makes 128 variants; 64 are the most".to_owned())
        );
        for wrong in [" ; ", "lto", "lto=", "lto=off,,fat", "=1", "lto=off,off", "lto=off; lto=fat"] {
            assert!(names(&["release"], wrong).is_err(), "{wrong}");
        }
    }
}
