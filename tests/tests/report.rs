//! The page that a run ends with.

use std::fs;

use dcac_tests::trainer::{Trained, trainer, trainer_ok};
use serde_json::{Value, json};

fn page(at: &Trained) -> String {
    fs::read_to_string(at.path("run/report.html")).expect("a report")
}

fn figures(at: &Trained) -> Vec<Value> {
    let text = fs::read(at.path("run/evaluation.json")).expect("figures");
    serde_json::from_slice(&text).expect("a list")
}

/// What stands between a mark and the next `<`, wherever the mark is.
fn after<'a>(page: &'a str, mark: &str) -> Vec<&'a str> {
    page.split(mark)
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .collect()
}

#[test]
fn a_report_is_one_file_with_the_runs_figures_queries_and_configuration() {
    let at = Trained::make().expect("a small model");
    let trained = page(&at);
    fs::remove_file(at.path("run/report.html")).expect("a removed report");
    trainer_ok(&at.path(""), "report --run run".split(' ')).expect("a report");
    let page = page(&at);
    assert!(page == trained, "training ends with another report");
    for link in ["http:", "https:", "src=\"/", "href=", "url(", "@import"] {
        assert!(!page.contains(link), "the page refers to another: {link}");
    }
    let figures = &figures(&at)[0];
    let percent = |key: &str| {
        let share = figures[key].as_f64().expect("a share");
        format!("{:.1}", 100.0 * share)
    };
    let main = [percent("map"), percent("rank1")];
    assert_eq!(after(&page, "<td class=\"main\">"), main);
    for key in ["rank5", "rank10", "minp", "chance_map", "chance_rank1"] {
        let cell = format!("<td>{}</td>", percent(key));
        assert!(page.contains(&cell), "{key}: no {cell}");
    }

    // 3 best and 5 worst queries, each with the ten first of a larger gallery.
    assert!(figures["queries"].as_u64() >= Some(8) && figures["gallery"].as_u64() > Some(20));
    assert_eq!(page.matches("<article").count(), 8);
    assert_eq!(
        page.matches("src=\"data:image/jpeg;base64,").count(),
        8 * 11
    );
    let (right, wrong) = ("<b>✓ right", "<b>✗ wrong");
    let judged = page.matches(right).count() + page.matches(wrong).count();
    assert_eq!(judged, 80);
    let precisions: Vec<f64> = after(&page, ": AP ")
        .into_iter()
        .map(|text| text.trim_end_matches(" %").parse().expect("a number"))
        .collect();
    let (best, worst) = precisions.split_at(3);
    assert!(best.is_sorted_by(|a, b| a >= b) && worst.is_sorted());
    assert!(best[2] >= worst[4] && best[0] <= 100.0);

    let config = fs::read_to_string(at.path("run/config.toml")).expect("a configuration");
    assert!(page.contains(&config.replace('"', "&quot;")));
}

#[test]
fn a_runs_event_file_has_every_step() {
    let at = Trained::make().expect("a small model");
    let files: Vec<_> = fs::read_dir(at.path("run"))
        .expect("a run")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("/events.out.tfevents."))
        .collect();
    assert_eq!(files.len(), 1);
    let bytes = fs::read(&files[0]).expect("an event file");
    // Length, its checksum, the event, its checksum.
    let (mut rest, mut events) = (&bytes[..], 0);
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        rest = &after[4 + u64::from_le_bytes(*length) as usize + 4..];
        events += 1;
    }
    let log = fs::read_to_string(at.path("run/metrics.jsonl")).expect("metrics");
    // The version, the start, the configuration, the steps, the evaluation of one target.
    assert_eq!(events, 3 + log.lines().count() + 1);
    let text = String::from_utf8_lossy(&bytes);
    for tag in ["loss/dif", "evaluation/data (market1501)/mAP", "base_lr"] {
        assert!(text.contains(tag), "no {tag}");
    }
}

/// The names of the pictures of each query: first its own, then those found.
fn rankings(page: &str) -> Vec<Vec<String>> {
    let names = |article: &str| -> Vec<String> {
        let alts = article.split("alt=\"").skip(1);
        alts.filter_map(|rest| Some(rest.split_once('"')?.0.to_string()))
            .collect()
    };
    page.split("<article").skip(1).map(names).collect()
}

