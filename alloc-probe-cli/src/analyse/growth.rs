//! Which of a profile's sites grow without end, as a figure that they can be ordered, drawn and compared by.

use crate::analyse::evidence::growing::Growth;
use crate::analyse::fold::Detail;
use crate::analyse::sites::shown;
use crate::profile::Profile;
use alloc_probe_format::metric::Metric;

/// Gives each site that grows, and the process, its [`growth_bytes`](alloc_probe_format::dump::Figures::growth_bytes). The
/// verdict is of all stacks together that read the same; each has as large a part of it as of what is live.
pub fn mark(profile: &mut Profile) {
    // Another tool's file tells it, or does not tell what it is judged by.
    if profile.dump.recorded_by.is_some() {
        return;
    }
    let Some(growth) = Growth::of(profile) else { return };
    let sites = shown(profile, Metric::EndBytes, Detail::default());
    let growing: Vec<(Vec<u32>, f64)> = (sites.iter())
        .filter_map(|site| {
            let growing = growth.growing(site.members(), site.figures())?;
            Some((site.members().to_vec(), growing.ages.settled))
        })
        .collect();
    let mut whole: u64 = 0;
    for (members, settled) in growing {
        for member in members {
            let figures = &mut profile.sites[member as usize].figures;
            figures.growth_bytes = (figures.end_bytes as f64 * settled) as u64;
            whole = whole.saturating_add(figures.growth_bytes);
        }
    }
    profile.dump.totals.growth_bytes = whole;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::profile::Site;
    use alloc_probe_format::dump::{Figures, Histogram};

    /// A thousand blocks of 1 KiB with these ages.
    fn site(ages: Histogram) -> Site {
        let figures = Figures {
            total_blocks: 1_000,
            total_bytes: 1_024_000,
            end_blocks: 1_000,
            end_bytes: 1_024_000,
            ..Figures::default()
        };
        Site { figures, ages, ..Site::default() }
    }

    #[test]
    fn what_grows_has_growth_but_for_the_last_tenth_of_the_time() {
        // One block in each millisecond of a second, and all of them at the beginning.
        let leak = (1..=9).map(|bucket| (bucket, 1 << (bucket - 1))).chain([(0, 1), (10, 488)]);
        let mut leak: Histogram = leak.collect();
        leak.sort_unstable();
        let mut profile = profile(
            run(1_000),
            vec![("app::leak:1", site(leak)), ("app::cache:2", site(vec![(10, 1_000)].into()))],
        );
        mark(&mut profile);
        let growth: Vec<u64> = profile.sites.iter().map(|site| site.figures.growth_bytes).collect();
        assert!((growth[0] as f64 / 921_600.0 - 1.0).abs() < 0.01, "{growth:?}");
        assert_eq!((growth[1], profile.dump.totals.growth_bytes), (0, growth[0]));
    }
}
