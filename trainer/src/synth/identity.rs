//! Who a person is: the attributes that stay the same in every picture of one identity.

use super::colour::Rgb;

/// How hair is worn.
#[derive(Clone, Copy, PartialEq)]
pub enum HairStyle {
    Bald,
    Cropped,
    Short,
    Bob,
    Long,
    Ponytail,
    Bun,
}

/// The outermost garment of the upper body.
#[derive(Clone, Copy, PartialEq)]
pub enum UpperKind {
    TShirt,
    Shirt,
    Sweater,
    Hoodie,
    Jacket,
    Coat,
    Dress,
}

/// What is woven, sewn or printed into the upper garment.
#[derive(Clone, Copy, PartialEq)]
pub enum Pattern {
    Plain,
    /// Horizontal stripes, so many of them.
    Hoops(u8),
    /// Vertical stripes.
    Pinstripes(u8),
    /// Both, crossing.
    Check(u8),
    /// A printed block on the chest: 0 square, 1 lines of text, 2 round.
    Print(u8),
    /// A yoke over the shoulders in the second colour.
    Yoke,
    /// A broad band over the chest in the second colour.
    Band,
    /// Sleeves in the second colour.
    Sleeves,
    /// Spots or flowers.
    Spots(u8),
}

/// The garment of the legs.
#[derive(Clone, Copy, PartialEq)]
pub enum LowerKind {
    Trousers,
    Jeans,
    Leggings,
    Shorts,
    Skirt,
}

/// What is carried.
#[derive(Clone, Copy, PartialEq)]
pub enum Bag {
    None,
    /// On the back; its size from 0 to 1.
    Backpack(f32),
    /// Strap across the chest, bag on the side given (-1 right, 1 left).
    CrossBody(f32),
    /// On one shoulder.
    Shoulder(f32),
    /// In one hand.
    Hand(f32),
}

/// What is on the head.
#[derive(Clone, Copy, PartialEq)]
pub enum Hat {
    None,
    Cap,
    Beanie,
    Brimmed,
}

/// One person. Lengths are fractions of the stature unless said otherwise.
#[derive(Clone)]
pub struct Identity {
    /// Metres from sole to crown.
    pub stature: f32,
    /// Width of the trunk and limbs against the average.
    pub girth: f32,
    /// Narrow shoulders, wide hips.
    pub feminine: bool,
    pub skin: Rgb,
    pub hair: HairStyle,
    pub hair_colour: Rgb,
    pub upper: UpperKind,
    pub upper_colour: Rgb,
    pub second_colour: Rgb,
    pub pattern: Pattern,
    /// Sleeve length from 0 (none) to 1 (wrist).
    pub sleeve: f32,
    /// Height of the upper garment's hem.
    pub hem: f32,
    /// Half the opening angle of an open front, radians; 0 closed.
    pub open: f32,
    /// What shows in the opening and at the neck.
    pub inner_colour: Rgb,
    pub lower: LowerKind,
    pub lower_colour: Rgb,
    /// Looseness of the legs from 0 to 1.
    pub fit: f32,
    /// Height of the hem of shorts or skirt.
    pub lower_hem: f32,
    /// A stripe down the side of the legs.
    pub side_stripe: Option<Rgb>,
    pub shoe_colour: Rgb,
    pub sole_colour: Rgb,
    /// Height of the shoe's shaft: boots reach up the shin.
    pub boot: f32,
    pub bag: Bag,
    pub bag_colour: Rgb,
    pub hat: Hat,
    pub hat_colour: Rgb,
    pub glasses: bool,
    pub scarf: Option<Rgb>,
    /// Where the upper garment's lower part begins that has the second colour, as a share of its
    /// length; 1 for none.
    pub block: f32,
    /// A print in the second colour on the back.
    pub back_print: bool,
    /// How far a layer of the inner colour hangs out below the upper garment; 0 for none.
    pub layer: f32,
    /// How much of the ankle shows between trousers and shoe.
    pub cuff: f32,
    /// What shows there: skin or a sock.
    pub ankle_colour: Rgb,
    /// Pockets and seams of a bag.
    pub bag_trim: Rgb,
    /// Seed of patterns that have to stay where they are on the cloth.
    pub weave: u32,
}

impl Identity {
    /// Half the distance between the shoulder joints.
    pub fn shoulder(&self) -> f32 {
        let width = if self.feminine { 0.094 } else { 0.108 };
        width * (0.6 + 0.4 * self.girth)
    }

    /// Takes over the colours of another person's main garments.
    pub fn wear_colours_of(&mut self, other: &Self) {
        self.upper_colour = other.upper_colour;
        self.second_colour = other.second_colour;
        // Under a dress are legs, whose colour is the person's own.
        if self.upper != UpperKind::Dress && other.upper != UpperKind::Dress {
            self.lower_colour = other.lower_colour;
        }
    }
}
