//! A replica's view of all replicas.

use std::ops::Range;
use std::sync::Arc;

use super::link::Link;
use super::meeting::Meeting;
use super::numbers::{Combine, from_bytes, to_bytes};

/// Another replica has ended, or the coordinator has, so this one cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PeerLost(pub String);

impl PeerLost {
    /// Replicas that no longer do the same.
    pub fn disagree() -> Self {
        Self(
            "the replicas have exchanged parts of different lengths; they do not run the same step"
                .to_string(),
        )
    }
}

/// One of the replicas that train together, or the only one.
#[derive(Clone)]
pub struct Group {
    meeting: Arc<Meeting>,
    /// Number of this replica within its process.
    replica: usize,
}

impl Group {
    /// A replica of those that meet.
    pub fn member(meeting: &Arc<Meeting>, replica: usize) -> Self {
        Self {
            meeting: Arc::clone(meeting),
            replica,
        }
    }

    /// The only replica.
    pub fn alone() -> Self {
        Self::member(&Arc::new(Meeting::new(1, None)), 0)
    }

    /// Number of replicas, of all processes.
    pub fn size(&self) -> usize {
        let nodes = self.meeting.link().map_or(1, |link| link.nodes());
        nodes * self.meeting.size()
    }

    /// Number of this replica among all.
    pub fn rank(&self) -> usize {
        let node = self.meeting.link().map_or(0, |link| link.node());
        node * self.meeting.size() + self.replica
    }

    /// Whether this is the one that speaks, evaluates and saves.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    /// This replica's part of `count` things in a row: by rank, of sizes that differ by one
    /// at most.
    pub fn share(&self, count: usize) -> Range<usize> {
        let bound = |rank: usize| count * rank / self.size();
        bound(self.rank())..bound(self.rank() + 1)
    }

    /// The sum of every replica's numbers, the same on all.
    ///
    /// # Errors
    /// As all exchanges: a replica that has ended.
    pub fn sum(&self, numbers: Vec<f32>) -> Result<Vec<f32>, PeerLost> {
        if self.size() == 1 {
            return Ok(numbers);
        }
        let bytes = to_bytes(&numbers);
        drop(numbers);
        Ok(from_bytes(&self.exchange(Combine::Sum, bytes)?))
    }

    /// Every replica's numbers, by rank.
    pub fn join(&self, numbers: Vec<f32>) -> Result<Vec<f32>, PeerLost> {
        if self.size() == 1 {
            return Ok(numbers);
        }
        Ok(from_bytes(
            &self.exchange(Combine::Join, to_bytes(&numbers))?,
        ))
    }

    /// Whether anything is so on any replica.
    pub fn any(&self, here: bool) -> Result<bool, PeerLost> {
        let votes = self.join(vec![f32::from(u8::from(here))])?;
        Ok(votes.into_iter().any(|vote| vote > 0.0))
    }

    /// The link to other nodes, if there are any.
    pub fn link(&self) -> Option<&Link> {
        self.meeting.link()
    }

    /// Tells the other replicas of this process that this one has ended.
    pub fn leave(&self, reason: &str) {
        self.meeting.break_up(PeerLost(reason.to_string()));
    }

    fn exchange(&self, combine: Combine, part: Vec<u8>) -> Result<Arc<Vec<u8>>, PeerLost> {
        self.meeting.exchange(self.replica, combine, part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_sum_and_join_in_the_order_of_ranks() {
        let meeting = Arc::new(Meeting::new(3, None));
        let found: Vec<_> = thread::scope(|scope| {
            let replicas: Vec<_> = (0..3)
                .map(|replica| {
                    let group = Group::member(&meeting, replica);
                    scope.spawn(move || -> Result<_, PeerLost> {
                        let own = replica as f32;
                        let mut sums = Vec::new();
                        for round in 0..100 {
                            sums.extend(group.sum(vec![own + round as f32])?);
                        }
                        let joined = group.join(vec![own; replica])?;
                        Ok((sums, joined, group.any(replica == 2)?, group.share(8)))
                    })
                })
                .collect();
            replicas
                .into_iter()
                .map(|replica| replica.join().ok())
                .collect()
        });
        let sums: Vec<f32> = (0..100).map(|round| (3 + 3 * round) as f32).collect();
        for (rank, found) in found.into_iter().enumerate() {
            let share = [0..2, 2..5, 5..8][rank].clone();
            let expected = (sums.clone(), vec![1.0, 2.0, 2.0], true, share);
            assert_eq!(found, Some(Ok(expected)));
        }
    }

    #[test]
    fn a_thread_that_leaves_ends_the_others() {
        let meeting = Arc::new(Meeting::new(2, None));
        let stays = Group::member(&meeting, 0);
        let waits = thread::spawn(move || stays.sum(vec![1.0]));
        let leaves = Group::member(&meeting, 1);
        leaves.leave("out of memory");
        let lost = Err(PeerLost("out of memory".to_string()));
        assert_eq!(waits.join().ok(), Some(lost.clone()));
        assert_eq!(leaves.sum(vec![1.0]), lost);
    }

    #[test]
    fn replicas_that_do_different_things_are_told() {
        let meeting = Arc::new(Meeting::new(2, None));
        let one = Group::member(&meeting, 0);
        let one = thread::spawn(move || one.sum(vec![1.0]));
        let other = Group::member(&meeting, 1).sum(vec![1.0, 2.0]);
        assert_eq!(other, Err(PeerLost::disagree()));
        assert_eq!(one.join().ok(), Some(other));
    }
}
