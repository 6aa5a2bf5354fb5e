//! A line of the table of labels.

use std::collections::HashMap;

use dcac_model::retrieval::{JUNK, Label};
use leptos::prelude::*;

use crate::page::picture::Picture;
use crate::page::state::State;

/// The two fields of a label as they were typed.
#[derive(Clone, Copy)]
pub struct Numbers {
    identity: RwSignal<String>,
    camera: RwSignal<String>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self::of(None)
    }
}

impl Numbers {
    /// Fields with what is known.
    fn of(label: Option<Label>) -> Self {
        let identity = label
            .map(|label| label.identity)
            .filter(|&known| known != JUNK);
        let camera = label.map(|label| label.camera).filter(|&known| known != 0);
        Self {
            identity: RwSignal::new(identity.map_or_else(String::new, |known| known.to_string())),
            camera: RwSignal::new(camera.map_or_else(String::new, |known| known.to_string())),
        }
    }

    /// The label that was typed; `None` where a field holds something else than a number.
    pub fn label(self) -> Option<Option<Label>> {
        let identity = number(&self.identity.get())?;
        let camera = number(&self.camera.get())?;
        Some((identity, camera)).map(|known| match known {
            (None, None) => None,
            (identity, camera) => Some(Label {
                identity: identity.unwrap_or(JUNK),
                camera: camera.unwrap_or(0) as u32,
            }),
        })
    }

    /// Fields for a picture of a name.
    pub fn fields(self, name: &str) -> impl IntoView + use<> {
        view! {
            {field(self.identity, "identity", format!("Identity of {name}"), "Identity")}
            {field(self.camera, "of-camera", format!("Camera of {name}"), "Cam")}
        }
    }
}

/// A whole number, or nothing; `None` for anything else.
fn number(text: &str) -> Option<Option<i32>> {
    match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    }
}

fn field(
    value: RwSignal<String>,
    class: &'static str,
    label: String,
    placeholder: &'static str,
) -> impl IntoView {
    let wrong = move || number(&value.get()).is_none();
    view! {
        <input
            class=class
            placeholder=placeholder
            inputmode="numeric"
            autocomplete="off"
            aria-label=label
            title=move || wrong().then_some("A whole number, or nothing")
            aria-invalid=move || wrong().then_some("true")
            prop:value=value
            on:change:target=move |event| value.set(event.target().value())
        />
    }
}

/// A picture and its label. What is typed is taken once the field is left, if it is a number.
#[component]
pub fn LabelRow(state: State, picture: Picture) -> impl IntoView {
    let numbers = Numbers::of(picture.label);
    let id = picture.id;
    Effect::new(move |before: Option<Option<Option<Label>>>| {
        let typed = numbers.label();
        if let (Some(before), Some(label)) = (before, typed)
            && before != typed
        {
            state.relabel(&HashMap::from([(id, label)]));
        }
        typed
    });
    let wrong = move || {
        let message = "not taken: no whole number";
        numbers
            .label()
            .is_none()
            .then(|| view! { <span class="not-taken" role="alert">{message}</span> })
    };
    let name = picture.name.to_string();
    view! {
        <tr data-name=name.clone()>
            <th scope="row">
                <img src=picture.url.to_string() alt="" loading="lazy" decoding="async" />
                <span>{name.clone()} {wrong}</span>
            </th>
            <td>{field(numbers.identity, "identity", format!("Identity of {name}"), "")}</td>
            <td>{field(numbers.camera, "of-camera", format!("Camera of {name}"), "")}</td>
        </tr>
    }
}
