//! What goes wrong with versions: which are loaded, their labels, and the canary.

use fastpath::spec::ModelSpec;
use fastpath::spec::versions::{Policy, VersionsSpec};

use super::{TENSORS, assert_says};

fn with(keys: &str) -> String {
    format!("{keys}\n{TENSORS}")
}

fn versions(keys: &str) -> VersionsSpec {
    ModelSpec::parse("fraud", &with(keys), Vec::new()).unwrap().versions
}

#[test]
fn a_file_that_says_nothing_of_versions_wants_the_highest() {
    let versions = versions("");
    assert_eq!((versions.policy.clone(), versions.canary), (Policy::Latest(1), None));
    assert!(versions.labels.is_empty());
    assert_eq!(versions.wanted(&[3, 20, 7]), Ok(vec![20]));
    assert_eq!(versions.wanted(&[]), Ok(vec![]));
}

#[test]
fn labelled_and_canary_versions_are_wanted_whatever_the_policy_says() {
    let there = [1, 2, 3, 7, 8];
    let wanted = |keys: &str| versions(keys).wanted(&there);
    assert_eq!(wanted("[versions]\npolicy = { latest = 2 }"), Ok(vec![7, 8]));
    assert_eq!(wanted("[versions]\npolicy = { all = true }"), Ok(there.to_vec()));
    assert_eq!(wanted("[versions]\npolicy = { specific = [2, 1] }"), Ok(vec![1, 2]));
    assert_eq!(wanted("[versions]\nlabels = { stable = 3 }"), Ok(vec![3, 8]));
    // The canary is tried out beside the latest, and not as the latest.
    assert_eq!(wanted("[canary]\nversion = 8\nweight = 0"), Ok(vec![7, 8]));
    let both = "[versions]\npolicy = { specific = [1] }\nlabels = { new = 3 }\n[canary]\nversion = \"new\"\nweight = 1";
    assert_eq!(wanted(both), Ok(vec![1, 3]));
}

#[test]
fn a_version_that_is_named_and_not_there_is_an_error_that_says_which_are() {
    let error = |keys: &str, there: &[u64]| versions(keys).wanted(there).unwrap_err().message;
    let says = error("[versions]\npolicy = { specific = [1, 9] }", &[8, 1]);
    assert!(says.contains("versions.policy.specific is version 9, which is not there"), "{says}");
    assert!(says.ends_with("has 1, 8"), "{says}");
    let says = error("[versions]\nlabels = { stable = 7 }", &[]);
    assert!(says.contains("versions.labels.stable is version 7") && says.ends_with("has none"), "{says}");
    let says = error("[canary]\nversion = 7\nweight = 0.5", &[8]);
    assert!(says.contains("the canary is version 7, which is not there"), "{says}");
    let says = error("[canary]\nversion = 8\nweight = 0.5", &[8]);
    assert!(says.contains("no other version would be loaded"), "{says}");
}

#[test]
fn weights_are_shares_or_percent() {
    let weight =
        |text: &str| versions(&format!("[canary]\nversion = 8\nweight = {text}")).canary.unwrap().weight;
    assert_eq!((weight("0.25"), weight("0"), weight("1")), (0.25, 0.0, 1.0));
    assert_eq!((weight("\"25%\""), weight("\"0.5 %\""), weight("\"100%\"")), (0.25, 0.005, 1.0));
    for text in ["10", "-0.1", "1.01", "nan", "\"10\"", "\"101%\"", "\"x%\"", "true", "[0.1]"] {
        let keys = with(&format!("[canary]\nversion = 8\nweight = {text}"));
        assert_says(&keys, &["canary.weight is", "0 to 1, or text such as \"10%\""]);
    }
}

#[test]
fn errors_of_policies_and_labels_name_the_key_and_what_is_allowed() {
    let policy = |policy: &str| with(&format!("[versions]\npolicy = {policy}"));
    assert_says(&policy("{ latest = 0 }"), &["versions.policy.latest is 0", "at least 1"]);
    assert_says(&policy("{ all = false }"), &["versions.policy.all is false", "`latest` or `specific`"]);
    assert_says(&policy("{ specific = [] }"), &["versions.policy.specific is empty"]);
    assert_says(&policy("{ specific = [3, 3] }"), &["versions.policy.specific has 3 twice"]);
    assert_says(&policy("{ specific = [0] }"), &["has version 0", "1 to 999999999999999999"]);
    assert_says(&policy("{ newest = 1 }"), &["`newest`", "`latest`", "`specific`"]);
    assert_says(&with("[versions]\nlables = {}"), &["`lables`", "did you mean `labels`?"]);
    for label in ["7", "007", "", ".x", "-x", "a b", &"x".repeat(129)] {
        let keys = with(&format!("[versions.labels]\n\"{label}\" = 7"));
        assert_says(&keys, &["the label", "begins with a letter", "is not a number"]);
    }
    assert_says(&with("[versions]\nlabels = { stable = 0 }"), &["versions.labels.stable has version 0"]);
    let many: Vec<_> = (0..65).map(|n| format!("l{n} = 1")).collect();
    assert_says(
        &with(&format!("[versions.labels]\n{}", many.join("\n"))),
        &["has 65 labels; it may have 64"],
    );
}

#[test]
fn errors_of_the_canary_name_the_key_and_what_is_allowed() {
    let labels = "[versions]\nlabels = { stable = 7, canary = 8 }\n";
    let canary = |keys: &str| with(&format!("{labels}[canary]\n{keys}"));
    assert_says(&canary("weight = 0.5"), &["missing field `version`"]);
    assert_says(&canary("version = 8"), &["missing field `weight`"]);
    assert_says(&canary("version = \"cannary\"\nweight = 0.5"), &["\"cannary\"", "did you mean `canary`?"]);
    assert_says(&canary("version = \"9\"\nweight = 0.5"), &["\"9\"", "name the version by its number"]);
    for version in ["0", "-1", "8.0", "true"] {
        assert_says(
            &canary(&format!("version = {version}\nweight = 0.5")),
            &["canary.version is", "or a label"],
        );
    }
    for version in ["7", "\"stable\""] {
        let keys = canary(&format!("version = {version}\nweight = 0.5"));
        assert_says(&keys, &["canary.version is 7, which is the label `stable` too"]);
    }
    let rule = |keys: &str| canary(&format!("version = 8\nweight = 0.5\n{keys}"));
    assert_says(&rule("max_error_ratio = 1.5"), &["canary.max_error_ratio is 1.5", "0 to 1"]);
    assert_says(&rule("max_latency_ratio = 0.9"), &["canary.max_latency_ratio is 0.9", "at least 1"]);
    assert_says(&rule("max_latency_ratio = inf"), &["canary.max_latency_ratio is inf", "at least 1"]);
    assert_says(&rule("min_requests = 0"), &["canary.min_requests is 0", "at least 1"]);
    assert_says(&rule("window_s = 0.5"), &["canary.window_s is 0.5", "1 to 3600"]);
    assert_says(&rule("max_latency = 2"), &["`max_latency`", "did you mean `max_latency_ratio`?"]);
}
