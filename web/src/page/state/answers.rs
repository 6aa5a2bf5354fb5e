//! What engines are asked, and what their answers change.

use std::collections::HashMap;

use leptos::prelude::*;

use super::{Engine, Layout, Model, Phase, Picture, State, Why};
use crate::protocol::{Choice, Item, Job, Pair, Reply, Request};
use dcac_encoder::worker::Event;

impl State {
    /// Starts the page's engine.
    pub fn start(self) {
        self.start_engine(self.main);
    }

    fn start_engine(self, engine: Engine) {
        let others = [self.main, self.beside].into_iter();
        let others = others.filter(|other| *other != engine);
        let taken = others.filter_map(|other| Some(other.started_untracked()?.memory));
        engine.start(taken.sum(), move |event| match event {
            Event::Reply(reply, numbers) => self.receive(engine, reply, numbers),
            Event::Broken(reason) => self.broken(engine, &reason),
        });
    }

    /// Uses another model, and answers again.
    pub fn choose_model(self, choice: Choice) {
        self.models.problem.set(None);
        if self.runs(self.beside, &choice) {
            // A model is not compared with itself.
            self.beside.stop();
        }
        self.main.choose(choice);
        self.changed();
        self.start();
        self.write_address();
        self.rank_again();
    }

    /// Has a second model answer beside the first.
    pub fn compare_with(self, choice: Choice) {
        self.beside.stop();
        self.beside.choose(choice);
        self.start_engine(self.beside);
        self.write_address();
        self.rank_again();
    }

    /// Ends the second model.
    pub fn compare_no_more(self) {
        self.beside.stop();
        self.write_address();
    }

    /// Ranks if there is something to rank.
    fn rank_again(self) {
        if self.query.with_untracked(Option::is_some)
            && self.gallery.with_untracked(|all| !all.is_empty())
        {
            self.rank();
        }
    }

    /// Ranks the gallery by likeness to the query.
    pub fn rank(self) {
        let Some(query) = self.query.get_untracked() else {
            return (self.main)
                .refuse("Choose a query first: a picture of the person to look for.");
        };
        let gallery = self.gallery.get_untracked();
        if gallery.iter().all(|picture| self.is_query(picture)) {
            return self.main.refuse("Add pictures to the gallery first.");
        }
        let item_of_query = |picture: &Picture| Item {
            // Others are not there at the next visit.
            kept: gallery.contains(picture),
            ..picture.item()
        };
        let job = Job {
            id: 0,
            queries: std::iter::once(&query)
                .chain(&*self.also.read_untracked())
                .map(item_of_query)
                .collect(),
            gallery: gallery.iter().map(Picture::item).collect(),
            normalize_cameras: self.normalize_cameras.get_untracked()
                && untrack(|| self.has_cameras()),
            rerank: self.rerank.get_untracked(),
        };
        for engine in [self.main, self.beside] {
            match engine.model.get_untracked() {
                Model::Off => {}
                Model::Failed(reason) => engine.phase.set(Phase::Failed(reason)),
                Model::Loading(..) | Model::Started(_) => engine.rank(job.clone()),
            }
        }
    }

    /// Asks why the query and a hit were found alike.
    pub fn explain(self, hit: Picture) {
        let Some(query) = self.query.get_untracked() else {
            return;
        };
        let pair = Pair {
            query: query.item(),
            hit: hit.item(),
        };
        self.why.set(Some(Why {
            query,
            hit,
            parts: None,
        }));
        self.main.ask(&Request::Compare(pair));
    }

    /// The query or the gallery changed, so no answer fits any more.
    pub(super) fn changed(self) {
        self.main.changed();
        self.beside.changed();
        self.why.set(None);
    }

    fn receive(self, engine: Engine, reply: Reply, numbers: wasm_bindgen::JsValue) {
        match reply {
            Reply::Loading { bytes, total } => engine.model.set(Model::Loading(bytes, total)),
            Reply::Started(started) => engine.has_started(started),
            Reply::StartFailed { reason } => self.not_started(engine, reason),
            Reply::Progress { job, done, total } if engine.waits_for(job) => {
                engine.progressed(done, total);
            }
            Reply::Unreadable { picture, reason } => self.unreadable(picture, reason),
            Reply::Ranked { job, hits, seconds } if engine.waits_for(job) => {
                let gallery = self.gallery.read_untracked();
                let by_id: HashMap<u64, &Picture> = gallery
                    .iter()
                    .map(|picture| (picture.id, picture))
                    .collect();
                let found = (hits.iter())
                    .filter_map(|hit| Some(((*by_id.get(&hit.picture)?).clone(), hit.score)));
                engine.has_ranked(found.collect(), seconds);
            }
            Reply::Measured { job, metrics } if engine.waits_for(job) => {
                engine.answered();
                engine.metrics.set(metrics);
            }
            Reply::Compared { pair, parts } => self.why.update(|why| {
                let asked = why.as_mut();
                if let Some(why) = asked.filter(|why| (why.query.id, why.hit.id) == pair) {
                    why.parts = Some(parts);
                }
            }),
            Reply::JobFailed { job, reason } if engine.waits_for(job) => {
                engine.answered();
                engine.refuse(&reason);
            }
            // Without an answer it is the map of another gallery.
            Reply::Mapped { points, done } => {
                if engine.ranking.with_untracked(Option::is_some) {
                    engine.map.set(Some(Layout { points, done }));
                }
            }
            Reply::Embeddings { pictures } => engine.receive_embeddings(pictures, numbers),
            // The end of a job that nobody waits for any more.
            Reply::Progress { .. }
            | Reply::Ranked { .. }
            | Reply::Measured { .. }
            | Reply::JobFailed { .. } => {}
        }
    }

    /// Names a file that cannot be used and takes it off the gallery.
    fn unreadable(self, id: u64, reason: String) {
        let is_it = |picture: &&Picture| picture.id == id;
        let found = (self
            .query
            .with_untracked(|query| query.iter().find(is_it).cloned()))
        .or_else(|| {
            self.also
                .with_untracked(|all| all.iter().find(is_it).cloned())
        })
        .or_else(|| {
            self.gallery
                .with_untracked(|all| all.iter().find(is_it).cloned())
        });
        let Some(picture) = found else {
            return;
        };
        let problem = (picture.name.to_string(), reason);
        if !self.problems.read_untracked().contains(&problem) {
            self.problems.update(|all| all.push(problem));
        }
        self.gallery.update(|all| all.retain(|p| p.id != id));
        self.also.update(|all| all.retain(|p| p.id != id));
        self.release_unless_shown(&picture);
        self.forget_unreadable(id);
    }

    /// A model cannot be used: the one before goes on, where there was one.
    fn not_started(self, engine: Engine, reason: String) {
        if !engine.take_back() {
            return engine.failed(reason);
        }
        let notice = format!("{reason}. The model before stays in use.");
        self.models.problem.set(Some(notice.clone()));
        engine.notice.set(Some(notice));
        self.start_engine(engine);
        self.write_address();
    }

    fn broken(self, engine: Engine, reason: &str) {
        if !engine.leave_gpu() {
            let reason = format!("the engine stopped: {reason}; reload the page");
            return self.not_started(engine, reason);
        }
        leptos::logging::warn!("{reason}");
        let notice = "WebGPU did not work here, so the CPU computes instead.";
        engine.notice.set(Some(notice.to_string()));
        self.start_engine(engine);
    }
}
