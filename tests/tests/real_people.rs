//! Models of drawn people on real ones, where there are any.

use dcac_tests::data_sets::{DataPlace, real_crops};

#[test]
fn everyone_of_pku_reid_is_looked_for() {
    let Some(data) = real_crops() else {
        return;
    };
    let at = DataPlace::new();
    let counts = at.counts(&format!("pkureid={}", data.display()));
    let [query, gallery] = &counts[..] else {
        panic!("two splits, not {counts:?}");
    };
    // Two cameras see every person in eight orientations; the first one asks.
    assert_eq!((query.0.as_str(), gallery.0.as_str()), ("query", "gallery"));
    assert_eq!(query.1, 2 * query.2);
    assert_eq!(gallery.1, 16 * gallery.2);
    assert_eq!((query.2, query.3), (gallery.2, 2));
}
