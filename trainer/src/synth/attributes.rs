//! What words would say of a person in a picture: attributes with few values each.
//!
//! Colours take the name of the nearest dye; measures are cut into ranges. What is not there
//! (the colour of no bag) is a value of its own.

use super::colour::{self, Rgb};
use super::identity::{Bag, HairStyle, Hat, Identity, LowerKind, Pattern, UpperKind};

/// One attribute.
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// How many values it has.
    pub values: usize,
}

const fn attribute(name: &'static str, values: usize) -> Attribute {
    Attribute { name, values }
}

/// Colours that have names.
const DYES: [Rgb; 24] = [
    colour::BLACK,
    colour::CHARCOAL,
    colour::GREY,
    colour::SILVER,
    colour::WHITE,
    colour::NAVY,
    colour::BLUE,
    colour::SKY,
    colour::DENIM,
    colour::FADED,
    colour::RED,
    colour::MAROON,
    colour::PINK,
    colour::ORANGE,
    colour::MUSTARD,
    colour::YELLOW,
    colour::GREEN,
    colour::OLIVE,
    colour::MINT,
    colour::TEAL,
    colour::PURPLE,
    colour::BEIGE,
    colour::KHAKI,
    colour::BROWN,
];
const COLOURS: usize = DYES.len();

/// Every attribute, in the order of [`Identity::attributes`].
pub const ATTRIBUTES: [Attribute; 25] = [
    attribute("sex", 2),
    attribute("stature", 3),
    attribute("girth", 3),
    attribute("skin", colour::SKINS.len()),
    attribute("hair", 7),
    attribute("hair colour", colour::HAIRS.len()),
    attribute("upper garment", 7),
    attribute("upper colour", COLOURS),
    attribute("pattern", 9),
    attribute("second colour", COLOURS + 1),
    attribute("sleeves", 2),
    attribute("hem", 3),
    attribute("colour in the open front", COLOURS + 1),
    attribute("lower garment", 5),
    attribute("lower colour", COLOURS),
    attribute("fit", 3),
    attribute("shoe colour", COLOURS),
    attribute("boots", 2),
    attribute("bag", 5),
    attribute("bag colour", COLOURS + 1),
    attribute("hat", 4),
    attribute("hat colour", COLOURS + 1),
    attribute("glasses", 2),
    attribute("scarf colour", COLOURS + 1),
    attribute("view", 3),
];

/// Values of all attributes together.
pub fn values() -> usize {
    ATTRIBUTES.iter().map(|attribute| attribute.values).sum()
}

impl Identity {
    /// The value of every attribute for a person who is turned by `heading` radians from
    /// facing the camera.
    pub fn attributes(&self, heading: f32) -> [usize; ATTRIBUTES.len()] {
        let dyed = |there: bool, rgb: Rgb| if there { dye(rgb) } else { COLOURS };
        [
            usize::from(self.feminine),
            range(self.stature, [1.64, 1.74]),
            range(self.girth, [0.95, 1.06]),
            nearest(self.skin, colour::SKINS.iter().copied()),
            hair(self.hair),
            nearest(self.hair_colour, colour::HAIRS.iter().map(|hair| hair.0)),
            upper(self.upper),
            dye(self.upper_colour),
            pattern(self.pattern),
            dyed(self.pattern != Pattern::Plain, self.second_colour),
            usize::from(self.sleeve > 0.6),
            range(self.hem, [0.33, 0.42]),
            dyed(self.open > 0.0, self.inner_colour),
            lower(self.lower),
            dye(self.lower_colour),
            range(self.fit, [0.33, 0.66]),
            dye(self.shoe_colour),
            usize::from(self.boot > 0.0),
            bag(self.bag),
            dyed(self.bag != Bag::None, self.bag_colour),
            hat(self.hat),
            dyed(self.hat != Hat::None, self.hat_colour),
            usize::from(self.glasses),
            self.scarf.map_or(COLOURS, dye),
            // From behind, aside, in front.
            range(heading.cos(), [-0.5, 0.5]),
        ]
    }
}

/// 0 below both bounds, 1 between them, 2 above.
fn range(value: f32, bounds: [f32; 2]) -> usize {
    bounds.iter().filter(|&&bound| value > bound).count()
}

fn dye(rgb: Rgb) -> usize {
    nearest(rgb, DYES.iter().copied())
}

/// Index of the most similar colour.
fn nearest(rgb: Rgb, all: impl Iterator<Item = Rgb>) -> usize {
    let distance = |other: Rgb| -> f32 {
        (rgb.iter().zip(other))
            .map(|(a, b)| (a - b) * (a - b))
            .sum()
    };
    let distances = all.map(distance).enumerate();
    let best = distances.min_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or(0, |(index, _)| index)
}

fn hair(style: HairStyle) -> usize {
    match style {
        HairStyle::Bald => 0,
        HairStyle::Cropped => 1,
        HairStyle::Short => 2,
        HairStyle::Bob => 3,
        HairStyle::Long => 4,
        HairStyle::Ponytail => 5,
        HairStyle::Bun => 6,
    }
}

fn upper(kind: UpperKind) -> usize {
    match kind {
        UpperKind::TShirt => 0,
        UpperKind::Shirt => 1,
        UpperKind::Sweater => 2,
        UpperKind::Hoodie => 3,
        UpperKind::Jacket => 4,
        UpperKind::Coat => 5,
        UpperKind::Dress => 6,
    }
}

fn pattern(pattern: Pattern) -> usize {
    match pattern {
        Pattern::Plain => 0,
        Pattern::Hoops(_) => 1,
        Pattern::Pinstripes(_) => 2,
        Pattern::Check(_) => 3,
        Pattern::Print(_) => 4,
        Pattern::Yoke => 5,
        Pattern::Band => 6,
        Pattern::Sleeves => 7,
        Pattern::Spots(_) => 8,
    }
}

fn lower(kind: LowerKind) -> usize {
    match kind {
        LowerKind::Trousers => 0,
        LowerKind::Jeans => 1,
        LowerKind::Leggings => 2,
        LowerKind::Shorts => 3,
        LowerKind::Skirt => 4,
    }
}

fn bag(bag: Bag) -> usize {
    match bag {
        Bag::None => 0,
        Bag::Backpack(_) => 1,
        Bag::CrossBody(_) => 2,
        Bag::Shoulder(_) => 3,
        Bag::Hand(_) => 4,
    }
}

fn hat(hat: Hat) -> usize {
    match hat {
        Hat::None => 0,
        Hat::Cap => 1,
        Hat::Beanie => 2,
        Hat::Brimmed => 3,
    }
}
