//! Batches of drawn pictures and of what is told of them.

use anyhow::Result;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use dcac_model::image::{Augmentation, Preprocess};
use rand::Rng;
use rayon::prelude::*;

use super::settings::{Kind, Settings};
use crate::random;
use crate::synth::{ATTRIBUTES, Endless, attribute_values};

/// Share of the attributes that are told of a picture: no caption tells everything.
const TOLD: f64 = 0.85;
/// People of a batch whom a camera sees.
const SHARE: u64 = 4;

/// Draws the batches of steps, each person in one of them.
pub struct Pictures {
    people: Endless,
    view: Preprocess,
    augment: Option<Augmentation>,
    /// Share of the pictures of which nothing is told.
    untold: f64,
    /// People of a batch.
    people_a_step: usize,
    /// Pictures of each.
    views: usize,
    seed: u64,
}

/// One batch of B pictures: the first of every person, then the second of every person, ...
pub struct Batch {
    pixels: Vec<f32>,
    marks: Vec<f32>,
    /// `[height, width]`.
    size: [usize; 2],
}

impl Pictures {
    /// Pictures as `view` and the augmentation show them.
    pub fn new(
        settings: &Settings,
        batch: usize,
        view: Preprocess,
        augment: Option<Augmentation>,
        untold: f64,
    ) -> Result<Self> {
        let views = settings.kind.views();
        let people = Endless::new(&settings.domains, settings.seed)?;
        Ok(Self {
            // Who is told from others learns less from a pair in the same colours than from two
            // strangers: what is left to tell them apart is finer than what drawings are good for.
            people: match settings.kind {
                Kind::Vision => people.without_doubles(),
                Kind::Diffusion => people,
            },
            view,
            augment,
            untold,
            people_a_step: batch / views,
            views,
            seed: settings.seed,
        })
    }

    /// The batch of a step.
    pub fn batch(&self, step: u64) -> Result<Batch> {
        let (size, values) = (self.view.len(), attribute_values());
        let count = self.people_a_step * self.views;
        let mut pixels = vec![0.0; count * size];
        let mut marks = vec![0.0; count * values];
        let rows = pixels.par_chunks_mut(size);
        let rows = rows.zip(marks.par_chunks_mut(values)).enumerate();
        rows.try_for_each(|(place, (pixels, marks))| {
            let of = place % self.people_a_step;
            let person = step * self.people_a_step as u64 + of as u64;
            self.picture(person, (place / self.people_a_step) as u32, pixels, marks)
        })?;
        Ok(Batch {
            pixels,
            marks,
            size: [self.view.height, self.view.width],
        })
    }

    fn picture(
        &self,
        person: u64,
        picture: u32,
        pixels: &mut [f32],
        marks: &mut [f32],
    ) -> Result<()> {
        let camera = camera(person, picture, self.people_a_step as u64);
        let drawn = self.people.draw(person, picture, camera)?;
        let number = person * self.views as u64 + u64::from(picture);
        let mut rng = random::stream(self.seed, "pretraining picture", number);
        match &self.augment {
            Some(augment) => {
                (augment.sample(&self.view, &mut rng)).apply(&self.view, &drawn.pixels, pixels)
            }
            None => self.view.apply(&drawn.pixels, pixels),
        }
        let told = if rng.random_bool(self.untold) {
            0.0
        } else {
            TOLD
        };
        let mut first = 0;
        for (attribute, value) in ATTRIBUTES.iter().zip(drawn.attributes) {
            if rng.random_bool(told) {
                marks[first + value] = 1.0;
            }
            first += attribute.values;
        }
        Ok(())
    }
}

/// The camera of a person's first or second picture in a batch of so many `people`. Some share one,
/// so that the place does not tell people apart; of 16 or more, those who share one for the first
/// picture do not share one for the second.
fn camera(person: u64, picture: u32, people: u64) -> u64 {
    let cameras = people.div_ceil(SHARE);
    let (step, of) = (person / people, person % people);
    let (view, own) = match picture {
        0 => (0, of % cameras),
        _ => (1, of / SHARE),
    };
    (2 * step + view) * cameras + own
}

impl Batch {
    /// `[B, 3, height, width]`.
    pub fn pixels<B: Backend>(&self, device: &B::Device) -> Tensor<B, 4> {
        let [height, width] = self.size;
        let count = self.pixels.len() / (3 * height * width);
        let shape = [count, 3, height, width];
        Tensor::from_data(TensorData::new(self.pixels.clone(), shape), device)
    }

    /// Marks of the attributes that are told, `[B, values]`.
    pub fn marks<B: Backend>(&self, device: &B::Device) -> Tensor<B, 2> {
        let values = attribute_values();
        let shape = [self.marks.len() / values, values];
        Tensor::from_data(TensorData::new(self.marks.clone(), shape), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_shared_but_not_twice() {
        let people = 48;
        let all: Vec<[u64; 2]> = (0..3 * people)
            .map(|person| [0, 1].map(|picture| camera(person, picture, people)))
            .collect();
        for (person, [first, second]) in all.iter().enumerate() {
            let of = |picture: usize, camera: &u64| {
                all.iter().filter(|own| own[picture] == *camera).count() as u64
            };
            assert_eq!([of(0, first), of(1, second)], [SHARE; 2], "person {person}");
            assert_eq!([of(1, first), of(0, second)], [0; 2], "person {person}");
            let both = all.iter().filter(|own| **own == [*first, *second]);
            assert_eq!(both.count(), 1, "person {person}");
        }
    }
}
