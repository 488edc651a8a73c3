//! The quick steps of the commonest features against the general way, which is the same program without them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod wire_messages;

use fastpath::features::{Clock, Program, RowBlock, RowsError, columns, compile, examples};
use fastpath::spec::ModelSpec;
use fastpath::wire::predict_request::PredictRequest;
use fastpath::wire::{Reader, Writer};
use proptest::prelude::*;
use wire_messages::{example, floats, ints, nested, texts, varints};

/// Every form that has a quick step.
const MODEL: &str = r#"
    [[input]]
    name = "dense"
    datatype = "FP32"
    [[input]]
    name = "ids"
    datatype = "INT64"
    [[output]]
    name = "score"
    datatype = "FP32"
    [[feature]]
    name = "plain"
    type = "float"
    missing = 0.0
    to = "dense"
    [[feature]]
    name = "standard"
    type = "float"
    missing = 0.0
    ops = [{ standardize = { mean = 0.3, std = 7.0 } }]
    to = "dense"
    [[feature]]
    name = "ranged"
    type = "float"
    missing = 0.0
    ops = [{ min_max = { min = -1.0, max = 2.0 } }]
    to = "dense"
    [[feature]]
    name = "word"
    type = "string"
    missing = ""
    ops = [{ hash = { buckets = 1000 } }]
    to = "ids"
    [[feature]]
    name = "last"
    type = "int"
    list = { max = 4, pad = -1 }
    ops = [{ hash = { buckets = 1000 } }]
    to = "ids"
    [[feature]]
    name = "first"
    type = "int"
    list = { max = 3, keep = "first" }
    ops = [{ hash = { buckets = 1000 } }]
    to = "ids"
    [[feature]]
    name = "decimal"
    type = "int"
    list = { max = 5 }
    ops = [{ hash = { buckets = 1000, ints = "text" } }]
    to = "ids"
"#;

const NAMES: [&str; 7] = ["plain", "standard", "ranged", "word", "last", "first", "decimal"];

fn program() -> Program {
    compile(&ModelSpec::parse("quick", MODEL, Vec::new()).unwrap()).unwrap()
}

fn general() -> Program {
    let mut program = program();
    for field in &mut program.fields {
        assert!(field.quick.take().is_some(), "{} has no quick step", field.name);
    }
    program
}

fn decode(program: &Program, row: &[u8]) -> Result<RowBlock, RowsError> {
    examples::decode(program, examples::template(program, None, Clock::None)?, &[Reader::new(row)])
}

/// The feature's values in a row, which must be the same both ways.
fn both(name: &str, feature: &[u8]) -> Result<RowBlock, RowsError> {
    let row = example(&[(name, feature.to_vec())]);
    let quick = decode(&program(), &row);
    assert_eq!(quick, decode(&general(), &row), "{name} {feature:02x?}");
    quick
}

const LISTS: [&str; 3] = ["last", "first", "decimal"];

/// A Feature of the named kind around the bytes of a packed list.
fn packed(kind: u32, bytes: &[u8]) -> Vec<u8> {
    nested(kind, &nested(1, bytes))
}

fn any_feature() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        prop::collection::vec(any::<f32>(), 0..3).prop_map(|values| floats(&values)),
        prop::collection::vec(any::<u32>(), 1..2)
            .prop_map(|bits| floats(&bits.into_iter().map(f32::from_bits).collect::<Vec<_>>())),
        prop::collection::vec(any::<i64>(), 0..9).prop_map(|values| ints(&values)),
        prop::collection::vec(0..300i64, 0..9).prop_map(|values| ints(&values)),
        prop::collection::vec(".{0,12}", 0..3)
            .prop_map(|values| texts(&values.iter().map(String::as_str).collect::<Vec<_>>())),
        (1..4u32, bytes()).prop_map(|(kind, bytes)| packed(kind, &bytes)),
        (1..4u32, bytes()).prop_map(|(kind, bytes)| nested(kind, &bytes)),
        bytes(),
    ]
}

