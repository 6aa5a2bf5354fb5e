//! Body measures and the skeleton of one moment of a walk.
//!
//! Local axes of a person: x to their left, y up, z forward; metres once scaled by stature.

use super::identity::Identity;
use super::maths;
use super::stream::Stream;
use super::view::{Vec3, View, along, dot};

/// What the arms do besides swinging.
#[derive(Clone, Copy, PartialEq)]
pub enum Gesture {
    /// Both arms swing with the steps.
    Swing,
    /// One forearm is raised with a phone: -1 right, 1 left.
    Phone(f32),
    /// Both hands in the pockets.
    Pockets,
}

/// Where a person stands, which way they face and what their limbs do.
#[derive(Clone, Copy)]
pub struct Stance {
    /// Foot point on the ground, metres.
    pub at: Vec3,
    /// 0 faces the camera, pi/2 walks to the right of the picture, pi walks away; radians.
    pub yaw: f32,
    /// Walking phase, radians.
    pub phase: f32,
    /// 0 stands, 1 strides.
    pub stride: f32,
    /// Turn of the head against the body, radians.
    pub glance: f32,
    /// Arms.
    pub gesture: Gesture,
}

/// One side's arm and leg in world coordinates.
#[derive(Clone, Copy)]
pub struct Side {
    pub shoulder: Vec3,
    pub elbow: Vec3,
    pub wrist: Vec3,
    pub hip: Vec3,
    pub knee: Vec3,
    pub ankle: Vec3,
    pub toe: Vec3,
}

/// A posed body.
pub struct Pose {
    stance: Stance,
    stature: f32,
    left_axis: Vec3,
    front_axis: Vec3,
    /// Right (x < 0), then left.
    pub sides: [Side; 2],
    /// Vertical bob of the trunk, in statures.
    lift: f32,
}

impl Stance {
    /// A walking moment facing `yaw` at `at`.
    pub fn walking(at: Vec3, yaw: f32, stream: &mut Stream) -> Self {
        let gesture = match stream.unit() {
            u if u < 0.72 => Gesture::Swing,
            u if u < 0.86 => Gesture::Phone(stream.sign()),
            _ => Gesture::Pockets,
        };
        Self {
            at,
            yaw,
            phase: stream.within((0.0, std::f32::consts::TAU)),
            stride: if stream.chance(0.85) {
                stream.within((0.55, 1.0))
            } else {
                0.1
            },
            glance: stream.bell() * 0.25,
            gesture,
        }
    }
}

impl Pose {
    /// Puts `identity`'s body into `stance`.
    pub fn new(identity: &Identity, stance: Stance) -> Self {
        let (sin, cos) = maths::sin_cos(stance.yaw);
        let mut pose = Self {
            stance,
            stature: identity.stature,
            left_axis: [cos, 0.0, sin],
            front_axis: [sin, 0.0, -cos],
            sides: [Side {
                shoulder: [0.0; 3],
                elbow: [0.0; 3],
                wrist: [0.0; 3],
                hip: [0.0; 3],
                knee: [0.0; 3],
                ankle: [0.0; 3],
                toe: [0.0; 3],
            }; 2],
            lift: 0.0,
        };
        let legs = [-1.0, 1.0].map(|side: f32| leg(&stance, side));
        let lowest = legs.iter().map(|l| l.2[1]).fold(f32::MAX, f32::min);
        pose.lift = 0.036 - lowest;
        for (index, side) in [-1.0, 1.0].into_iter().enumerate() {
            let (hip, knee, ankle, toe) = legs[index];
            let (shoulder, elbow, wrist) = arm(&stance, identity, side);
            pose.sides[index] = Side {
                shoulder: pose.world(shoulder),
                elbow: pose.world(elbow),
                wrist: pose.world(wrist),
                hip: pose.world(hip),
                knee: pose.world(knee),
                ankle: pose.world(ankle),
                toe: pose.world(toe),
            };
        }
        pose
    }

