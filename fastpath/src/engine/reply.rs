//! How the answer of a call is written once its rows have run.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::Route;
use super::model::OutputSelection;
use crate::batch::Request;
use crate::spec::OutputSpec;
use crate::status::{Code, Status};
use crate::wire::infer_response::{self, OutputRows};
use crate::wire::predict_response::{self, Receipt};

/// What the engine keeps of a request until it is answered.
pub struct Reply {
    pub form: ReplyForm,
    pub id: Box<str>,
    pub outputs: OutputSelection,
    pub version: Arc<Route>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyForm {
    Infer,
    Predict { receipt: bool },
}

/// One output tensor of a batch, checked against the model's outputs.
#[derive(Clone, Copy, Debug)]
pub struct OutputTensor<'a> {
    /// The shape of one row.
    pub dims: &'a [i64],
    /// Row-major, all rows of the batch.
    pub data: &'a [u8],
}

/// What is the same for all requests of a batch.
pub struct Batch<'a> {
    pub outputs: &'a [OutputTensor<'a>],
    pub rows: usize,
    pub pack: Duration,
    pub compute: Duration,
    pub taken: Instant,
    /// Most bytes of an answer.
    pub max_send_bytes: usize,
}

impl Batch<'_> {
    /// The bytes of one request's answer; `rows` are its rows in the batch.
    pub fn encode(&self, request: &Request<Reply>, rows: Range<usize>) -> Result<Vec<u8>, Box<Status>> {
        let reply = &request.reply;
        let model = &reply.version.model;
        let mut outputs: SmallVec<[OutputRows<'_>; 4]> = SmallVec::new();
        for place in &reply.outputs {
            let place = usize::from(*place);
            if let (Some(spec), Some(tensor)) = (model.spec.outputs.get(place), self.outputs.get(place)) {
                outputs.push(self.part(spec, *tensor, rows.clone()));
            }
        }
        let name = &model.spec.name;
        let version = &reply.version.version_text;
        let bytes = match reply.form {
            ReplyForm::Infer => infer_response::encode(name, version, &reply.id, &outputs),
            ReplyForm::Predict { receipt } => {
                let began = receipt.then(Instant::now);
                let mut message = predict_response::encode(name, version, &reply.id, &outputs);
                if let Some(began) = began {
                    predict_response::append_receipt(
                        &Receipt {
                            decode_ns: request.decode_ns,
                            queue_ns: ns(self.taken.saturating_duration_since(request.enqueued)),
                            pack_ns: ns(self.pack),
                            compute_ns: ns(self.compute),
                            encode_ns: ns(began.elapsed()),
                            batch_rows: self.rows as u64,
                        },
                        &mut message,
                    );
                }
                message.into_vec()
            }
        };
        if bytes.len() > self.max_send_bytes {
            let status = Status {
                pushback_ms: Some(-1),
                ..Status::new(
                    Code::ResourceExhausted,
                    format!(
                        "The answer has {} bytes; at most {} can be sent. Ask for fewer rows or outputs.",
                        bytes.len(),
                        self.max_send_bytes
                    ),
                )
            };
            return Err(Box::new(status));
        }
        Ok(bytes)
    }

    fn part<'s>(
        &'s self,
        spec: &'s OutputSpec,
        tensor: OutputTensor<'s>,
        rows: Range<usize>,
    ) -> OutputRows<'s> {
        let row_bytes = tensor.data.len().checked_div(self.rows).unwrap_or(0);
        OutputRows {
            name: &spec.name,
            datatype: spec.datatype,
            rows: rows.len(),
            dims: tensor.dims,
            data: tensor.data.get(rows.start * row_bytes..rows.end * row_bytes).unwrap_or_default(),
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
