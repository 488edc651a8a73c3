//! Requests that their door has parsed itself.

use std::sync::Arc;
use std::time::Instant;

use super::reply::ReplyForm;
use super::{Caller, Decoded, Engine};
use crate::batch::Ticket;
use crate::status::Status;
use crate::wire::infer_request::InferRequest;

/// What `PredictRequest` holds, with rows as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowsRequest<'a> {
    pub model_name: &'a str,
    pub model_version: &'a str,
    pub id: &'a str,
    /// A JSON object.
    pub context: Option<&'a str>,
    /// JSON objects.
    pub rows: &'a [&'a str],
    pub outputs: &'a [&'a str],
    pub receipt: bool,
    pub routing_key: &'a str,
}

impl Engine {
    /// `submit` of a parsed request; the call's time runs from `began` on. The answer is a `ModelInferResponse`.
    ///
    /// # Errors
    /// The call is refused now; nothing will come through the outbox.
    pub fn submit_infer(
        &self,
        request: &InferRequest<'_>,
        caller: Caller,
        began: Instant,
    ) -> Result<Arc<Ticket>, Status> {
        self.check_open()?;
        Self::push(self.decode_infer(request, caller, began)?)
    }

    /// The same for rows. The answer is a `PredictResponse`.
    ///
    /// # Errors
    /// The call is refused now; nothing will come through the outbox.
    pub fn submit_rows(
        &self,
        request: &RowsRequest<'_>,
        caller: Caller,
        began: Instant,
    ) -> Result<Arc<Ticket>, Status> {
        self.check_open()?;
        let version = self.version(request.model_name, request.model_version, request.routing_key)?;
        let outputs =
            Self::told(&version, began, version.model.select_outputs(request.outputs.iter().copied()))?;
        let block = version.model.decode_json_watched(request.context, request.rows, version.observer());
        let asked = (ReplyForm::Predict { receipt: request.receipt }, request.id, outputs);
        Self::push(self.decoded(version, ("rows", block), asked, caller, began)?)
    }

    pub(super) fn decode_infer(
        &self,
        request: &InferRequest<'_>,
        caller: Caller,
        began: Instant,
    ) -> Result<Decoded, Status> {
        if let Some((field, sentence)) = request.refusal() {
            return Err(self.refuse(Status::invalid(field, sentence)));
        }
        let caller = caller.within(request.parameters.timeout_us);
        let key = request.parameters.routing_key;
        let version = self.version(request.model_name, request.model_version, key)?;
        let names = request.outputs.iter().map(|output| output.name);
        let outputs = Self::told(&version, began, version.model.select_outputs(names))?;
        let block = version.model.decode_infer_watched(request, version.observer());
        let asked = (ReplyForm::Infer, request.id, outputs);
        self.decoded(version, ("inputs", block), asked, caller, began)
    }

    pub(super) fn push(Decoded { version, request }: Decoded) -> Result<Arc<Ticket>, Status> {
        let ticket = Arc::clone(&request.ticket);
        version.queue.push(request, Instant::now())?;
        Ok(ticket)
    }
}
