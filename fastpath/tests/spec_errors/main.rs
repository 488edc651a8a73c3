//! Every error of a model.toml: its sentence has the key, what was found, and what is allowed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod operations;
mod relations;
mod tensors;
mod versions;

use std::path::{Path, PathBuf};

use fastpath::engine::Model;
use fastpath::spec::ModelSpec;

const TENSORS: &str = r#"
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
    name = "amount"
    type = "float"
    to = "dense"
    [[feature]]
    name = "shop"
    type = "string"
    ops = [{ hash = { buckets = 9 } }]
    to = "ids"
"#;

fn error_in(text: &str, folders: Vec<PathBuf>) -> String {
    let model = ModelSpec::parse("fraud", text, folders).and_then(|spec| Model::new(spec, 1));
    model.err().unwrap_or_else(|| panic!("this is valid:\n{text}")).message
}

/// Asserts that the sentence has every part.
fn assert_says(text: &str, parts: &[&str]) {
    let message = error_in(text, Vec::new());
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?} of\n{text}");
    }
}

/// Asserts it of a whole model with one `[[feature]]` more.
fn assert_feature_says(keys: &str, parts: &[&str]) {
    assert_says(&format!("{TENSORS}\n[[feature]]\n{keys}\n"), parts);
}

/// Asserts it of an int feature with these operations.
fn assert_ops_say(kind: &str, ops: &str, parts: &[&str]) {
    let keys = format!("name = \"f\"\ntype = \"{kind}\"\nops = [{ops}]\nto = \"dense\"");
    assert_feature_says(&keys, &[&["`f`"], parts].concat());
}

#[test]
fn the_base_of_these_tests_is_valid() {
    let spec = ModelSpec::parse("fraud", TENSORS, Vec::new()).unwrap();
    assert!(Model::new(spec, 1).is_ok());
}

#[test]
fn keys_and_values_that_do_not_exist_are_answered_with_those_that_do() {
    let with = |keys: &str| format!("{keys}\n{TENSORS}");
    assert_says(&with("plattform = \"x\""), &["unknown field `plattform`", "did you mean `platform`?"]);
    assert_says(&with("platform = \"onnx\""), &["`onnx`", "torchscript"]);
    assert_says(&with("unknown_features = \"skip\""), &["`skip`", "`error`", "`ignore`"]);
    assert_says(&with("[batching]\nmax_rows = 1"), &["`max_rows`", "did you mean `max_batch_rows`?"]);
    assert_says(&with("[instances]\ncounts = 1"), &["`counts`", "`count`"]);
    assert_ops_say_unplaced("{ standardise = { mean = 0, std = 1 } }", "did you mean `standardize`?");
    assert_feature_says("name = \"f\"\ntype = \"double\"", &["unknown variant `double`", "`float`"]);
    assert_feature_says("name = \"f\"", &["missing field `type`"]);
    assert_says("[[input]\n", &["unclosed array table"]);
}

/// What the reader of TOML itself refuses does not know the feature's name.
fn assert_ops_say_unplaced(ops: &str, part: &str) {
    assert_feature_says(&format!("name = \"f\"\ntype = \"float\"\nops = [{ops}]\nto = \"dense\""), &[part]);
}

#[test]
fn limits_of_the_model_name_the_key_the_value_and_the_range() {
    let with = |keys: &str| format!("{keys}\n{TENSORS}");
    assert_says(
        &with("[batching]\nmax_batch_rows = 0"),
        &["batching.max_batch_rows is 0", "must be 1 to 65536"],
    );
    assert_says(
        &with("[batching]\nmax_batch_rows = 65537\nqueue_capacity_rows = 70000"),
        &["batching.max_batch_rows is 65537", "1 to 65536"],
    );
    assert_says(
        &with("[batching]\nqueue_capacity_rows = 5"),
        &["batching.queue_capacity_rows is 5", "at least", "which is 1024"],
    );
    for count in [0, 65] {
        assert_says(
            &with(&format!("[instances]\ncount = {count}")),
            &["instances.count is", "must be 1 to 64"],
        );
    }
    let spec = ModelSpec::parse("", TENSORS, Vec::new()).unwrap_err();
    assert!(spec.message.contains("the model's folder is \"\"; it must be 1 to 128 bytes"), "{spec:?}");
}

