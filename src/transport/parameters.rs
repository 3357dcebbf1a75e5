use std::borrow::Cow;

/// The parameters of a query or a form, in `application/x-www-form-urlencoded`: each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// A parameter is there twice: which one counts is a matter of taste, so none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl<'a> Parameters<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Twice> {
        let (parameters, has_repeated) = Self::unrepeated(text);
        if has_repeated { Err(Twice) } else { Ok(parameters) }
    }

    /// The parameters that are there once, and whether others are there more often.
    pub(super) fn unrepeated(text: &'a [u8]) -> (Self, bool) {
        let mut parameters: Vec<_> = form_urlencoded::parse(text).collect();
        let repeated = repeated(&parameters);
        if !repeated.is_empty() {
            parameters.retain(|(name, _)| repeated.binary_search(name).is_err());
        }
        (Self(parameters), !repeated.is_empty())
    }

    /// The same, without what they were read from.
    pub(super) fn into_owned(self) -> Parameters<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Parameters(self.0.into_iter().map(|(name, value)| (owned(name), owned(value))).collect())
    }

    /// With `value` where nothing is given for `name`.
    pub(super) fn or(mut self, name: &'a str, value: &'a str) -> Self {
        if self.given(name).is_none() {
            self.0.retain(|(known, _)| known != name);
            self.0.push((name.into(), value.into()));
        }
        self
    }

    /// All of them, as they are written in a query or a form.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The value of `name`, as it came.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The value of `name`, where it is not empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// The names that are there more often than once, in their order: thousands fit into a body, and without an order each
/// would be compared with each.
fn repeated<'a>(parameters: &[(Cow<'a, str>, Cow<'a, str>)]) -> Vec<Cow<'a, str>> {
    let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| pair[0].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unrepeated(text: &str) -> (String, bool) {
        let (parameters, has_repeated) = Parameters::unrepeated(text.as_bytes());
        (parameters.encoded(), has_repeated)
    }

    #[test]
    fn what_is_there_once_stays_in_its_order() {
        assert_eq!(unrepeated("z=1&a=%26+%2B&m="), ("z=1&a=%26+%2B&m=".to_owned(), false));
        assert_eq!(unrepeated("z=1&b=2&z=1&a=3&b=4&%7A=5"), ("a=3".to_owned(), true));
        assert_eq!(unrepeated(""), (String::new(), false));
    }

    #[test]
    fn thousands_of_names_are_read_in_no_time_whether_they_are_there_once_or_twice() {
        let names: Vec<String> = (0..4_000).map(|number| format!("{number}=")).collect();
        let once = names.join("&");
        assert!(Parameters::parse(once.as_bytes()).is_ok());
        assert_eq!(unrepeated(&format!("{once}&{once}&x=1")), ("x=1".to_owned(), true));
    }
}
