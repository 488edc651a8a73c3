//! A request with rows of features: `{"rows": [{"amount": 12.5}], "context": {…}, "id": "…"}`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::syntax;
use crate::status::Status;
use crate::wire::infer_request::MAX_TENSORS;
use crate::wire::predict_request::MAX_ROWS;

/// The body as it is written. Rows are texts of their own until the model is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest<'a> {
    #[serde(borrow)]
    rows: Rows<'a>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<Cow<'a, str>>>,
    #[serde(default)]
    pub receipt: bool,
    #[serde(borrow, default)]
    routing_key: Option<Cow<'a, str>>,
}

impl<'a> PredictRequest<'a> {
    /// # Errors
    /// `InvalidArgument`.
    pub fn parse(body: &'a [u8]) -> Result<Self, Status> {
        let request: Self = syntax::object(body)?;
        if request.outputs.as_ref().is_some_and(|outputs| outputs.len() > MAX_TENSORS) {
            let sentence = format!("Field outputs has more than {MAX_TENSORS} items, which is the limit.");
            return Err(Status::invalid("outputs", sentence));
        }
        Ok(request)
    }

    /// JSON texts.
    #[must_use]
    pub fn rows(&self) -> &[&'a str] {
        &self.rows.0
    }

    /// A JSON text.
    #[must_use]
    pub fn context(&self) -> Option<&'a str> {
        self.context.map(RawValue::get)
    }

    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn routing_key(&self) -> Option<&str> {
        self.routing_key.as_deref()
    }

    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        self.outputs.iter().flatten().map(AsRef::as_ref).collect()
    }
}

/// An array whose elements are kept as they are written.
#[derive(Debug)]
struct Rows<'a>(Vec<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Rows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Texts)
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Rows<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array of rows, each an object with a value for each feature")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element::<&'de RawValue>()? {
            if rows.len() == MAX_ROWS {
                return Err(A::Error::custom(format_args!("more than {MAX_ROWS} rows")));
            }
            rows.push(row.get());
        }
        Ok(Rows(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_as_they_are_written() {
        let body =
            br#"{"receipt": true, "rows": [{"a": 1}, {}], "id": "r", "context": {"b": 2}, "outputs": ["y"]}"#;
        let request = PredictRequest::parse(body).unwrap();
        assert_eq!(request.rows(), [r#"{"a": 1}"#, "{}"]);
        assert_eq!((request.context(), request.id(), request.receipt), (Some(r#"{"b": 2}"#), "r", true));
        assert_eq!(request.outputs(), ["y"]);
    }

    #[test]
    fn what_is_no_request_is_refused_in_a_sentence() {
        let cases = [
            (r#"{"instances": []}"#, "unknown field `instances`, expected one of `rows`"),
            (r#"{"rows": [], "rows": []}"#, "duplicate field `rows`"),
            (r#"{"rows": {}}"#, "an array of rows"),
            (r#"{"rows": [{"a": NaN}]}"#, "JSON has no NaN"),
            ("{}", "missing field `rows`"),
            ("5", "must be a JSON object"),
        ];
        for (body, expected) in cases {
            let sentence = PredictRequest::parse(body.as_bytes()).unwrap_err().message;
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
