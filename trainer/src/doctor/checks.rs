//! What can be wrong with a data set.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use dcac_model::retrieval::Label;

use super::Finding;
use super::images::{Examined, Seen};
use crate::data::{Layout, Split};
use crate::synth::is_drawn;

/// Everything there is to say of a data set, the worst first.
pub fn all(examined: &Examined) -> Vec<Finding> {
    let lists = [unlisted(examined), copies(examined)];
    let single = [
        undecodable(examined),
        leaking(examined),
        shared(examined, examined),
        unmatched(examined),
        counts(examined),
        notice(examined),
    ];
    let mut findings: Vec<Finding> = lists.concat();
    findings.extend(single.into_iter().flatten());
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Splits that cannot be listed.
fn unlisted(examined: &Examined) -> Vec<Finding> {
    let listed = examined.splits.iter();
    let mut reasons: Vec<&String> = listed.filter_map(|(_, seen)| seen.as_ref().err()).collect();
    // Both test splits may lack the same thing.
    reasons.dedup();
    let finding = |reason| Finding::fatal(format!("{}: {reason}", examined.data));
    reasons.into_iter().map(finding).collect()
}

/// Files that hold no image.
fn undecodable(examined: &Examined) -> Option<Finding> {
    let listed = examined
        .splits
        .iter()
        .filter_map(|(_, seen)| seen.as_ref().ok());
    let reasons: Vec<String> = (listed.flatten())
        .filter_map(|seen| seen.size.as_ref().err().cloned())
        .collect();
    (!reasons.is_empty()).then(|| {
        let text = format!(
            "{}: files that cannot be read as pictures (remove them, or put whole ones in their place): {}",
            examined.data,
            reasons.len()
        );
        Finding::fatal(text).about(reasons)
    })
}

/// Identities that are trained on and tested with.
fn leaking(examined: &Examined) -> Option<Finding> {
    // MSMT17 counts its test identities from 0 again.
    if examined.data.layout == Layout::Msmt17 {
        return None;
    }
    let trained = identities(examined.of(Split::Train));
    let asked = identities(examined.of(Split::Query));
    let gallery = identities(examined.of(Split::Gallery));
    // 0 in the gallery alone is a distractor and no one.
    let both: Vec<String> = (asked.union(&gallery))
        .filter(|identity| trained.contains(identity))
        .filter(|&identity| *identity != 0 || asked.contains(&0))
        .map(|identity| format!("identity {identity}"))
        .collect();
    (!both.is_empty()).then(|| {
        Finding::fatal(format!(
            "{}: identities that are in the training and in the test images, so that figures would mean nothing: {}",
            examined.data,
            both.len()
        ))
        .about(both)
    })
}

fn identities(seen: &[Seen]) -> BTreeSet<i32> {
    seen.iter().map(|seen| seen.label.identity).collect()
}

/// Training images of one data set that are test images of another, or of the same.
pub fn shared(source: &Examined, target: &Examined) -> Option<Finding> {
    let trained: HashMap<[u8; 32], &Seen> = (source.of(Split::Train).iter())
        .filter_map(|seen| Some((seen.digest?, seen)))
        .collect();
    let pairs: Vec<String> = (target.tested())
        .filter_map(|seen| Some(pair(seen, trained.get(&seen.digest?)?)))
        .collect();
    (!pairs.is_empty()).then(|| {
        Finding::fatal(format!(
            "test images of {} that are training images of {}, byte for byte (remove one of each two): {}",
            target.data,
            source.data,
            pairs.len()
        ))
        .about(pairs)
    })
}

fn pair(one: &Seen, other: &Seen) -> String {
    format!("{} is {}", one.path.display(), other.path.display())
}

/// Images that are in a split twice.
fn copies(examined: &Examined) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (split, _) in &examined.splits {
        let mut first: HashMap<[u8; 32], &Seen> = HashMap::new();
        let mut copies = Vec::new();
        for seen in examined.of(*split) {
            // What is no picture is told of already.
            let (Some(digest), Ok(_)) = (seen.digest, &seen.size) else {
                continue;
            };
            match first.entry(digest) {
                Entry::Occupied(earlier) => copies.push(pair(seen, earlier.get())),
                Entry::Vacant(place) => {
                    place.insert(seen);
                }
            }
        }
        if !copies.is_empty() {
            let text = format!(
                "{}: {} images that are copies of others: {}",
                examined.data,
                split.name(),
                copies.len()
            );
            findings.push(Finding::warning(text).about(copies));
        }
    }
    findings
}

/// Queries that nothing in the gallery can answer.
fn unmatched(examined: &Examined) -> Option<Finding> {
    let mut gallery = BTreeMap::<i32, BTreeSet<u32>>::new();
    for Label { identity, camera } in examined.of(Split::Gallery).iter().map(|seen| seen.label) {
        gallery.entry(identity).or_default().insert(camera);
    }
    let query = examined.of(Split::Query);
    let answered = |seen: &&Seen| {
        let cameras = gallery.get(&seen.label.identity);
        cameras.is_some_and(|cameras| cameras.iter().any(|&camera| camera != seen.label.camera))
    };
    let lost: Vec<String> = (query.iter().filter(|seen| !answered(seen)))
        .map(|seen| seen.path.display().to_string())
        .collect();
    if lost.is_empty() || gallery.is_empty() {
        return None;
    }
    let text = format!(
        "{}: {} of {} queries have no image of the same identity from another camera in the gallery",
        examined.data,
        lost.len(),
        query.len()
    );
    Some(if lost.len() == query.len() {
        Finding::fatal(format!("{text}; nothing can be measured"))
    } else {
        Finding::warning(format!("{text}; they are left out")).about(lost)
    })
}

/// Counts that are not the published ones: a part of a set, or a broken one. Drawn people have
/// the layout of a published set without being it.
fn counts(examined: &Examined) -> Option<Finding> {
    if is_drawn(&examined.data.folder) {
        return None;
    }
    let published = examined.data.layout.statistics()?;
    let mut others = Vec::new();
    for (split, seen) in &examined.splits {
        let Ok(seen) = seen else { continue };
        let (found, expected) = (seen.len(), published.images(*split));
        if found != expected {
            others.push(format!("{found} {} images for {expected}", split.name()));
        }
        let people = identities(seen).len();
        if *split == Split::Train && people != published.train.1 {
            others.push(format!(
                "{people} training identities for {}",
                published.train.1
            ));
        }
    }
    (!others.is_empty()).then(|| {
        Finding::warning(format!(
            "{}: not the published set of that name, but a part of it or another: {}",
            examined.data,
            others.join(", ")
        ))
    })
}

fn notice(examined: &Examined) -> Option<Finding> {
    let notice = examined.data.layout.notice()?;
    Some(Finding::warning(notice.to_string()))
}
