//! Named domains: distributions over cameras and clothes.

mod anywhere;
mod campus;
mod mall;
mod night;
mod park;
mod plaza;

use super::colour::Rgb;
use super::identity::{Hat, LowerKind, UpperKind};
use super::stream::Span;

/// What people of a domain wear; pairs are (item, weight).
pub struct Wardrobe {
    pub uppers: &'static [(UpperKind, f32)],
    pub upper_colours: &'static [(Rgb, f32)],
    pub lowers: &'static [(LowerKind, f32)],
    pub lower_colours: &'static [(Rgb, f32)],
    pub jeans_colours: &'static [(Rgb, f32)],
    pub hats: &'static [(Hat, f32)],
    /// Probability that a T-shirt or dress has long sleeves.
    pub long_sleeves: f32,
    /// Probability of bare legs under a dress.
    pub bare_legs: f32,
    pub boots: f32,
    pub scarves: f32,
    /// Probabilities of backpack, cross-body bag, shoulder bag, handbag.
    pub bags: [f32; 4],
}

/// What lies under the feet.
#[derive(Clone, Copy, PartialEq)]
pub enum Ground {
    Paving,
    Asphalt,
    Grass,
    Floor,
    Cobbles,
}

/// What stands behind.
#[derive(Clone, Copy, PartialEq)]
pub enum Backdrop {
    Bricks,
    Panels,
    Shops,
    Hedge,
    /// Nothing near: the ground goes on.
    Open,
}

/// How the cameras of a domain differ: each camera draws its own values from these spans.
pub struct Optics {
    /// Metres above the ground.
    pub height: Span,
    /// Metres from camera to person.
    pub distance: Span,
    pub exposure: Span,
    pub contrast: Span,
    pub saturation: Span,
    /// Positive is red against blue.
    pub warmth: Span,
    /// Positive is magenta against green.
    pub tint: Span,
    /// Light added everywhere: haze and raised blacks.
    pub haze: Span,
    /// Standard deviation of the blur, output pixels.
    pub blur: Span,
    /// Standard deviation of the sensor noise, of 1.
    pub noise: Span,
    /// Sensor pixels per output pixel.
    pub resolution: Span,
    /// Strength of the camera's sharpening.
    pub sharpening: Span,
    /// Width of the crop against its height, 1 keeps proportions.
    pub stretch: Span,
    /// Tone curve: 0.5 is straight, more brightens what is dark, less darkens it.
    pub tone: Span,
    /// Light of a colour of its own that raises blacks.
    pub lift: Span,
    /// Standard deviation by which colour, not brightness, is blurred, output pixels.
    pub smear: Span,
    /// Probability of motion blur in a picture.
    pub motion: f32,
    /// Deviation of the light between one walk past a camera and the next.
    pub mood: f32,
    /// JPEG quality.
    pub quality: Span,
    /// Probability that a camera sees hard sunlight.
    pub sun: f32,
    /// Deviation of scale and shift of the box, fractions of the person.
    pub framing: f32,
    /// Probability of an occluder in a picture.
    pub occlusion: f32,
    /// Probability of another person in a picture.
    pub company: f32,
}

/// One named domain.
pub struct Domain {
    /// What `--domain` takes.
    pub name: &'static str,
    /// One line for the help text.
    pub description: &'static str,
    /// Cameras when none are asked for.
    pub cameras: usize,
    /// Whether every walk past a camera is recorded by a camera and in a place of its own: more
    /// variety than any set that was recorded anywhere has.
    pub(super) scattered: bool,
    pub(super) wardrobe: Wardrobe,
    pub(super) grounds: &'static [(Ground, f32)],
    pub(super) backdrops: &'static [(Backdrop, f32)],
    pub(super) optics: Optics,
}

/// Every domain that can be drawn.
pub fn domains() -> &'static [&'static Domain] {
    &DOMAINS
}

static DOMAINS: [&Domain; 6] = [
    &plaza::DOMAIN,
    &campus::DOMAIN,
    &mall::DOMAIN,
    &night::DOMAIN,
    &park::DOMAIN,
    &anywhere::DOMAIN,
];
