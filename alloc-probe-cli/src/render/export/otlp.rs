//! OpenTelemetry's profiles (OTLP, `v1development`): what pprof's format has, in tables that all profiles of a message share.
//! The signal is still being developed, so a later version may not read this one's files.
//!
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/profiles/v1development/profiles.proto>

use super::exporter::{Exporter, Options};
use super::pprof;
use crate::profile::Profile;
use crate::render::summary;
use alloc_probe_format::profile_proto::{self, Label, Profile as Pprof, sample_type};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::profiles::v1development::{
    Function, KeyValueAndUnit, Line, Link, Location, Mapping, Profile as OtlpProfile, ProfilesData,
    ProfilesDictionary, ResourceProfiles, Sample, ScopeProfiles, Stack, ValueType,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use rustc_hash::FxHashMap;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Otlp;

impl Exporter for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn help(&self) -> &'static str {
        "OpenTelemetry's profiles, `v1development`, as protobuf"
    }

    fn is_text(&self) -> bool {
        false
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&data(profile, options)?.encode_to_vec())
    }
}

fn data(profile: &Profile, options: Options) -> io::Result<ProfilesData> {
    let pprof = pprof::message(profile, options)?;
    let mut dictionary = Dictionary::of(&pprof);
    let mut profiles: Vec<OtlpProfile> = Vec::new();
    let samples: Vec<(i32, Vec<i32>)> = (pprof.sample.iter())
        .map(|sample| {
            let attributes = sample.label.iter().map(|label| dictionary.label(*label)).collect();
            (dictionary.stack(&sample.location_id), attributes)
        })
        .collect();
    let notes: Vec<String> =
        summary::caveat(&profile.dump).into_iter().chain(summary::losses(&profile.dump)).collect();
    let notes = (!notes.is_empty()).then(|| {
        let values =
            notes.into_iter().map(|note| AnyValue { value: Some(Value::StringValue(note)) }).collect();
        dictionary.attribute("alloc_probe.notes", Value::ArrayValue(ArrayValue { values }), 0)
    });
    let value_type = |of: profile_proto::ValueType| ValueType {
        type_strindex: index(of.name),
        unit_strindex: index(of.unit),
    };
    for (at, of) in pprof.sample_type.iter().enumerate() {
        let values = samples.iter().zip(&pprof.sample).filter_map(|((stack, attributes), sample)| {
            let value = sample.value.get(at).copied().filter(|value| *value != 0)?;
            Some(Sample {
                stack_index: *stack,
                attribute_indices: attributes.clone(),
                values: vec![value],
                ..Sample::default()
            })
        });
        profiles.push(OtlpProfile {
            sample_type: Some(value_type(*of)),
            samples: values.collect(),
            // What lives has an age, so the profile begins when the process does.
            time_unix_nano: pprof.time_nanos.saturating_sub(pprof.duration_nanos).max(0).unsigned_abs(),
            duration_nano: pprof.duration_nanos.unsigned_abs(),
            period_type: pprof.period_type.map(value_type),
            period: pprof.period,
            attribute_indices: notes.into_iter().collect(),
            ..OtlpProfile::default()
        });
    }
    // Viewers show the first.
    let wanted = sample_type(options.metric);
    let is_wanted = |profile: &OtlpProfile| {
        let name = profile.sample_type.map(|of| of.type_strindex as usize);
        name.and_then(|name| pprof.string_table.get(name)).is_some_and(|name| *name == wanted)
    };
    profiles.sort_by_key(|profile| !is_wanted(profile));
    let scope = InstrumentationScope {
        name: "alloc-probe".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope = ScopeProfiles { scope: Some(scope), profiles, ..ScopeProfiles::default() };
    let resource = ResourceProfiles {
        resource: Some(Resource { attributes: resource(profile), ..Resource::default() }),
        scope_profiles: vec![scope],
        ..ResourceProfiles::default()
    };
    Ok(ProfilesData { resource_profiles: vec![resource], dictionary: Some(dictionary.into_tables(pprof)) })
}

/// The process, by the names of OpenTelemetry's conventions.
fn resource(profile: &Profile) -> Vec<KeyValue> {
    let (process, build) = (&profile.dump.process, &profile.dump.build);
    let text = |text: &str| (!text.is_empty()).then(|| Value::StringValue(text.to_owned()));
    let arguments = || {
        let value = |argument: &String| AnyValue { value: text(argument) };
        let values = process.command.iter().map(value).collect();
        (!process.command.is_empty()).then_some(Value::ArrayValue(ArrayValue { values }))
    };
    let attributes = [
        ("service.name", text(&build.crate_name)),
        ("service.version", text(&build.crate_version)),
        ("process.pid", Some(Value::IntValue(i64::from(process.pid)))),
        ("process.executable.path", text(&process.executable)),
        ("process.command_args", arguments()),
    ];
    let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key, value?)));
    attributes
        .map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        })
        .collect()
}

