//! Shear.

use super::Pixels;

/// An image whose lowest row goes aside and whose last column goes down by these shares of half its
/// width and height, the first ones the other way: bilinear, edges repeat (torch's `affine_grid`
/// and `grid_sample` with `padding_mode="border"`).
pub(super) fn sheared(image: &Pixels, [aside, down]: [f32; 2]) -> Pixels {
    let (width, height) = (image.width(), image.height());
    // From -1 to 1 over the edges of the first and the last pixel.
    let place = |at: usize, size: usize| (2 * at + 1) as f32 / size as f32 - 1.0;
    // The pixels to both sides and the share of the second one.
    let between = |at: f32, size: usize| {
        let at = at.clamp(0.0, (size - 1) as f32);
        let first = at as usize;
        (first, (first + 1).min(size - 1), at.fract())
    };
    let mut data = Vec::with_capacity(image.data().len());
    for y in 0..height {
        for x in 0..width {
            // What lands here comes from the opposite side.
            let from_x = x as f32 - aside * place(y, height) * width as f32 / 2.0;
            let from_y = y as f32 - down * place(x, width) * height as f32 / 2.0;
            let ((left, right, across), (upper, lower, below)) =
                (between(from_x, width), between(from_y, height));
            for channel in 0..3 {
                let at = |x, y| f32::from(image.data()[3 * (y * width + x) + channel]);
                let row = |y| at(left, y) * (1.0 - across) + at(right, y) * across;
                let value = row(upper) * (1.0 - below) + row(lower) * below;
                data.push((value + 0.5) as u8);
            }
        }
    }
    Pixels::from_parts(width, height, data)
}
