//! Every error of a model.toml: its sentence has the key, what was found, and what is allowed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

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
fn errors_of_inputs_and_outputs_name_the_tensor_and_what_is_allowed() {
    let output = "[[output]]\nname = \"y\"\ndatatype = \"FP32\"\n";
    let input = |keys: &str| format!("[[input]]\n{keys}\n{output}");
    let plain = "[[input]]\nname = \"x\"\ndatatype = \"FP32\"\ndims = [2]\n";
    assert_says(output, &["0 [[input]]", "1 to 64"]);
    assert_says(plain, &["0 [[output]]", "1 to 64"]);
    assert_says(&input("name = \"\"\ndatatype = \"FP32\"\ndims = []"), &["an input's name is \"\"", "128"]);
    assert_says(&input("name = \"x\"\ndatatype = \"FLOAT\"\ndims = []"), &["`x`", "`FLOAT`", "FP64, FP32"]);
    assert_says(&input("name = \"x\"\ndatatype = \"BYTES\"\ndims = []"), &["`x`", "`BYTES`", "BOOL"]);
    for dims in ["[0]", "[-2]", "[16777217]", "[1, 1, 1, 1, 1, 1, 1, 1]"] {
        let keys = format!("name = \"x\"\ndatatype = \"FP32\"\ndims = {dims}");
        assert_says(&input(&keys), &["`x`", &format!("dims = {dims}"), "at most 7 sizes", "16777216"]);
    }
    assert_says(&input("name = \"x\"\ndatatype = \"FP32\""), &["`x` needs dims", "no features"]);
    assert_says(
        &input("name = \"x\"\ndatatype = \"INT64\"\ndims = []\noffsets_of = \"y\""),
        &["`x` has offsets_of", "needs a jagged feature"],
    );
    assert_says(&format!("{plain}{plain}{output}"), &["input `x` is there twice"]);
    assert_says(&format!("{plain}{output}{output}"), &["output `y` is there twice"]);
    assert_says(
        &format!("{plain}[[output]]\nname = \"\"\ndatatype = \"FP32\""),
        &["an output's name is \"\""],
    );
    let more = |keys: &str| format!("{TENSORS}\n[[input]]\n{keys}\n");
    assert_says(
        &more("name = \"o\"\ndatatype = \"INT64\"\noffsets_of = \"nothing\""),
        &["`o` has offsets_of = `nothing`", "no such input"],
    );
    assert_says(
        &more("name = \"o\"\ndatatype = \"FP32\"\noffsets_of = \"ids\""),
        &["`o` holds offsets", "INT64 or INT32"],
    );
    assert_says(
        &more("name = \"o\"\ndatatype = \"INT64\"\noffsets_of = \"ids\""),
        &["`ids` is not jagged", "offsets_of = \"ids\""],
    );
    assert_says(
        &more("name = \"o\"\ndatatype = \"INT16\""),
        &["`o` has datatype INT16", "FP32, FP64, FP16, BF16, INT64, INT32 or BOOL"],
    );
    assert_says(&more("name = \"o\"\ndatatype = \"FP32\""), &["`o` is filled by no feature", "`to`"]);
    let wide = TENSORS.replacen("datatype = \"FP32\"", "datatype = \"FP32\"\ndims = [3]", 1);
    assert_says(&wide, &["`dense` has dims = [3]", "fill 1 columns", "dims = [1]"]);
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
        &["`amount` is there twice", "type, unit or list"],
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
fn errors_of_jagged_inputs_name_the_input_and_what_it_needs() {
    let jagged = "name = \"f\"\ntype = \"int\"\nlist = { jagged = true }\n";
    assert_feature_says(
        &format!("{jagged}to = \"ids\""),
        &["`f` cannot go to `ids`", "jagged lists or none"],
    );
    let history = "[[input]]\nname = \"history\"\ndatatype = \"INT64\"\n";
    let offsets = "[[input]]\nname = \"o\"\ndatatype = \"INT64\"\noffsets_of = \"history\"\n";
    let feature = format!("[[feature]]\n{jagged}to = \"history\"\n");
    assert_says(
        &format!("{history}{TENSORS}{feature}"),
        &["`history` is jagged", "offsets_of or lengths_of = \"history\""],
    );
    let lengths = "[[input]]\nname = \"o\"\ndatatype = \"INT64\"\nlengths_of = \"ids\"\n";
    assert_says(&format!("{lengths}{TENSORS}"), &["`ids` is not jagged", "`o`", "lengths_of = \"ids\""]);
    assert_says(
        &format!("{history}dims = [2]\n{offsets}{TENSORS}{feature}"),
        &["`history` is jagged", "dims must be left out"],
    );
    let padded = feature.replace("\"f\"", "\"g\"").replace("jagged = true", "max = 3");
    assert_says(&format!("{history}{offsets}{TENSORS}{feature}{padded}"), &["`g` cannot go to `history`"]);
    let with = |keys: &str| format!("{history}{offsets}{TENSORS}{feature}[[input]]\nname = \"w\"\n{keys}\n");
    assert_says(
        &with("datatype = \"INT64\"\noffsets_of = \"history\"\nlengths_of = \"history\""),
        &["`w` has offsets_of and lengths_of", "one thing"],
    );
    assert_says(
        &with("datatype = \"INT64\"\nlengths_of = \"history\"\ninclude_last = false"),
        &["`w` has include_last", "only offsets"],
    );
    assert_says(
        &with("datatype = \"INT64\"\nlengths_of = \"histori\""),
        &["`w` has lengths_of = `histori`", "did you mean `history`?"],
    );
}

#[test]
fn errors_of_weights_name_what_they_weigh_and_what_must_be_equal() {
    let jagged = |name: &str, kind: &str, list: &str, more: &str| {
        format!("[[feature]]\nname = \"{name}\"\ntype = \"{kind}\"\nlist = {list}\n{more}\n")
    };
    let inputs = "[[input]]\nname = \"history\"\ndatatype = \"INT64\"\n\
                  [[input]]\nname = \"o\"\ndatatype = \"INT64\"\noffsets_of = \"history\"\n\
                  [[input]]\nname = \"w\"\ndatatype = \"FP32\"\nweights_of = \"history\"\n";
    let form = "{ jagged = true, max = 5 }";
    let values = jagged("f", "int", form, "to = \"history\"");
    let weighed = |weights: &str| format!("{inputs}{TENSORS}{values}{weights}");
    assert_says(&weighed(""), &["`w` weighs `history`", "as many jagged features", "1, not 0"]);
    let weight = jagged("g", "float", form, "to = \"w\"");
    assert_says(&weighed(&format!("{weight}{}", weight.replace("\"g\"", "\"h\""))), &["1, not 2"]);
    let longer = jagged("g", "float", "{ jagged = true }", "to = \"w\"");
    assert_says(&weighed(&longer), &["`g` weighs `f`", "same max and keep"]);
    let default = jagged("g", "float", form, "to = \"w\"\nmissing = [1.0]");
    assert_says(&weighed(&default), &["the default of feature `g`", "as many values as `f`, 0, but 1 came"]);
    let input = inputs.replace("weights_of", "per = \"row\"\nweights_of");
    assert_says(&format!("{input}{TENSORS}{values}{weight}"), &["`w` has per", "leave it out"]);
}

#[test]
fn errors_of_per_request_inputs_say_what_is_missing() {
    let once = TENSORS.replacen("datatype = \"FP32\"", "datatype = \"FP32\"\nper = \"request\"", 1);
    assert_says(&once, &["`dense` has per = \"request\"", "holds = \"request_index\"", "several requests"]);
    let index = |datatype: &str| {
        format!("[[input]]\nname = \"i\"\ndatatype = \"{datatype}\"\nholds = \"request_index\"\n")
    };
    assert_says(
        &format!("{}{TENSORS}", index("INT64")),
        &["`i` holds the request index", "per = \"request\""],
    );
    assert_says(&format!("{}{once}", index("FP32")), &["`i` holds the request index", "INT64 or INT32"]);
    let output = "[[output]]\nname = \"y\"\ndatatype = \"FP32\"\n";
    assert_says(&format!("{}dims = []\n{output}", index("INT64")), &["`i` has holds", "needs features"]);
    let plain = "[[input]]\nname = \"x\"\ndatatype = \"FP32\"\ndims = [2]\nper = \"request\"\n";
    assert_says(&format!("{plain}{output}"), &["`x` has per = \"request\"", "needs features"]);
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
fn errors_of_operations_name_the_operation_what_it_takes_and_what_it_gets() {
    assert_ops_say("float", "{ hash = { buckets = 4 } }", &["hash takes", "as sent", "gets a float"]);
    assert_ops_say(
        "int",
        "{ log1p = {} }, { hash = { buckets = 4 } }",
        &["hash takes", "as sent", "a float"],
    );
    assert_ops_say("bool", "{ vocab = { values = [1] } }", &["vocab takes", "gets an id"]);
    assert_ops_say(
        "int",
        "{ age = { until = \"shop\", unit = \"d\" } }",
        &["age takes a timestamp", "an int"],
    );
    for op in ["hour", "weekday", "day", "month"] {
        assert_ops_say("int", &format!("{{ {op} = {{}} }}"), &[op, "takes a timestamp as sent", "an int"]);
    }
    assert_ops_say("int", "{ cycle = { period = \"day\", part = \"sin\" } }", &["cycle takes a timestamp"]);
    assert_ops_say("float", "{ identity = { size = 4 } }", &["identity takes an int or an id", "a float"]);
    assert_ops_say("float", "{ offset = { add = 4 } }", &["offset takes an int or an id", "a float"]);
    assert_ops_say("string", "{ log1p = {} }", &["log1p takes a number", "text or bytes"]);
    assert_ops_say("timestamp", "{ log1p = {} }", &["log1p takes a number", "hour, weekday", "a timestamp"]);
    assert_ops_say("int", "{ identity = { size = 0 } }", &["identity has size = 0", "1 or more"]);
    assert_ops_say(
        "int",
        "{ clip = { min = 2.0, max = 1.0 } }",
        &["clip has min = 2 and max = 1", "not be above"],
    );
    assert_ops_say("int", "{ clip = { min = nan } }", &["clip has min = NaN"]);
    assert_ops_say("int", "{ standardize = { mean = 0.0, std = 0.0 } }", &["std = 0", "above 0"]);
    assert_ops_say("int", "{ min_max = { min = 1.0, max = 1.0 } }", &["min = 1 and max = 1", "above min"]);
    for boundaries in ["[]", "[2.0, 1.0]", "[1.0, 1.0]", "[nan]"] {
        let op = format!("{{ bucketize = {{ boundaries = {boundaries} }} }}");
        assert_ops_say("int", &op, &["bucketize needs", "each above the one before"]);
    }
    assert_ops_say("int", "{ hash = { buckets = 0 } }", &["hash.buckets is 0", "1 to"]);
    assert_ops_say("int", "{ hash = { buckets = 4, seed = 1 } }", &["seed = 1", "farmhash64 takes no seed"]);
    assert_ops_say(
        "int",
        "{ hash = { buckets = 4, function = \"murmur3_32\", seed = 4294967296 } }",
        &["seed = 4294967296", "32 bits"],
    );
}

#[test]
fn errors_of_vocabularies_name_the_value() {
    assert_ops_say("int", "{ vocab = {} }", &["vocab needs either values or file"]);
    assert_ops_say("int", "{ vocab = { values = [1], file = \"a\" } }", &["either values or file"]);
    assert_ops_say("int", "{ vocab = { values = [] } }", &["vocab is empty", "at least one"]);
    assert_ops_say("int", "{ vocab = { values = [1.5] } }", &["vocab.values holds 1.5", "text or integers"]);
    assert_ops_say("int", "{ vocab = { values = [\"x\"] } }", &["vocab holds \"x\"", "64-bit integer"]);
    assert_ops_say("string", "{ vocab = { values = [\"x\", \"x\"] } }", &["a value twice"]);
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