#[test]
fn shown_rankings_are_those_of_the_model_without_the_querys_own_camera() {
    let at = Trained::make().expect("a small model");
    trainer_ok(&at.path(""), "report --run run".split(' ')).expect("a report");
    let page = page(&at);
    let seen = |name: &str| -> String { name.split('s').next().expect("a name").to_string() };
    for shown in rankings(&page) {
        let query = at.path("data/query").join(&shown[0]);
        let gallery = at.path("data/bounding_box_test");
        let all = dcac_tests::trainer::pictures(&gallery, 1, usize::MAX).expect("a gallery");
        let ranked = dcac_tests::trainer::rank(&at.path("f32"), &query, &all).expect("a ranking");
        // `0012_c3s1_...`: identity and camera stand before the first s; -1 is junk.
        let expected: Vec<String> = (ranked.into_iter().map(|hit| hit.name))
            .filter(|name| seen(name) != seen(&shown[0]) && !name.starts_with("-1_"))
            .take(10)
            .collect();
        assert_eq!(shown[1..], expected);
    }
}

#[test]
fn what_a_run_kept_of_its_course_is_drawn() {
    let at = Trained::make().expect("a small model");
    let report = figures(&at).remove(0);
    let lines: Vec<String> = [(2, 0.25), (4, 0.5)]
        .iter()
        .map(|(epoch, map)| {
            let mut report = report.clone();
            report["map"] = json!(map);
            format!(
                "{}\n",
                json!({ "epoch": epoch, "step": 3 * epoch, "reports": [report] })
            )
        })
        .collect();
    fs::write(at.path("run/evaluations.jsonl"), lines.concat()).expect("a file");
    let cost = json!({
        "device": "cpu", "steps": 10, "wall_seconds": 93.4,
        "stages": [{ "name": "forward", "seconds": 3.0 }, { "name": "<backward>", "seconds": 1.0 }],
        "other": [{ "name": "prototypes", "seconds": 9.0 }],
        "peak_memory_bytes": 812345678,
    });
    fs::write(at.path("run/cost.json"), cost.to_string()).expect("a file");
    trainer_ok(&at.path(""), "report --run run".split(' ')).expect("a report");
    let page = page(&at);
    let chart = page
        .split("mAP during training, %")
        .nth(2)
        .expect("a chart");
    assert_eq!(
        chart
            .split("</svg>")
            .next()
            .expect("its end")
            .matches("<circle")
            .count(),
        2
    );
    for text in [
        "300.0 ms",
        "75 %",
        "&lt;backward&gt;",
        "774.71 MiB",
        "00:01:33",
    ] {
        assert!(page.contains(text), "no {text}");
    }
    assert!(!page.contains("<backward>"));
}

#[test]
fn test_sets_that_have_moved_lose_their_pictures_or_are_named_anew() {
    let at = Trained::make().expect("a small model");
    trainer_ok(&at.path(""), "report --run run".split(' ')).expect("a report");
    let before = page(&at);
    fs::rename(at.path("data"), at.path("moved & <kept>")).expect("a moved folder");
    let output = trainer(&at.path(""), "report --run run".split(' ')).expect("a trainer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("--target market1501=DIR"),
        "{said}"
    );
    let without = page(&at);
    assert!(without.contains("No pictures: data was not at hand"));
    assert_eq!(without.matches("<img").count(), 0);
    let main = "<td class=\"main\">";
    assert_eq!(after(&without, main), after(&before, main));

    let target = [
        "report",
        "--run",
        "run",
        "--target",
        "market1501=moved & <kept>",
    ];
    trainer_ok(&at.path(""), target).expect("a report");
    let anew = page(&at);
    assert_eq!(after(&anew, main), after(&before, main));
    assert_eq!(rankings(&anew), rankings(&before));
    assert!(anew.contains("moved &amp; &lt;kept&gt;") && !anew.contains("<kept>"));
}

#[test]
fn what_is_no_finished_run_is_refused_and_an_old_report_kept() {
    let at = Trained::make().expect("a small model");
    trainer_ok(&at.path(""), "report --run run".split(' ')).expect("a report");
    let before = page(&at);
    let fails = |expected: &[&str]| {
        let output = trainer(&at.path(""), "report --run run".split(' ')).expect("a trainer");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && !said.contains("panicked"));
        for part in expected {
            assert!(said.contains(part), "no `{part}` in: {said}");
        }
        assert_eq!(page(&at), before);
    };
    let metrics = fs::read(at.path("run/metrics.jsonl")).expect("metrics");
    fs::write(at.path("run/metrics.jsonl"), "{}\n").expect("a file");
    fails(&["run/metrics.jsonl, line 1"]);
    fs::write(at.path("run/metrics.jsonl"), metrics).expect("a file");
    fs::write(at.path("run/cost.json"), "[]").expect("a file");
    fails(&["run/cost.json"]);
    fs::remove_file(at.path("run/cost.json")).expect("a removed file");
    fs::remove_file(at.path("run/evaluation.json")).expect("a removed file");
    fails(&["run has no figures", "--resume run", "--target"]);
    let other = trainer(&at.path(""), "report --run data".split(' ')).expect("a trainer");
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(
        said.contains("data") && said.contains("trainer train"),
        "{said}"
    );
}
