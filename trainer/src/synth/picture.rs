//! One crop: a person in front of a camera, boxed, occluded and recorded.

use std::borrow::Cow;
use std::f32::consts::{PI, TAU};

use anyhow::Context;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::backdrop;
use super::camera::Camera;
use super::canvas::Canvas;
use super::clothes::Scene;
use super::domain::Domain;
use super::figure;
use super::identity::Identity;
use super::maths;
use super::pose::{Pose, Stance};
use super::props::{Prop, PropKind};
use super::sensor::{self, Plane};
use super::stream::{Stream, Streams};
use super::view::{Vec3, View};

/// Crop width, pixels.
pub const WIDTH: u32 = 64;
/// Crop height, pixels.
pub const HEIGHT: u32 = 128;
/// Drawing pixels per crop pixel, each way.
const SUPER: u32 = 2;

/// How carefully the box was put around the person.
#[derive(Clone, Copy, PartialEq)]
pub enum Boxing {
    /// A detector's usual box.
    Usual,
    /// A bad detection: part of a person.
    Bad,
    /// A false alarm: no person at all.
    Nobody,
}

/// Which crop to draw.
#[derive(Clone, Copy)]
pub struct Shot {
    /// Number that addresses the identity's random stream.
    pub identity: u64,
    /// 0-based camera.
    pub camera: u32,
    /// 0-based sequence in which the person crosses the camera's view.
    pub sequence: u32,
    /// Number of the picture within identity and camera.
    pub frame: u32,
    /// Where each walk has a camera of its own: the number of one that others share.
    pub shared: Option<u64>,
    pub boxing: Boxing,
}

/// Everything that the pictures of one run share.
pub struct Studio {
    domain: &'static Domain,
    pub streams: Streams,
    cameras: Vec<Camera>,
}

impl Studio {
    /// Sets up the cameras of a domain.
    pub fn new(domain: &'static Domain, cameras: usize, seed: u64) -> Self {
        let streams = Streams::new(seed, domain.name);
        let cameras = (0..cameras as u32)
            .map(|camera| Camera::draw(domain, &mut streams.stream("camera", 0, camera, 0)))
            .collect();
        Self {
            domain,
            streams,
            cameras,
        }
    }

    /// How many cameras there are.
    pub fn cameras(&self) -> u32 {
        self.cameras.len() as u32
    }

