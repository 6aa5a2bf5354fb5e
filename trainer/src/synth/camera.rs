//! A camera of a domain: where it hangs, what it overlooks, and how it records.

use super::colour::{self, Rgb};
use super::domain::{Backdrop, Domain, Ground};
use super::props::{Prop, PropKind};
use super::stream::Stream;
use super::view::Vec3;

/// What a camera sees apart from people; the same in all its pictures.
#[derive(Clone)]
pub struct Place {
    pub ground: Ground,
    pub ground_colour: Rgb,
    /// Tile size, metres.
    pub tile: f32,
    /// Turn of the tiling, radians.
    pub turn: f32,
    /// A second ground beyond a line: its kind, colour and the line's offset in metres.
    pub verge: Option<(Ground, Rgb, f32)>,
    /// A painted or kerb line: colour, offset, width in metres.
    pub line: Option<(Rgb, f32, f32)>,
    /// Direction of both lines' normal, radians.
    pub line_turn: f32,
    pub backdrop: Backdrop,
    pub wall_colour: Rgb,
    /// Distance of the backdrop, metres.
    pub wall: f32,
    /// Colour of the sky or of what is far.
    pub far: Rgb,
    pub props: Vec<Prop>,
    /// Strength of dappled shade from 0 to 1.
    pub dapple: f32,
    pub seed: u32,
}

/// How a camera turns light into pixels.
#[derive(Clone)]
pub struct Sensor {
    pub exposure: f32,
    pub contrast: f32,
    pub saturation: f32,
    /// Gain per channel.
    pub gain: Rgb,
    pub haze: f32,
    pub haze_colour: Rgb,
    /// Tone curve, see [`super::domain::Optics::tone`].
    pub tone: f32,
    /// Black of this sensor.
    pub lift: Rgb,
    /// Blur of colour.
    pub smear: f32,
    /// Probability of motion blur in a picture.
    pub motion: f32,
    pub blur: f32,
    pub noise: f32,
    pub resolution: f32,
    pub sharpening: f32,
    /// Change of light across and down the crop.
    pub slope: (f32, f32),
    pub quality: u8,
}

/// One camera.
#[derive(Clone)]
pub struct Camera {
    /// Metres above ground.
    pub height: f32,
    /// Usual distance of people, metres.
    pub distance: f32,
    /// Direction that most people walk in, radians as in `Stance::yaw`.
    pub path: f32,
    /// Direction towards the sun where there is one.
    pub sun: Option<Vec3>,
    /// Side the light comes from: -1 left, 1 right.
    pub light: f32,
    /// How strongly light models bodies.
    pub relief: f32,
    /// Darkness of shadows on the ground.
    pub shadow: f32,
    /// Crop width against height.
    pub stretch: f32,
    pub place: Place,
    pub sensor: Sensor,
}

impl Camera {
    /// Draws one of a domain's cameras.
    pub fn draw(domain: &Domain, s: &mut Stream) -> Self {
        let o = &domain.optics;
        let distance = s.within(o.distance);
        let sunny = s.chance(o.sun);
        let light = s.within((-1.0, 1.0));
        let sun = sunny.then(|| [light * 1.2, s.within((0.8, 1.8)), s.within((-0.9, 0.9))]);
        let (warmth, tint) = (s.within(o.warmth), s.within(o.tint));
        let gain = [
            1.0 + warmth + 0.5 * tint,
            1.0 - 0.5 * tint,
            1.0 - warmth + 0.5 * tint,
        ];
        Self {
            height: s.within(o.height),
            distance,
            path: s.within((0.0, std::f32::consts::TAU)),
            sun,
            light,
            relief: if sunny {
                s.within((1.1, 1.6))
            } else {
                s.within((0.6, 1.1))
            },
            shadow: if sunny {
                s.within((0.35, 0.6))
            } else {
                s.within((0.08, 0.22))
            },
            stretch: s.within(o.stretch),
            place: place(domain, distance, sunny, s),
            sensor: Sensor {
                exposure: s.within(o.exposure),
                contrast: s.within(o.contrast),
                saturation: s.within(o.saturation),
                gain,
                haze: s.within(o.haze),
                haze_colour: colour::mixed([0.75; 3], gain.map(|g| 0.75 * g), 1.0),
                blur: s.within(o.blur),
                noise: s.within(o.noise),
                resolution: s.within(o.resolution),
                sharpening: s.within(o.sharpening),
                tone: s.within(o.tone),
                lift: {
                    let strength = s.within(o.lift);
                    [0.0; 3].map(|_: f32| strength * s.within((0.1, 1.0)))
                },
                smear: s.within(o.smear),
                motion: o.motion,
                slope: (s.bell() * 0.12, s.bell() * 0.1),
                quality: s.within(o.quality).round().clamp(1.0, 100.0) as u8,
            },
        }
    }
}