/// The tables, which begin with an item that stands for none.
#[derive(Default)]
struct Dictionary {
    strings: Vec<String>,
    attributes: Vec<KeyValueAndUnit>,
    /// For each label, by its key and number, the attribute's number.
    labels: FxHashMap<(i64, i64), i32>,
    stacks: Vec<Stack>,
    stack_numbers: FxHashMap<Vec<i32>, i32>,
    /// For each location's id, its number.
    locations: FxHashMap<u64, i32>,
}

impl Dictionary {
    fn of(pprof: &Pprof) -> Dictionary {
        Dictionary {
            strings: pprof.string_table.clone(),
            attributes: vec![KeyValueAndUnit::default()],
            stacks: vec![Stack::default()],
            locations: (1..).zip(&pprof.location).map(|(number, location)| (location.id, number)).collect(),
            ..Dictionary::default()
        }
    }

    fn string(&mut self, text: &str) -> i32 {
        let found = self.strings.iter().rposition(|known| known == text);
        found.unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        }) as i32
    }

    fn attribute(&mut self, key: &str, value: Value, unit_strindex: i32) -> i32 {
        let key_strindex = self.string(key);
        let value = Some(AnyValue { value: Some(value) });
        self.attributes.push(KeyValueAndUnit { key_strindex, value, unit_strindex });
        self.attributes.len() as i32 - 1
    }

    fn label(&mut self, label: Label) -> i32 {
        if let Some(number) = self.labels.get(&(label.key, label.number)) {
            return *number;
        }
        let value = Some(AnyValue { value: Some(Value::IntValue(label.number)) });
        let (key_strindex, unit_strindex) = (index(label.key), index(label.number_unit));
        self.attributes.push(KeyValueAndUnit { key_strindex, value, unit_strindex });
        let number = self.attributes.len() as i32 - 1;
        self.labels.insert((label.key, label.number), number);
        number
    }

    fn stack(&mut self, locations: &[u64]) -> i32 {
        let location_indices: Vec<i32> =
            locations.iter().map(|id| self.locations.get(id).copied().unwrap_or(0)).collect();
        if let Some(number) = self.stack_numbers.get(&location_indices) {
            return *number;
        }
        let number = self.stacks.len() as i32;
        self.stacks.push(Stack { location_indices: location_indices.clone() });
        self.stack_numbers.insert(location_indices, number);
        number
    }

    fn into_tables(mut self, pprof: Pprof) -> ProfilesDictionary {
        let mut mappings = vec![Mapping::default()];
        for mapping in &pprof.mapping {
            let build_id = self.strings.get(mapping.build_id as usize).cloned().unwrap_or_default();
            let attribute = (!build_id.is_empty())
                .then(|| self.attribute("process.executable.build_id.gnu", Value::StringValue(build_id), 0));
            mappings.push(Mapping {
                memory_start: mapping.memory_start,
                memory_limit: mapping.memory_limit,
                file_offset: mapping.file_offset,
                filename_strindex: index(mapping.filename),
                attribute_indices: attribute.into_iter().collect(),
            });
        }
        let numbers = |ids: Vec<u64>| ids.into_iter().zip(1..).collect::<FxHashMap<u64, i32>>();
        let mapping_numbers = numbers(pprof.mapping.iter().map(|mapping| mapping.id).collect());
        let function_numbers = numbers(pprof.function.iter().map(|function| function.id).collect());
        let number = |numbers: &FxHashMap<u64, i32>, id: u64| numbers.get(&id).copied().unwrap_or(0);
        let functions = pprof.function.iter().map(|function| Function {
            name_strindex: index(function.name),
            filename_strindex: index(function.filename),
            ..Function::default()
        });
        let locations = pprof.location.iter().map(|location| Location {
            mapping_index: number(&mapping_numbers, location.mapping_id),
            address: location.address,
            lines: (location.line.iter())
                .map(|line| Line {
                    function_index: number(&function_numbers, line.function_id),
                    line: line.line,
                    column: line.column,
                })
                .collect(),
            attribute_indices: Vec::new(),
        });
        ProfilesDictionary {
            location_table: std::iter::once(Location::default()).chain(locations).collect(),
            function_table: std::iter::once(Function::default()).chain(functions).collect(),
            mapping_table: mappings,
            link_table: vec![Link::default()],
            string_table: self.strings,
            attribute_table: self.attributes,
            stack_table: self.stacks,
        }
    }
}

