//! Calls through the engine without Python: raw request in, batch, raw answer out.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod wire_messages;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastpath::batch::{Answer, BufferPool, Outbox, RunTimes};
use fastpath::engine::reply::{Batch, OutputTensor};
use fastpath::engine::run::{Given, OutputError, check_outputs, tensors};
use fastpath::engine::{Caller, Engine, Method, Model, Timeouts, Version};
use fastpath::spec::ModelSpec;
use fastpath::status::{Code, Status};
use fastpath::wire::predict_response::PredictResponse;
use fastpath::wire::{Datatype, Reader, WireType};
use wire_messages::{example, floats, input, ints, nested};

/// Keeps what is delivered.
#[derive(Default)]
struct Inbox(Mutex<Vec<Answer>>);

impl Outbox for Inbox {
    fn deliver(&self, answers: Vec<Answer>) {
        self.0.lock().unwrap().extend(answers);
    }
}

struct Server {
    engine: Engine,
    inbox: Arc<Inbox>,
}

impl Server {
    fn new() -> Self {
        let timeouts = Timeouts { default: Duration::from_mins(10), max: Duration::from_mins(10) };
        Self { engine: Engine::start(timeouts, "test").unwrap(), inbox: Arc::default() }
    }

    /// A version that serves under `name`.
    fn serve(&self, name: &str, number: u64) -> Arc<Version> {
        let text = match name {
            "plain" => include_str!("models/tensors.toml"),
            _ => include_str!("models/every_form.toml"),
        };
        let spec = ModelSpec::parse(name, text, Vec::new()).unwrap();
        let version = self.engine.add_version(Model::new(spec, number).unwrap());
        self.engine.route(Arc::clone(&version));
        version
    }

    fn submit(&self, method: Method, message: &[u8], token: u64) -> Result<(), Status> {
        let caller = Caller { outbox: Arc::clone(&self.inbox) as _, token, timeout: None };
        self.engine.submit(method, message, caller).map(drop)
    }

    fn refusal(&self, method: Method, message: &[u8]) -> Status {
        self.submit(method, message, 0).unwrap_err()
    }