    /// The camera that records a shot.
    fn camera(&self, shot: Shot) -> Cow<'_, Camera> {
        if self.domain.scattered {
            let walk = (shot.camera << 20) | shot.sequence;
            let mut stream = match shot.shared {
                Some(number) => self.streams.stream("shared camera", number, 0, 0),
                None => self.streams.stream("own camera", shot.identity, walk, 0),
            };
            Cow::Owned(Camera::draw(self.domain, &mut stream))
        } else {
            Cow::Borrowed(&self.cameras[shot.camera as usize])
        }
    }

    /// The person behind a number.
    pub fn identity(&self, number: u64) -> Identity {
        let alone = |number| {
            let mut stream = self.streams.stream("identity", number, 0, 0);
            Identity::draw(&self.domain.wardrobe, &mut stream)
        };
        let mut identity = alone(number);
        // Some people wear the colours of another one, so colour alone does not tell them apart.
        if number % 2 == 1 && self.streams.stream("double", number, 0, 0).chance(0.5) {
            identity.wear_colours_of(&alone(number ^ 1));
        }
        identity
    }

    /// How far the person of a shot is turned from facing the camera, radians.
    pub fn heading(&self, shot: Shot) -> f32 {
        let (mut track, mut frame) = self.moment(shot);
        let stance = stance(&self.camera(shot), &mut track, &mut frame);
        // A person beside the optical axis is seen from that much aside.
        stance.yaw + stance.at[0].atan2(stance.at[2])
    }

    /// Random streams of a shot: the walk that it is part of, and the picture itself.
    fn moment(&self, shot: Shot) -> (Stream, Stream) {
        let Shot {
            identity, camera, ..
        } = shot;
        (
            (self.streams).stream("track", identity, camera, shot.sequence),
            (self.streams).stream("frame", identity, camera, shot.frame),
        )
    }

    /// A crop as its camera stores it: a JPEG of the camera's quality.
    pub fn jpeg(&self, identity: &Identity, shot: Shot) -> anyhow::Result<Vec<u8>> {
        let pixels = self.shoot(identity, shot)?;
        let quality = self.camera(shot).sensor.quality;
        let mut bytes = Vec::with_capacity(4096);
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(&pixels, WIDTH, HEIGHT, ExtendedColorType::Rgb8)
            .context("cannot compress a drawn picture")?;
        Ok(bytes)
    }

    /// Draws a crop: 8-bit RGB, row-major, `WIDTH` x `HEIGHT`.
    pub fn shoot(&self, identity: &Identity, shot: Shot) -> anyhow::Result<Vec<u8>> {
        let camera = &*self.camera(shot);
        let optics = &self.domain.optics;
        let (mut track, mut stream) = self.moment(shot);
        let s = &mut stream;

        let mood = optics.mood * track.bell();
        let stance = stance(camera, &mut track, s);
        let pose = Pose::new(identity, stance);
        let view = frame(camera, identity, stance.at, optics.framing, shot.boxing, s);
        let mut canvas = Canvas::new(WIDTH * SUPER, HEIGHT * SUPER)
            .context("cannot allocate a drawing surface")?;
        let bystander = s.chance(optics.company).then(|| {
            let other = self.identity(s.below(1 << 20) as u64 + (1 << 32));
            let apart = s.sign() * s.within((0.45, 1.1));
            let behind = if s.chance(0.75) {
                s.within((0.4, 3.0))
            } else {
                -s.within((0.3, 0.6))
            };
            let at = [stance.at[0] + apart, 0.0, stance.at[2] + behind];
            let yaw = if s.chance(0.6) {
                stance.yaw + s.bell() * 0.2
            } else {
                s.within((0.0, TAU))
            };
            (other, Stance::walking(at, yaw, s))
        });
        let occluder = s.chance(optics.occlusion).then(|| {
            let kind = s.pick(&[
                PropKind::Pole,
                PropKind::Bollard,
                PropKind::Bicycle,
                PropKind::Car,
                PropKind::Planter,
                PropKind::Bench,
            ]);
            let aside = if kind == PropKind::Car {
                s.sign() * s.within((0.9, 1.6))
            } else {
                s.sign() * s.within((0.1, 0.45))
            };
            let at = [
                stance.at[0] + aside,
                0.0,
                stance.at[2] - s.within((0.5, 1.1)),
            ];
            Prop::draw(kind, at, s)
        });

        for prop in &camera.place.props {
            prop.lay(&mut canvas, &view, camera.light);
        }
        let mut others = bystander
            .as_ref()
            .map(|(other, stance)| (other, Pose::new(other, *stance)));
        let cast = |canvas: &mut Canvas, identity: &Identity, pose: &Pose, s: &mut Stream| {
            let scene = Scene {
                identity,
                pose,
                view: &view,
                light: camera.light,
                relief: camera.relief,
            };
            let overhead = [0.3 * camera.light, 3.0, 0.2];
            figure::cast_shadow(
                canvas,
                &scene,
                &view,
                camera.sun.unwrap_or(overhead),
                camera.shadow,
            );
            figure::draw(canvas, &scene, s);
        };
        if let Some((other, other_pose)) = others.take_if(|(_, p)| p.at()[2] > stance.at[2]) {
            cast(&mut canvas, other, &other_pose, s);
        }
        if shot.boxing != Boxing::Nobody {
            cast(&mut canvas, identity, &pose, s);
        }
        if let Some((other, other_pose)) = others {
            cast(&mut canvas, other, &other_pose, s);
        }
        if let Some(prop) = occluder {
            prop.lay(&mut canvas, &view, camera.light);
        }

        let pixels = backdrop::render(
            &camera.place,
            &view,
            WIDTH as usize,
            HEIGHT as usize,
            SUPER as f32,
        );
        let mut light = Plane {
            width: WIDTH as usize,
            height: HEIGHT as usize,
            pixels,
        };
        blend(&mut light, &canvas);
        Ok(sensor::record(light, &camera.sensor, mood, s))
    }
}

