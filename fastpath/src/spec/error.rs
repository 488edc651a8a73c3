//! What is wrong with a model.toml, in one sentence with file, line, key and what is allowed.

use std::fmt;

/// A model.toml that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Where: `path/model.toml, line 12`, or the path alone.
    pub place: String,
    pub message: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for SpecError {}

/// A sentence without its place; `at` adds the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset in the text, where known.
    pub offset: Option<usize>,
    pub message: String,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self { offset: None, message: message.into() }
    }

    #[must_use]
    pub fn at(self, offset: usize) -> Self {
        Self { offset: Some(self.offset.unwrap_or(offset)), ..self }
    }

    /// The error for a file whose whole text is given.
    #[must_use]
    pub fn in_file(self, path: &str, text: &str) -> SpecError {
        let place = match self.offset.and_then(|offset| text.get(..offset)) {
            Some(before) => format!("{path}, line {}", before.matches('\n').count() + 1),
            None => path.to_owned(),
        };
        SpecError { place, message: self.message }
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        let offset = error.span().map(|span| span.start);
        Self { offset, message: with_suggestion(error.message()) }
    }
}

/// Adds the nearest valid name to serde's "unknown field `x`, expected one of `a`, `b`".
#[must_use]
pub fn with_suggestion(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, allowed)) = names.split_first() else {
        return message.to_owned();
    };
    if !message.starts_with("unknown") {
        return message.to_owned();
    }
    match nearest(unknown, allowed.iter().copied()) {
        Some(name) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}

/// The name most like `unknown`, if any is alike.
pub fn nearest<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // 0.7 keeps "standardise" → "standardize" and "max_row" → "max_rows", and drops mere chance.
    names
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_valid_one() {
        let message = with_suggestion("unknown field `max_rows`, expected one of `max_batch_rows`, `count`");
        assert!(message.ends_with("did you mean `max_batch_rows`?"), "{message}");
        assert_eq!(nearest("zzz", ["clip", "log1p"].into_iter()), None);
    }
}
