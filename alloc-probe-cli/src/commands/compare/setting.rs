//! `--set KEY=VALUE`: a profile's setting for this comparison alone.

use std::str::FromStr;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    key: String,
    value: String,
}

impl Setting {
    /// A setting for all profiles.
    pub(super) fn new(key: &str, value: &str) -> Setting {
        Setting { key: key.to_owned(), value: value.to_owned() }
    }

    /// The value that it gives a profile's setting, if it is about that.
    pub(super) fn value_of(&self, key: &str, profile: &str, profiles: &[String]) -> Option<&str> {
        let is_meant = self.config(profile, profiles).is_some();
        let name = self.key.strip_prefix(&format!("{profile}.")).unwrap_or(&self.key);
        (is_meant && name == key).then_some(self.value.trim_matches('"'))
    }

    /// What `cargo --config` takes to make the setting in `profile`; none where it is meant for another of
    /// `profiles`, as in `release.lto=fat`.
    pub(super) fn config(&self, profile: &str, profiles: &[String]) -> Option<String> {
        let key = match self.key.split_once('.') {
            Some((of, key)) if of == profile => key,
            Some((of, _)) if profiles.iter().any(|other| other == of) => return None,
            _ => &self.key,
        };
        Some(config(profile, key, &self.value))
    }
}

/// A setting of a profile as `cargo --config` takes it.
pub(super) fn config(profile: &str, key: &str, value: &str) -> String {
    format!("profile.{profile}.{key}={}", toml(value))
}

/// The value as TOML. A shell takes quotes away, so words are strings unless they can be something else.
fn toml(value: &str) -> String {
    let is_number = value.parse::<i64>().is_ok();
    let is_toml = is_number || ["true", "false"].contains(&value) || value.starts_with(['"', '\'', '[', '{']);
    if is_toml {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                Ok(Setting { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("write it like opt-level=2, lto=thin or release.panic=abort".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_configuration_of_the_profiles_they_are_for() {
        let profiles = ["dev".to_owned(), "release".to_owned()];
        let cases = [
            ("opt-level=2", Some("profile.release.opt-level=2")),
            ("opt-level=s", Some("profile.release.opt-level=\"s\"")),
            ("lto=thin", Some("profile.release.lto=\"thin\"")),
            ("strip = \"none\"", Some("profile.release.strip=\"none\"")),
            ("debug-assertions=true", Some("profile.release.debug-assertions=true")),
            ("release.panic=abort", Some("profile.release.panic=\"abort\"")),
            ("package.serde.opt-level=3", Some("profile.release.package.serde.opt-level=3")),
            ("dev.panic=abort", None),
        ];
        for (text, expected) in cases {
            let setting: Setting = text.parse().unwrap();
            assert_eq!(setting.config("release", &profiles).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn half_a_setting_is_none() {
        for text in ["", "opt-level", "=2", "opt-level="] {
            assert!(text.parse::<Setting>().is_err(), "{text}");
        }
    }
}
