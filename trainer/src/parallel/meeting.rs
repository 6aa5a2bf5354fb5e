//! Where the replicas of one process meet.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::group::PeerLost;
use super::link::Link;
use super::numbers::Combine;

/// A meeting point of `size` threads, linked to other processes or not.
pub struct Meeting {
    size: usize,
    link: Option<Link>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Exchanges done.
    round: u64,
    /// Parts of the present exchange, by the replica's number in this process.
    parts: Vec<Option<Vec<u8>>>,
    /// What the last exchange gave.
    whole: Arc<Vec<u8>>,
    /// Why there will be no more exchanges.
    broken: Option<PeerLost>,
}

impl Meeting {
    /// A meeting point.
    pub fn new(size: usize, link: Option<Link>) -> Self {
        let state = State {
            parts: vec![None; size],
            ..State::default()
        };
        Self {
            size,
            link,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Threads that meet here.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The link to other processes.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Gives a part and waits for what all parts make together.
    ///
    /// # Errors
    /// A replica, here or elsewhere, that has ended.
    pub fn exchange(
        &self,
        replica: usize,
        combine: Combine,
        part: Vec<u8>,
    ) -> Result<Arc<Vec<u8>>, PeerLost> {
        let mut state = self.lock();
        if let Some(broken) = &state.broken {
            return Err(broken.clone());
        }
        let round = state.round;
        state.parts[replica] = Some(part);
        if state.parts.iter().all(Option::is_some) {
            let parts = state.parts.iter_mut().filter_map(Option::take);
            let own = combine.parts(parts).ok_or_else(PeerLost::disagree);
            // The others wait for this very result, so the lock may be held meanwhile.
            let whole = own.and_then(|own| match &self.link {
                Some(link) => link.exchange(combine, own),
                None => Ok(own),
            });
            match whole {
                Ok(whole) => state.whole = Arc::new(whole),
                Err(lost) => state.broken = Some(lost),
            }
            state.round += 1;
            self.changed.notify_all();
        }
        while state.round == round && state.broken.is_none() {
            state = (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.broken {
            Some(broken) => Err(broken.clone()),
            None => Ok(Arc::clone(&state.whole)),
        }
    }

    /// Ends the waiting of all, now and later.
    pub fn break_up(&self, lost: PeerLost) {
        self.lock().broken.get_or_insert(lost);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
