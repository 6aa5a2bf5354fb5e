//! People without end, their pictures, and what words would say of these.

use anyhow::{Result, bail};
use dcac_model::image::{Pixels, decode};
use rand::Rng;

use super::attributes::ATTRIBUTES;
use super::picture::{Boxing, Shot, Studio};
use super::{Domain, domains};
use crate::random;

/// Cameras of each domain: far more than a data set has.
const CAMERAS: usize = 64;

/// All people that could ever walk through some domains.
pub struct Endless {
    studios: Vec<Studio>,
    /// Numbers from one person of a domain to the next.
    spacing: u64,
}

/// A picture.
pub struct Drawn {
    /// As its camera has stored it.
    pub pixels: Pixels,
    /// The value of every attribute.
    pub attributes: [usize; ATTRIBUTES.len()],
}

impl Endless {
    /// People of the domains that are named. None of them, and none of their cameras, are in
    /// what `trainer synth` draws, whatever its seed.
    ///
    /// # Errors
    /// A domain that there is not, and none at all.
    pub fn new(names: &[String], seed: u64) -> Result<Self> {
        // A seed that no one types.
        let seed = random::stream(seed, "people without end", 0).random();
        let studio = |name: &String| -> Result<Studio> {
            let domain: Option<&&Domain> = domains().iter().find(|domain| domain.name == name);
            let Some(domain) = domain else {
                let names: Vec<&str> = domains().iter().map(|domain| domain.name).collect();
                bail!(
                    "there is no domain {name:?}; choose among {}",
                    names.join(", ")
                );
            };
            Ok(Studio::new(domain, CAMERAS, seed))
        };
        let studios: Vec<Studio> = names.iter().map(studio).collect::<Result<_>>()?;
        if studios.is_empty() {
            bail!("no domain is named to draw people of; name one with --domain");
        }
        Ok(Self {
            studios,
            spacing: 1,
        })
    }

    /// These people without those who may wear the colours of another one.
    pub fn without_doubles(self) -> Self {
        // They are the odd numbers.
        Self { spacing: 2, ..self }
    }

    /// One of the pictures of a person, by numbers: always the same, each on a walk of its own
    /// past the camera of a number.
    pub fn draw(&self, person: u64, picture: u32, camera: u64) -> Result<Drawn> {
        let count = self.studios.len() as u64;
        let studio = &self.studios[(person % count) as usize];
        let identity = person / count * self.spacing;
        let shot = Shot {
            identity,
            camera: (camera % CAMERAS as u64) as u32,
            sequence: picture,
            frame: picture,
            shared: Some(camera),
            boxing: Boxing::Usual,
        };
        let person = studio.identity(identity);
        Ok(Drawn {
            pixels: decode(&studio.jpeg(&person, shot)?)?,
            attributes: person.attributes(studio.heading(shot)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_picture_of_one_person() -> Result<()> {
        let names: Vec<String> = ["plaza", "night"].map(String::from).to_vec();
        let people = Endless::new(&names, 1)?;
        let (first, second) = (people.draw(6, 0, 0)?, people.draw(6, 1, 1)?);
        assert_eq!(first.pixels, Endless::new(&names, 1)?.draw(6, 0, 0)?.pixels);
        assert_ne!(first.pixels, second.pixels);
        assert_ne!(first.pixels, people.draw(7, 0, 0)?.pixels);
        assert_ne!(first.pixels, Endless::new(&names, 2)?.draw(6, 0, 0)?.pixels);
        let apart = Endless::new(&names, 1)?.without_doubles();
        assert_eq!(apart.draw(3, 0, 0)?.pixels, people.draw(5, 0, 0)?.pixels);
        // Another picture shows another side at most: clothes stay.
        let names = ATTRIBUTES.each_ref().map(|attribute| attribute.name);
        let mut differ = names
            .iter()
            .zip(first.attributes.iter().zip(second.attributes));
        assert!(differ.all(|(name, (a, b))| *a == b || !name.contains("colour")));
        Ok(())
    }

    #[test]
    fn the_values_of_attributes_occur() -> Result<()> {
        let names: Vec<String> = domains().iter().map(|d| d.name.to_string()).collect();
        let people = Endless::new(&names, 1)?;
        let mut seen: Vec<Vec<bool>> = (ATTRIBUTES.iter())
            .map(|attribute| vec![false; attribute.values])
            .collect();
        for number in 0..400 {
            for (seen, value) in seen
                .iter_mut()
                .zip(people.draw(number, 0, number)?.attributes)
            {
                seen[value] = true;
            }
        }
        for (seen, attribute) in seen.iter().zip(&ATTRIBUTES) {
            let found = seen.iter().filter(|&&seen| seen).count();
            // No one wears shoes of most dyes.
            let dyed = attribute.name.contains("colour");
            let least = if dyed { 5 } else { attribute.values };
            assert!(found >= least, "{}: {seen:?}", attribute.name);
        }
        Ok(())
    }

    #[test]
    fn unknown_domains_are_refused_by_name() {
        let failed = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let error = Endless::new(&names, 1).err();
            error.map(|error| format!("{error:#}")).unwrap_or_default()
        };
        assert!(failed(&["moon"]).contains("plaza, campus"));
        assert!(failed(&[]).contains("--domain"));
    }
}