    /// World place of a local point given in statures.
    pub fn world(&self, local: Vec3) -> Vec3 {
        let h = self.stature;
        let base = along(self.stance.at, self.left_axis, local[0] * h);
        let mut point = along(base, self.front_axis, local[2] * h);
        point[1] += (local[1] + self.lift) * h;
        point
    }

    /// How the view's rightward direction runs in local (left, front) axes.
    pub fn rightward(&self, view: &View) -> (f32, f32) {
        (
            dot(view.right(), self.left_axis),
            dot(view.right(), self.front_axis),
        )
    }

    /// Cosine between where the body (turned by `extra` radians) faces and the camera: 1 front.
    pub fn facing(&self, view: &View, extra: f32) -> f32 {
        let to_camera = along(view.eye, self.stance.at, -1.0);
        let flat = maths::hypot(to_camera[0], to_camera[2]).max(1e-3);
        let (sin, cos) = maths::sin_cos(self.stance.yaw + extra);
        (to_camera[0] * sin - to_camera[2] * cos) / flat
    }

    /// Statures to pixels at the body.
    pub fn pixels(&self, view: &View) -> f32 {
        self.stature * view.scale(self.world([0.0, 0.6, 0.0]))
    }

    /// Turn of the head against the body, radians.
    pub fn glance(&self) -> f32 {
        self.stance.glance
    }

    /// Foot point, metres.
    pub fn at(&self) -> Vec3 {
        self.stance.at
    }
}

/// Hip, knee, ankle and toe of one leg, in statures. `side` is -1 right, 1 left.
fn leg(stance: &Stance, side: f32) -> (Vec3, Vec3, Vec3, Vec3) {
    let phase = stance.phase
        + if side > 0.0 {
            std::f32::consts::PI
        } else {
            0.0
        };
    let swing = 0.44 * stance.stride * maths::sin(phase);
    // The knee bends while the leg comes forward, little while it carries the body.
    let bend = stance.stride * (0.12 + 0.62 * maths::pow(maths::cos(phase).max(0.0), 1.5));
    let hip = [0.05 * side, 0.51, 0.0];
    let knee = [
        0.052 * side,
        hip[1] - 0.245 * maths::cos(swing),
        0.245 * maths::sin(swing),
    ];
    let shin = swing - bend;
    let ankle = [
        0.05 * side,
        knee[1] - 0.235 * maths::cos(shin),
        knee[2] + 0.235 * maths::sin(shin),
    ];
    let pitch = 0.12 - shin.min(0.0) * 0.8;
    let toe = [
        0.065 * side,
        ankle[1] - 0.022 - 0.1 * maths::sin(pitch) * stance.stride,
        ankle[2] + 0.1,
    ];
    (hip, knee, ankle, toe)
}

/// Shoulder, elbow and wrist of one arm, in statures.
fn arm(stance: &Stance, identity: &Identity, side: f32) -> (Vec3, Vec3, Vec3) {
    let phase = stance.phase
        + if side > 0.0 {
            0.0
        } else {
            std::f32::consts::PI
        };
    let mut swing = 0.42 * stance.stride * maths::sin(phase);
    let mut bend = 0.2 + 0.25 * swing.max(0.0) + 0.12 * stance.stride;
    let mut inward = 0.1;
    match stance.gesture {
        Gesture::Phone(hand) if hand == side => {
            swing = 0.25;
            bend = 1.65;
            inward = 0.5;
        }
        Gesture::Pockets => {
            swing = -0.2;
            bend = 0.6;
            inward = 0.12;
        }
        _ => {}
    }
    let reach = identity.shoulder();
    let shoulder = [(reach - 0.008) * side, 0.792, 0.0];
    let out = 0.1 * identity.girth;
    let elbow = [
        (reach + 0.165 * out) * side,
        shoulder[1] - 0.165 * maths::cos(swing),
        0.165 * maths::sin(swing) - 0.006,
    ];
    let fore = swing + bend;
    let wrist = [
        elbow[0] - 0.15 * inward * side,
        elbow[1] - 0.15 * maths::cos(fore),
        elbow[2] + 0.15 * maths::sin(fore),
    ];
    (shoulder, elbow, wrist)
}