/// Where the person is and how they move in one frame of a track.
fn stance(camera: &Camera, track: &mut Stream, s: &mut Stream) -> Stance {
    let way = if track.chance(0.8) {
        camera.path + if track.chance(0.5) { PI } else { 0.0 } + track.bell() * 0.3
    } else {
        track.within((0.0, TAU))
    };
    let start = [
        track.bell() * 1.2,
        0.0,
        camera.distance * (1.0 + track.bell() * 0.12),
    ];
    let progress = s.within((-1.2, 1.2));
    let at = [
        start[0] + progress * maths::sin(way),
        0.0,
        (start[2] - progress * maths::cos(way)).max(2.5),
    ];
    // `yaw` is relative to the world; a person beside the axis is seen from that much aside.
    Stance::walking(at, way + s.bell() * 0.12, s)
}

/// The view whose crop is the detector's box.
fn frame(
    camera: &Camera,
    identity: &Identity,
    at: Vec3,
    framing: f32,
    boxing: Boxing,
    s: &mut Stream,
) -> View {
    let rough = if s.chance(0.12) { 2.5 } else { 1.0 } * framing;
    let mut fill = (0.89 + s.bell() * rough).clamp(0.6, 1.25);
    let mut shift = (s.bell() * rough * 0.7, s.bell() * rough * 0.5);
    if boxing == Boxing::Bad {
        fill = if s.chance(0.5) {
            s.within((1.5, 2.2))
        } else {
            s.within((0.4, 0.55))
        };
        shift = (
            s.sign() * s.within((0.1, 0.3)),
            s.sign() * s.within((0.2, 0.45)),
        );
    }
    let (w, h) = ((WIDTH * SUPER) as f32, (HEIGHT * SUPER) as f32);
    let target = [at[0], identity.stature * 0.5, at[2]];
    // Perspective makes the nearer end larger, so the box is measured in a first view.
    let ppm = h / identity.stature;
    let draft = View::new(camera.height, target, (ppm, ppm), (0.0, 0.0));
    let crown = draft.project([at[0], identity.stature, at[2]]).1 - 0.04 * h * draft.pitch();
    let sole = draft.project(at).1 + 0.06 * h * draft.pitch();
    let scale = fill * h / (sole - crown).max(1.0);
    let middle = 0.5 * (crown + sole) * scale;
    let centre = (w * 0.5 + shift.0 * h * 0.5, h * (0.5 + shift.1) - middle);
    View::new(
        camera.height,
        target,
        (ppm * scale * camera.stretch, ppm * scale),
        centre,
    )
}

/// Lays the drawing (premultiplied, `SUPER` times finer) over the backdrop.
fn blend(light: &mut Plane, canvas: &Canvas) {
    let drawn = canvas.picture().pixels();
    let (step, stride) = (SUPER as usize, (WIDTH * SUPER) as usize);
    let share = 1.0 / (255.0 * (SUPER * SUPER) as f32);
    for (index, rgb) in light.pixels.iter_mut().enumerate() {
        let (x, y) = (index % light.width * step, index / light.width * step);
        let mut sum = [0.0f32; 4];
        for row in y..y + step {
            for pixel in &drawn[row * stride + x..row * stride + x + step] {
                sum[0] += f32::from(pixel.red());
                sum[1] += f32::from(pixel.green());
                sum[2] += f32::from(pixel.blue());
                sum[3] += f32::from(pixel.alpha());
            }
        }
        *rgb = std::array::from_fn(|c| sum[c] * share + rgb[c] * (1.0 - sum[3] * share));
    }
}
