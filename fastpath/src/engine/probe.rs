//! A feature's values behind some of its operations, by the program that serves.
//!
//! A probe is a model of its own: the feature with its operations cut off there, compiled and decoded like any other.
//! So an operation needs no second formula here, and a new one none at all.

use super::describe::age_until;
use super::model::Model;
use crate::features::{Column, FaultKind, RowsError};
use crate::spec::text::{
    CrossText, FeatureText, FeatureType, HashName, HashText, IntsAs, ListText, ModelText, OpText,
    UnknownFeatures,
};
use crate::spec::{InputSpec, ModelSpec, Role};
use crate::wire::Datatype;
use crate::wire::predict_request::PredictRequest;

/// The values of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

const INPUT: &str = "values";
const OFFSETS: &str = "offsets";

/// Probes of one model and one row.
pub(super) struct Probes<'a, 'r> {
    pub model: &'a Model,
    pub request: &'a PredictRequest<'r>,
}

impl Probes<'_, '_> {
    /// Behind the first `count` operations; none where no tensor can hold what is there: text.
    pub fn after(&self, text: &FeatureText, count: usize) -> Result<Option<Values>, RowsError> {
        let ops = text.ops.get(..count).unwrap_or_default().to_vec();
        let text = FeatureText { ops, to: Some(INPUT.to_owned()), ..text.clone() };
        // A list of any length comes with its length; an operation on whole lists refuses that form.
        let any_length = text.list.filter(|list| list.length.is_none());
        let jagged = any_length.map(|list| ListText { jagged: true, pad: None, ..list });
        let forms = [jagged.map(Some), Some(text.list)];
        for list in forms.into_iter().flatten() {
            for datatype in [Datatype::Int64, Datatype::Fp64] {
                let mut features = vec![FeatureText { list, ..text.clone() }];
                features.extend(age_until(&text).into_iter().flat_map(|name| self.operands(name)));
                if let Some(probe) =
                    self.compile(datatype, list.is_some_and(|list| list.jagged), features, None)
                {
                    return self.values(&probe, datatype).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The id of a cross.
    pub fn cross(&self, text: &CrossText) -> Result<Option<Values>, RowsError> {
        let features = text.features.iter().flat_map(|name| self.operands(name)).collect();
        let text = CrossText { to: INPUT.to_owned(), ..text.clone() };
        let probe = self.compile(Datatype::Int64, false, features, Some(text));
        probe.map(|probe| self.values(&probe, Datatype::Int64)).transpose()
    }

    /// Whether the row has the feature, in the context or by itself.
    pub fn is_given(&self, text: &FeatureText) -> Result<bool, RowsError> {
        let is_text = matches!(text.kind, FeatureType::String | FeatureType::Bytes);
        let (buckets, function, seed, ints) = (1, HashName::default(), 0, IntsAs::default());
        let hash = is_text.then_some(OpText::Hash(HashText { buckets, function, seed, ints }));
        let required = Some(toml::Value::String("error".to_owned()));
        let text =
            FeatureText { ops: hash.into_iter().collect(), missing: required, range: None, ..text.clone() };
        match self.after(&text, 1) {
            Ok(_) => Ok(true),
            Err(RowsError::Feature { kind, .. }) if matches!(*kind, FaultKind::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A feature that a cross or an age looks at.
    fn operands(&self, name: &str) -> impl Iterator<Item = FeatureText> {
        let named = self.model.spec.text.feature.iter().map(toml::Spanned::get_ref);
        named.filter(move |text| text.name == name).map(|text| FeatureText {
            ops: Vec::new(),
            to: None,
            ..text.clone()
        })
    }

    /// None where the engine refuses the probe's specification.
    fn compile(
        &self,
        datatype: Datatype,
        jagged: bool,
        features: Vec<FeatureText>,
        cross: Option<CrossText>,
    ) -> Option<Model> {
        let input = |name: &str, datatype, role| InputSpec {
            name: name.to_owned(),
            datatype,
            dims: None,
            role,
            per_request: false,
        };
        let mut inputs = vec![input(INPUT, datatype, Role::Values)];
        if jagged {
            let offsets = Role::Offsets { of: INPUT.to_owned(), include_last: true };
            inputs.push(input(OFFSETS, Datatype::Int64, offsets));
        }
        let spec = &self.model.spec;
        let text = ModelText {
            unknown_features: UnknownFeatures::Ignore,
            feature: features.into_iter().map(|text| toml::Spanned::new(0..0, text)).collect(),
            cross: cross.into_iter().map(|text| toml::Spanned::new(0..0, text)).collect(),
            ..ModelText::default()
        };
        let spec = ModelSpec {
            name: spec.name.clone(),
            max_batch_rows: 1,
            max_queue_delay: spec.max_queue_delay,
            queue_capacity_rows: 1,
            instances: 1,
            versions: spec.versions.clone(),
            inputs,
            outputs: Vec::new(),
            text,
            folders: spec.folders.clone(),
        };
        let clock = self.model.clock;
        Model::new(spec, self.model.version).ok().map(|probe| Model { clock, ..probe })
    }

    fn values(&self, probe: &Model, datatype: Datatype) -> Result<Values, RowsError> {
        let block = probe.decode_predict(self.request, 1)?;
        let bytes = match block.columns.first() {
            Some(Column::Fixed { data: bytes, .. } | Column::Jagged { values: bytes, .. }) => {
                bytes.as_slice()
            }
            None => &[],
        };
        let (words, _) = bytes.as_chunks::<8>();
        Ok(match datatype {
            Datatype::Int64 => Values::Ints(words.iter().map(|word| i64::from_le_bytes(*word)).collect()),
            _ => Values::Floats(words.iter().map(|word| f64::from_le_bytes(*word)).collect()),
        })
    }
}
