//! The number match: the page shows one number, the phone three, and who scanned picks the page's. Pure.

use crate::domain::{Confirmation, Created, SceneId};
use crate::keys::{Keys, Purpose};

/// Numbers have two digits.
const LEAST: u32 = 10;
const COUNT: u32 = 90;

/// Three different numbers in the order in which the phone shows them, and which of them the page shows. The same for a
/// session each time it is asked, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    shown: [u8; 3],
    right: usize,
}

impl Numbers {
    /// Those of a session; `None` where it is not confirmed by a number.
    pub(super) fn of_session(keys: &Keys, scene: &SceneId, created: &Created) -> Option<Self> {
        let is_asked_for = created.confirmation == Confirmation::Number;
        is_asked_for.then(|| Self::of(keys.derive_bytes(Purpose::Number, scene, created.incarnation)))
    }

    /// Draws them from 32 unpredictable bytes. What a remainder of 32 bits prefers is below one in ten million.
    fn of(bytes: [u8; 32]) -> Self {
        let draw = |word: usize, below: u32| {
            let at = word * 4;
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) % below
        };
        let mut left: Vec<u8> = (LEAST..LEAST + COUNT).filter_map(|number| u8::try_from(number).ok()).collect();
        let shown = std::array::from_fn(|word| left.swap_remove(draw(word, COUNT - word as u32) as usize));
        Self { shown, right: draw(shown.len(), 3) as usize }
    }

    /// What the phone shows.
    pub(super) fn shown(self) -> [u8; 3] {
        self.shown
    }

    /// What the page shows.
    pub(super) fn right(self) -> u8 {
        self.shown[self.right]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_have_two_digits_and_differ(bytes: [u8; 32]) {
            let numbers = Numbers::of(bytes);
            let [one, two, three] = numbers.shown();
            prop_assert!(one != two && two != three && one != three);
            prop_assert!([one, two, three].iter().all(|number| (10..=99).contains(number)));
            prop_assert!([one, two, three].contains(&numbers.right()));
            prop_assert_eq!(numbers, Numbers::of(bytes));
        }
    }

    #[test]
    fn the_right_one_stands_in_every_place() {
        let mut places = [0; 3];
        for seed in 0..=255 {
            let mut bytes = [0; 32];
            bytes[15] = seed;
            let numbers = Numbers::of(bytes);
            places[numbers.shown().iter().position(|number| *number == numbers.right()).unwrap()] += 1;
        }
        assert!(places.iter().all(|place| *place > 80), "{places:?}");
    }
}
