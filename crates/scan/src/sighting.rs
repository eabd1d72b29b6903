//! What a vision network sees in a picture beyond the one question: where, and whose.

use crate::{ImageFacts, Probability};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a vision network saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The family of generators that the picture looks like most, where it does so clearly.
    pub generator: Option<Generator>,
    /// Where in the picture's central square the evidence lies.
    pub map: HeatMap,
}

/// A family of generators, told by the look of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// `GPT image`, `Midjourney`, ….
    pub family: String,
    /// How likely it is among the families, were the picture generated.
    pub probability: Probability,
}

/// A square grid of probabilities of AI, each of one patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    across: usize,
    cells: Vec<Probability>,
}

impl HeatMap {
    /// Of log-odds in nats, row by row; `None` where they make no square.
    pub fn from_logits(logits: &[f32]) -> Option<Self> {
        let across = logits.len().isqrt();
        let square = across > 0 && across * across == logits.len() && logits.iter().all(|logit| logit.is_finite());
        let cells = logits.iter().map(|&logit| Probability::from_logit(logit.into()));
        square.then(|| Self { across, cells: cells.collect() })
    }
}

/// Where in an image the evidence lies.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeatMapReport {
    /// The left edge of the square that was looked at, in pixels of the image as displayed.
    pub left: u32,
    /// Its upper edge.
    pub top: u32,
    /// Its side.
    pub side: u32,
    /// Probabilities of AI, 0 to 1, of equal cells of that square, row by row. They tell the parts of one picture apart;
    /// a cell alone proves nothing.
    pub scores: Vec<Vec<f64>>,
}

impl HeatMapReport {
    /// Lays a map over its image.
    pub fn new(map: &HeatMap, image: &ImageFacts) -> Self {
        let side = image.width.min(image.height);
        let row = |row: &[Probability]| row.iter().map(|p| p.rounded()).collect();
        Self {
            left: (image.width - side) / 2,
            top: (image.height - side) / 2,
            side,
            scores: map.cells.chunks(map.across).map(row).collect(),
        }
    }
}

/// Who or what made an image, and how that is known.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AttributionReport {
    /// A generator, or a family of them.
    pub name: String,
    /// What says so.
    pub basis: Basis,
    /// How sure that is, 0 to 1; `null` for metadata, which says it outright.
    pub confidence: Option<f64>,
}

/// What an attribution rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The file says it.
    Metadata,
    /// The picture looks like it.
    Pixels,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ImageFormat, Provenance};

    #[test]
    fn a_map_lies_over_the_central_square() {
        let image = ImageFacts {
            width: 900,
            height: 600,
            format: ImageFormat::Png,
            file_size_bytes: 1,
            provenance: Provenance::default(),
        };
        let map = HeatMap::from_logits(&[0.0, 100.0, -100.0, 0.0]).unwrap();
        let report = HeatMapReport::new(&map, &image);
        assert_eq!((report.left, report.top, report.side), (150, 0, 600));
        assert_eq!(report.scores, [[0.5, 1.0], [0.0, 0.5]]);
    }

    #[test]
    fn what_makes_no_square_is_no_map() {
        assert_eq!(HeatMap::from_logits(&[]), None);
        assert_eq!(HeatMap::from_logits(&[0.0; 3]), None);
        assert_eq!(HeatMap::from_logits(&[f32::NAN]), None);
    }
}
