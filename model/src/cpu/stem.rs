//! Convolutions before the patches are cut.

use super::kernel::Kernel;
use super::maths::{Norm, deviation};
use super::memory::filled;
use super::product::{Linear, Packed, Target, Wide, whole};
use super::read::File;
use crate::clip::VitConfig;
use crate::weights::WeightsError;

/// Side of a convolution's kernel.
const SIDE: usize = 3;

/// All convolutions with their norms, and what one image is computed in. Maps are `[channels,
/// height, width]`.
pub(super) struct Stem {
    layers: Vec<Layer>,
    product: Vec<f32>,
    maps: [Vec<f32>; 2],
    /// What comes out, of images that are computed together.
    out: Vec<f32>,
}

/// A convolution of stride 2, a norm in groups of channels, ReLU.
struct Layer {
    convolution: Linear,
    norm: Norm,
    groups: usize,
    /// Channels, height and width of what it takes.
    takes: [usize; 3],
    rows: Packed,
}

impl Stem {
    /// A tower's, of which there may be none, for so many images `together`.
    pub(super) fn load(
        file: &mut File,
        vit: &VitConfig,
        together: usize,
    ) -> Result<Self, WeightsError> {
        let mut takes = [3, vit.height, vit.width];
        let (mut product, mut map) = (0, 0);
        let mut layers = Vec::new();
        for (i, &channels) in vit.stem.iter().enumerate() {
            let name = format!("patch_embed.backbone.{i}");
            let [before, height, width] = takes;
            let (depth, places) = (before * SIDE * SIDE, height / 2 * (width / 2));
            let weights = format!("{name}.conv.weight");
            let weights = file.take(&weights, &[channels, before, SIDE, SIDE]);
            layers.push(Layer {
                convolution: Linear::pack(weights, &[], depth, 0..channels)?,
                norm: file.norm(&format!("{name}.bn"), channels),
                groups: vit.stem_groups(i),
                takes,
                rows: Packed::with_space(places, depth)?,
            });
            takes = [channels, height / 2, width / 2];
            product = product.max(places * whole(channels));
            map = map.max(places * channels);
        }
        let out = match layers.len() {
            0 => 0,
            _ => takes.iter().product(),
        };
        Ok(Self {
            layers,
            out: filled(0.0, [together, out])?,
            product: filled(0.0, [1, product])?,
            maps: [filled(0.0, [1, map])?, filled(0.0, [1, map])?],
        })
    }

    /// Memory that the weights take.
    pub(super) fn bytes(&self) -> usize {
        let of = |layer: &Layer| layer.convolution.bytes() + layer.norm.bytes();
        self.layers.iter().map(of).sum()
    }

    /// What patches are cut of, given the pixels of images: these themselves if there is no layer.
    pub(super) fn run<'a>(
        &'a mut self,
        kernel: Kernel,
        pixels: &'a [f32],
        wide: &mut Wide,
    ) -> &'a [f32] {
        let Some(first) = self.layers.first() else {
            return pixels;
        };
        let image: usize = first.takes.iter().product();
        self.out.clear();
        for pixels in pixels.chunks(image) {
            let [mut source, mut target] = self.maps.each_mut();
            let mut made = 0;
            for (i, layer) in self.layers.iter_mut().enumerate() {
                let map = if i == 0 { pixels } else { source.as_slice() };
                layer.convolve(kernel, map, &mut self.product, wide);
                made = layer.activate(&self.product, target);
                std::mem::swap(&mut source, &mut target);
            }
            self.out.extend_from_slice(&source[..made]);
        }
        &self.out
    }
}

impl Layer {
    /// Writes the convolution of `map` to `product`, place by place.
    fn convolve(&mut self, kernel: Kernel, map: &[f32], product: &mut [f32], wide: &mut Wide) {
        let [channels, height, width] = self.takes;
        let across = width / 2;
        let depth = channels * SIDE * SIDE;
        self.rows.fill(height / 2 * across, depth, |place, row| {
            // The kernel's first row and column; -1 is the padding, and there is none at the end,
            // where sizes are even.
            let (top, left) = (place / across * 2, place % across * 2);
            for (i, out) in row.as_chunks_mut::<SIDE>().0.iter_mut().enumerate() {
                let (channel, dy) = (i / SIDE, i % SIDE);
                *out = match (top + dy).checked_sub(1) {
                    None => [0.0; SIDE],
                    Some(y) => {
                        let line = &map[(channel * height + y) * width..][..width];
                        std::array::from_fn(|dx| {
                            (left + dx).checked_sub(1).map_or(0.0, |x| line[x])
                        })
                    }
                };
            }
        });
        let target = Target {
            values: product,
            width: whole(self.convolution.outputs()),
        };
        self.convolution.write(kernel, &self.rows, target, wide);
    }

    /// Writes norm and ReLU of `product` to `map`; returns how many numbers.
    fn activate(&self, product: &[f32], map: &mut [f32]) -> usize {
        let [_, height, width] = self.takes;
        let (channels, places) = (self.convolution.outputs(), height / 2 * (width / 2));
        let stride = whole(channels);
        for (channel, plane) in map.chunks_mut(places).take(channels).enumerate() {
            for (value, row) in plane.iter_mut().zip(product.chunks(stride)) {
                *value = row[channel];
            }
        }
        let together = channels / self.groups;
        for (group, planes) in (map[..channels * places].chunks_mut(together * places)).enumerate()
        {
            let (mean, inverse) = deviation(planes);
            for (i, plane) in planes.chunks_mut(places).enumerate() {
                let channel = group * together + i;
                let scale = inverse * self.norm.weight[channel];
                let shift = self.norm.bias[channel] - mean * scale;
                for value in plane {
                    let normed = *value * scale + shift;
                    *value = if normed > 0.0 { normed } else { 0.0 };
                }
            }
        }
        channels * places
    }
}