/// A number of a string. There are never so many.
fn index(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::fold::Detail;
    use crate::render::export::pprof::tests::profile;
    use alloc_probe_format::metric::Metric;

    fn exported(metric: Metric) -> ProfilesData {
        let mut bytes = Vec::new();
        Otlp.write(&profile(), Options { metric, detail: Detail::default() }, &mut bytes).unwrap();
        ProfilesData::decode(bytes.as_slice()).unwrap()
    }

    #[test]
    fn each_sample_type_is_a_profile_and_the_wanted_one_is_the_first() {
        let data = exported(Metric::TotalBytes);
        let tables = data.dictionary.unwrap();
        let text = |number: i32| tables.string_table[number as usize].as_str();
        let profiles = &data.resource_profiles[0].scope_profiles[0].profiles;
        let name = |profile: &OtlpProfile| {
            let of = profile.sample_type.unwrap();
            (text(of.type_strindex).to_owned(), text(of.unit_strindex).to_owned())
        };
        assert_eq!(name(&profiles[0]), ("alloc_space".to_owned(), "bytes".to_owned()));
        let sums: FxHashMap<String, i64> = (profiles.iter())
            .map(|profile| (name(profile).0, profile.samples.iter().flat_map(|sample| &sample.values).sum()))
            .collect();
        assert_eq!(["alloc_space", "alloc_objects", "inuse_space"].map(|name| sums[name]), [138, 4, 4]);
        let other = exported(Metric::EndBytes);
        let first = other.resource_profiles[0].scope_profiles[0].profiles[0].sample_type.unwrap();
        assert_eq!(other.dictionary.unwrap().string_table[first.type_strindex as usize], "inuse_space");
    }

    #[test]
    fn tables_begin_with_none_and_stacks_have_functions_lines_and_build_ids() {
        let data = exported(Metric::TotalBytes);
        let tables = data.dictionary.unwrap();
        assert_eq!(tables.string_table[0], "");
        assert_eq!(
            (&tables.mapping_table[0], &tables.location_table[0]),
            (&Mapping::default(), &Location::default())
        );
        assert_eq!(
            (&tables.function_table[0], &tables.stack_table[0]),
            (&Function::default(), &Stack::default())
        );
        assert_eq!(
            (&tables.link_table[..], &tables.attribute_table[0]),
            (&[Link::default()][..], &KeyValueAndUnit::default())
        );
        let text = |number: i32| tables.string_table[number as usize].as_str();
        let sample = &data.resource_profiles[0].scope_profiles[0].profiles[0].samples[0];
        let stack = &tables.stack_table[sample.stack_index as usize].location_indices;
        let location = |at: usize| &tables.location_table[stack[at] as usize];
        let line = |at: usize| {
            let line = location(at).lines[0];
            (text(tables.function_table[line.function_index as usize].name_strindex), line.line)
        };
        assert_eq!((line(0), line(1)), (("orders::fill", 11), ("orders::main", 20)));
        let mapping = &tables.mapping_table[location(0).mapping_index as usize];
        let attribute = &tables.attribute_table[mapping.attribute_indices[0] as usize];
        assert_eq!(text(mapping.filename_strindex), "/bin/orders");
        assert_eq!(text(attribute.key_strindex), "process.executable.build_id.gnu");
        assert_eq!(attribute.value.as_ref().unwrap().value, Some(Value::StringValue("ab".to_owned())));
        let class = data.resource_profiles[0].scope_profiles[0].profiles[0].samples[1].attribute_indices[0];
        let class = &tables.attribute_table[class as usize];
        assert_eq!((text(class.key_strindex), text(class.unit_strindex)), ("size_class", "bytes"));
        assert_eq!(class.value.as_ref().unwrap().value, Some(Value::IntValue(16)));
    }
}
