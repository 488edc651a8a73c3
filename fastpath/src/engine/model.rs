//! A model version as the engine sees it: what callers send, what forward takes, what it gives.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use smallvec::SmallVec;

use crate::batch::{Argument, Division, Integers};
use crate::features::program::{ColumnForm, Field, FieldShape};
use crate::features::{Clock, Program, RowBlock, RowsError, columns, compile, examples, json_rows, tensors};
use crate::spec::error::{Fault, nearest};
use crate::spec::text::{FeatureType, TimeUnit};
use crate::spec::{InputSpec, ModelSpec, Role, SpecError};
use crate::status::Status;
use crate::wire::Datatype;
use crate::wire::infer_request::InferRequest;
use crate::wire::predict_request::PredictRequest;

/// One version of a model. Immutable.
#[derive(Debug)]
pub struct Model {
    pub spec: ModelSpec,
    pub version: u64,
    /// None: callers send the inputs themselves.
    pub program: Option<Program>,
    /// What each argument of forward is made of.
    pub arguments: Vec<Argument>,
    /// Where features whose default is the time of the request have it from.
    pub clock: Clock,
}

/// A tensor as metadata describes it; shapes have the rows first, −1 is any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    pub datatype: Datatype,
    pub shape: Vec<i64>,
    pub role: Role,
    /// Whether a request that shares its values has one row of it: the first dimension is then not the rows.
    pub per_request: bool,
    /// Jagged features whose lists it holds or divides; 0 where it is not jagged.
    pub lists: usize,
}

/// The places of the wanted outputs among the model's; all of them in order is the usual case.
pub type OutputSelection = SmallVec<[u16; 4]>;

impl Model {
    /// Reads a model's folder and compiles its features, with the files of the version. A model with operations that
    /// are still to be fitted is refused.
    pub fn load(model_folder: &Path, version: Option<u64>) -> Result<Self, SpecError> {
        let model = Self::load_unfitted(model_folder, version)?;
        match model.unfitted().first() {
            Some(fault) => Err(in_folder(fault.clone(), model_folder)),
            None => Ok(model),
        }
    }

    /// The same, for fitting: it can be described, but its rows mean nothing.
    pub fn load_unfitted(model_folder: &Path, version: Option<u64>) -> Result<Self, SpecError> {
        let spec = ModelSpec::load(model_folder, version)?;
        Self::new(spec, version.unwrap_or(0)).map_err(|fault| in_folder(fault, model_folder))
    }

    /// A sentence for each feature with an operation that is still to be fitted.
    #[must_use]
    pub fn unfitted(&self) -> &[Fault] {
        self.program.as_ref().map_or(&[], |program| &program.unfitted)
    }

    pub fn new(spec: ModelSpec, version: u64) -> Result<Self, Fault> {
        let program = if spec.text.feature.is_empty() { None } else { Some(compile(&spec)?) };
        let arguments =
            spec.inputs.iter().map(|input| argument(input, &spec.inputs, program.as_ref())).collect();
        Ok(Self { spec, version, program, arguments, clock: Clock::System })
    }

    pub fn decode_infer(&self, request: &InferRequest<'_>) -> Result<RowBlock, RowsError> {
        match &self.program {
            Some(program) => tensors::decode_features(program, request, self.clock, |rows| {
                self.check_rows("inputs", rows, 0..=self.spec.max_batch_rows)
            }),
            None => tensors::decode_inputs(&self.spec.inputs, request),
        }
    }

    /// The rows of a request that has at most `most_rows`.
    pub fn decode_predict(
        &self,
        request: &PredictRequest<'_>,
        most_rows: usize,
    ) -> Result<RowBlock, RowsError> {
        let program = self.features()?;
        let template = examples::template(program, request.context.as_deref(), self.clock)?;
        match (request.examples.is_empty(), request.columns.is_empty()) {
            (false, true) => {
                self.check_rows("examples", request.examples.len(), 0..=most_rows)?;
                examples::decode(program, template, &request.examples)
            }
            (true, false) => columns::decode(program, template, &request.columns, |rows| {
                self.check_rows("columns", rows, 0..=most_rows)
            }),
            (true, true) => {
                Err(RowsError::request("examples", "The request has no rows; send examples or columns."))
            }
            (false, false) => Err(RowsError::request(
                "columns",
                "The request has both examples and columns; send one of them.",
            )),
        }
    }

