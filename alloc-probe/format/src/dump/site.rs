//! The allocation sites.

use super::figures::{Figures, is_zero};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use smallvec::SmallVec;
use std::fmt;

/// A histogram by powers of two: pairs of a bucket and a count, by ascending bucket, none of them zero.
///
/// PERF: one of a single bucket takes no memory of its own; a dump may have millions of sites, with three each.
pub type Histogram = SmallVec<[(u8, u64); 1]>;

/// One allocation site: all blocks allocated with one whole stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Site {
    /// The row of [`Dump::stacks`](super::Dump::stacks) of its innermost frame.
    pub stack: u32,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Sizes of all its blocks: bucket *b* counts those of 2^*b* to 2^(*b*+1) − 1 bytes.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub sizes: Histogram,
    /// Lifetimes of its ended blocks: bucket 0 counts those under one [`Clock::unit_ns`](super::Clock::unit_ns), bucket *b* those of
    /// 2^(*b*−1) up to 2^*b* units.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub lifetimes: Histogram,
    /// Ages of its live blocks, in the same buckets.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub ages: Histogram,
    /// What its live blocks mean for resident memory; all zero where [`Memory::heap`](super::Memory::heap) is not known.
    #[serde(flatten)]
    pub pages: SitePages,
}

/// What a site's live blocks mean for resident memory. Shares of the figures of the same name in [`Heap`](super::Heap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePages {
    /// Bytes that the allocator added to its blocks: rounding, and headers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slack_bytes: u64,
    /// Its share of the free bytes on pages that live blocks keep: each page's by the blocks that lie on it, in
    /// equal parts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fragmented_bytes: u64,
    /// Bytes of its blocks on pages that are not resident.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untouched_bytes: u64,
}

impl SitePages {
    fn by_name(&mut self, name: &str) -> Option<&mut u64> {
        match name {
            "slack_bytes" => Some(&mut self.slack_bytes),
            "fragmented_bytes" => Some(&mut self.fragmented_bytes),
            "untouched_bytes" => Some(&mut self.untouched_bytes),
            _ => None,
        }
    }

    /// Adds another site's to these.
    pub fn add(&mut self, other: &SitePages) {
        self.slack_bytes = self.slack_bytes.saturating_add(other.slack_bytes);
        self.fragmented_bytes = self.fragmented_bytes.saturating_add(other.fragmented_bytes);
        self.untouched_bytes = self.untouched_bytes.saturating_add(other.untouched_bytes);
    }

    /// These, but no more than some others.
    pub fn at_most(&self, other: &SitePages) -> SitePages {
        SitePages {
            slack_bytes: self.slack_bytes.min(other.slack_bytes),
            fragmented_bytes: self.fragmented_bytes.min(other.fragmented_bytes),
            untouched_bytes: self.untouched_bytes.min(other.untouched_bytes),
        }
    }

    /// What these have beyond some others.
    pub fn beyond(&self, other: &SitePages) -> SitePages {
        SitePages {
            slack_bytes: self.slack_bytes.saturating_sub(other.slack_bytes),
            fragmented_bytes: self.fragmented_bytes.saturating_sub(other.fragmented_bytes),
            untouched_bytes: self.untouched_bytes.saturating_sub(other.untouched_bytes),
        }
    }
}

impl Site {
    /// Adds another site's blocks to this one's.
    pub fn absorb(&mut self, other: &Site) {
        self.figures.add(&other.figures);
        self.pages.add(&other.pages);
        for (mine, theirs) in [
            (&mut self.sizes, &other.sizes),
            (&mut self.lifetimes, &other.lifetimes),
            (&mut self.ages, &other.ages),
        ] {
            for &(bucket, count) in theirs {
                match mine.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
                    Ok(place) => mine[place].1 = mine[place].1.saturating_add(count),
                    Err(place) => mine.insert(place, (bucket, count)),
                }
            }
        }
    }
}

