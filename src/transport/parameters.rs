use std::collections::HashSet;

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
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut repeated = HashSet::new();
        for (name, value) in form_urlencoded::parse(text) {
            if parameters.iter().any(|(earlier, _)| *earlier == name) {
                repeated.insert(name.into_owned());
            } else {
                parameters.push((name.into_owned(), value.into_owned()));
            }
        }
        parameters.retain(|(name, _)| !repeated.contains(name));
        (Self(parameters), !repeated.is_empty())
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
