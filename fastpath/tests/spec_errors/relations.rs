//! What goes wrong between inputs: weights, and what a request has once.

use super::{TENSORS, assert_says};

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
    assert_says(
        &format!("{input}{TENSORS}{values}{weight}"),
        &["`w` has weights_of and per", "leave per out"],
    );
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
