//! The quick steps of the commonest features against the general way, which is the same program without them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod wire_messages;

use fastpath::features::statistics::Watch;
use fastpath::features::{Program, RowBlock, RowsError, compile, examples};
use fastpath::spec::ModelSpec;
use fastpath::wire::Reader;
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
"#;

const NAMES: [&str; 6] = ["plain", "standard", "ranged", "word", "last", "first"];

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
    examples::decode(program, examples::template(program, None)?, &[Reader::new(row)], Watch::default())
}

/// The feature's values in a row, which must be the same both ways.
fn both(name: &str, feature: &[u8]) -> Result<RowBlock, RowsError> {
    let row = example(&[(name, feature.to_vec())]);
    let quick = decode(&program(), &row);
    assert_eq!(quick, decode(&general(), &row), "{name} {feature:02x?}");
    quick
}

const LISTS: [&str; 2] = ["last", "first"];

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
