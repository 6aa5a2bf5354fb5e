//! Galleries in the plane, laid out little by little.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use dcac_model::retrieval::{Map, Projection, RetrievalError};
use gloo::timers::future::sleep;

use crate::protocol::{Item, Reply};

/// Pictures beyond which the principal components alone make the map: t-SNE takes time and
/// memory by the square of the number.
const MOST: usize = 3000;

/// About how many neighbours of each picture count.
const PERPLEXITY: f64 = 30.0;

/// Milliseconds of work after which other messages are let in.
const SLICE: f64 = 30.0;

/// Milliseconds after which the page hears how far the map is.
const PACE: f64 = 200.0;

/// Pictures, and where they are.
type Finished = (Vec<u64>, Vec<[f32; 2]>);

/// The map that was asked for last.
#[derive(Default)]
pub struct Maps {
    /// The last one whose pictures do not move any more.
    finished: RefCell<Option<Finished>>,
    /// The pictures of the map that is on its way.
    begun: RefCell<Option<Vec<u64>>>,
    /// Its number; one that is not this any more has been given up.
    number: Cell<u32>,
}

impl Maps {
    /// Posts the map of pictures by their embeddings, again and again until it is finished.
    pub async fn lay_out(
        &self,
        pictures: Vec<u64>,
        rows: &[Rc<[f32]>],
        post: impl Fn(&Reply),
    ) -> Result<(), String> {
        let Some(width) = rows.first().map(|row| row.len()) else {
            return Ok(());
        };
        if self.begun.borrow().as_ref() == Some(&pictures) {
            return Ok(());
        }
        if let Some((before, places)) = &*self.finished.borrow()
            && *before == pictures
        {
            let points = pictures.into_iter().zip(places.iter().copied());
            post(&Reply::Mapped {
                points: points.collect(),
                done: true,
            });
            return Ok(());
        }
        let number = self.number.get() + 1;
        self.number.set(number);
        self.begun.replace(Some(pictures.clone()));
        let wanted = || self.number.get() == number;
        let show = |places: &[[f32; 2]], done| {
            post(&Reply::Mapped {
                points: pictures
                    .iter()
                    .copied()
                    .zip(places.iter().copied())
                    .collect(),
                done,
            });
        };
        let places = match pictures.len() {
            0..=MOST => neighbours(rows, width, wanted, |places| show(places, false)).await,
            _ => components(rows, width).map(Some),
        };
        // Embeddings that can be ranked can be laid out too, so this is the program's fault.
        let places = places.map_err(|error| format!("the map: {error}"))?;
        if let Some(places) = places {
            show(&places, true);
            self.begun.replace(None);
            self.finished.replace(Some((pictures, places)));
        }
        Ok(())
    }

    /// Gives up a map of other pictures than those of a gallery.
    pub fn keep_only(&self, gallery: &[Item]) {
        let all: HashSet<u64> = gallery.iter().map(|item| item.id).collect();
        let same = |begun: &Vec<u64>| {
            begun.len() == all.len() && begun.iter().all(|picture| all.contains(picture))
        };
        if !self.begun.borrow().as_ref().is_none_or(same) {
            self.begun.replace(None);
            self.number.set(self.number.get() + 1);
        }
    }
}

/// Where t-SNE puts embeddings; none once that is not `wanted` any more. `show` sees places on
/// the way.
async fn neighbours(
    rows: &[Rc<[f32]>],
    width: usize,
    wanted: impl Fn() -> bool,
    show: impl Fn(&[[f32; 2]]),
) -> Result<Option<Vec<[f32; 2]>>, RetrievalError> {
    let mut map = Map::new(&rows.concat(), width, PERPLEXITY)?;
    let mut shown = f64::NEG_INFINITY;
    while !map.done() {
        if js_sys::Date::now() - shown > PACE {
            show(map.positions());
            shown = js_sys::Date::now();
        }
        let begin = js_sys::Date::now();
        while !map.done() && js_sys::Date::now() - begin < SLICE {
            map.step();
        }
        sleep(Duration::ZERO).await;
        if !wanted() {
            return Ok(None);
        }
    }
    Ok(Some(map.positions().to_vec()))
}

/// Where embeddings lie in the plane in which they differ most.
fn components(rows: &[Rc<[f32]>], width: usize) -> Result<Vec<[f32; 2]>, RetrievalError> {
    let plane = Projection::fit(&rows.concat(), width)?;
    Ok(rows.iter().map(|row| plane.apply(row)).collect())
}
