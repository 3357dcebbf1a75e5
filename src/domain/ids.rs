use std::fmt;
use std::sync::Arc;

/// Why a text is not an identifier of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// Shorter or longer than this kind allows; the bounds, in bytes.
    Length {
        /// Fewest bytes allowed.
        min: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// Holds a character that this kind does not allow.
    Character,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { min, max } => write!(f, "must be {min} to {max} characters long"),
            Self::Character => f.write_str("holds a character that is not allowed"),
        }
    }
}

impl std::error::Error for IdError {}

fn check(text: &str, min: usize, max: usize, allowed: fn(u8) -> bool) -> Result<(), IdError> {
    if !(min..=max).contains(&text.len()) {
        return Err(IdError::Length { min, max });
    }
    if text.bytes().all(allowed) { Ok(()) } else { Err(IdError::Character) }
}

fn url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as it came.
            ///
            /// # Errors
            /// An [`IdError`] where its length or a character is not of this kind.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text, $min, $max, $allowed)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id!(
    /// The `scene_str` inside one parametric QR code (WeChat allows 1 to 64 characters). Made by us, with 128 random bits
    /// or more behind the account's prefix; it names one scan session. Whoever sees the QR code can learn it.
    SceneId, 22..=64, url_safe
);
id!(
    /// The id that the original page makes for itself: an alias of one session, guessable, never a secret.
    PageId, 1..=64, visible
);
id!(
    /// The name of a WeChat Official Account in the configuration, and in its callback URL.
    AccountName, 1..=64, url_safe
);
id!(
    /// The `client_id` of a website (RFC 6749 §2.2 allows visible ASCII).
    ClientId, 1..=128, visible
);
id!(
    /// A WeChat app id. An [`OpenId`] means something only together with it.
    AppId, 1..=64, visible
);

impl SceneId {
    /// The stream of events that happen to no session. No visitor's scene bears this name: theirs end in 22 random characters.
    pub fn of_the_journal() -> Self {
        Self(Arc::from("journal_______________________"))
    }
}

macro_rules! personal_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes it as WeChat sent it.
            ///
            /// # Errors
            /// An [`IdError`] where it is empty, longer than 128 bytes, or not visible ASCII.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text, 1, 128, visible)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text itself; not for logs.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

personal_id!(
    /// A WeChat user as one account knows them: personal data, so it is not shown by `Debug`.
    OpenId
);
personal_id!(
    /// A WeChat user as all accounts of one owner know them, who has bound them to one Open Platform account: personal data,
    /// too.
    UnionId
);

/// Names a person in the journal without telling who it is: a keyed hash of an [`OpenId`] and its account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonHandle(pub [u8; 16]);

impl PersonHandle {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 16];
        if digits.len() != 2 * bytes.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for PersonHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PersonHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonHandle({self})")
    }
}
