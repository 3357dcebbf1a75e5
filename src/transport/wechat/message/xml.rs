//! A push as XML: one `<xml>` with flat fields.

use std::borrow::Cow;
use std::slice::SliceIndex;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

use super::PushError;
use super::fields::{Fields, Slot};

/// Reads the whole document: a truncated one is an error even where all fields had come.
///
/// # Errors
/// [`PushError::Malformed`] in every case.
pub(super) fn read(text: &str) -> Result<Fields<'_>, PushError> {
    let mut reader = Reader::from_str(text);
    let mut walk = Walk::default();
    loop {
        let event = reader.read_event().map_err(|_| PushError::Malformed("not well-formed XML"))?;
        if matches!(event, Event::Eof) {
            return walk.finish();
        }
        walk.step(event)?;
    }
}

/// Whether it is one `<xml>` and nothing else, a declaration aside.
pub(super) fn is_well_formed(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut roots) = (0_usize, 0_usize);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if depth == 0 && tag.name().as_ref() != "xml" {
                    return false;
                }
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(text)) if depth == 0 && !text.xml10_content().trim().is_empty() => return false,
            Ok(Event::Empty(_) | Event::CData(_) | Event::GeneralRef(_)) if depth == 0 => return false,
            Ok(Event::DocType(_)) | Err(_) => return false,
            Ok(Event::Eof) => return depth == 0 && roots == 1,
            Ok(_) => {}
        }
    }
}

/// Where the reading stands. Depth 1 is inside `<xml>`, depth 2 inside one of its fields; deeper elements belong to
/// messages that are none of ours and are passed over.
#[derive(Default)]
struct Walk<'a> {
    fields: Fields<'a>,
    depth: usize,
    has_root: bool,
    /// The field being read, if it is one that is looked at.
    open: Option<Open<'a>>,
}

/// A field being read.
struct Open<'a> {
    slot: Slot<'a>,
    value: Cow<'a, str>,
    /// How much of the value is more than layout, whatever it looks like.
    solid: usize,
}

impl<'a> Walk<'a> {
    fn step(&mut self, event: Event<'a>) -> Result<(), PushError> {
        match event {
            Event::Start(tag) => self.enter(tag.name().as_ref()),
            Event::End(_) => self.leave(),
            Event::Empty(tag) => {
                self.enter(tag.name().as_ref())?;
                self.leave()
            }
            Event::Text(text) => self.layout_or_text(text.xml10_content()),
            Event::CData(data) if self.depth > 0 => self.text(data.into_inner()),
            Event::GeneralRef(reference) if self.depth > 0 => self.reference(&reference),
            Event::Decl(_) if !self.has_root => Ok(()),
            Event::DocType(_) => Err(PushError::Malformed("a document type")),
            _ => Err(PushError::Malformed("something that WeChat does not send")),
        }
    }

    fn enter(&mut self, name: &str) -> Result<(), PushError> {
        if self.open.is_some() {
            return Err(PushError::Malformed("an element inside a value"));
        }
        match (self.depth, Fields::slot(name)) {
            (0, _) if self.has_root || name != "xml" => return Err(PushError::Malformed("the root is not one <xml>")),
            (0, _) => self.has_root = true,
            (1, Some(slot)) if slot(&mut self.fields).is_some() => return Err(PushError::Malformed("a field twice")),
            (1, Some(slot)) => self.open = Some(Open { slot, value: Cow::default(), solid: 0 }),
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), PushError> {
        self.depth = self.depth.checked_sub(1).ok_or(PushError::Malformed("an end without a start"))?;
        if let Some(Open { slot, value, solid }) = self.open.take() {
            let length = value.trim_end().len().max(solid);
            *slot(&mut self.fields) = Some(cut(value, ..length));
        }
        Ok(())
    }

    /// Outside CDATA, white space around a value is layout.
    fn layout_or_text(&mut self, text: Cow<'a, str>) -> Result<(), PushError> {
        match &mut self.open {
            Some(open) if open.value.is_empty() => {
                let layout = text.len() - text.trim_start().len();
                open.value = cut(text, layout..);
            }
            Some(open) => open.value += text,
            None if text.trim().is_empty() => {}
            None => self.text(text)?,
        }
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), PushError> {
        match &mut self.open {
            Some(open) => {
                open.value += text;
                open.solid = open.value.len();
            }
            None if self.depth < 2 && !text.is_empty() => return Err(PushError::Malformed("text between fields")),
            None => {}
        }
        Ok(())
    }

    /// XML's own five entities and character references are fine; all others would need a document type.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), PushError> {
        let refused = PushError::Malformed("an entity");
        match reference.resolve_char_ref().map_err(|_| refused)? {
            Some(character) => self.text(character.to_string().into()),
            None => self.text(resolve_xml_entity(reference).ok_or(refused)?.into()),
        }
    }

    fn finish(self) -> Result<Fields<'a>, PushError> {
        if self.has_root && self.depth == 0 { Ok(self.fields) } else { Err(PushError::Malformed("truncated")) }
    }
}

/// A part of a text.
fn cut(text: Cow<'_, str>, part: impl SliceIndex<str, Output = str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[part]),
        Cow::Owned(text) => Cow::Owned(text[part].to_owned()),
    }
}
