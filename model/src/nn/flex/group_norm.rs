//! Group normalisation and its gradients, one image to a thread.

use rayon::prelude::*;

use super::differentiate::Operation;
use super::vectors::{dot, sigmoid, sum, widely};
use crate::nn::Activation;

/// Sizes of a group norm.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupNorm {
    pub(super) groups: usize,
    /// Channels of a group.
    pub(super) channels: usize,
    /// Height and width of a channel.
    pub(super) size: [usize; 2],
    pub(super) epsilon: f32,
    /// What follows it.
    pub(super) activation: Activation,
}

/// Mean and inverse deviation of every group of every image.
type Statistics = Vec<[f32; 2]>;

impl Operation<1> for GroupNorm {
    type Kept = Statistics;

    fn shape(&self, images: usize) -> [usize; 4] {
        let [height, width] = self.size;
        [images, self.groups * self.channels, height, width]
    }

    /// The bias is the shift.
    fn forward(&self, x: &[f32], scale: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, Statistics) {
        let shift = bias.unwrap_or_default();
        let area = self.size[0] * self.size[1];
        let group = self.channels * area;
        let mut out = vec![0.0; x.len()];
        let groups = out.par_chunks_mut(group).zip(x.par_chunks(group));
        let statistics = groups.enumerate().map(|(index, (out, x))| {
            widely(
                #[inline(always)]
                || {
                    let count = group as f32;
                    let mean = sum(x, |value| value) / count;
                    let variance = sum(x, |value| (value - mean) * (value - mean)) / count;
                    let inverse = (variance + self.epsilon).sqrt().recip();
                    let channels = out.chunks_mut(area).zip(x.chunks(area));
                    for (channel, (out, x)) in self.of_group(index).zip(channels) {
                        let (scale, shift) = (scale[channel], shift[channel]);
                        let values = out.iter_mut().zip(x);
                        let normal = |x: f32| (x - mean) * inverse * scale + shift;
                        match self.activation {
                            Activation::None => values.for_each(|(out, &x)| *out = normal(x)),
                            Activation::Relu => {
                                values.for_each(|(out, &x)| *out = normal(x).max(0.0));
                            }
                            Activation::Silu => values.for_each(|(out, &x)| {
                                let y = normal(x);
                                *out = y * sigmoid(y);
                            }),
                        }
                    }
                    [mean, inverse]
                },
            )
        });
        let statistics = statistics.collect();
        (out, statistics)
    }

    fn backward(
        &self,
        [x, scale, shift]: [&[f32]; 3],
        statistics: &Statistics,
        grad: &[f32],
        _wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let area = self.size[0] * self.size[1];
        let group = self.channels * area;
        let mut out = vec![0.0; x.len()];
        let rows = x.len() / group * self.channels;
        let mut sums = vec![[0.0; 2]; rows];
        let groups = (
            out.par_chunks_mut(group),
            sums.par_chunks_mut(self.channels),
        );
        let groups = groups.into_par_iter().zip(statistics).enumerate();
        groups.for_each(|(index, ((out, sums), &[mean, inverse]))| {
            let of = index * group..(index + 1) * group;
            let (x, grad) = (&x[of.clone()], &grad[of]);
            widely(
                #[inline(always)]
                || {
                    // The gradient before the activation, kept where the result will be.
                    let mut totals = [0.0; 2];
                    let channels = out.chunks_mut(area).zip(x.chunks(area));
                    let channels = channels.zip(grad.chunks(area)).zip(sums.iter_mut());
                    for (channel, (((out, x), grad), sums)) in self.of_group(index).zip(channels) {
                        let (scale, shift) = (scale[channel], shift[channel]);
                        let normal = |x: f32| (x - mean) * inverse;
                        let values = out.iter_mut().zip(x).zip(grad);
                        match self.activation {
                            Activation::None => values.for_each(|((out, _), &grad)| *out = grad),
                            Activation::Relu => values.for_each(|((out, &x), &grad)| {
                                let passed = normal(x) * scale + shift > 0.0;
                                *out = if passed { grad } else { 0.0 };
                            }),
                            Activation::Silu => values.for_each(|((out, &x), &grad)| {
                                let y = normal(x) * scale + shift;
                                let open = sigmoid(y);
                                *out = grad * open * (1.0 + y * (1.0 - open));
                            }),
                        }
                        *sums = [dot(out, x, |_| 1.0), dot(out, x, normal)];
                        totals[0] += sums[0] * scale;
                        totals[1] += sums[1] * scale;
                    }
                    let [constant, along] = totals.map(|total| total / group as f32);
                    let channels = out.chunks_mut(area).zip(x.chunks(area));
                    for (channel, (out, x)) in self.of_group(index).zip(channels) {
                        let scale = scale[channel];
                        (out.iter_mut().zip(x)).for_each(|(out, &x)| {
                            let normal = (x - mean) * inverse;
                            *out = inverse * (*out * scale - constant - normal * along);
                        });
                    }
                },
            );
        });
        let channels = self.groups * self.channels;
        let total = |which: usize| {
            let mut total = vec![0.0; channels];
            for image in sums.chunks(channels) {
                (total.iter_mut().zip(image)).for_each(|(total, sums)| *total += sums[which]);
            }
            total
        };
        let [shift, scale] = [total(0), total(1)];
        [out, scale, shift].map(Some)
    }
}

impl GroupNorm {
    /// Channels of a group, counted through all images' groups.
    fn of_group(&self, index: usize) -> std::ops::Range<usize> {
        let first = index % self.groups * self.channels;
        first..first + self.channels
    }
}
