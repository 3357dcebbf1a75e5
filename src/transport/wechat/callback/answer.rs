use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;

use crate::transport::headers::PRIVATE;

/// Marks a form whose openid was left out.
const LEFT_OUT: u8 = 16;
/// Stands where it was.
const GAP: u8 = 0;

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

    /// For [`crate::recall`]; nothing at all stands for `success`. The openid of who is answered is left out, so that no file
    /// tells whom it is about: who asks for it again says it again.
    pub(super) fn to_remembered(&self, openid: &str) -> Vec<u8> {
        if *self == Self::success() {
            return Vec::new();
        }
        let form = match self.form {
            Form::Text => 0,
            Form::Xml => 1,
            Form::Json => 2,
        };
        // No text of ours has a zero in it; another system's answer might.
        if self.body.contains(&GAP) {
            return [&[form], &*self.body].concat();
        }
        [vec![form | LEFT_OUT], replaced(&self.body, openid.as_bytes(), &[GAP])].concat()
    }

    pub(super) fn from_remembered(bytes: &[u8], openid: &str) -> Self {
        let Some((form, body)) = bytes.split_first() else { return Self::success() };
        let body = if form & LEFT_OUT == 0 { body.to_vec() } else { replaced(body, &[GAP], openid.as_bytes()) };
        let form = match form & !LEFT_OUT {
            1 => Form::Xml,
            2 => Form::Json,
            _ => Form::Text,
        };
        Self::new(form, body)
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut begin = 0;
    for at in memchr::memmem::find_iter(text, from) {
        result.extend_from_slice(&text[begin..at]);
        result.extend_from_slice(to);
        begin = at + from.len();
    }
    result.extend_from_slice(&text[begin..]);
    result
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
            Answer::new(Form::Xml, "<ToUserName>oAlice</ToUserName>oAlice"),
            Answer::new(Form::Xml, "oAlice\0"),
        ] {
            assert_eq!(Answer::from_remembered(&answer.to_remembered("oAlice"), "oAlice"), answer);
        }
    }

    #[test]
    fn what_is_remembered_tells_nobody_whom_it_is_about() {
        let answer = Answer::new(Form::Xml, "<ToUserName>oAlice</ToUserName>oAlice");
        assert!(!String::from_utf8(answer.to_remembered("oAlice")).unwrap().contains("oAlice"));
    }
}
