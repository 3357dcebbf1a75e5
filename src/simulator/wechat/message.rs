//! What WeChat tells of, in the forms in which it says it.

use std::fmt::Write;

use serde_json::Value;

use super::DataFormat;

/// The fields of one message or event, in the order in which WeChat writes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<(&'static str, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Text(String),
    Number(i64),
}

impl Message {
    #[must_use]
    pub(super) fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, Field::Text(value.into())));
        self
    }

    #[must_use]
    pub(super) fn number(mut self, name: &'static str, value: i64) -> Self {
        self.0.push((name, Field::Number(value)));
        self
    }

    pub(super) fn write(&self, format: DataFormat) -> String {
        match format {
            DataFormat::Xml => self.xml(),
            DataFormat::Json => self.json(),
        }
    }

    /// CDATA around texts, and a line break after each element.
    fn xml(&self) -> String {
        let mut xml = String::from("<xml>");
        for (name, field) in &self.0 {
            let value = match field {
                Field::Text(text) => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
                Field::Number(number) => number.to_string(),
            };
            // Writing into a String does not fail.
            let _ = writeln!(xml, "<{name}>{value}</{name}>");
        }
        xml + "</xml>"
    }

    fn json(&self) -> String {
        let fields = self.0.iter().map(|(name, field)| {
            let value = match field {
                Field::Text(text) => Value::from(text.as_str()),
                Field::Number(number) => Value::from(*number),
            };
            format!("\"{name}\":{value}")
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::default().text("EventKey", "a \"]]>\" b").number("CreateTime", 1_457_752_395)
    }

    #[test]
    fn xml_has_texts_in_cdata_and_an_element_a_line() {
        let expected = "<xml><EventKey><![CDATA[a \"]]]]><![CDATA[>\" b]]></EventKey>\n\
            <CreateTime>1457752395</CreateTime>\n</xml>";
        assert_eq!(message().write(DataFormat::Xml), expected);
    }

    #[test]
    fn json_has_the_same_names_in_the_same_order() {
        assert_eq!(message().write(DataFormat::Json), r#"{"EventKey":"a \"]]>\" b","CreateTime":1457752395}"#);
    }
}