    /// The rows of a JSON request, each a text of its own.
    pub fn decode_json(&self, context: Option<&str>, rows: &[&str]) -> Result<RowBlock, RowsError> {
        let program = self.features()?;
        let template = json_rows::template(program, context, self.clock)?;
        self.check_rows("rows", rows.len(), 0..=self.spec.max_batch_rows)?;
        json_rows::decode(program, template, rows)
    }

    fn features(&self) -> Result<&Program, RowsError> {
        self.program.as_ref().ok_or_else(|| {
            RowsError::request(
                "model_name",
                format!(
                    "Model {:?} has no features, so Predict cannot score it; send its tensors to ModelInfer.",
                    self.spec.name
                ),
            )
        })
    }

    /// Whether a request may have so many rows; `field` is the path to blame.
    pub fn check_rows(
        &self,
        field: &str,
        rows: usize,
        allowed: RangeInclusive<usize>,
    ) -> Result<(), RowsError> {
        if allowed.contains(&rows) {
            return Ok(());
        }
        let (name, max) = (&self.spec.name, allowed.end());
        Err(RowsError::request(
            field,
            format!("The request has {rows} rows; model {name:?} takes 1 to {max} a request."),
        ))
    }

    /// The outputs that a request names, or all.
    pub fn select_outputs<'n>(
        &self,
        names: impl ExactSizeIterator<Item = &'n str>,
    ) -> Result<OutputSelection, Status> {
        let all = &self.spec.outputs;
        if names.len() == 0 {
            return Ok((0..).zip(all).map(|(place, _)| place).collect());
        }
        let mut selection = OutputSelection::new();
        for name in names {
            let Some((place, _)) = (0..).zip(all).find(|(_, output)| output.name == name) else {
                let known = all.iter().map(|output| output.name.as_str());
                let hint = nearest(name, known.clone())
                    .map_or_else(|| ".".to_owned(), |name| format!("; did you mean {name:?}?"));
                let known = known.collect::<Vec<_>>().join(", ");
                return Err(Status::invalid(
                    format!("outputs.{name}"),
                    format!("Output {name:?} is not one of the model's, which are {known}{hint}"),
                ));
            };
            if selection.contains(&place) {
                return Err(Status::invalid(
                    format!("outputs.{name}"),
                    format!("Output {name:?} is asked for twice."),
                ));
            }
            selection.push(place);
        }
        Ok(selection)
    }

    /// What callers send: the features where there are any, else the inputs.
    #[must_use]
    pub fn takes(&self) -> Vec<TensorInfo> {
        let Some(program) = &self.program else {
            return self.inputs();
        };
        let fields = program.fields.iter().map(|field| {
            let datatype = match field.kind {
                FeatureType::Float => Datatype::Fp32,
                FeatureType::Int | FeatureType::Timestamp => Datatype::Int64,
                FeatureType::Bool => Datatype::Bool,
                FeatureType::String | FeatureType::Bytes => Datatype::Bytes,
            };
            let shape = match field.shape {
                FieldShape::Scalar => vec![-1],
                FieldShape::List => vec![-1, -1],
                FieldShape::Fixed(length) => vec![-1, length as i64],
            };
            TensorInfo {
                name: field.name.clone(),
                datatype,
                shape,
                role: Role::Values,
                per_request: false,
                lists: 0,
            }
        });
        fields.collect()
    }

    /// Of each feature what its datatype does not tell: its type, the unit of a timestamp, and whether it is a list.
    #[must_use]
    pub fn feature_kinds(&self) -> BTreeMap<String, String> {
        let fields = self.program.iter().flat_map(|program| &program.fields);
        let kind = |field: &Field| {
            let unit = if field.unit == TimeUnit::Milliseconds { "_ms" } else { "" };
            let list = if field.shape == FieldShape::Scalar { "" } else { "[]" };
            format!("{}{unit}{list}", field.kind.name())
        };
        fields.map(|field| (field.name.clone(), kind(field))).collect()
    }

    /// The arguments of forward.
    #[must_use]
    pub fn inputs(&self) -> Vec<TensorInfo> {
        let shape = |argument: &Argument, input: &InputSpec| match (argument, &self.program) {
            (Argument::Fixed { column, .. }, Some(program)) => {
                match program.columns.get(*column).map(|plan| &plan.form) {
                    Some(ColumnForm::Fixed { dims, .. }) => rows_of(dims),
                    _ => vec![-1],
                }
            }
            (Argument::Fixed { .. }, None) => rows_of(input.dims.as_deref().unwrap_or_default()),
            _ => vec![-1],
        };
        let info = |(argument, input): (&Argument, &InputSpec)| TensorInfo {
            name: input.name.clone(),
            datatype: input.datatype,
            shape: shape(argument, input),
            role: input.role.clone(),
            per_request: input.per_request,
            lists: match argument {
                Argument::Values { columns, .. } | Argument::Lists { columns, .. } => columns.len(),
                _ => 0,
            },
        };
        self.arguments.iter().zip(&self.spec.inputs).map(info).collect()
    }

    #[must_use]
    pub fn outputs(&self) -> Vec<TensorInfo> {
        let info = |output: &crate::spec::OutputSpec| TensorInfo {
            name: output.name.clone(),
            datatype: output.datatype,
            shape: rows_of(&output.dims),
            role: Role::Values,
            per_request: false,
            lists: 0,
        };
        self.spec.outputs.iter().map(info).collect()
    }

    /// Rows of defaults, to warm a model up with.
    pub fn default_rows(&self, rows: usize) -> Result<RowBlock, RowsError> {
        match &self.program {
            Some(program) => examples::defaults(program, rows),
            None => Ok(tensors::zeros(&self.spec.inputs, rows)),
        }
    }

    /// Batch sizes to warm up: powers of two, and the largest.
    #[must_use]
    pub fn batch_buckets(&self) -> Vec<usize> {
        let max = self.spec.max_batch_rows;
        let powers = std::iter::successors(Some(1), |size| Some(size * 2)).take_while(|size| *size < max);
        powers.chain([max]).collect()
    }
}

