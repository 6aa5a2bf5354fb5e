//! What can be wrong with a data set.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dcac_model::retrieval::Label;

use super::Finding;
use super::images::{Examined, Seen};
use crate::data::{Layout, Split};
use crate::files;

/// Everything there is to say of a data set, the worst first.
pub fn all(examined: &Examined) -> Vec<Finding> {
    let lists = [unlisted(examined), undecodable(examined), copies(examined)];
    let single = [
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
    let reasons = examined
        .splits
        .iter()
        .filter_map(|(_, seen)| seen.as_ref().err());
    reasons.cloned().map(Finding::fatal).collect()
}

/// Files that hold no image.
fn undecodable(examined: &Examined) -> Vec<Finding> {
    const SHOWN: usize = 10;
    let mut reasons: Vec<&str> = Vec::new();
    for (split, _) in &examined.splits {
        reasons.extend(
            examined
                .of(*split)
                .iter()
                .filter_map(|seen| seen.size.as_ref().err())
                .map(String::as_str),
        );
    }
    let more = reasons.len().saturating_sub(SHOWN);
    let mut findings: Vec<Finding> = (reasons.iter().take(SHOWN))
        .map(|reason| Finding::fatal((*reason).to_string()))
        .collect();
    if more > 0 {
        findings.push(Finding::fatal(format!(
            "{}: {more} more files cannot be decoded",
            examined.data
        )));
    }
    findings
}

/// Identities that are trained on and tested with.
fn leaking(examined: &Examined) -> Option<Finding> {
    // MSMT17 counts its test identities from 0 again.
    if examined.data.layout == Layout::Msmt17 {
        return None;
    }
    let trained: BTreeSet<i32> = identities(examined.of(Split::Train));
    let both: Vec<String> = (examined.tested().map(|seen| seen.label.identity))
        .collect::<BTreeSet<i32>>()
        .intersection(&trained)
        .map(i32::to_string)
        .collect();
    (!both.is_empty()).then(|| {
        Finding::fatal(format!(
            "{}: {} identities are in the training and in the test images ({}); figures would mean nothing",
            examined.data,
            both.len(),
            shorten(&both)
        ))
    })
}

fn identities(seen: &[Seen]) -> BTreeSet<i32> {
    seen.iter().map(|seen| seen.label.identity).collect()
}

fn shorten(names: &[String]) -> String {
    let more = if names.len() > 5 { ", ..." } else { "" };
    format!("{}{more}", names[..names.len().min(5)].join(", "))
}

/// Training images of one data set that are test images of another, or of the same.
pub fn shared(source: &Examined, target: &Examined) -> Option<Finding> {
    let trained: HashMap<[u8; 32], &Seen> = (source.of(Split::Train).iter())
        .filter_map(|seen| Some((seen.digest?, seen)))
        .collect();
    let pairs: Vec<(&Seen, &Seen)> = (target.tested())
        .filter_map(|seen| Some((*trained.get(&seen.digest?)?, seen)))
        .collect();
    let (first, second) = pairs.first()?;
    Some(Finding::fatal(format!(
        "{} test images of {} are training images of {}, such as {} and {}",
        pairs.len(),
        target.data,
        source.data,
        first.path.display(),
        second.path.display()
    )))
}

/// Images that are in a split twice.
fn copies(examined: &Examined) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (split, _) in &examined.splits {
        let mut first = HashMap::new();
        let mut example = None;
        let mut copies = 0;
        for seen in examined.of(*split) {
            let Some(digest) = seen.digest else { continue };
            if let Some(other) = first.insert(digest, seen) {
                copies += 1;
                example.get_or_insert((other, seen));
            }
        }
        if let Some((one, other)) = example {
            findings.push(Finding::warning(format!(
                "{}: {copies} {} images are copies of others, such as {} of {}",
                examined.data,
                split.name(),
                files::name(&other.path),
                files::name(&one.path)
            )));
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
    let lost = query.len() - query.iter().filter(answered).count();
    if lost == 0 || gallery.is_empty() {
        return None;
    }
    let text = format!(
        "{}: {lost} of {} queries have no image of the same identity from another camera in the gallery",
        examined.data,
        query.len()
    );
    Some(if lost == query.len() {
        Finding::fatal(text)
    } else {
        Finding::warning(format!("{text}; they are left out"))
    })
}

/// Counts that are not the published ones: a part of a set, or a broken one.
fn counts(examined: &Examined) -> Option<Finding> {
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
