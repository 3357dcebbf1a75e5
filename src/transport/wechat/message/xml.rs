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
struct Walk {
    fields: Fields,
    depth: usize,
    has_root: bool,
    /// The field being read, if it is one that is looked at.
    open: Option<Open>,
}

/// A field being read.
struct Open {
    name: String,
    value: String,
    /// How much of the value is more than layout, whatever it looks like.
    solid: usize,
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
            Event::Text(text) => self.layout_or_text(&text.xml10_content()),
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
            1 if self.fields.slot(name).is_some() => {
                self.open = Some(Open { name: name.to_owned(), value: String::new(), solid: 0 });
            }
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), PushError> {
        self.depth = self.depth.checked_sub(1).ok_or(PushError::Malformed("an end without a start"))?;
        if let Some(Open { name, mut value, solid }) = self.open.take()
            && let Some(slot) = self.fields.slot(&name)
        {
            value.truncate(value.trim_end().len().max(solid));
            *slot = Some(value);
        }
        Ok(())
    }

    /// Outside CDATA, white space around a value is layout.
    fn layout_or_text(&mut self, text: &str) -> Result<(), PushError> {
        match &mut self.open {
            Some(open) if open.value.is_empty() => open.value.push_str(text.trim_start()),
            Some(open) => open.value.push_str(text),
            None => self.text(text.trim())?,
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), PushError> {
        match &mut self.open {
            Some(open) => {
                open.value.push_str(text);
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
            Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
            None => self.text(resolve_xml_entity(reference).ok_or(refused)?),
        }
    }

    fn finish(self) -> Result<Fields, PushError> {
        if self.has_root && self.depth == 0 { Ok(self.fields) } else { Err(PushError::Malformed("truncated")) }
    }
}