fn place(domain: &Domain, distance: f32, sunny: bool, s: &mut Stream) -> Place {
    let ground = s.weighted(domain.grounds);
    let verge = s.chance(0.45).then(|| {
        let kind = s.weighted(domain.grounds);
        (kind, ground_colour(kind, s), distance + s.bell() * 1.2)
    });
    let line = s.chance(0.4).then(|| {
        let rgb = s.pick(&[
            [0.85, 0.85, 0.83],
            [0.83, 0.7, 0.25],
            [0.6, 0.59, 0.57],
            [0.3, 0.3, 0.31],
        ]);
        (rgb, distance + s.bell() * 1.5, s.within((0.08, 0.35)))
    });
    let kinds: &[PropKind] = if domain.grounds[0].0 == Ground::Floor {
        &[PropKind::Planter, PropKind::Pole, PropKind::Bench]
    } else {
        &[
            PropKind::Pole,
            PropKind::Tree,
            PropKind::Car,
            PropKind::Bollard,
            PropKind::Bench,
            PropKind::Planter,
            PropKind::Bicycle,
        ]
    };
    let props = (0..3 + s.below(5))
        .map(|_| {
            let kind = s.pick(kinds);
            let at = [s.within((-5.0, 5.0)), 0.0, distance + s.within((1.2, 7.0))];
            Prop::draw(kind, at, s)
        })
        .collect();
    Place {
        ground,
        ground_colour: ground_colour(ground, s),
        tile: match ground {
            Ground::Cobbles => s.within((0.14, 0.24)),
            Ground::Floor => s.within((0.6, 1.1)),
            _ => s.within((0.3, 0.8)),
        },
        turn: s.within((-0.8, 0.8)),
        verge,
        line,
        line_turn: s.within((-0.9, 0.9)),
        backdrop: s.weighted(domain.backdrops),
        wall_colour: {
            let base = s.pick(&[
                [0.52, 0.3, 0.24],
                [0.7, 0.67, 0.6],
                [0.55, 0.56, 0.58],
                [0.8, 0.78, 0.73],
                [0.4, 0.36, 0.33],
            ]);
            colour::dyed(base, 0.1, s)
        },
        wall: distance + s.within((1.5, 9.0)),
        far: colour::dyed([0.66, 0.69, 0.72], 0.12, s),
        props,
        dapple: if sunny && s.chance(0.6) {
            s.within((0.3, 0.9))
        } else {
            0.0
        },
        seed: s.bits(),
    }
}

fn ground_colour(ground: Ground, s: &mut Stream) -> Rgb {
    let base = match ground {
        Ground::Paving => s.pick(&[
            [0.62, 0.61, 0.59],
            [0.68, 0.62, 0.55],
            [0.55, 0.52, 0.52],
            [0.7, 0.7, 0.7],
        ]),
        Ground::Asphalt => s.pick(&[[0.38, 0.38, 0.4], [0.46, 0.46, 0.46], [0.3, 0.31, 0.33]]),
        Ground::Grass => s.pick(&[[0.33, 0.42, 0.2], [0.42, 0.46, 0.26], [0.45, 0.4, 0.28]]),
        Ground::Floor => s.pick(&[
            [0.78, 0.74, 0.68],
            [0.66, 0.64, 0.62],
            [0.85, 0.83, 0.8],
            [0.58, 0.5, 0.42],
        ]),
        Ground::Cobbles => s.pick(&[[0.5, 0.48, 0.46], [0.58, 0.53, 0.48]]),
    };
    colour::dyed(base, 0.08, s)
}
