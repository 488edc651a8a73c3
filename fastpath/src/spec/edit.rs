//! Writes parameters into operations of a model.toml and leaves every other byte of the file as it is.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::error::Fault;

/// A key of an operation and its value in TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The places of the feature in the file, and of the operation in its `ops`.
    pub feature: usize,
    pub op: usize,
    pub key: &'static str,
    pub value: String,
}

#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    feature: Vec<FeaturePlaces>,
}

#[derive(Deserialize)]
struct FeaturePlaces {
    #[serde(default)]
    name: String,
    /// Each operation by its one name.
    #[serde(default)]
    ops: Vec<BTreeMap<String, Spanned<KeyPlaces>>>,
}

type KeyPlaces = BTreeMap<String, Spanned<toml::Value>>;

/// The text with each edit made: a key that is there gets the value, another is added behind the last one.
pub fn edited(text: &str, edits: &[Edit]) -> Result<String, Fault> {
    let places: Places = toml::from_str(text)?;
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for edit in edits {
        let feature = places.feature.get(edit.feature);
        let op = feature.and_then(|feature| feature.ops.get(edit.op)).and_then(|op| op.iter().next());
        let (Some(feature), Some((name, table))) = (feature, op) else { continue };
        let braces = text.get(table.span()).is_some_and(|text| text.starts_with('{') && text.ends_with('}'));
        if !braces {
            let fault = Fault::new(format!(
                "feature `{}`: fit writes into operations in braces; write {{ {name} = {{ fit = true }} }}",
                feature.name
            ));
            return Err(fault.at(table.span().start));
        }
        let values = table.get_ref();
        if let Some(value) = values.get(edit.key) {
            changes.push((value.span(), edit.value.clone()));
        } else if let Some(end) = values.values().map(|value| value.span().end).max() {
            changes.push((end..end, format!(", {} = {}", edit.key, edit.value)));
        }
    }
    Ok(spliced(text, changes))
}

/// Changes at one place keep their order.
fn spliced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, value) in changes {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(&value);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(op: usize, key: &'static str, value: &str) -> Edit {
        Edit { feature: 0, op, key, value: value.to_owned() }
    }

    #[test]
    fn keys_are_added_or_replaced_and_nothing_else_changes() {
        let text = "# ä comment\r\n[[feature]]\r\nname = 'x'   # odd\r\nops = [\r\n  { log1p = {} }, # first\r\n  \
                    { standardize = {fit = true,mean=1.0 } },\r\n]\r\n";
        let new = edited(text, &[edit(1, "mean", "2.5"), edit(1, "std", "0.5")]).unwrap();
        assert_eq!(new, text.replace("mean=1.0 }", "mean=2.5, std = 0.5 }"));
    }

    #[test]
    fn an_operation_that_is_no_inline_table_is_refused_with_its_line() {
        let text = "[[feature]]\nname = 'x'\n[[feature.ops]]\n[feature.ops.standardize]\nfit = true\n";
        let fault = edited(text, &[edit(0, "mean", "2.5")]).unwrap_err();
        assert!(fault.message.contains("write { standardize = { fit = true } }"), "{}", fault.message);
        let dotted = "[[feature]]\nname = 'x'\nops = [{ standardize.fit = true }]\n";
        assert!(edited(dotted, &[edit(0, "mean", "2.5")]).is_err());
    }
}
