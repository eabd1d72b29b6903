//! A minimal writer of SVG diagrams: the same figures give the same bytes, and they are readable in light and in dark.

use std::fmt::Write;

/// Colours by class. Series differ by shape too, for those who see no colours.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.axis{stroke:#57606a;fill:none}\
    .grid{stroke:#57606a;stroke-opacity:.25;fill:none}.ideal,.limit{stroke:#57606a;stroke-dasharray:4 4;fill:none}\
    .s0{stroke:#0969da;fill:#0969da}.s1{stroke:#bc4c00;fill:#bc4c00}.s2{stroke:#1a7f37;fill:#1a7f37}\
    path.s0,path.s1,path.s2{fill:none;stroke-width:1.5}path.s1{stroke-dasharray:7 3}path.s2{stroke-dasharray:2 3}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis,.grid,.ideal,.limit{stroke:#9198a1}\
    .s0{stroke:#4493f8;fill:#4493f8}.s1{stroke:#f0883e;fill:#f0883e}.s2{stroke:#3fb950;fill:#3fb950}}";

/// A diagram that is being drawn, in pixels from the upper left corner.
#[derive(Debug, Clone)]
pub struct Svg {
    body: String,
    width: u32,
    height: u32,
    title: String,
    description: String,
}

/// Where a text is anchored.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

impl Svg {
    /// An empty diagram; title and description are what a screen reader says.
    pub fn new(width: u32, height: u32, title: &str, description: &str) -> Self {
        Self { body: String::new(), width, height, title: escaped(title), description: escaped(description) }
    }

    /// A line.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.push(format_args!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let size = format_args!(r#"width="{width:.1}" height="{height:.1}"/>"#);
        self.push(format_args!(r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" {size}"#));
    }

    /// Lines through points.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let steps = points.iter().enumerate().map(|(i, (x, y))| {
            let command = if i == 0 { 'M' } else { 'L' };
            format!("{command}{x:.1} {y:.1}")
        });
        let steps: String = steps.collect();
        self.push(format_args!(r#"<path class="{class}" d="{steps}"/>"#));
    }

    /// The mark of a series: a circle, a square or a diamond.
    pub fn mark(&mut self, series: usize, (x, y): (f64, f64)) {
        let class = class(series);
        match series % 3 {
            0 => self.push(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#)),
            1 => self.rectangle(class, (x - 3.5, y - 3.5), (7.0, 7.0)),
            _ => {
                let (left, right, above, below) = (x - 5.0, x + 5.0, y - 5.0, y + 5.0);
                let corners = format!("{left:.1},{y:.1} {x:.1},{above:.1} {right:.1},{y:.1} {x:.1},{below:.1}");
                self.push(format_args!(r#"<polygon class="{class}" points="{corners}"/>"#));
            }
        }
    }

    /// A text on the line that `y` gives.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.push(format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// The file.
    pub fn finish(self) -> String {
        let Self { body, width, height, title, description } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{title}</title>\n\
             <desc id=\"desc\">{description}</desc>\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// The class of a series' colours.
pub fn class(series: usize) -> &'static str {
    ["s0", "s1", "s2"][series % 3]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A rectangle of the diagram in which both axes go from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// From 0 to 1 on the horizontal axis.
    pub width: f64,
    /// From 0 to 1 on the vertical axis.
    pub height: f64,
}

impl Frame {
    /// Where a pair of shares lies.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + x * self.width, self.top + (1.0 - y) * self.height)
    }

    /// The edges at 0, and a grid with its numbers in per cent on the horizontal axis.
    pub fn axes(&self, svg: &mut Svg) {
        for tenth in (0..=10).step_by(2) {
            let x = f64::from(tenth) / 10.0;
            svg.line("grid", self.at(x, 0.0), self.at(x, 1.0));
            let (x, y) = self.at(x, 0.0);
            svg.text((x, y + 16.0), Anchor::Middle, &format!("{} %", tenth * 10));
        }
        svg.path("axis", &[self.at(0.0, 1.0), self.at(0.0, 0.0), self.at(1.0, 0.0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagram_is_xml_with_a_title_whatever_its_texts_hold() {
        let mut svg = Svg::new(100, 50, "a < b & \"c\"", "<script>");
        svg.text((1.0, 2.0), Anchor::Start, "5 > 4");
        (0..3).for_each(|series| svg.mark(series, (10.0, 10.0)));
        svg.path("axis", &[(0.0, 0.0), (1.25, 2.0)]);
        let file = svg.finish();
        let mut reader = quick_xml::Reader::from_str(&file);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
        assert!(file.contains("a &lt; b &amp; &quot;c&quot;</title>") && !file.contains("<script"), "{file}");
        assert!(file.contains("M0.0 0.0L1.2 2.0") && file.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn shares_grow_to_the_right_and_upwards() {
        let frame = Frame { left: 10.0, top: 20.0, width: 100.0, height: 50.0 };
        assert_eq!((frame.at(0.0, 0.0), frame.at(1.0, 1.0)), ((10.0, 70.0), (110.0, 20.0)));
    }
}
