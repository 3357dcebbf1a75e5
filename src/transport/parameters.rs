use std::collections::HashMap;

/// The parameters of a query or a form, in `application/x-www-form-urlencoded`: each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A parameter is there twice: which one counts is a matter of taste, so none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl Parameters {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Twice> {
        let (parameters, has_repeated) = Self::unrepeated(text);
        if has_repeated { Err(Twice) } else { Ok(parameters) }
    }

    /// The parameters that are there once, and whether others are there more often.
    pub(super) fn unrepeated(text: &[u8]) -> (Self, bool) {
        let all: Vec<_> = form_urlencoded::parse(text).collect();
        // By hash: thousands of names fit into a body, and each would be compared with each.
        let mut count: HashMap<&str, u32> = HashMap::with_capacity(all.len());
        all.iter().for_each(|(name, _)| *count.entry(name).or_default() += 1);
        let once = all.iter().filter(|(name, _)| count[name.as_ref()] == 1);
        let parameters: Vec<_> = once.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let has_repeated = parameters.len() < all.len();
        (Self(parameters), has_repeated)
    }

    /// With `value` where nothing is given for `name`.
    pub(super) fn or(mut self, name: &str, value: &str) -> Self {
        if self.given(name).is_none() {
            self.0.retain(|(known, _)| known != name);
            self.0.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// All of them, as they are written in a query or a form.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The value of `name`, as it came.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of `name`, where it is not empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}