#[test]
fn errors_of_features_name_the_feature_and_what_is_allowed() {
    assert_feature_says("name = \"\"\ntype = \"int\"\nto = \"ids\"", &["a feature's name is \"\"", "128"]);
    assert_feature_says(
        "name = \"f\"\ntype = \"int\"\nto = \"id\"",
        &["`to = \"id\"`", "did you mean `ids`?"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"int\"\nunit = \"ms\"\nto = \"ids\"",
        &["`f` has a unit", "only a timestamp"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"float\"\nto = \"ids\"",
        &["`f` gives floating-point numbers", "integer input", "bucketize"],
    );
    assert_feature_says("name = \"f\"\ntype = \"string\"\nto = \"ids\"", &["`f` is text", "hash or vocab"]);
    assert_feature_says("name = \"f\"\ntype = \"int\"", &["`f` goes nowhere", "`to`", "cross or an age"]);
    assert_feature_says(
        "name = \"amount\"\ntype = \"int\"\nto = \"ids\"",
        &["`amount` is there twice", "type, unit, list or range"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"timestamp\"\nlist = { max = 2 }\nops = [{ age = { until = \"f\", unit = \"d\" } }]\nto = \"dense\"",
        &["`f` is a list", "no age"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"timestamp\"\nops = [{ age = { until = \"shop\", unit = \"d\" } }]\nto = \"dense\"",
        &["`shop` must be a scalar of type timestamp"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"timestamp\"\nops = [{ age = { until = \"shopp\", unit = \"d\" } }]\nto = \"dense\"",
        &["`shopp` is not a feature", "did you mean `shop`?"],
    );
    let both = "name = \"f\"\ntype = \"timestamp\"\nops = [{ age = { until = \"g\", unit = \"d\" } }]\n\
                [[feature]]\nname = \"g\"\ntype = \"timestamp\"\nops = [{ age = { until = \"f\", unit = \"d\" } }]\nto = \"dense\"";
    assert_feature_says(both, &["`f` takes an age", "needs `to`"]);
    let many = "[[feature]]\nname = \"f\"\ntype = \"int\"\nto = \"ids\"\n".repeat(4_097);
    assert_says(&format!("{TENSORS}{many}"), &["more than 4096 [[feature]]"]);
}

#[test]
fn errors_of_lists_and_defaults_name_the_feature_the_value_and_what_is_allowed() {
    let list = |list: &str, more: &str| {
        format!(
            "name = \"f\"\ntype = \"int\"\nlist = {list}\nops = [{{ hash = {{ buckets = 5 }} }}]\nto = \"ids\"\n{more}"
        )
    };
    for (form, value) in [("{ max = 0 }", "list.max = 0"), ("{ length = 70000 }", "list.length = 70000")] {
        assert_feature_says(&list(form, ""), &["`f`", value, "1 to 65536"]);
    }
    for form in ["{}", "{ max = 3, length = 3 }", "{ jagged = true, pad = 0 }", "{ length = 3, pad = 1 }"] {
        assert_feature_says(&list(form, ""), &["`f`", "{ max, keep, pad }", "jagged = true", "{ length }"]);
    }
    for pad in ["0.5", "1e300", "nan"] {
        let form = format!("{{ max = 3, pad = {pad} }}");
        assert_feature_says(&list(&form, ""), &["`f` has list.pad = ", "integer input cannot take"]);
    }
    let narrow = TENSORS.replace("INT64", "INT32");
    let keys = list("{ max = 3, pad = 3000000000 }", "");
    assert_says(
        &format!("{narrow}\n[[feature]]\n{keys}"),
        &["`f`: list.pad is 3000000000", "INT32 cannot hold"],
    );
    assert_feature_says(&list("{ max = 3 }", "missing = 4"), &["`f` is a list", "\"error\", not 4"]);
    assert_feature_says(
        &list("{ max = 3 }", "missing = [\"x\"]"),
        &["`f` has missing = [\"x\"]", "type int"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"bool\"\nmissing = 1\nto = \"ids\"",
        &["`f` has missing = 1", "not of type bool"],
    );
    assert_feature_says(
        &list("{ length = 3 }", "missing = [1]"),
        &["the default of feature `f` must have 3 values, but 1 came"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"int\"\nmissing = 9\nops = [{ identity = { size = 4 } }]\nto = \"ids\"",
        &["the default of feature `f` must be 0 to 3, but 9 came"],
    );
}

#[test]
fn now_is_a_default_of_scalar_timestamps_alone() {
    let feature = |kind: &str, more: &str| {
        format!("name = \"f\"\ntype = \"{kind}\"\nmissing = \"now\"\n{more}\nto = \"ids\"")
    };
    assert_feature_says(&feature("int", ""), &["`f` has missing = \"now\"", "not of type int"]);
    assert_feature_says(
        &feature("timestamp", "list = { max = 2 }\nops = [{ hour = {} }]"),
        &["`f` is a list", "missing must be a list"],
    );
    assert_feature_says(
        "name = \"f\"\ntype = \"timestamp\"\nmissing = \"later\"\nops = [{ hour = {} }]\nto = \"ids\"",
        &["`f` has missing = \"later\"", "not of type timestamp"],
    );
}

#[test]
fn errors_of_ranges_name_the_feature_and_what_a_range_can_be() {
    let with = |kind: &str, range: &str, more: &str| {
        format!("name = \"f\"\ntype = \"{kind}\"\nrange = {range}\n{more}\nto = \"dense\"")
    };
    let says = |kind: &str, range: &str, more: &str, parts: &[&str]| {
        assert_feature_says(&with(kind, range, more), &[&["`f` has"], parts].concat());
    };
    let hash = "ops = [{ hash = { buckets = 4 } }]";
    says("string", "{ min = 0 }", hash, &["a range, which a string does not have"]);
    says("float", "{ min = 2, max = 1 }", "", &["min is above max"]);
    says("float", "{ min = nan }", "", &["no numbers of type float"]);
    says("int", "{ min = 0.5 }", "", &["no numbers of type int"]);
    says("int", "{ nan = \"pass\" }", "", &["range.nan", "never NaN"]);
    says("float", "{ min = 0, outside = \"clip\" }", "", &["needs min and max"]);
    says("float", "{ outside = \"missing\" }", "", &["no default", "`missing`"]);
    says("float", "{ nan = \"missing\" }", "missing = \"error\"", &["no default", "`missing`"]);
    says("float", "{ outside = \"drop\" }", "", &["drops values", "a list of any length"]);
    says("float", "{ nan = \"drop\" }", "list = { length = 2 }", &["drops values"]);
    assert_feature_says(&with("float", "{ minimum = 0 }", ""), &["`minimum`", "did you mean `min`?"]);
    assert_feature_says(
        "name = \"amount\"\ntype = \"float\"\nrange = { min = 0 }\nto = \"dense\"",
        &["`amount` is there twice", "list or range"],
    );
}

#[test]
fn errors_of_crosses_name_the_features() {
    let cross = |features: &str, hash: &str| {
        format!("{TENSORS}\n[[cross]]\nfeatures = {features}\nhash = {hash}\nto = \"ids\"\n")
    };
    let hash = "{ buckets = 4 }";
    assert_says(&cross("[\"shop\"]", hash), &["a cross needs two or more features"]);
    assert_says(&cross("[\"shop\", \"shopp\"]", hash), &["`shopp` is not a feature", "`shop`"]);
    assert_says(
        &cross("[\"shop\", \"amount\"]", hash),
        &["`amount` must be a scalar of type int, bool, string, bytes"],
    );
    assert_says(
        &cross("[\"shop\", \"shop\"]", "{ buckets = 4, function = \"xxh3_64\" }"),
        &["shop × shop", "must use farmhash64"],
    );
}

/// A model's folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("penstock-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("fraud")).unwrap();
        Self(path)
    }

    fn model(&self) -> PathBuf {
        self.0.join("fraud")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_vocabulary_file_is_read_from_inside_the_models_folder_alone() {
    let folder = Folder::new("vocabulary");
    std::fs::write(folder.0.join("outside.txt"), "a\n").unwrap();
    std::fs::write(folder.model().join("latin1.txt"), b"caf\xe9\n").unwrap();
    std::os::unix::fs::symlink(folder.0.join("outside.txt"), folder.model().join("link.txt")).unwrap();
    for (file, part) in [
        ("../outside.txt", "must be the name of a file in the model's folder"),
        (".hidden", "must be the name of a file"),
        ("", "must be the name of a file"),
        ("none.txt", "neither in the version's folder nor in the model's"),
        ("link.txt", "leads out of the model's folder"),
        ("latin1.txt", "cannot be read"),
    ] {
        let feature = format!(
            "[[feature]]\nname = \"f\"\ntype = \"string\"\nops = [{{ vocab = {{ file = {file:?} }} }}]\nto = \"ids\"\n"
        );
        let message = error_in(&format!("{TENSORS}{feature}"), vec![folder.model()]);
        assert!(message.contains(part) && message.contains(&format!("{file:?}")), "{message}");
    }
}

#[test]
fn an_error_in_a_file_has_its_path_and_line() {
    let folder = Folder::new("lines");
    let missing = Model::load(&folder.model(), None).unwrap_err();
    assert!(missing.to_string().contains("model.toml: the file cannot be read"), "{missing}");
    let text =
        format!("# a comment\n{}", TENSORS.replace("type = \"float\"", "type = \"float\"\nunit = \"s\""));
    std::fs::write(folder.model().join("model.toml"), &text).unwrap();
    let error = Model::load(&folder.model(), None).unwrap_err().to_string();
    let line = text.lines().position(|line| line.contains("[[feature]]")).unwrap() + 1;
    assert!(error.contains(&format!("model.toml, line {line}: feature `amount` has a unit")), "{error}");
    assert!(Model::load(Path::new("/nowhere"), None).is_err());
}
