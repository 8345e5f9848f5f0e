//! Lists of numbers that have one item as a rule: there are several at each of millions of calls and places.

use std::ops::Deref;

/// Numbers, in a word and a half where they are one or none.
#[derive(Clone, Debug, Default)]
pub(super) enum Few {
    #[default]
    None,
    One(u32),
    #[expect(clippy::box_collection, reason = "a list by itself is larger than the other two")]
    Many(Box<Vec<u32>>),
}

impl Few {
    /// Adds a number.
    pub(super) fn push(&mut self, number: u32) {
        match self {
            Few::None => *self = Few::One(number),
            Few::One(first) => *self = Few::Many(Box::new(vec![*first, number])),
            Few::Many(numbers) => numbers.push(number),
        }
    }
}

impl Deref for Few {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Few::None => &[],
            Few::One(number) => std::slice::from_ref(number),
            Few::Many(numbers) => numbers,
        }
    }
}

impl From<Vec<u32>> for Few {
    fn from(numbers: Vec<u32>) -> Few {
        match numbers[..] {
            [] => Few::None,
            [number] => Few::One(number),
            _ => Few::Many(Box::new(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut few = Few::default();
        for length in 0..5 {
            let list: Vec<u32> = (0..length).collect();
            assert_eq!(few[..], list);
            assert_eq!(Few::from(list.clone())[..], list);
            few.push(length);
        }
        assert!(size_of::<Few>() <= 16);
    }
}