    /// The answers so far, by token.
    fn answers(&self) -> Vec<(u64, Result<Vec<u8>, Status>)> {
        let mut answers: Vec<_> = self
            .inbox
            .0
            .lock()
            .unwrap()
            .drain(..)
            .map(|answer| (answer.token, answer.result.map_err(|status| *status)))
            .collect();
        answers.sort_by_key(|(token, _)| *token);
        answers
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Rows of `x` and `mask` for the model without features.
fn infer(id: &str, rows: &[[f32; 2]], outputs: &[&str]) -> Vec<u8> {
    let count = i64::try_from(rows.len()).unwrap();
    let wanted = outputs.iter().flat_map(|name| nested(6, &nested(1, name.as_bytes())));
    [
        nested(1, b"plain"),
        nested(3, id.as_bytes()),
        input("x", "FP32", &[count, 2]),
        input("mask", "BOOL", &[count, 1]),
        wanted.collect(),
        nested(7, &bytes(rows.as_flattened())),
        nested(7, &vec![1; rows.len()]),
    ]
    .concat()
}

/// Runs the queued batch of the model without features: `y` is twice `x`, `total` its sum.
fn run_plain(version: &Version, max_send_bytes: usize) -> usize {
    let batch = version.queue.try_next(Instant::now()).unwrap();
    let packed = tensors(&version.model, &batch.blocks(), &Arc::new(BufferPool::default())).unwrap();
    let datatypes: Vec<_> = packed.iter().map(|tensor| tensor.datatype).collect();
    assert_eq!(datatypes, [Datatype::Fp32, Datatype::Bool]);
    let (words, _) = packed[0].memory.as_chunks::<4>();
    let x: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let y = bytes(&x.iter().map(|x| x * 2.0).collect::<Vec<_>>());
    let total: Vec<u8> = x.chunks(2).flat_map(|row| f64::from(row[0] + row[1]).to_le_bytes()).collect();
    let rows = batch.rows();
    let outputs = [OutputTensor { dims: &[2], data: &y }, OutputTensor { dims: &[], data: &total }];
    let taken = batch.taken();
    let times = RunTimes { pack: Duration::from_nanos(30), compute: Duration::from_nanos(70) };
    let reply =
        Batch { outputs: &outputs, rows, pack: times.pack, compute: times.compute, taken, max_send_bytes };
    batch.reply(times, |request, rows| reply.encode(request, rows));
    rows
}

/// The length-delimited fields of a number in a message.
fn fields(message: &[u8], wanted: u32) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(message);
    let mut out = Vec::new();
    while let Some((number, wire_type)) = reader.field().unwrap() {
        assert_eq!(wire_type, WireType::Length);
        let content = reader.bytes().unwrap();
        if number == wanted {
            out.push(content.to_vec());
        }
    }
    out
}

#[test]
fn calls_that_share_a_batch_get_their_own_rows_ids_and_outputs() {
    let server = Server::new();
    let version = server.serve("plain", 3);
    server.submit(Method::ModelInfer, &infer("first", &[[1.0, 2.0]], &[]), 1).unwrap();
    server.submit(Method::ModelInfer, &infer("second", &[[3.0, 4.0], [5.0, 6.0]], &["total"]), 2).unwrap();
    server.submit(Method::ModelInfer, &infer("", &[[7.0, 8.0]], &["total", "y"]), 3).unwrap();
    assert_eq!(run_plain(&version, usize::MAX), 4);
    let answers = server.answers();
    let message = |place: usize| answers[place].1.as_ref().unwrap();
    let name = |tensor: &Vec<u8>| fields(tensor, 1)[0].clone();
    for (place, id, names, raw) in [
        (0, &b"first"[..], vec!["y", "total"], vec![bytes(&[2.0, 4.0]), 3f64.to_le_bytes().to_vec()]),
        (
            1,
            b"second",
            vec!["total"],
            vec![[7f64, 11.0].iter().flat_map(|total| total.to_le_bytes()).collect()],
        ),
        (2, b"", vec!["total", "y"], vec![15f64.to_le_bytes().to_vec(), bytes(&[14.0, 16.0])]),
    ] {
        let message = message(place);
        assert_eq!((fields(message, 1), fields(message, 2)), (vec![b"plain".to_vec()], vec![b"3".to_vec()]));
        assert_eq!(fields(message, 3).concat(), id);
        let sent: Vec<_> = fields(message, 5).iter().map(name).collect();
        assert_eq!(sent, names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(fields(message, 6), raw);
    }
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn a_predict_call_gets_the_outputs_it_names_and_a_receipt_if_it_asks() {
    let server = Server::new();
    let version = server.serve("fraud", 7);
    let row = example(&[("amount", floats(&[2.0])), ("items", ints(&[4, 5]))]);
    let message = |receipt: &[u8]| {
        [
            nested(1, b"fraud"),
            nested(3, b"call"),
            nested(5, &row),
            nested(5, &row),
            nested(7, b"class"),
            receipt.to_vec(),
        ]
        .concat()
    };
    server.submit(Method::Predict, &message(&[0x40, 1]), 1).unwrap();
    server.submit(Method::Predict, &message(&[]), 2).unwrap();
    let batch = version.queue.try_next(Instant::now()).unwrap();
    let packed = tensors(&version.model, &batch.blocks(), &Arc::new(BufferPool::default())).unwrap();
    let names = version.model.spec.inputs.iter().map(|input| input.name.as_str());
    let shapes: Vec<_> = names.zip(packed.iter().map(|tensor| tensor.shape.to_vec())).collect();
    let expected =
        [("dense", vec![4, 6]), ("ids", vec![4, 11]), ("history", vec![0]), ("history_offsets", vec![5])];
    assert_eq!(shapes, expected);
    let class: Vec<u8> = (0..4i64).flat_map(i64::to_le_bytes).collect();
    let outputs = [OutputTensor { dims: &[], data: &[0; 16] }, OutputTensor { dims: &[], data: &class }];
    let (pack, compute, taken) = (Duration::from_nanos(30), Duration::from_nanos(70), batch.taken());
    let reply = Batch { outputs: &outputs, rows: 4, pack, compute, taken, max_send_bytes: usize::MAX };
    batch.reply(RunTimes { pack, compute }, |request, rows| reply.encode(request, rows));
    let answers = server.answers();
    for (place, rows) in [(0, [0i64, 1]), (1, [2, 3])] {
        let response = PredictResponse::parse(answers[place].1.as_ref().unwrap()).unwrap();
        assert_eq!((response.model_name, response.model_version, response.id), ("fraud", "7", "call"));
        assert_eq!(response.outputs.len(), 1);
        assert_eq!((response.outputs[0].name, &response.outputs[0].shape[..]), ("class", &[2][..]));
        assert_eq!(
            response.outputs[0].data,
            rows.iter().flat_map(|row| row.to_le_bytes()).collect::<Vec<_>>()
        );
        let receipt =
            response.receipt.map(|receipt| (receipt.pack_ns, receipt.compute_ns, receipt.batch_rows));
        assert_eq!(receipt, (place == 0).then_some((30, 70, 4)));
    }
}

#[test]
fn an_answer_that_is_too_large_to_send_is_refused_alone() {
    let server = Server::new();
    let version = server.serve("plain", 1);
    server.submit(Method::ModelInfer, &infer("", &[[0.0; 2]; 50], &[]), 1).unwrap();
    server.submit(Method::ModelInfer, &infer("", &[[0.0; 2]; 1], &[]), 2).unwrap();
    run_plain(&version, 200);
    let answers = server.answers();
    let status = answers[0].1.as_ref().unwrap_err();
    assert_eq!((status.code, status.pushback_ms), (Code::ResourceExhausted, Some(-1)));
    assert!(status.message.ends_with("at most 200 can be sent. Ask for fewer rows or outputs."), "{status}");
    assert!(answers[1].1.is_ok());
}

#[test]
fn the_highest_version_answers_where_none_is_named() {
    let server = Server::new();
    let versions = [2, 10, 9].map(|number| server.serve("fraud", number));
    let found =
        |version: &str| server.engine.routes.find("fraud", version).map(|version| version.model.version);
    assert_eq!((found(""), found("2"), found("9")), (Ok(10), Ok(2), Ok(9)));
    assert!(server.engine.routes.remove(&versions[1]));
    assert_eq!(found(""), Ok(9));
    let gone = found("10").unwrap_err();
    assert_eq!(
        (gone.code, gone.message.as_str()),
        (Code::NotFound, "Model \"fraud\" has no version 10; it serves 2, 9.")
    );
    for text in ["+2", "02", "-1", "../2", "99999999999999999999"] {
        let status = found(text).unwrap_err();
        assert_eq!(
            (status.code, status.field.as_deref()),
            (Code::InvalidArgument, Some("model_version")),
            "{text}"
        );
    }
}

#[test]
fn a_model_that_is_known_but_does_not_serve_is_unavailable_with_its_reason() {
    let server = Server::new();
    let routes = &server.engine.routes;
    routes.set_unavailable("fraud", Some(2), "version 2 is loading");
    let find = |version: &str| routes.find("fraud", version).map(drop).unwrap_err();
    for version in ["", "2"] {
        let status = find(version);
        assert_eq!(status.code, Code::Unavailable, "{version:?}");
        assert_eq!(status.message, "Model \"fraud\" is not ready: version 2 is loading");
    }
    assert_eq!(find("1").message, "Model \"fraud\" has no version 1; it serves none.");
    routes.set_unavailable("fraud", None, "its file is broken");
    assert_eq!(find("1").message, "Model \"fraud\" is not ready: its file is broken");
    server.serve("fraud", 2);
    assert!(routes.find("fraud", "").is_ok());
    assert_eq!(find("1").code, Code::NotFound);
}

#[test]
fn a_call_that_has_found_a_version_is_answered_though_the_version_goes_meanwhile() {
    let server = Server::new();
    let version = server.serve("plain", 3);
    let caller = Caller { outbox: Arc::clone(&server.inbox) as _, token: 7, timeout: None };
    let message = infer("late", &[[1.0, 2.0]], &[]);
    let mut decoded = vec![server.engine.decode(Method::ModelInfer, &message, caller).unwrap()];
    assert!(server.engine.routes.remove(&version));
    assert!(!version.queue.is_closed(), "a call may still come");
    Engine::enqueue(&mut decoded, |_, status| panic!("{status}"));
    assert!(!version.queue.is_closed(), "a call waits");
    assert_eq!(run_plain(&version, usize::MAX), 1);
    assert!(server.answers()[0].1.is_ok());
    assert!(version.queue.is_closed(), "the last call was answered");
}

#[test]
fn a_version_in_the_place_of_another_with_its_number_takes_the_next_call_and_the_other_finishes() {
    let server = Server::new();
    let old = server.serve("plain", 3);
    server.submit(Method::ModelInfer, &infer("old", &[[1.0, 2.0]], &[]), 1).unwrap();
    let new = server.serve("plain", 3);
    server.submit(Method::ModelInfer, &infer("new", &[[1.0, 2.0]], &[]), 2).unwrap();
    assert_eq!((old.queue.len_rows(), new.queue.len_rows()), (1, 1));
    assert!(!server.engine.routes.remove(&old), "it serves no more");
    run_plain(&old, usize::MAX);
    assert!(old.queue.is_closed() && !new.queue.is_closed());
    run_plain(&new, usize::MAX);
    assert!(server.answers().iter().all(|(_, answer)| answer.is_ok()));
}

#[test]
fn calls_of_a_version_that_was_taken_out_of_service_can_be_failed() {
    let server = Server::new();
    let version = server.serve("plain", 3);
    server.submit(Method::ModelInfer, &infer("", &[[1.0, 2.0]], &[]), 1).unwrap();
    server.engine.routes.remove(&version);
    assert_eq!(server.engine.fail_all("the server is stopping"), 1);
    assert!(version.queue.is_closed());
}

#[test]
fn a_model_that_was_forgotten_is_unknown_unless_it_serves() {
    let server = Server::new();
    let routes = &server.engine.routes;
    routes.set_unavailable("fraud", Some(2), "version 2 is loading");
    routes.forget("fraud", Some(2));
    let find = || routes.find("fraud", "").map(drop).map_err(|status| status.message);
    assert_eq!(find(), Err("Model \"fraud\" is not in the repository.".to_owned()));
    let version = server.serve("fraud", 2);
    routes.set_unavailable("fraud", Some(3), "version 3 is loading");
    routes.forget("fraud", None);
    assert_eq!(find(), Ok(()));
    routes.remove(&version);
    routes.forget("fraud", None);
    assert_eq!(find(), Err("Model \"fraud\" is not in the repository.".to_owned()));
}

#[test]
fn names_that_no_model_can_have_are_told_from_names_that_none_has() {
    let server = Server::new();
    let status = |name: &str| server.refusal(Method::Predict, &nested(1, name.as_bytes()));
    assert_eq!(status("nobody").code, Code::NotFound);
    for name in ["", "../etc", ".hidden", "-x", "a b", &"x".repeat(129)] {
        let status = status(name);
        assert_eq!(
            (status.code, status.field.as_deref()),
            (Code::InvalidArgument, Some("model_name")),
            "{name}"
        );
        assert!(status.message.len() < 400, "{status}");
    }
}

#[test]
fn a_refused_call_names_its_field_and_the_next_call_is_served() {
    let server = Server::new();
    let plain = server.serve("plain", 1);
    server.serve("fraud", 1);
    let empty = nested(1, b"fraud");
    let row = |features: &[(&str, Vec<u8>)]| [empty.clone(), nested(5, &example(features))].concat();
    let shared = nested(4, &nested(1, b"shared_memory_region"));
    for (method, message, code, field) in [
        (Method::ModelInfer, vec![0xff], Code::Internal, None),
        (Method::Predict, vec![0x0a, 0x05], Code::Internal, None),
        (Method::Predict, empty.clone(), Code::InvalidArgument, Some("examples")),
        (Method::Predict, nested(1, b"plain"), Code::InvalidArgument, Some("model_name")),
        (
            Method::Predict,
            row(&[("amont", floats(&[1.0]))]),
            Code::InvalidArgument,
            Some("examples[0].amont"),
        ),
        (
            Method::Predict,
            [row(&[]), nested(7, b"scor")].concat(),
            Code::InvalidArgument,
            Some("outputs.scor"),
        ),
        (Method::Predict, [row(&[]), nested(6, b"")].concat(), Code::InvalidArgument, Some("columns")),
        (Method::ModelInfer, infer("", &[], &[]), Code::InvalidArgument, Some("inputs")),
        (Method::ModelInfer, infer("", &[[0.0; 2]], &["y", "y"]), Code::InvalidArgument, Some("outputs.y")),
        (
            Method::ModelInfer,
            [infer("", &[[0.0; 2]], &[]), shared].concat(),
            Code::InvalidArgument,
            Some("parameters.shared_memory_region"),
        ),
    ] {
        let status = server.refusal(method, &message);
        assert_eq!((status.code, status.field.as_deref()), (code, field), "{status}");
        server.submit(Method::ModelInfer, &infer("", &[[1.0, 1.0]], &[]), 5).unwrap();
        assert_eq!(run_plain(&plain, usize::MAX), 1);
        assert!(server.answers().iter().all(|(_, result)| result.is_ok()));
    }
}

#[test]
fn a_draining_engine_refuses_new_calls_and_answers_accepted_ones() {
    let server = Server::new();
    let version = server.serve("plain", 1);
    server.submit(Method::ModelInfer, &infer("", &[[1.0, 1.0]], &[]), 1).unwrap();
    server.engine.drain();
    let status = server.refusal(Method::ModelInfer, &infer("", &[[1.0, 1.0]], &[]));
    assert_eq!((status.code, status.pushback_ms), (Code::Unavailable, Some(0)));
    run_plain(&version, usize::MAX);
    assert_eq!(server.answers().len(), 1);
}

#[test]
fn outputs_that_are_not_those_of_model_toml_are_named() {
    let text = include_str!("models/tensors.toml");
    let model = Model::new(ModelSpec::parse("plain", text, Vec::new()).unwrap(), 1).unwrap();
    let given = |datatype, shape: &'static [i64]| Given { datatype, shape, data: &[] };
    let (y, total) = (given(Datatype::Fp32, &[3, 2]), given(Datatype::Fp64, &[3]));
    assert_eq!(check_outputs(&model, 3, &[y, total]).map(|outputs| outputs.len()), Ok(2));
    let error = |given: &[Given<'static>]| check_outputs(&model, 3, given).map(drop).unwrap_err();
    assert_eq!(error(&[y]), OutputError::Count { expected: 2, given: 1 });
    assert_eq!(error(&[y]).to_string(), "the model gave 1 outputs, but model.toml lists 2");
    let wrong = error(&[given(Datatype::Fp64, &[3, 2]), total]).to_string();
    assert_eq!(wrong, "the model gave FP64 for output `y`, but model.toml says FP32");
    for shape in [&[4, 2][..], &[3, 3], &[3], &[3, 2, 1], &[], &[-3, 2]] {
        let wrong = error(&[given(Datatype::Fp32, shape), total]).to_string();
        let expected = format!(
            "the model gave shape {shape:?} for output `y`, but model.toml says [3, 2] (-1: any size)"
        );
        assert_eq!(wrong, expected);
    }
}

#[test]
fn of_several_refused_parameters_the_same_is_named_in_every_order() {
    let server = Server::new();
    let parameter = |name: &str| nested(4, &nested(1, name.as_bytes()));
    let (region, size) = (parameter("shared_memory_region"), parameter("shared_memory_byte_size"));
    for parameters in [[region.clone(), size.clone()], [size, region]] {
        let message = [infer("", &[[0.0; 2]], &[]), parameters.concat()].concat();
        let status = server.refusal(Method::ModelInfer, &message);
        assert_eq!(status.field.as_deref(), Some("parameters.shared_memory_region"));
    }
}

#[test]
fn the_shorter_of_two_timeouts_counts_and_zero_is_no_word_about_it() {
    let ms = Duration::from_millis;
    let cases = [
        (None, 0, None),
        (Some(ms(5)), 0, Some(ms(5))),
        (None, 2_000, Some(ms(2))),
        (Some(ms(5)), 2_000, Some(ms(2))),
        (Some(ms(5)), u64::MAX, Some(ms(5))),
    ];
    for (timeout, timeout_us, expected) in cases {
        let caller = Caller { outbox: Arc::new(Inbox::default()), token: 0, timeout };
        assert_eq!(caller.within(timeout_us).timeout, expected, "{timeout:?} {timeout_us}");
    }
}

#[test]
fn a_request_may_say_how_long_it_waits() {
    let server = Server::new();
    server.serve("plain", 1);
    let timeout = |kind: u8, us: u8| nested(4, &[nested(1, b"timeout"), nested(2, &[kind, us])].concat());
    for kind in [2 << 3, 5 << 3] {
        let message = [infer("", &[[0.0; 2]], &[]), timeout(kind, 1)].concat();
        assert_eq!(server.refusal(Method::ModelInfer, &message).code, Code::DeadlineExceeded);
        let patient = [infer("", &[[0.0; 2]], &[]), timeout(kind, 0)].concat();
        assert_eq!(server.submit(Method::ModelInfer, &patient, 1), Ok(()));
    }
}
