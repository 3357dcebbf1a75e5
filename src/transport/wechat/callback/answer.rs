use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;

use crate::transport::headers::PRIVATE;

/// What a push is answered with, 200 in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    form: Form,
    body: Bytes,
}

/// What an answer's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `success`: taken, and nothing is said.
    Text,
    /// A reply, or an encrypted one.
    Xml,
    /// The same for an account that is set to JSON.
    Json,
}

impl Answer {
    /// Taken; WeChat shows the person nothing.
    pub(super) fn success() -> Self {
        Self::new(Form::Text, "success")
    }

    pub(super) fn new(form: Form, body: impl Into<Bytes>) -> Self {
        Self { form, body: body.into() }
    }

    /// For [`crate::recall`]; nothing at all stands for `success`.
    pub(super) fn to_remembered(&self) -> Vec<u8> {
        if *self == Self::success() {
            return Vec::new();
        }
        let form = match self.form {
            Form::Text => 0,
            Form::Xml => 1,
            Form::Json => 2,
        };
        [&[form], &*self.body].concat()
    }

    pub(super) fn from_remembered(bytes: &[u8]) -> Self {
        let Some((form, body)) = bytes.split_first() else { return Self::success() };
        let form = match form {
            1 => Form::Xml,
            2 => Form::Json,
            _ => Form::Text,
        };
        Self::new(form, body.to_vec())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let content_type = match self.form {
            Form::Text => "text/plain; charset=utf-8",
            Form::Xml => "text/xml; charset=utf-8",
            Form::Json => "application/json",
        };
        ([(header::CONTENT_TYPE, content_type)], PRIVATE, self.body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_same_after_it_was_remembered() {
        for answer in [
            Answer::success(),
            Answer::new(Form::Text, ""),
            Answer::new(Form::Xml, "<xml/>"),
            Answer::new(Form::Json, "{}"),
        ] {
            assert_eq!(Answer::from_remembered(&answer.to_remembered()), answer);
        }
    }
}
