//! Convolutions before the patches are cut.

use super::kernel::{Kernel, ROWS};
use super::maths::{Norm, deviation};
use super::memory::filled;
use super::product::{Linear, Packed, Target, Wide, whole};
use crate::clip::VitConfig;
use crate::weights::WeightsError;
use crate::weights::file::File;

/// Side of a convolution's kernel.
const SIDE: usize = 3;
/// Places of a convolution's kernel.
const TAPS: usize = SIDE * SIDE;

/// All convolutions with their norms. Maps are `[channels, height, width]`.
pub(super) struct Stem {
    stages: Vec<Stage>,
}

/// What one image is computed in.
pub(super) struct Space {
    padded: Vec<f32>,
    rows: Packed,
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
}

/// What a norm's results are raised to at least.
const RELU: f32 = 0.0;
const AS_IT_IS: f32 = f32::NEG_INFINITY;

impl Stem {
    /// A tower's, of which there may be none.
    pub(super) fn load(file: &mut File, vit: &VitConfig) -> Result<Self, WeightsError> {
        let mut takes = [3, vit.height, vit.width];
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
        }
        Ok(Self { stages })
    }

    /// Space for one image after another, and for what comes out of so many `together`.
    pub(super) fn space(&self, together: usize) -> Result<Space, WeightsError> {
        let layers = || self.stages.iter().flat_map(Stage::layers);
        let size = |layer: &Layer| layer.makes().iter().product::<usize>();
        let map = layers().map(size).max().unwrap_or(0);
        let product = layers().map(|layer| layer.places() * whole(layer.makes()[0]));
        let rows: Vec<_> = layers()
            .map(|layer| (layer.places(), layer.depth()))
            .collect();
        let out = (self.stages.last()).map_or(0, |stage| size(&stage.layer));
        let padded = |[channels, height, width]: [usize; 3]| channels * (height + 2) * (width + 2);
        let padded = layers().map(|layer| padded(layer.takes)).max();
        Ok(Space {
            padded: filled(0.0, [1, padded.unwrap_or(0)])?,
            rows: Packed::for_any(&rows)?,
            product: filled(0.0, [1, product.max().unwrap_or(0)])?,
            maps: [filled(0.0, [1, map])?, filled(0.0, [1, map])?],
            out: filled(0.0, [together, out])?,
        })
    }

    /// Memory that the weights take.
    pub(super) fn bytes(&self) -> usize {
        let stage = |stage: &Stage| {
            let layers: usize = stage.layers().map(Layer::bytes).sum();
            layers + (stage.residual.as_ref()).map_or(0, |residual| residual.norm.bytes())
        };
        self.stages.iter().map(stage).sum()
    }

    /// What patches are cut of, given the pixels of images: these themselves if there is no stage.
    pub(super) fn run<'a>(
        &self,
        kernel: Kernel,
        pixels: &'a [f32],
        at: &'a mut Space,
        wide: &mut Wide,
    ) -> &'a [f32] {
        let Some(first) = self.stages.first() else {
            return pixels;
        };
        let image: usize = first.layer.takes.iter().product();
        at.out.clear();
        for pixels in pixels.chunks(image) {
            let [mut source, mut target] = at.maps.each_mut();
            let mut with = Convolving {
                kernel,
                padded: &mut at.padded,
                rows: &mut at.rows,
                product: &mut at.product,
                wide,
            };
            let mut made = 0;
            for (i, Stage { layer, residual }) in self.stages.iter().enumerate() {
                made = layer.makes().iter().product();
                let map = if i == 0 { pixels } else { source.as_slice() };
                layer.run(map, &mut target[..made], &mut with);
                std::mem::swap(&mut source, &mut target);
                if let Some(residual) = residual {
                    let (x, h) = (&source[..made], &mut target[..made]);
                    residual.run(x, h, &mut with);
                    std::mem::swap(&mut source, &mut target);
                }
            }
            at.out.extend_from_slice(&source[..made]);
        }
        &at.out
    }
}

/// What a convolution is computed with and in.
struct Convolving<'a> {
    kernel: Kernel,
    padded: &'a mut [f32],
    rows: &'a mut Packed,
    product: &'a mut [f32],
    wide: &'a mut Wide,
}

impl Stage {
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        let residual = self.residual.iter().flat_map(|residual| &residual.layers);
        std::iter::once(&self.layer).chain(residual)
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
    fn run(&self, x: &[f32], h: &mut [f32], with: &mut Convolving) {
        let [first, second] = &self.layers;
        first.run(x, h, with);
        second.convolve(h, with);
        second.activate(with.product, h, AS_IT_IS);
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
        let shape = [channels, takes[0], SIDE, SIDE];
        let weights = file.take(&format!("{conv}.weight"), &shape);
        Ok(Self {
            convolution: Linear::pack(weights, &[], takes[0] * TAPS, 0..channels)?,
            norm: file.norm(bn, channels),
            groups,
            takes,
            stride,
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

    /// Places of a map that it makes.
    fn places(&self) -> usize {
        let [_, height, width] = self.makes();
        height * width
    }

    /// Numbers that a place is made of.
    fn depth(&self) -> usize {
        self.takes[0] * TAPS
    }

    /// Writes convolution, norm and ReLU of `map` to `target`.
    fn run(&self, map: &[f32], target: &mut [f32], with: &mut Convolving) {
        self.convolve(map, with);
        self.activate(with.product, target, RELU);
    }

    /// Computes the convolution of `map`, place by place.
    fn convolve(&self, map: &[f32], with: &mut Convolving) {
        let [channels, height, width] = self.takes;
        let [_, _, across] = self.makes();
        // Zeros around every channel, so that all places find the same neighbours.
        let (line, plane) = (width + 2, (height + 2) * (width + 2));
        let padded = &mut with.padded[..channels * plane];
        padded.fill(0.0);
        for (plane, map) in padded.chunks_mut(plane).zip(map.chunks(height * width)) {
            for (padded, row) in plane[line..].chunks_mut(line).zip(map.chunks(width)) {
                padded[1..=width].copy_from_slice(row);
            }
        }
        let (places, stride) = (self.places(), self.stride);
        with.rows.fill_panels(places, self.depth(), |first, panel| {
            let corners: [usize; ROWS] = std::array::from_fn(|i| {
                let place = (first + i).min(places - 1);
                place / across * stride * line + place % across * stride
            });
            let neighbours = (1..ROWS).all(|i| corners[i] == corners[0] + i);
            let planes = padded.chunks(plane);
            for (taps, plane) in (panel.as_chunks_mut::<TAPS>().0.iter_mut()).zip(planes) {
                for (tap, entry) in taps.iter_mut().enumerate() {
                    let tap = tap / SIDE * line + tap % SIDE;
                    let four = plane[corners[0] + tap..].first_chunk();
                    *entry = match four.filter(|_| neighbours) {
                        Some(four) => *four,
                        None => corners.map(|corner| plane[corner + tap]),
                    };
                }
            }
        });
        let target = Target {
            values: with.product,
            width: whole(self.convolution.outputs()),
        };
        (self.convolution).write(with.kernel, with.rows, target, with.wide);
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
