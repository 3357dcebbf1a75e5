//! `GET /S/T/htmlfile`: a frame is a script in a page that does not end.

use super::super::answer::HTML;
use super::super::callback::{CallbackError, callback};
use super::super::frame::{Frame, script_string};
use super::stream::Form;

/// Some browsers run nothing of a page before they have more than this of it.
const PAGE_BYTES: usize = 1024;

/// The query names the function of the page around that gets the frames.
pub(in super::super) fn form(query: Option<&str>) -> Result<Form, CallbackError> {
    let callback = callback(query)?;
    let page = format!(
        r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = function() {{c.stop();}};
  </script>"#
    );
    let prelude = format!("{page:<PAGE_BYTES$}\r\n\r\n");
    Ok(Form { content_type: HTML, prelude: prelude.into(), wrap })
}

fn wrap(frame: &Frame) -> String {
    format!("<script>\np({});\n</script>\r\n", script_string(&frame.text()))
}

#[cfg(test)]
mod tests {
    use super::super::super::frame::encode;
    use super::*;

    #[test]
    fn the_page_is_long_enough_and_calls_the_function() {
        let page = form(Some("c=_a.b")).unwrap().prelude;
        let page = std::str::from_utf8(&page).unwrap();
        assert!(page.contains("\n    var c = parent._a.b;\n"));
        assert!(page.trim_end().ends_with("</script>") && page.ends_with("\r\n\r\n") && page.len() > 1024);
        assert!(form(Some("c=a;b")).is_err());
    }

    #[test]
    fn a_frame_is_a_script_that_no_message_can_end() {
        assert_eq!(wrap(&Frame::Open), "<script>\np(\"o\");\n</script>\r\n");
        let hostile = Frame::Messages(vec![encode("</script>")]);
        assert_eq!(wrap(&hostile), "<script>\np(\"a[\\\"\\u003c/script>\\\"]\");\n</script>\r\n");
    }
}
