//! Errors of inputs and outputs.

use super::{TENSORS, assert_feature_says, assert_says};

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
    assert_says(&format!("{lengths}{TENSORS}"), &["`ids`", "exactly one padded list, or jagged ones"]);
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
fn errors_of_lengths_and_masks_name_the_input_and_what_it_needs() {
    let output = "[[output]]\nname = \"y\"\ndatatype = \"FP32\"\n";
    let told = |keys: &str| format!("[[input]]\nname = \"m\"\n{keys}\n");
    let plain = "[[input]]\nname = \"x\"\ndatatype = \"FP32\"\ndims = [2]\n";
    let mask = told("datatype = \"BOOL\"\nmask_of = \"x\"");
    assert_says(&format!("{plain}{mask}{output}"), &["`m` has mask_of", "needs a padded list feature"]);
    let with = |keys: &str| format!("{TENSORS}\n{}", told(keys));
    assert_says(
        &with("datatype = \"INT64\"\nlengths_of = \"ids\"\nmask_of = \"ids\""),
        &["`m` has lengths_of and mask_of", "one thing"],
    );
    assert_says(&with("datatype = \"FP32\"\nlengths_of = \"ids\""), &["`m` holds lengths", "INT64 or INT32"]);
    assert_says(&with("datatype = \"BOOL\"\nmask_of = \"ids\"\ndims = [1]"), &["`m` has mask_of", "dims"]);
    assert_says(&with("datatype = \"BOOL\"\nmask_of = \"id\""), &["`m` has mask_of = `id`", "no such input"]);
    assert_says(
        &with("datatype = \"BOOL\"\nmask_of = \"ids\""),
        &["`shop` cannot go to `ids`", "padded list"],
    );
    let to_mask = "[[feature]]\nname = \"f\"\ntype = \"int\"\nto = \"m\"\n";
    let history = "[[input]]\nname = \"h\"\ndatatype = \"INT64\"\n";
    let of_history = told("datatype = \"BOOL\"\nmask_of = \"h\"");
    assert_says(&format!("{history}{of_history}{TENSORS}{to_mask}"), &["`to = \"m\"` names no [[input]]"]);
    assert_says(&format!("{of_history}{history}{TENSORS}"), &["`m` has mask_of = \"h\"", "no padded list"]);
    let list = "[[feature]]\nname = \"f\"\ntype = \"int\"\nlist = { max = 3 }\nto = \"h\"\n";
    let second = list.replace("\"f\"", "\"g\"");
    assert_says(
        &format!("{history}{of_history}{TENSORS}{list}{second}"),
        &["`g` cannot go to `h`", "exactly one padded list"],
    );
}
