//! Errors of operations.

use super::{assert_feature_says, assert_ops_say, assert_ops_say_unplaced};

/// Asserts it of a feature with a list and operations on it.
fn assert_list_ops_say(kind: &str, list: &str, ops: &str, parts: &[&str]) {
    let keys = format!("name = \"f\"\ntype = \"{kind}\"\nlist = {list}\nops = [{ops}]\nto = \"dense\"");
    assert_feature_says(&keys, &[&["`f`"], parts].concat());
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
    assert_ops_say("float", "{ table = { values = [1.0] } }", &["table takes an int or an id", "a float"]);
    assert_ops_say("int", "{ table = { values = [] } }", &["table has no values", "at least one"]);
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
fn errors_of_powers_casts_and_quantiles_name_the_parameter() {
    for exponent in ["nan", "inf"] {
        assert_ops_say(
            "float",
            &format!("{{ power = {{ exponent = {exponent} }} }}"),
            &["power has exponent", "finite"],
        );
    }
    assert_ops_say("string", "{ power = { exponent = 2.0 } }", &["power takes a number", "text or bytes"]);
    for quantiles in ["[]", "[1.0]", "[2.0, 1.0]", "[0.0, nan]", "[0.0, inf]"] {
        let op = format!("{{ quantile = {{ quantiles = {quantiles} }} }}");
        assert_ops_say("float", &op, &["quantile needs two or more finite quantiles", "none below"]);
    }
    assert_ops_say_unplaced(
        "{ quantile = { quantiles = [0, 1], output = \"gauss\" } }",
        "`uniform` or `normal`",
    );
    assert_ops_say_unplaced("{ cast = { to = \"integer\" } }", "`int` or `float`");
    let identity = |keys: &str| format!("{{ identity = {{ size = 4, {keys} }} }}");
    assert_ops_say("int", &identity("default = 4"), &["identity has default = 4", "0 to 3"]);
    assert_ops_say("int", &identity("default = 1, outside = \"clip\""), &["both a default and outside"]);
}

#[test]
fn errors_of_operations_on_a_row_name_what_they_take_and_get() {
    for op in ["sum", "mean", "max", "min", "length"] {
        assert_ops_say("int", &format!("{{ {op} = {{}} }}"), &[op, "takes a list", "gets one value"]);
    }
    for op in ["sum", "mean", "max", "min", "l2_normalize"] {
        assert_list_ops_say(
            "string",
            "{ length = 3 }",
            &format!("{{ {op} = {{}} }}"),
            &["takes numbers", "text"],
        );
    }
    assert_list_ops_say("int", "{}", "{ max = { empty = 0.5 } }", &["max has empty = 0.5", "integer"]);
    assert_ops_say("float", "{ l2_normalize = {} }", &["l2_normalize takes a vector", "one value"]);
    assert_list_ops_say("float", "{ max = 3 }", "{ l2_normalize = {} }", &["vector", "a list of any length"]);
    for epsilon in ["-1.0", "nan", "inf"] {
        let op = format!("{{ l2_normalize = {{ epsilon = {epsilon} }} }}");
        assert_list_ops_say("float", "{ length = 2 }", &op, &["l2_normalize has epsilon", "0 or more"]);
    }
    assert_ops_say("float", "{ one_hot = { size = 4 } }", &["one_hot takes an int or an id", "a float"]);
    assert_list_ops_say(
        "int",
        "{ length = 2 }",
        "{ one_hot = { size = 4 } }",
        &["one_hot takes one id", "2 values"],
    );
    for (op, key) in [("one_hot", "size"), ("feature_hasher", "columns")] {
        for count in [0, 65_537] {
            let kind = if op == "one_hot" { "int" } else { "string" };
            let op_text = format!("{{ {op} = {{ {key} = {count} }} }}");
            assert_ops_say(kind, &op_text, &[&format!("{op} has {key} = {count}"), "1 to 65536"]);
        }
    }
    assert_ops_say("int", "{ feature_hasher = { columns = 4 } }", &["feature_hasher takes text", "an int"]);
    for list in ["{ jagged = true }", "{ max = 3, pad = 1 }"] {
        assert_list_ops_say("int", list, "{ sum = {} }", &["neither jagged nor padded"]);
    }
}

#[test]
fn errors_of_vocabularies_name_the_value() {
    assert_ops_say("int", "{ vocab = {} }", &["vocab needs either values or file"]);
    assert_ops_say("int", "{ vocab = { values = [1], file = \"a\" } }", &["either values or file"]);
    assert_ops_say("int", "{ vocab = { values = [] } }", &["vocab is empty", "at least one"]);
    assert_ops_say("int", "{ vocab = { values = [1.5] } }", &["vocab.values holds 1.5", "text or integers"]);
    assert_ops_say("int", "{ vocab = { values = [\"x\"] } }", &["vocab holds \"x\"", "64-bit integer"]);
    assert_ops_say("string", "{ vocab = { values = [\"x\", \"x\"] } }", &["a value twice"]);
    assert_ops_say(
        "string",
        "{ vocab = { values = [\"x\"], oov_buckets = 9000000000000000000 } }",
        &["vocab.oov_buckets is 9000000000000000000", "0 to 4611686018427387904"],
    );
}
