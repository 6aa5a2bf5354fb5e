//! Draws the attributes of a person from a domain's wardrobe.

use super::colour::{self, BEIGE, BLACK, BROWN, CHARCOAL, HAIRS, Rgb, SKINS, WHITE};
use super::domain::Wardrobe;
use super::identity::{Bag, Identity, LowerKind, UpperKind};
use super::stream::Stream;
use super::wardrobe::{
    BAGS, COAT_PATTERNS, FEMININE_HAIR, JACKET_PATTERNS, MASCULINE_HAIR, SHIRT_PATTERNS, SHOES,
    TOP_PATTERNS,
};

impl Identity {
    /// Draws a person dressed from `wardrobe`.
    pub fn draw(wardrobe: &Wardrobe, stream: &mut Stream) -> Self {
        let feminine = stream.chance(0.5);
        let upper = {
            let mut kind = stream.weighted(wardrobe.uppers);
            if kind == UpperKind::Dress && !feminine {
                kind = UpperKind::TShirt;
            }
            kind
        };
        let cloth = |stream: &mut Stream, palette: &[(Rgb, f32)]| {
            let base = stream.weighted(palette);
            colour::dyed(base, 0.06, stream)
        };
        let upper_colour = cloth(stream, wardrobe.upper_colours);
        let mut second_colour = cloth(stream, wardrobe.upper_colours);
        if (colour::luma(second_colour) - colour::luma(upper_colour)).abs() < 0.2 {
            let plain = if colour::luma(upper_colour) > 0.5 {
                CHARCOAL
            } else {
                WHITE
            };
            second_colour = colour::dyed(plain, 0.05, stream);
        }
        let mut lower = stream.weighted(wardrobe.lowers);
        if lower == LowerKind::Skirt && !feminine {
            lower = LowerKind::Trousers;
        }
        if upper == UpperKind::Dress {
            lower = LowerKind::Leggings;
        }
        let hair = stream.weighted(if feminine {
            &FEMININE_HAIR
        } else {
            &MASCULINE_HAIR
        });
        let hat = stream.weighted(wardrobe.hats);
        let skin = {
            let tone = stream.pick(&SKINS);
            colour::dyed(tone, 0.04, stream)
        };
        let lower_colour = match (upper, lower) {
            // Bare legs or tights under a dress.
            (UpperKind::Dress, _) => {
                if stream.chance(wardrobe.bare_legs) {
                    skin
                } else {
                    BLACK
                }
            }
            (_, LowerKind::Jeans) => cloth(stream, wardrobe.jeans_colours),
            _ => cloth(stream, wardrobe.lower_colours),
        };
        let long_sleeve = match upper {
            UpperKind::TShirt | UpperKind::Dress => stream.chance(wardrobe.long_sleeves),
            UpperKind::Shirt => stream.chance(0.4 + 0.6 * wardrobe.long_sleeves),
            _ => true,
        };
        let hem = match upper {
            UpperKind::Coat => stream.within((0.27, 0.37)),
            UpperKind::Dress => stream.within((0.27, 0.36)),
            UpperKind::Jacket | UpperKind::Hoodie => stream.within((0.445, 0.485)),
            _ => stream.within((0.435, 0.49)),
        };
        let pattern = stream.weighted(match upper {
            UpperKind::Coat => &COAT_PATTERNS,
            UpperKind::Jacket | UpperKind::Hoodie => &JACKET_PATTERNS,
            UpperKind::Shirt => &SHIRT_PATTERNS,
            _ => &TOP_PATTERNS,
        });
        let open = match upper {
            UpperKind::Jacket | UpperKind::Coat => stream.chance(0.55),
            UpperKind::Hoodie | UpperKind::Shirt => stream.chance(0.25),
            _ => false,
        };
        let booted = stream.chance(wardrobe.boots);
        Self {
            stature: if feminine { 1.64 } else { 1.76 } + stream.bell() * 0.06,
            girth: (1.0 + stream.bell() * 0.11).clamp(0.82, 1.32),
            feminine,
            skin,
            hair,
            hair_colour: {
                let base = stream.weighted(&HAIRS);
                colour::dyed(base, 0.08, stream)
            },
            upper,
            upper_colour,
            second_colour,
            pattern,
            sleeve: if long_sleeve {
                stream.within((0.88, 1.0))
            } else {
                stream.within((0.25, 0.45))
            },
            hem,
            open: if open {
                stream.within((0.25, 0.55))
            } else {
                0.0
            },
            inner_colour: {
                let palette = wardrobe.upper_colours;
                let plain = stream.chance(0.45);
                if plain {
                    colour::dyed(WHITE, 0.06, stream)
                } else {
                    cloth(stream, palette)
                }
            },
            lower,
            lower_colour,
            fit: stream.unit(),
            lower_hem: match lower {
                LowerKind::Shorts => stream.within((0.29, 0.38)),
                _ => stream.within((0.24, 0.4)),
            },
            side_stripe: stream.chance(0.07).then_some(WHITE),
            shoe_colour: {
                let shoe = stream.weighted(&SHOES);
                let leather = if colour::luma(shoe) > 0.4 {
                    BROWN
                } else {
                    BLACK
                };
                let base = if booted { leather } else { shoe };
                colour::dyed(base, 0.06, stream)
            },
            sole_colour: stream.pick(&[WHITE, WHITE, BLACK, BEIGE]),
            boot: if booted {
                stream.within((0.08, 0.17))
            } else {
                0.0
            },
            bag: {
                let side = stream.sign();
                let size = stream.unit();
                let [backpack, cross, shoulder, hand] = wardrobe.bags;
                match stream.unit() {
                    u if u < backpack => Bag::Backpack(size),
                    u if u < backpack + cross => Bag::CrossBody(side),
                    u if u < backpack + cross + shoulder => Bag::Shoulder(side),
                    u if u < backpack + cross + shoulder + hand => Bag::Hand(side),
                    _ => Bag::None,
                }
            },
            bag_colour: {
                let base = stream.weighted(&BAGS);
                colour::dyed(base, 0.07, stream)
            },
            hat,
            hat_colour: cloth(stream, wardrobe.upper_colours),
            glasses: stream.chance(0.25),
            scarf: stream
                .chance(wardrobe.scarves)
                .then(|| cloth(stream, wardrobe.upper_colours)),
            weave: stream.bits(),
            block: if stream.chance(0.09) {
                stream.within((0.35, 0.7))
            } else {
                1.0
            },
            back_print: stream.chance(0.12),
            layer: match upper {
                UpperKind::Coat | UpperKind::Dress => 0.0,
                _ if stream.chance(0.2) => stream.within((0.02, 0.07)),
                _ => 0.0,
            },
            cuff: if stream.chance(0.35) {
                stream.within((0.015, 0.05))
            } else {
                0.0
            },
            ankle_colour: match stream.unit() {
                u if u < 0.5 => skin,
                u if u < 0.75 => WHITE,
                u if u < 0.9 => BLACK,
                _ => cloth(stream, wardrobe.upper_colours),
            },
            bag_trim: cloth(stream, wardrobe.upper_colours),
        }
    }
}