/// The bytes of a request's columns, by the program.
fn decode_columns(program: &Program, message: &[u8]) -> Result<RowBlock, RowsError> {
    let request = PredictRequest::parse(message)?;
    columns::decode(program, examples::template(program, None, Clock::None)?, &request.columns, |_| Ok(()))
}

/// A column: its values, the lengths of its rows, and its validity mask.
fn column(name: &str, values: &[u8], lengths: &[u32], validity: &[u8]) -> Vec<u8> {
    let mut rest = Writer::default();
    rest.packed_int64(8, lengths.iter().map(|length| i64::from(*length)));
    if !validity.is_empty() {
        rest.bytes(9, validity);
    }
    nested(6, &[nested(1, name.as_bytes()).as_slice(), values, rest.as_slice()].concat())
}

/// The values field of a column of `count` values of some kind, from bytes that are nothing in particular.
fn any_values(count: usize) -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec(any::<i64>(), count);
    let small = prop::collection::vec(0..300i64, count);
    let bytes = |kind, width| {
        prop::collection::vec(any::<u8>(), count * width)
            .prop_map(move |bytes| nested(kind, &nested(1, &bytes)))
    };
    let list = |kind, texts: Vec<Vec<u8>>| {
        nested(kind, &texts.iter().flat_map(|text| nested(1, text)).collect::<Vec<_>>())
    };
    prop_oneof![
        bytes(2, 4),
        bytes(3, 8),
        bytes(5, 8),
        words.prop_map(|values| nested(4, &nested(1, &varints(&values)))),
        small.prop_map(|values| nested(4, &nested(1, &varints(&values)))),
        prop::collection::vec(".{0,12}", count)
            .prop_map(move |texts| list(6, texts.into_iter().map(String::into_bytes).collect())),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), count)
            .prop_map(move |texts| list(6, texts)),
    ]
}

