//! `web/index.html` as Trunk reads it: its `data-trunk` links become files and plain tags.

use anyhow::{Context, Result, bail};

/// A file or folder that the page asks for, relative to the page's source.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it lies, relative to `index.html`.
    pub source: String,
    /// Where it goes, relative to the site's root.
    pub target: String,
    /// Whether it is a folder.
    pub folder: bool,
}

/// A program that the page or one of its workers runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// The binary's name, and that of what is made of it.
    pub name: String,
    /// Options of `wasm-opt` for this program; none for the usual ones.
    pub wasm_opt: Vec<String>,
}

/// The finished page, and what must lie beside it.
#[derive(Default)]
pub struct Page {
    /// HTML without anything of Trunk's.
    pub html: String,
    /// Files and folders to copy.
    pub assets: Vec<Asset>,
    /// Programs to compile.
    pub programs: Vec<Program>,
}

/// Replaces the `data-trunk` links. Knows the kinds rust, css, icon, copy-file and copy-dir.
pub fn render(source: &str) -> Result<Page> {
    let mut page = Page::default();
    let mut html = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("<link") {
        let length = rest[start..]
            .find('>')
            .context("index.html ends within a <link> tag")?
            + 1;
        let tag = &rest[start..start + length];
        html.push_str(&rest[..start]);
        rest = &rest[start + length..];
        let attributes = attributes(tag);
        if attributes.iter().any(|(name, _)| *name == "data-trunk") {
            html.push_str(&replacement(tag, &attributes, &mut page)?);
        } else {
            html.push_str(tag);
        }
    }
    html.push_str(rest);
    page.html = html.replace(" 'nonce-{{__TRUNK_NONCE__}}'", "");
    if page.html.contains("data-trunk") || page.html.contains("__TRUNK") {
        bail!("index.html uses something of Trunk's that `cargo xtask web` does not know");
    }
    Ok(page)
}

/// The tags that take a link's place; what they refer to is added to the page.
fn replacement(tag: &str, attributes: &[(&str, &str)], page: &mut Page) -> Result<String> {
    let get = |wanted| {
        attributes
            .iter()
            .find_map(|(name, value)| (*name == wanted).then_some(*value))
    };
    let kind = get("rel").with_context(|| format!("{tag} has no rel"))?;
    if kind == "rust" {
        let name = get("data-bin").with_context(|| format!("{tag} has no data-bin"))?;
        let wasm_opt = get("data-wasm-opt-params").unwrap_or_default();
        page.programs.push(Program {
            name: name.to_string(),
            wasm_opt: wasm_opt.split_whitespace().map(str::to_string).collect(),
        });
        return match get("data-type") {
            None | Some("main") => Ok(boot_tags(name)),
            Some("worker") => Ok(String::new()),
            Some(other) => bail!("a program is main or worker, not {other} ({tag})"),
        };
    }
    let source = get("href").with_context(|| format!("{tag} has no href"))?;
    let name = source.trim_end_matches('/').rsplit('/').next();
    let name = name.unwrap_or(source);
    let folder = get("data-target-path").map(|path| path.trim_matches('/'));
    // Trunk takes the path as the folder's new name, but as the folder around a file.
    let target = match (kind, folder) {
        (_, None | Some("")) => name.to_string(),
        ("copy-dir", Some(folder)) => folder.to_string(),
        (_, Some(folder)) => format!("{folder}/{name}"),
    };
    let html = match kind {
        "css" => format!(r#"<link rel="stylesheet" href="./{target}">"#),
        "icon" => format!(r#"<link rel="icon" href="./{target}">"#),
        "copy-file" | "copy-dir" => String::new(),
        other => bail!("`cargo xtask web` does not know links of rel=\"{other}\" ({tag})"),
    };
    page.assets.push(Asset {
        source: source.to_string(),
        target,
        folder: kind == "copy-dir",
    });
    Ok(html)
}

/// The tags that start the page's program. Trunk.toml names the same script: a file of the site's
/// own needs no exception from a content security policy.
fn boot_tags(program: &str) -> String {
    format!(
        r#"<link rel="modulepreload" href="./{program}.js">
    <link rel="preload" href="./{program}_bg.wasm" as="fetch" type="application/wasm" crossorigin>
    <script type="module" src="./boot.js"></script>"#
    )
}

/// Names and values of a tag's attributes; the value is empty where there is none.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag
        .trim_start_matches("<link")
        .trim_end_matches('>')
        .trim_end_matches('/')
        .trim();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let (open, close) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => (1, after[1..].find(quote).map(|end| end + 1)),
                _ => (0, after.find(char::is_whitespace)),
            };
            let close = close.unwrap_or(after.len());
            value = &after[open..close];
            rest = after.get(close + open..).unwrap_or_default().trim_start();
        }
        found.push((name, value));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_tags_and_copies() {
        let page = render(
            r#"<head><meta content="script-src 'self' 'nonce-{{__TRUNK_NONCE__}}'">
            <link data-trunk rel="rust" data-bin='dcac-web' data-wasm-opt="z"/>
            <link data-trunk rel="rust" data-bin="dcac-cpu" data-type="worker"
                  data-bindgen-target="web" data-wasm-opt="0" data-wasm-opt-params="-O3 --fast">
            <link data-trunk rel="css" href="style.css">
            <link data-trunk
                  rel="copy-dir" href="../public/models" data-target-path="/weights/" />
            <link data-trunk rel=copy-file href=static/worker.js data-target-path="js">
            <link rel="manifest" href="./site.webmanifest"></head>"#,
        )
        .unwrap();
        assert!(page.html.contains(r#"content="script-src 'self'""#));
        assert!(page.html.contains(r#"src="./boot.js""#));
        assert!(page.html.contains(r#"href="./dcac-web_bg.wasm""#));
        assert!(
            !page.html.contains("dcac-cpu"),
            "a worker is not the page's to load"
        );
        let program = |name: &str, wasm_opt: &[&str]| Program {
            name: name.to_string(),
            wasm_opt: wasm_opt.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            page.programs,
            [
                program("dcac-web", &[]),
                program("dcac-cpu", &["-O3", "--fast"])
            ]
        );
        assert!(
            page.html
                .contains(r#"<link rel="stylesheet" href="./style.css">"#)
        );
        assert!(
            page.html
                .contains(r#"<link rel="manifest" href="./site.webmanifest">"#)
        );
        let assets: Vec<_> = (page.assets.iter())
            .map(|asset| (asset.source.as_str(), asset.target.as_str()))
            .collect();
        assert_eq!(
            assets,
            [
                ("style.css", "style.css"),
                ("../public/models", "weights"),
                ("static/worker.js", "js/worker.js"),
            ]
        );
    }

    #[test]
    fn what_only_trunk_knows_is_refused() {
        assert!(render(r#"<link data-trunk rel="sass" href="a.scss">"#).is_err());
        assert!(render(r#"<script data-trunk src="a.js"></script>"#).is_err());
        assert!(render(r#"<link data-trunk rel="css">"#).is_err());
        assert!(render(r#"<link data-trunk rel="rust">"#).is_err());
    }
}
