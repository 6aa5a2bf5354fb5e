//! How often hair styles, patterns, shoe and bag colours occur; common to all domains.

use super::colour::{self, BEIGE, BLACK, BROWN, CHARCOAL, Rgb, WHITE};
use super::identity::{HairStyle, Pattern};

pub const FEMININE_HAIR: [(HairStyle, f32); 5] = [
    (HairStyle::Long, 4.0),
    (HairStyle::Ponytail, 3.0),
    (HairStyle::Bob, 2.5),
    (HairStyle::Bun, 1.2),
    (HairStyle::Short, 0.8),
];
pub const MASCULINE_HAIR: [(HairStyle, f32); 4] = [
    (HairStyle::Short, 6.0),
    (HairStyle::Cropped, 3.0),
    (HairStyle::Bald, 0.8),
    (HairStyle::Bob, 0.4),
];
pub const TOP_PATTERNS: [(Pattern, f32); 12] = [
    (Pattern::Plain, 6.0),
    (Pattern::Hoops(5), 1.0),
    (Pattern::Hoops(9), 1.0),
    (Pattern::Check(5), 0.4),
    (Pattern::Print(0), 1.6),
    (Pattern::Print(1), 1.8),
    (Pattern::Print(2), 1.4),
    (Pattern::Yoke, 0.8),
    (Pattern::Band, 0.9),
    (Pattern::Sleeves, 1.0),
    (Pattern::Spots(1), 0.8),
    (Pattern::Spots(2), 0.5),
];
pub const SHIRT_PATTERNS: [(Pattern, f32); 6] = [
    (Pattern::Plain, 5.0),
    (Pattern::Check(4), 1.5),
    (Pattern::Check(7), 1.5),
    (Pattern::Pinstripes(9), 1.2),
    (Pattern::Pinstripes(14), 0.8),
    (Pattern::Spots(1), 0.6),
];
pub const JACKET_PATTERNS: [(Pattern, f32); 7] = [
    (Pattern::Plain, 7.0),
    (Pattern::Yoke, 1.2),
    (Pattern::Band, 0.9),
    (Pattern::Sleeves, 1.4),
    (Pattern::Hoops(4), 0.5),
    (Pattern::Print(1), 0.8),
    (Pattern::Check(4), 0.4),
];
pub const COAT_PATTERNS: [(Pattern, f32); 3] = [
    (Pattern::Plain, 8.0),
    (Pattern::Check(4), 1.0),
    (Pattern::Yoke, 0.5),
];
pub const SHOES: [(Rgb, f32); 12] = [
    (BLACK, 4.0),
    (WHITE, 2.5),
    (BROWN, 1.5),
    (CHARCOAL, 1.5),
    (colour::BLUE, 0.6),
    (colour::RED, 0.6),
    (colour::GREY, 0.8),
    (colour::SKY, 0.4),
    (colour::ORANGE, 0.4),
    (colour::YELLOW, 0.3),
    (colour::PINK, 0.4),
    (BEIGE, 0.5),
];
pub const BAGS: [(Rgb, f32); 9] = [
    (BLACK, 4.0),
    (CHARCOAL, 1.5),
    (colour::NAVY, 1.5),
    (BROWN, 1.5),
    (BEIGE, 1.0),
    (colour::RED, 0.8),
    (colour::BLUE, 0.7),
    (WHITE, 0.7),
    (colour::OLIVE, 0.6),
];
