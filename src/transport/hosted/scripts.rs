//! The scripts and styles of `web/`, put together: the panel and what shows it.

/// What the hosted page and the widget share, in the order in which it is read.
macro_rules! with_panel {
    ($before:expr, $shows:expr) => {
        concat!(
            "(function () {\n'use strict';\n",
            $before,
            include_str!("../../../web/panel/texts.js"),
            include_str!("../../../web/panel/request.js"),
            include_str!("../../../web/panel/watch.js"),
            include_str!("../../../web/panel/session.js"),
            include_str!("../../../web/panel/panel.js"),
            include_str!($shows),
            "}());\n",
        )
    };
}

/// The hosted page's style.
pub(super) const PAGE_STYLE: &str =
    concat!(include_str!("../../../web/panel/panel.css"), include_str!("../../../web/login/page.css"));

/// The hosted page's script.
pub(super) const PAGE: &str = with_panel!("", "../../../web/login/page.js");

/// The custom element. Its style stands in a template literal, which nothing in it may end.
pub(super) const WIDGET: &str = with_panel!(
    concat!("const STYLE = `", include_str!("../../../web/panel/panel.css"), "`;\n"),
    "../../../web/widget/widget.js"
);

/// Its description for TypeScript.
pub(super) const WIDGET_TYPES: &str = include_str!("../../../web/widget/widget.d.ts");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_stays_in_its_literal() {
        let style = include_str!("../../../web/panel/panel.css");
        assert!(!style.contains(['`', '\\']) && !style.contains("${"));
    }

    #[test]
    fn the_page_stays_in_its_elements() {
        assert!(!PAGE.contains("</") && !PAGE.contains("<!--"));
        assert!(!PAGE_STYLE.contains("</"));
    }
}
