//! What a Market-1501 file name says about a crop.

/// Identity and camera in a name such as `0002_c1s1_000451_03.jpg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Person; -1 and 0 stand for "junk" and "nobody in particular".
    pub identity: i32,
    /// Camera, from 1.
    pub camera: u32,
}

impl Tag {
    /// Reads a file name; `None` where it follows another pattern.
    pub fn parse(name: &str) -> Option<Self> {
        let (identity, rest) = name.split_once("_c")?;
        let digits = identity.strip_prefix('-').unwrap_or(identity);
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let known = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (rest[end..].starts_with('s') || rest[end..].starts_with('_'));
        if !known {
            return None;
        }
        Some(Self {
            identity: identity.parse().ok()?,
            camera: rest[..end].parse().ok()?,
        })
    }

    /// Whether the identity names one person.
    pub fn is_person(self) -> bool {
        self.identity > 0
    }
}
