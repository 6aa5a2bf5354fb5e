//! Training identities that two pictures remind the model of.

use leptos::prelude::*;

use crate::protocol::Reminder;

/// The likeliest identities of the query and of a hit, side by side, or why they cannot be told.
#[component]
pub fn Reminds(found: Result<[Vec<Reminder>; 2], String>) -> impl IntoView {
    let [query, hit] = match found {
        Ok(found) => found,
        Err(reason) => return view! { <p class="notice">{reason}</p> }.into_any(),
    };
    let lists = [("Query", &query, &hit), ("Hit", &hit, &query)];
    let lists = lists.map(|(title, own, other)| list(title, own, other));
    view! {
        <section class="reminds" id="reminds">
            <h3>"Whom they remind the model of"</h3>
            <p class="muted">
                "People of the training pictures, with the probability that the model's classifier gives them. Neither picture need show any of them; alike lists mean alike appearance."
            </p>
            <div class="matched">{lists.into_iter().collect_view()}</div>
        </section>
    }
    .into_any()
}

fn list(title: &'static str, own: &[Reminder], other: &[Reminder]) -> impl IntoView + use<> {
    let lines = own.iter().map(|reminder| {
        let shared = (other.iter()).any(|other| other.identity == reminder.identity);
        let identity = &reminder.identity;
        let name = format!("{} · ID {}", identity.source, identity.identity);
        let about = match shared {
            true => format!("{name}: in both lists; {} training images", identity.images),
            false => format!("{name}: {} training images", identity.images),
        };
        let probability = reminder.probability;
        view! {
            <li class:shared=shared title=about data-identity=identity.identity data-probability=probability.to_string()>
                <span class="caption">{name}</span>
                <span class="score">
                    <span class="bar" aria-hidden="true">
                        <span class="fill" style:width=format!("{:.1}%", 100.0 * probability)></span>
                    </span>
                    <span class="number">{percent(probability)}</span>
                </span>
            </li>
        }
    });
    let lines = lines.collect_view();
    view! {
        <div>
            <h4>{title}</h4>
            <ol>{lines}</ol>
        </div>
    }
}

fn percent(probability: f32) -> String {
    match 100.0 * probability {
        small if small < 0.1 => "< 0.1 %".to_string(),
        small if small < 10.0 => format!("{small:.1} %"),
        large => format!("{large:.0} %"),
    }
}
