//! Persons cut out of a photo.

use leptos::html::Img;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::modal::Modal;
use super::stage::Stage;
use crate::page::frame::Frame;
use crate::page::photo::{Photo, cut};
use crate::page::picture::Picture;
use crate::page::state::State;

/// A window over the page, open while there is a photo to crop.
#[component]
pub fn Cropper(state: State) -> impl IntoView {
    let close = Callback::new(move |()| {
        if let Some(photo) = state.photo.get_untracked() {
            photo.close();
            state.photo.set(None);
        }
    });
    view! {
        <Modal
            id="cropper"
            title="Crop a person"
            open=Signal::derive(move || state.photo.with(Option::is_some))
            on_close=close
        >
            {move || state.photo.get().map(|photo| view! { <Photograph state photo close /> })}
        </Modal>
    }
}

/// What happens to a crop.
#[derive(Clone, Copy)]
enum Use {
    LookFor,
    Add,
}

#[component]
fn Photograph(state: State, photo: Photo, close: Callback<()>) -> impl IntoView {
    let image = NodeRef::<Img>::new();
    let frame = RwSignal::new(None::<Frame>);
    // What came of the last crop.
    let said = RwSignal::new(None::<Result<String, String>>);
    let busy = RwSignal::new(false);
    let name = photo.name.to_string();
    let broken = format!(
        "{name} cannot be shown by this browser; save it as JPEG, PNG or WebP and choose it again"
    );
    let (url, shown_name) = (photo.url.to_string(), name.clone());
    let photo = StoredValue::new(photo);
    let take = move |what: Use| {
        let (Some(image), Some(chosen)) = (image.get_untracked(), frame.get_untracked()) else {
            return;
        };
        let used = |name: &str| {
            let is_it = |picture: &Picture| &*picture.name == name;
            state.gallery.read_untracked().iter().any(is_it)
                || state.query.read_untracked().iter().any(is_it)
                || state.also.read_untracked().iter().any(is_it)
        };
        let name = photo.with_value(|photo| photo.crop_name(used));
        busy.set(true);
        spawn_local(async move {
            let cropped = cut(&document(), &image, chosen, &name).await;
            busy.set(false);
            let picture = cropped.and_then(|file| {
                Picture::of(&file)
                    .ok_or_else(|| "this browser gives the crop no address".to_string())
            });
            match (picture, what) {
                (Ok(picture), Use::LookFor) => {
                    close.run(());
                    state.look_for(picture);
                }
                (Ok(picture), Use::Add) => {
                    state.add_to_gallery(picture);
                    // The next one is somewhere else.
                    frame.set(None);
                    said.set(Some(Ok(format!(
                        "{name} is in the gallery. Draw a box for the next one."
                    ))));
                }
                (Err(reason), _) => said.set(Some(Err(reason))),
            }
        });
    };
    let idle = move || frame.with(Option::is_none) || busy.get();
    view! {
        <p class="muted">
            "Drag a box around a person, from head to feet; move it, or pull its edges. With the keyboard: arrow keys move it, Shift and arrow keys resize it."
        </p>
        <Stage
            url
            name=shown_name
            image
            frame
            on_broken=Callback::new(move |()| said.set(Some(Err(broken.clone()))))
        />
        <div class="actions">
            <button
                class="button primary"
                id="look-for-crop"
                type="button"
                prop:disabled=idle
                on:click=move |_| take(Use::LookFor)
            >
                "Look for this person"
            </button>
            <button
                class="button"
                id="add-crop"
                type="button"
                prop:disabled=idle
                on:click=move |_| take(Use::Add)
            >
                "Add to gallery"
            </button>
        </div>
        <p class="muted" id="cropped" role="status">{move || said.get().and_then(Result::ok)}</p>
        {move || said.get().and_then(Result::err).map(|reason| view! { <p class="notice" role="alert">{reason}</p> })}
    }
}
