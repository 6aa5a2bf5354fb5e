//! Files that cannot be pictures.

use web_sys::File;

/// Why a file cannot be used, as far as its name, its type and its size tell. Its content is
/// looked at later, when it is embedded.
pub fn refusal(file: &File) -> Option<String> {
    let name = file.name().to_lowercase();
    let kind = file.type_();
    // Not every system knows the type of these by their name.
    let heic = [".heic", ".heif"].iter().any(|end| name.ends_with(end));
    if file.size() == 0.0 {
        return Some("the file is empty".to_string());
    }
    if heic || kind.starts_with("image/hei") {
        return Some(
            "HEIC photos cannot be read here; save it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible)"
                .to_string(),
        );
    }
    match kind.as_str() {
        "" | "image/jpeg" | "image/jpg" | "image/pjpeg" | "image/png" | "image/webp" => None,
        other => Some(match other.strip_prefix("image/") {
            Some(format) => format!(
                "{} pictures are not read; save it as JPEG, PNG or WebP",
                format.to_uppercase()
            ),
            None => format!("it is no picture ({other}); JPEG, PNG and WebP are read"),
        }),
    }
}
