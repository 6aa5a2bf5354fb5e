//! The contact sheet: people in rows, cameras in columns.

use anyhow::{Context, Result};
use image::RgbImage;

use super::picture::{Boxing, HEIGHT, Shot, Studio, WIDTH};

/// Rows of the sheet.
const PEOPLE: usize = 12;
/// White pixels between crops.
const GAP: u32 = 2;

/// Shows the first people of a run as each camera sees them, before compression.
pub fn contact_sheet(studio: &Studio, ids: usize) -> Result<RgbImage> {
    let (people, cameras) = (PEOPLE.min(ids) as u32, studio.cameras());
    let size = (cameras * (WIDTH + GAP) - GAP, people * (HEIGHT + GAP) - GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, image::Rgb([255; 3]));
    for row in 0..people {
        let number = u64::from(row) + 1;
        let identity = studio.identity(number);
        for camera in 0..cameras {
            let shot = Shot {
                identity: number,
                camera,
                sequence: 0,
                frame: 0,
                boxing: Boxing::Usual,
                shared: None,
            };
            let pixels = studio.shoot(&identity, shot)?;
            let crop =
                RgbImage::from_raw(WIDTH, HEIGHT, pixels).context("a crop has the wrong size")?;
            let (x, y) = (camera * (WIDTH + GAP), row * (HEIGHT + GAP));
            image::imageops::replace(&mut sheet, &crop, i64::from(x), i64::from(y));
        }
    }
    Ok(sheet)
}
