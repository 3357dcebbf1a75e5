//! QR codes drawn here (ISO/IEC 18004), black on white with their quiet zone.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::header;
use qrcode::{Color, EcLevel, QrCode};

use super::headers::PRIVATE;

/// Light modules around the code, as the standard asks.
const QUIET_ZONE: usize = 4;

/// Smallest and largest PNG, in pixels a side.
pub(super) const SIZES: std::ops::RangeInclusive<u32> = 64..=2048;

/// The PNG's default, in pixels a side.
pub(super) const DEFAULT_SIZE: u32 = 420;

/// The modules of a code, row by row.
struct Modules {
    width: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// `None` where the content does not fit into any QR code (about 2,300 bytes).
    fn of(content: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(content, EcLevel::M).ok()?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { width: code.width(), dark })
    }

    /// Modules a side, with the quiet zone.
    fn side(&self) -> usize {
        self.width + 2 * QUIET_ZONE
    }

    /// Whether the module at this place, counted with the quiet zone, is dark.
    fn is_dark(&self, row: usize, column: usize) -> bool {
        let inside = |place: usize| place.checked_sub(QUIET_ZONE).filter(|place| *place < self.width);
        matches!((inside(row), inside(column)), (Some(row), Some(column)) if self.dark[row * self.width + column])
    }
}

/// The code as SVG, scalable to any size.
pub(super) fn svg(content: &str) -> Option<String> {
    let modules = Modules::of(content)?;
    let side = modules.side();
    let mut path = String::new();
    for row in 0..side {
        let mut column = 0;
        while column < side {
            let run = (column..side).take_while(|column| modules.is_dark(row, *column)).count();
            if run > 0 {
                let _ = write!(path, "M{column} {row}h{run}v1h-{run}z");
            }
            column += run.max(1);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

/// The code as a PNG of `size` pixels a side: modules of whole pixels, centred.
pub(super) fn png(content: &str, size: u32) -> Option<Vec<u8>> {
    let modules = Modules::of(content)?;
    let size = usize::try_from(size.clamp(*SIZES.start(), *SIZES.end())).ok()?.max(modules.side());
    let scale = size / modules.side();
    let margin = (size - scale * modules.side()) / 2;
    let stride = size.div_ceil(8);
    let mut pixels = vec![0xff_u8; stride * size];
    for y in 0..scale * modules.side() {
        for x in 0..scale * modules.side() {
            if modules.is_dark(y / scale, x / scale) {
                let (x, y) = (x + margin, y + margin);
                pixels[y * stride + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let side = u32::try_from(size).ok()?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(bytes)
}

/// A picture as a response: for this browser only, and not to be kept.
pub(super) fn response(content_type: &'static str, bytes: impl IntoResponse) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_SECURITY_POLICY, "default-src 'none'")];
    (headers, PRIVATE, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &str = "http://weixin.qq.com/q/02abcdefghijklmnopqrstuvwxyz";

    #[test]
    fn the_svg_is_black_on_white_with_its_quiet_zone() {
        let svg = svg(CONTENT).unwrap();
        assert!(svg.contains("viewBox=\"0 0 41 41\""), "{svg}");
        assert!(svg.contains("M4 4h7v1h-7z"), "the corner begins behind four light modules");
    }

    #[test]
    fn a_png_has_the_size_asked_for() {
        for size in [64, 100, 420, 2048] {
            let bytes = png(CONTENT, size).unwrap();
            let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            assert_eq!(reader.info().size(), (size, size));
        }
    }

    #[test]
    fn what_fits_into_no_code_is_no_picture() {
        assert!(svg(&"x".repeat(5000)).is_none());
    }
}
