//! The points that the program passed.

use super::clock::ClockScale;
use super::timeline::timeline_sample;
use super::words::load;
use crate::dump::Mark;
use crate::spool::{MARKS, Section, Spool, header, mark};
use std::sync::atomic::AtomicU64;

/// The marks, by the time when they were first passed.
pub(super) fn marks(spool: &impl Spool, clock: &ClockScale) -> Vec<Mark> {
    let places = spool.words(Section::MARKS).chunks_exact(mark::WORDS).take(MARKS);
    let mut marks: Vec<Mark> = places.filter_map(|place| read(place, clock)).collect();
    marks.sort_by(|a, b| (a.first_ns, &a.name).cmp(&(b.first_ns, &b.name)));
    marks
}

/// A mark; none where the place is free, or not yet whole.
fn read(place: &[AtomicU64], clock: &ClockScale) -> Option<Mark> {
    let count = Some(load(place, mark::COUNT)).filter(|count| *count > 0)?;
    let length = load(place, mark::LENGTH).checked_sub(1)?;
    let first = timeline_sample(&place[mark::FIRST..], clock);
    Some(Mark {
        name: name_of(&place[mark::NAME..], length),
        count,
        first_ns: first.time_ns,
        // Threads that pass it at once may each note the time, in any order.
        last_ns: clock.nanos(load(place, mark::LAST)).max(first.time_ns),
        first,
    })
}

/// Whether a mark was passed.
pub(crate) fn has_passed(spool: &impl Spool, name: &str) -> bool {
    let mut places = spool.words(Section::MARKS).chunks_exact(mark::WORDS).take(MARKS);
    places.any(|place| {
        let length = load(place, mark::LENGTH).checked_sub(1).filter(|_| load(place, mark::COUNT) > 0);
        length.is_some_and(|length| name_of(&place[mark::NAME..], length) == name)
    })
}

/// The name that words hold, of so many bytes.
pub(super) fn name_of(words: &[AtomicU64], length: u64) -> String {
    let mut name: Vec<u8> = words.iter().flat_map(word_bytes).collect();
    name.truncate(length.min(name.len() as u64) as usize);
    String::from_utf8_lossy(&name).into_owned()
}

fn word_bytes(word: &AtomicU64) -> [u8; 8] {
    word.load(std::sync::atomic::Ordering::Relaxed).to_le_bytes()
}

/// What is to be said of marks that there was no room for.
pub(super) fn lost(spool: &impl Spool) -> Option<String> {
    match spool.header(header::LOST_MARKS) {
        0 => None,
        lost => Some(format!(
            "marks were passed {lost} times that there was no room for: there is for {MARKS} names"
        )),
    }
}
