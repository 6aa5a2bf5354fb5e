//! Convolutions before the patches are cut.

use super::kernel::Kernel;
use super::maths::{Norm, deviation};
use super::memory::filled;
use super::product::{Linear, Packed, Target, Wide, whole};
use crate::clip::VitConfig;
use crate::weights::WeightsError;
use crate::weights::file::File;

/// Side of a convolution's kernel.
const SIDE: usize = 3;

/// All convolutions with their norms, and what one image is computed in. Maps are `[channels,
/// height, width]`.
pub(super) struct Stem {
    stages: Vec<Stage>,
    product: Vec<f32>,
    maps: [Vec<f32>; 2],
    /// What comes out, of images that are computed together.
    out: Vec<f32>,
}

/// A convolution of stride 2, and what may follow it.
struct Stage {
    layer: Layer,
    residual: Option<Residual>,
}

/// Two convolutions that are added to what they take, and a norm of each channel by itself.
struct Residual {
    layers: [Layer; 2],
    norm: Norm,
}

/// A convolution and a norm in groups of channels.
struct Layer {
    convolution: Linear,
    norm: Norm,
    groups: usize,
    /// Channels, height and width of what it takes.
    takes: [usize; 3],
    stride: usize,
    rows: Packed,
}

/// What a norm's results are raised to at least.
const RELU: f32 = 0.0;
const AS_IT_IS: f32 = f32::NEG_INFINITY;

impl Stem {
    /// A tower's, of which there may be none, for so many images `together`.
    pub(super) fn load(
        file: &mut File,
        vit: &VitConfig,
        together: usize,
    ) -> Result<Self, WeightsError> {
        let mut takes = [3, vit.height, vit.width];
        let (mut product, mut map) = (0, 0);
        let mut stages = Vec::new();
        for (i, &channels) in vit.stem.iter().enumerate() {
            let name = format!("patch_embed.backbone.{i}");
            let groups = vit.stem_groups(i);
            let [conv, bn] = ["conv", "bn"].map(|part| format!("{name}.{part}"));
            let layer = Layer::load(file, [&conv, &bn], takes, (channels, groups), 2)?;
            takes = layer.makes();
            let residual = (vit.has_residual(i))
                .then(|| Residual::load(file, &format!("{name}.residual"), takes, groups))
                .transpose()?;
            stages.push(Stage { layer, residual });
            let places = takes[1] * takes[2];
            product = product.max(places * whole(channels));
            map = map.max(places * channels);
        }
        let out = match stages.len() {
            0 => 0,
            _ => takes.iter().product(),
        };
        Ok(Self {
            stages,
            out: filled(0.0, [together, out])?,
            product: filled(0.0, [1, product])?,
            maps: [filled(0.0, [1, map])?, filled(0.0, [1, map])?],
        })
    }

    /// Memory that the weights take.
    pub(super) fn bytes(&self) -> usize {
        let residual = |residual: &Residual| {
            let layers: usize = residual.layers.iter().map(Layer::bytes).sum();
            layers + residual.norm.bytes()
        };
        let stage =
            |stage: &Stage| stage.layer.bytes() + stage.residual.as_ref().map_or(0, residual);
        self.stages.iter().map(stage).sum()
    }

    /// What patches are cut of, given the pixels of images: these themselves if there is no stage.
    pub(super) fn run<'a>(
        &'a mut self,
        kernel: Kernel,
        pixels: &'a [f32],
        wide: &mut Wide,
    ) -> &'a [f32] {
        let Some(first) = self.stages.first() else {
            return pixels;
        };
        let image: usize = first.layer.takes.iter().product();
        let product = &mut self.product;
        self.out.clear();
        for pixels in pixels.chunks(image) {
            let [mut source, mut target] = self.maps.each_mut();
            let mut made = 0;
            for (i, Stage { layer, residual }) in self.stages.iter_mut().enumerate() {
                made = layer.makes().iter().product();
                let map = if i == 0 { pixels } else { source.as_slice() };
                layer.run(kernel, map, &mut target[..made], (product, wide));
                std::mem::swap(&mut source, &mut target);
                if let Some(residual) = residual {
                    let (x, h) = (&source[..made], &mut target[..made]);
                    residual.run(kernel, x, h, (product, wide));
                    std::mem::swap(&mut source, &mut target);
                }
            }
            self.out.extend_from_slice(&source[..made]);
        }
        &self.out
    }
}