/// What an argument of forward is made of. Without features every input is a column.
fn argument(input: &InputSpec, inputs: &[InputSpec], program: Option<&Program>) -> Argument {
    let data = inputs.iter().filter(|input| input.carries_data());
    let place = |name: &str| data.clone().position(|input| input.name == name).unwrap_or(0);
    let columns =
        |name: &str| program.and_then(|program| program.inputs.get(place(name))).cloned().unwrap_or_default();
    let integers = if input.datatype == Datatype::Int32 { Integers::Int32 } else { Integers::Int64 };
    let division = match &input.role {
        Role::Values | Role::Weights { .. } | Role::Padding { .. } => {
            let column = place(&input.name);
            let plan = program.and_then(|program| program.columns.get(column));
            let (datatype, per_request) = (input.datatype, input.per_request);
            return match plan.map(|plan| &plan.form) {
                Some(ColumnForm::Jagged { .. }) => {
                    Argument::Values { columns: columns(&input.name), datatype, per_request }
                }
                _ => Argument::Fixed { column, datatype, per_request },
            };
        }
        Role::RequestIndex => return Argument::RequestIndex { integers },
        Role::Lengths { .. } => Division::Lengths,
        Role::Offsets { include_last: true, .. } => Division::Offsets,
        Role::Offsets { include_last: false, .. } => Division::Starts,
    };
    let columns = columns(input.lists_of().unwrap_or_default());
    Argument::Lists { columns, division, integers, per_request: input.per_request }
}

fn in_folder(fault: Fault, model_folder: &Path) -> SpecError {
    let path = model_folder.join("model.toml").display().to_string();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    fault.in_file(&path, &text)
}

fn rows_of(dims: &[i64]) -> Vec<i64> {
    std::iter::once(-1).chain(dims.iter().copied()).collect()
}