fn any_column(rows: usize) -> impl Strategy<Value = Vec<u8>> {
    let lengths = prop_oneof![Just(vec![]), prop::collection::vec(0..7u32, rows)];
    let validity = prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), rows.div_ceil(8))];
    (prop::sample::select(&NAMES[..]), lengths, validity).prop_flat_map(move |(name, lengths, validity)| {
        let count = if lengths.is_empty() { rows } else { lengths.iter().sum::<u32>() as usize };
        any_values(count).prop_map(move |values| column(name, &values, &lengths, &validity))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn whole_columns_and_general_steps_give_the_same_rows_and_the_same_errors(
        columns in (1..20usize).prop_flat_map(|rows| prop::collection::vec(any_column(rows), 1..4))
    ) {
        let message = columns.concat();
        prop_assert_eq!(decode_columns(&program(), &message), decode_columns(&general(), &message));
    }

    #[test]
    fn columns_and_examples_give_the_same_rows(
        rows in prop::collection::vec((any::<f32>(), ".{0,20}", prop::collection::vec(any::<i64>(), 0..6)), 1..150)
    ) {
        let floats_of = rows.iter().flat_map(|(value, ..)| value.to_le_bytes()).collect::<Vec<_>>();
        let texts_of = rows.iter().flat_map(|(_, text, _)| nested(1, text.as_bytes())).collect::<Vec<_>>();
        let lists_of = rows.iter().flat_map(|(.., list)| list.clone()).collect::<Vec<_>>();
        let lengths = rows.iter().map(|(.., list)| u32::try_from(list.len()).unwrap()).collect::<Vec<_>>();
        let message = [
            column("standard", &nested(2, &nested(1, &floats_of)), &[], &[]),
            column("word", &nested(6, &texts_of), &[], &[]),
            column("last", &nested(4, &nested(1, &varints(&lists_of))), &lengths, &[]),
        ].concat();
        let of_rows: Vec<Vec<u8>> = rows
            .iter()
            .map(|(value, text, list)| example(&[("standard", floats(&[*value])), ("word", texts(&[text])), ("last", ints(list))]))
            .collect();
        let readers: Vec<Reader<'_>> = of_rows.iter().map(|row| Reader::new(row)).collect();
        let program = program();
        let by_examples = examples::decode(&program, examples::template(&program, None, Clock::None).unwrap(), &readers);
        prop_assert_eq!(decode_columns(&program, &message), by_examples);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn quick_and_general_give_the_same_rows_and_the_same_errors(
        features in prop::collection::vec((prop::sample::select(&NAMES[..]), any_feature()), 1..5)
    ) {
        let row = example(&features);
        prop_assert_eq!(decode(&program(), &row), decode(&general(), &row));
    }
}

#[test]
fn lists_longer_and_shorter_than_max_are_the_same_both_ways() {
    for count in 0..12 {
        for scale in [1, 1 << 6, 1 << 13, 1 << 27, 1 << 34, -1] {
            let values: Vec<i64> = (0..count).map(|value| value * scale).collect();
            for name in LISTS {
                assert!(both(name, &ints(&values)).is_ok());
            }
        }
    }
}

#[test]
fn a_broken_varint_is_refused_both_ways_wherever_it_is_in_the_list() {
    let too_long = [0xff; 11];
    let of_65_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    for (before, after) in [(0, 0), (0, 1), (1, 0), (0, 9), (9, 0), (5, 5)] {
        for broken in [&too_long[..], &of_65_bits] {
            let list = [&vec![1; before], broken, &[5], &vec![1; after]].concat();
            for name in LISTS {
                assert!(both(name, &packed(3, &list)).is_err(), "{name} {before} {after}");
            }
        }
        let open = [&vec![1; before + after][..], &[0x80]].concat();
        for name in LISTS {
            assert!(both(name, &packed(3, &open)).is_err(), "{name} {before} {after}");
        }
    }
}

/// More values than vector registers hold and fewer, in lists that are full, short, cut and without values.
#[test]
fn columns_of_lists_of_every_length_are_the_same_both_ways() {
    for rows in [1, 2, 7, 8, 9, 65] {
        for longest in [0, 1, 3, 4, 9] {
            let lengths: Vec<u32> =
                (0..rows).map(|row| if longest == 0 { 0 } else { row % (longest + 1) }).collect();
            let values: Vec<i64> =
                (0..i64::from(lengths.iter().sum::<u32>())).map(|value| value * 77_777).collect();
            let validity = vec![0b0110_1101; lengths.len().div_ceil(8)];
            for name in LISTS {
                for validity in [&[][..], &validity] {
                    let message = column(name, &nested(4, &nested(1, &varints(&values))), &lengths, validity);
                    let quick = decode_columns(&program(), &message);
                    assert!(quick.is_ok());
                    assert_eq!(quick, decode_columns(&general(), &message));
                }
            }
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_both_ways() {
    for text in [&b"\xff"[..], b"good\xc3", b"\xed\xa0\x80"] {
        let error = both("word", &nested(1, &nested(1, text))).unwrap_err();
        assert_eq!(error.to_string(), "Feature \"word\" in row 0 must be UTF-8 text, but other bytes came.");
    }
}

#[test]
fn values_of_the_wrong_kind_are_refused_both_ways() {
    for (name, feature) in [
        ("plain", texts(&["x"])),
        ("word", ints(&[1])),
        ("last", floats(&[1.0])),
        ("first", texts(&["1"])),
        ("plain", floats(&[1.0, 2.0])),
        ("word", texts(&["a", "b"])),
    ] {
        assert!(both(name, &feature).is_err(), "{name}");
    }
}

#[test]
fn a_list_in_parts_is_the_list_in_one_both_ways() {
    let parts = [packed(3, &varints(&[1, 2])), packed(3, &varints(&[300]))].concat();
    for name in LISTS {
        assert_eq!(both(name, &parts), both(name, &ints(&[1, 2, 300])));
    }
}
