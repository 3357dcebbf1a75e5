//! A push as XML: one `<xml>` with flat fields.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

use super::PushError;
use super::fields::Fields;

/// Reads the whole document: a truncated one is an error even where all fields had come.
///
/// # Errors
/// [`PushError::Malformed`] in every case.
pub(super) fn read(text: &str) -> Result<Fields, PushError> {
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

/// Where the reading stands. Depth 1 is inside `<xml>`, depth 2 inside one of its fields; deeper elements belong to
/// messages that are none of ours and are passed over.
#[derive(Default)]
struct Walk {
    fields: Fields,
    depth: usize,
    has_root: bool,
    /// Name and text of the field being read, if it is one that is looked at.
    open: Option<(String, String)>,
}

impl Walk {
    fn step(&mut self, event: Event<'_>) -> Result<(), PushError> {
        match event {
            Event::Start(tag) => self.enter(tag.name().as_ref()),
            Event::End(_) => self.leave(),
            Event::Empty(tag) => {
                self.enter(tag.name().as_ref())?;
                self.leave()
            }
            // Outside CDATA, white space around a value is layout.
            Event::Text(text) => self.text(text.xml10_content().trim()),
            Event::CData(data) if self.depth > 0 => self.text(&data.into_inner()),
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
        match self.depth {
            0 if self.has_root || name != "xml" => return Err(PushError::Malformed("the root is not one <xml>")),
            0 => self.has_root = true,
            1 if self.fields.slot(name).is_some_and(|slot| slot.is_some()) => {
                return Err(PushError::Malformed("a field twice"));
            }
            1 if self.fields.slot(name).is_some() => self.open = Some((name.to_owned(), String::new())),
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), PushError> {
        self.depth = self.depth.checked_sub(1).ok_or(PushError::Malformed("an end without a start"))?;
        if let Some((name, value)) = self.open.take()
            && let Some(slot) = self.fields.slot(&name)
        {
            *slot = Some(value);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), PushError> {
        match &mut self.open {
            Some((_, value)) => value.push_str(text),
            None if self.depth < 2 && !text.is_empty() => return Err(PushError::Malformed("text between fields")),
            None => {}
        }
        Ok(())
    }

    /// XML's own five entities and character references are fine; all others would need a document type.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), PushError> {
        let refused = PushError::Malformed("an entity");
        match reference.resolve_char_ref().map_err(|_| refused)? {
            Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
            None => self.text(resolve_xml_entity(reference).ok_or(refused)?),
        }
    }

    fn finish(self) -> Result<Fields, PushError> {
        if self.has_root && self.depth == 0 { Ok(self.fields) } else { Err(PushError::Malformed("truncated")) }
    }
}
