//! Batches of drawn pictures and of what is told of them.

use std::collections::BTreeMap;

use anyhow::Result;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use dcac_model::image::{Augmentation, Preprocess};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::settings::{Kind, Settings};
use crate::random;
use crate::synth::{ATTRIBUTES, Drawn, Endless, attribute_values};

/// Share of the attributes that are told of a picture: no caption tells everything.
const TOLD: f64 = 0.85;
/// People of a batch whom a camera sees.
const SHARE: u64 = 4;

/// Steps from one use of a batch's drawings to the next.
const APART: u64 = 32;

/// Draws the batches of steps. A person is in one batch alone, which is shown in so many steps as
/// the settings say, each time augmented anew.
pub struct Pictures {
    people: Endless,
    /// What will be used again, by numbers of batches.
    drawn: BTreeMap<u64, Vec<Drawn>>,
    uses: u64,
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
            drawn: BTreeMap::new(),
            uses: settings.uses,
            view,
            augment,
            untold,
            people_a_step: batch / views,
            views,
            seed: settings.seed,
        })
    }

    /// The batch of a step. Quick where steps are asked for in order.
    pub fn batch(&mut self, step: u64) -> Result<Batch> {
        let (number, time) = place(step, self.uses);
        let drawn = match self.drawn.remove(&number) {
            Some(drawn) => drawn,
            None => self.draw(number)?,
        };
        let (size, values) = (self.view.len(), attribute_values());
        let mut pixels = vec![0.0; drawn.len() * size];
        let mut marks = vec![0.0; drawn.len() * values];
        let rows = pixels.par_chunks_mut(size);
        let rows = rows.zip(marks.par_chunks_mut(values));
        let rows = rows.zip(&drawn).enumerate();
        let first = step * drawn.len() as u64;
        rows.for_each(|(index, ((pixels, marks), drawn))| {
            let rng = random::stream(self.seed, "pretraining picture", first + index as u64);
            self.show(drawn, rng, pixels, marks);
        });
        if time + 1 < self.uses {
            self.drawn.insert(number, drawn);
        }
        Ok(Batch {
            pixels,
            marks,
            size: [self.view.height, self.view.width],
        })
    }

    /// The first step from this one on from which no drawing of an earlier step is shown.
    pub fn unseen(&self, step: u64) -> u64 {
        step.next_multiple_of(APART * self.uses)
    }

    /// The pictures of the batch of a number, the first of every person and then the second.
    fn draw(&self, number: u64) -> Result<Vec<Drawn>> {
        let places = 0..self.people_a_step * self.views;
        let picture = |place: usize| {
            let person = number * self.people_a_step as u64 + (place % self.people_a_step) as u64;
            let picture = (place / self.people_a_step) as u32;
            let camera = camera(person, picture, self.people_a_step as u64);
            self.people.draw(person, picture, camera)
        };
        places.into_par_iter().map(picture).collect()
    }

    /// Shows a drawing as the random numbers say.
    fn show(&self, drawn: &Drawn, mut rng: ChaCha8Rng, pixels: &mut [f32], marks: &mut [f32]) {
        match &self.augment {
            Some(augment) => {
                (augment.sample(&self.view, &mut rng)).apply(&self.view, &drawn.pixels, pixels);
            }
            None => self.view.apply(&drawn.pixels, pixels),
        }
        let told = match rng.random_bool(self.untold) {
            true => 0.0,
            false => TOLD,
        };
        let mut first = 0;
        for (attribute, value) in ATTRIBUTES.iter().zip(drawn.attributes) {
            if rng.random_bool(told) {
                marks[first + value] = 1.0;
            }
            first += attribute.values;
        }
    }
}

/// The batch that a step shows, and how many steps have shown it before.
fn place(step: u64, uses: u64) -> (u64, u64) {
    let (round, within) = (step / (APART * uses), step % (APART * uses));
    (round * APART + within % APART, within / APART)
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
    use dcac_model::image::Resampling;

    use super::*;

    #[test]
    fn batches_are_shown_so_often() {
        for uses in [1, 3] {
            let mut times = BTreeMap::new();
            for step in 0..4 * APART * uses {
                let (number, time) = place(step, uses);
                let before = times.entry(number).or_insert(0);
                assert_eq!(time, *before, "step {step}");
                *before += 1;
            }
            assert_eq!(times.len() as u64, 4 * APART);
            assert!(times.values().all(|&times| times == uses));
        }
        assert_eq!([place(7, 1), place(40, 2)], [(7, 0), (8, 1)]);
    }

    #[test]
    fn a_batch_is_the_same_whenever_it_is_asked_for() -> Result<()> {
        let settings = Settings {
            kind: Kind::Vision,
            domains: vec!["plaza".to_string()],
            seed: 1,
            uses: 2,
            courses: Vec::new(),
        };
        let view = Preprocess {
            height: 16,
            width: 8,
            resize: Resampling::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        };
        let augment = || Some(Augmentation::default());
        let pictures = || Pictures::new(&settings, 4, view.clone(), augment(), 0.0);
        let mut in_order = pictures()?;
        let batches: Vec<Batch> = (0..=APART)
            .map(|step| in_order.batch(step))
            .collect::<Result<_>>()?;
        let [first, .., again] = &batches[..] else {
            unreachable!("more than two")
        };
        assert_ne!(first.pixels, again.pixels, "augmented anew");
        assert_eq!(pictures()?.batch(APART)?.pixels, again.pixels);
        assert_eq!(in_order.drawn.len() as u64, APART - 1);
        Ok(())
    }

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