impl Residual {
    fn load(
        file: &mut File,
        name: &str,
        map: [usize; 3],
        groups: usize,
    ) -> Result<Self, WeightsError> {
        let channels = map[0];
        let mut layer = |i| {
            let [conv, bn] = ["conv", "bn"].map(|part| format!("{name}.{part}{i}"));
            Layer::load(file, [&conv, &bn], map, (channels, groups), 1)
        };
        Ok(Self {
            layers: [layer(1)?, layer(2)?],
            norm: file.norm(&format!("{name}.norm"), channels),
        })
    }

    /// Writes what it makes of `x` to `h`.
    fn run(
        &mut self,
        kernel: Kernel,
        x: &[f32],
        h: &mut [f32],
        (product, wide): (&mut [f32], &mut Wide),
    ) {
        let [first, second] = &mut self.layers;
        first.run(kernel, x, h, (product, wide));
        second.convolve(kernel, h, product, wide);
        second.activate(product, h, AS_IT_IS);
        for (h, x) in h.iter_mut().zip(x) {
            *h += x;
        }
        let [channels, height, width] = second.takes;
        normalise(h, &self.norm, channels, height * width, RELU);
    }
}

impl Layer {
    fn load(
        file: &mut File,
        [conv, bn]: [&str; 2],
        takes: [usize; 3],
        (channels, groups): (usize, usize),
        stride: usize,
    ) -> Result<Self, WeightsError> {
        let [before, height, width] = takes;
        let (depth, places) = (before * SIDE * SIDE, height / stride * (width / stride));
        let weights = file.take(&format!("{conv}.weight"), &[channels, before, SIDE, SIDE]);
        Ok(Self {
            convolution: Linear::pack(weights, &[], depth, 0..channels)?,
            norm: file.norm(bn, channels),
            groups,
            takes,
            stride,
            rows: Packed::with_space(places, depth)?,
        })
    }

    fn bytes(&self) -> usize {
        self.convolution.bytes() + self.norm.bytes()
    }

    /// Channels, height and width of what it makes.
    fn makes(&self) -> [usize; 3] {
        let [_, height, width] = self.takes;
        let channels = self.convolution.outputs();
        [channels, height / self.stride, width / self.stride]
    }

    /// Writes convolution, norm and ReLU of `map` to `target`.
    fn run(
        &mut self,
        kernel: Kernel,
        map: &[f32],
        target: &mut [f32],
        (product, wide): (&mut [f32], &mut Wide),
    ) {
        self.convolve(kernel, map, product, wide);
        self.activate(product, target, RELU);
    }

    /// Writes the convolution of `map` to `product`, place by place.
    fn convolve(&mut self, kernel: Kernel, map: &[f32], product: &mut [f32], wide: &mut Wide) {
        let [channels, height, width] = self.takes;
        let [_, down, across] = self.makes();
        let (depth, stride) = (channels * SIDE * SIDE, self.stride);
        self.rows.fill(down * across, depth, |place, row| {
            // The place before the kernel's first row and column: the padding begins there.
            let (top, left) = (place / across * stride, place % across * stride);
            for (i, out) in row.as_chunks_mut::<SIDE>().0.iter_mut().enumerate() {
                let (channel, dy) = (i / SIDE, i % SIDE);
                *out = match (top + dy).checked_sub(1).filter(|&y| y < height) {
                    None => [0.0; SIDE],
                    Some(y) => {
                        let line = &map[(channel * height + y) * width..][..width];
                        let at = |x: usize| line.get(x).copied();
                        std::array::from_fn(|dx| {
                            (left + dx).checked_sub(1).and_then(at).unwrap_or(0.0)
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

    /// Writes the norm of `product` to `map`, raised to `floor` at least.
    fn activate(&self, product: &[f32], map: &mut [f32], floor: f32) {
        let [channels, height, width] = self.makes();
        let (places, stride) = (height * width, whole(channels));
        for (channel, plane) in map.chunks_mut(places).enumerate() {
            for (value, row) in plane.iter_mut().zip(product.chunks(stride)) {
                *value = row[channel];
            }
        }
        normalise(map, &self.norm, self.groups, places, floor);
    }
}

/// Normalises a map of so many `places` in groups of channels, and raises it to `floor` at least.
fn normalise(map: &mut [f32], norm: &Norm, groups: usize, places: usize, floor: f32) {
    let together = map.len() / places / groups;
    for (group, planes) in map.chunks_mut(together * places).enumerate() {
        let (mean, inverse) = deviation(planes);
        for (i, plane) in planes.chunks_mut(places).enumerate() {
            let channel = group * together + i;
            let scale = inverse * norm.weight[channel];
            let shift = norm.bias[channel] - mean * scale;
            for value in plane {
                let normed = *value * scale + shift;
                *value = if normed > floor { normed } else { floor };
            }
        }
    }
}
