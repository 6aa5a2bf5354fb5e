//! The engine: what it is asked, and what its answers change.

use leptos::prelude::*;

use super::{Model, Phase, State, Why};
use crate::client::Client;
use crate::picture::Picture;
use crate::worker::protocol::{Backend, Job, Pair, Reply, Request, Start};

impl State {
    /// Starts a worker in place of the one before, with the job that waits for it.
    pub fn start_engine(self) {
        self.model.set(Model::Loading(0, 0));
        let base = self.link.with_value(|link| link.base.clone());
        let client = Client::start(&base, move |reply| self.receive(reply));
        match client {
            Ok(client) => self.link.update_value(|link| {
                client.send(Request::Start(Start {
                    base: link.base.clone(),
                    model: link.model.clone(),
                    backend: link.backend,
                }));
                if let Some(job) = &link.job {
                    client.send(Request::Rank(job.clone()));
                }
                link.client = Some(client);
            }),
            Err(error) => self.model_failed(format!("no worker can be started: {error:?}")),
        }
    }

    /// Uses another model of the site.
    pub fn choose_model(self, name: String) {
        self.link.update_value(|link| link.model = Some(name));
        self.changed();
        self.start_engine();
    }

    /// Ranks the gallery by likeness to the query.
    pub fn rank(self) {
        let Some(query) = self.query.get_untracked() else {
            return self.refuse("Choose a query first: a picture of the person to look for.");
        };
        let gallery = self.gallery.get_untracked();
        if gallery.iter().all(|picture| self.is_query(picture)) {
            return self.refuse("Add pictures to the gallery first.");
        }
        if let Model::Failed(reason) = self.model.get_untracked() {
            return self.phase.set(Phase::Failed(reason));
        }
        self.problems.set(Vec::new());
        self.phase.set(Phase::Working(0, gallery.len()));
        self.link.update_value(|link| {
            link.jobs += 1;
            let job = Job {
                id: link.jobs,
                queries: std::iter::once(&query)
                    .chain(&*self.also.read_untracked())
                    .map(Picture::item)
                    .collect(),
                gallery: gallery.iter().map(Picture::item).collect(),
                rerank: self.rerank.get_untracked(),
            };
            if let Some(client) = &link.client {
                client.send(Request::Rank(job.clone()));
            }
            link.job = Some(job);
        });
    }

    /// Asks which parts of the query and a hit look alike.
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
        self.link.with_value(|link| {
            if let Some(client) = &link.client {
                client.send(Request::Compare(pair));
            }
        });
    }

    fn refuse(self, reason: &str) {
        self.ranking.set(None);
        self.phase.set(Phase::Failed(reason.to_string()));
    }

    /// The query or the gallery changed, so no answer fits any more.
    pub(super) fn changed(self) {
        self.link.update_value(|link| link.job = None);
        self.ranking.set(None);
        self.why.set(None);
        self.metrics.set(None);
        self.phase.set(Phase::Idle);
    }

    fn receive(self, reply: Reply) {
        let current = self
            .link
            .with_value(|link| link.job.as_ref().map(|job| job.id));
        match reply {
            Reply::Ready => {}
            Reply::Loading { bytes, total } => self.model.set(Model::Loading(bytes, total)),
            Reply::Started(started) => {
                if started.notice.is_some() {
                    self.notice.set(started.notice.clone());
                }
                self.model.set(Model::Started(started));
            }
            Reply::StartFailed { reason } => self.model_failed(reason),
            Reply::Progress { job, done, total } if Some(job) == current => {
                self.phase.set(Phase::Working(done, total));
            }
            Reply::Unreadable { picture, reason } => self.unreadable(picture, reason),
            Reply::Ranked { job, hits, seconds } if Some(job) == current => {
                let find = |id| {
                    let gallery = self.gallery.read_untracked();
                    gallery.iter().find(|picture| picture.id == id).cloned()
                };
                let hits = hits.iter();
                self.ranking.set(Some(
                    hits.filter_map(|hit| Some((find(hit.picture)?, hit.score)))
                        .collect(),
                ));
                self.phase.set(Phase::Done(seconds));
            }
            Reply::Measured { job, metrics } if Some(job) == current => {
                self.link.update_value(|link| link.job = None);
                self.metrics.set(metrics);
            }
            Reply::Compared { pair, parts } => self.why.update(|why| {
                let asked = why.as_mut();
                if let Some(why) = asked.filter(|why| (why.query.id, why.hit.id) == pair) {
                    why.parts = Some(parts);
                }
            }),
            Reply::JobFailed { job, reason } if Some(job) == current => {
                self.link.update_value(|link| link.job = None);
                self.refuse(&reason);
            }
            Reply::Broken { reason } => self.broken(reason),
            // The end of a job that nobody waits for any more.
            Reply::Progress { .. }
            | Reply::Ranked { .. }
            | Reply::Measured { .. }
            | Reply::JobFailed { .. } => {}
        }
    }

    /// Names a file that cannot be used and takes it off the gallery.
    fn unreadable(self, id: u32, reason: String) {
        let is_it = |picture: &Picture| picture.id == id;
        let query = self.query.get_untracked().filter(is_it);
        let query = query.or(self
            .also
            .with_untracked(|all| all.iter().find(|p| is_it(p)).cloned()));
        let listed = self
            .gallery
            .with_untracked(|all| all.iter().find(|p| is_it(p)).cloned());
        let Some(picture) = query.or(listed) else {
            return;
        };
        let name = picture.name.to_string();
        self.problems.update(|all| all.push((name, reason)));
        self.gallery.update(|all| all.retain(|p| !is_it(p)));
        self.also.update(|all| all.retain(|p| !is_it(p)));
    }

    fn broken(self, reason: String) {
        if self.link.with_value(|link| link.backend) == Backend::Cpu {
            return self.model_failed(format!("the engine stopped: {reason}; reload the page"));
        }
        leptos::logging::warn!("{reason}");
        let notice = "WebGPU did not work here, so the CPU computes instead.";
        self.notice.set(Some(notice.to_string()));
        self.link.update_value(|link| link.backend = Backend::Cpu);
        self.start_engine();
    }

    fn model_failed(self, reason: String) {
        let waited = (self.link.try_update_value(|link| {
            link.client = None;
            link.job.take()
        }))
        .flatten();
        if waited.is_some() {
            self.refuse(&reason);
        }
        self.model.set(Model::Failed(reason));
    }
}
