//! What is wrong with a body that is no JSON, or not the JSON that it should be, in a sentence.

use serde::Deserialize;

use crate::features::json_rows::is_half_a_pair;
use crate::status::{Code, Status};

/// What JSON has no number for, as several languages write it all the same.
const NOT_JSON: [&str; 3] = ["NaN", "Infinity", "nan"];

/// The body as text.
///
/// # Errors
/// It is no UTF-8.
fn text(body: &[u8]) -> Result<&str, Status> {
    std::str::from_utf8(body).map_err(|error| {
        let sentence =
            format!("The JSON must be UTF-8 text, but other bytes came, at byte {}.", error.valid_up_to());
        Status::new(Code::InvalidArgument, sentence)
    })
}

/// The JSON object that a body is.
///
/// # Errors
/// `InvalidArgument`.
pub fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Status> {
    let text = text(body)?;
    if !text.trim_ascii_start().starts_with('{') {
        let what = if text.is_empty() { "nothing" } else { "something else" };
        let sentence = format!("The body must be a JSON object, but {what} came.");
        return Err(Status::new(Code::InvalidArgument, sentence));
    }
    serde_json::from_str(text).map_err(|error| fault(text, &error))
}

/// Why a text cannot be read.
fn fault(text: &str, error: &serde_json::Error) -> Status {
    let hint = if is_not_json(text, error) {
        " JSON has no NaN and no Infinity: write them as texts, \"NaN\", or send binary data."
    } else if is_half_a_pair(error) {
        " A text has half of a surrogate pair."
    } else {
        ""
    };
    Status::new(Code::InvalidArgument, format!("The request's JSON cannot be read: {error}.{hint}"))
}

fn is_not_json(text: &str, error: &serde_json::Error) -> bool {
    let line = error.line().checked_sub(1).and_then(|number| text.split('\n').nth(number));
    // The column is that of the letter, or the one before or behind it.
    let from = error.column().saturating_sub(2);
    let around = line.unwrap_or_default().as_bytes().get(from..).unwrap_or_default();
    let begins = |at: usize| {
        let here = around.get(at..).unwrap_or_default();
        NOT_JSON.iter().any(|word| here.starts_with(word.as_bytes()))
    };
    error.is_syntax() && (0..3).any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str) -> String {
        let error = serde_json::from_str::<Vec<f64>>(text).unwrap_err();
        fault(text, &error).message
    }

    #[test]
    fn what_is_no_number_is_told_how_it_is_written() {
        for text in ["[NaN]", "[1.5, NaN]", "[Infinity]", "[\n-Infinity]", "[nan]"] {
            assert!(sentence(text).contains("JSON has no NaN"), "{}", sentence(text));
        }
        assert!(!sentence("[1, x, NaN]").contains("JSON has no NaN"));
    }

    #[test]
    fn the_place_is_named() {
        assert_eq!(
            sentence("[1,"),
            "The request's JSON cannot be read: EOF while parsing a value at line 1 column 3."
        );
    }
}
