//! The scripts and styles of `web/`, put together and without what only their readers need: the panel and what shows it.

use std::sync::LazyLock;

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
pub(super) static PAGE_STYLE: LazyLock<String> = LazyLock::new(|| {
    lean(concat!(include_str!("../../../web/panel/panel.css"), include_str!("../../../web/login/page.css")))
});

/// The hosted page's script.
pub(super) static PAGE: LazyLock<String> =
    LazyLock::new(|| lean(with_panel!(include_str!("../../../web/login/tabs.js"), "../../../web/login/page.js")));

/// The custom element. Its style stands in a template literal, which nothing in it may end.
pub(super) static WIDGET: LazyLock<String> = LazyLock::new(|| {
    lean(with_panel!(
        concat!("const STYLE = `", include_str!("../../../web/panel/panel.css"), "`;\n"),
        "../../../web/widget/widget.js"
    ))
});

/// Its description for TypeScript.
pub(super) const WIDGET_TYPES: &str = include_str!("../../../web/widget/widget.d.ts");

/// Without indentation, empty lines, and comments that have lines of their own. The rest of a line is left as it is, so no
/// text and no expression can be mistaken for one.
fn lean(source: &str) -> String {
    let mut is_comment = false;
    let mut lean = String::with_capacity(source.len());
    for line in source.lines().map(str::trim) {
        is_comment = is_comment || line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            lean.push_str(line);
            lean.push('\n');
        }
        is_comment = is_comment && !line.ends_with("*/");
    }
    lean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_readers_need_is_left_out() {
        let source = "/** Why.\n * More. */\nconst a = 'http://b'; // c\n\n  // d\n  f(a);\n/* e */\ng();\n";
        assert_eq!(lean(source), "const a = 'http://b'; // c\nf(a);\ng();\n");
    }

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
