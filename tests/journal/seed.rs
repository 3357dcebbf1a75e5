//! Randomness that a failed run can be repeated with.

/// How many rounds: `few`, unless more are asked for.
pub fn rounds(few: u64) -> u64 {
    number_in("JOURNAL_ROUNDS").unwrap_or(few)
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// SplitMix64.
pub struct Seed(u64);

impl Seed {
    /// Another one at each run, printed, so that a failure can be repeated.
    pub fn new() -> Self {
        let seed = number_in("JOURNAL_SEED").unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_nanos() as u64
        });
        println!("JOURNAL_SEED={seed}");
        Self(seed)
    }

    /// The seed that another one has given on.
    pub const fn from(number: u64) -> Self {
        Self(number)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