/// Reads a site without keeping what `flatten` has to keep: most of a large dump is sites.
impl<'de> Deserialize<'de> for Site {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Site, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Site;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a site")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Site, A::Error> {
                let mut site = Site::default();
                let mut has_stack = false;
                while let Some(field) = map.next_key_seed(FieldOf(&mut site))? {
                    match field {
                        Field::Stack(stack) => {
                            *stack = map.next_value()?;
                            has_stack = true;
                        }
                        Field::Figure(figure) => *figure = map.next_value()?,
                        Field::Histogram(histogram) => *histogram = map.next_value::<Buckets>()?.0,
                        Field::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if has_stack { Ok(site) } else { Err(A::Error::missing_field("stack")) }
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Where a field of a site goes.
enum Field<'s> {
    Stack(&'s mut u32),
    Figure(&'s mut u64),
    Histogram(&'s mut Histogram),
    Other,
}

struct FieldOf<'s>(&'s mut Site);

impl<'de, 's> DeserializeSeed<'de> for FieldOf<'s> {
    type Value = Field<'s>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<'s>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'s> Visitor<'_> for FieldOf<'s> {
    type Value = Field<'s>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of a site")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Field<'s>, E> {
        let Site { stack, figures, sizes, lifetimes, ages, pages } = self.0;
        Ok(match name {
            "stack" => Field::Stack(stack),
            "sizes" => Field::Histogram(sizes),
            "lifetimes" => Field::Histogram(lifetimes),
            "ages" => Field::Histogram(ages),
            _ => match figures.by_name(name).or_else(|| pages.by_name(name)) {
                Some(figure) => Field::Figure(figure),
                None => Field::Other,
            },
        })
    }
}

/// A histogram that has no more room than it needs, and never had: there are three at each site.
struct Buckets(Histogram);

impl<'de> Deserialize<'de> for Buckets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Buckets, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Buckets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("pairs of a bucket and a count")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Buckets, A::Error> {
                let mut few = [(0, 0); 8];
                for known in 0..few.len() {
                    let Some(pair) = seq.next_element()? else {
                        return Ok(Buckets(Histogram::from_slice(&few[..known])));
                    };
                    few[known] = pair;
                }
                let mut histogram = Histogram::from_slice(&few);
                while let Some(pair) = seq.next_element()? {
                    histogram.push(pair);
                }
                histogram.shrink_to_fit();
                Ok(Buckets(histogram))
            }
        }
        deserializer.deserialize_seq(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_read_back_as_written() {
        let mut site = Site { stack: 7, ..Site::default() };
        site.sizes.extend([(3, 1), (9, 2)]);
        site.ages.push((0, 4));
        let names: Vec<&str> = site.figures.each().map(|(name, _)| name).collect();
        for (name, number) in names.into_iter().zip(1..) {
            site.figures.by_name(name).into_iter().for_each(|figure| *figure = number);
        }
        site.pages = SitePages { slack_bytes: 21, fragmented_bytes: 22, untouched_bytes: 23 };
        let text = serde_json::to_string(&site).unwrap();
        assert_eq!(serde_json::from_str::<Site>(&text).unwrap(), site);
        let more = text.replace("\"stack\":7", "\"later\":{\"x\":[1]},\"stack\":7");
        assert_eq!(serde_json::from_str::<Site>(&more).unwrap(), site, "unknown fields are passed over");
        site.lifetimes = (0..20).map(|bucket| (bucket, 1 + u64::from(bucket))).collect();
        let text = serde_json::to_string(&site).unwrap();
        assert_eq!(serde_json::from_str::<Site>(&text).unwrap(), site);
        for text in [r#"{"total_bytes":1}"#, r#"{"stack":-1}"#, r#"{"stack":1,"sizes":[[1]]}"#, "[]", "7"] {
            assert!(serde_json::from_str::<Site>(text).is_err(), "{text}");
        }
    }
}
