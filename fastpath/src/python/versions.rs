//! What a model.toml says of versions, as Python sees it.

use pyo3::prelude::*;

use crate::spec::versions::{CanarySpec, Policy};

#[pyclass(frozen, eq, get_all, module = "penstock._fastpath")]
#[derive(PartialEq, Eq)]
pub struct VersionPolicy {
    latest: Option<usize>,
    specific: Vec<u64>,
    all: bool,
}

impl VersionPolicy {
    pub fn of(policy: &Policy) -> Self {
        match policy {
            Policy::Latest(most) => Self { latest: Some(*most), specific: Vec::new(), all: false },
            Policy::All => Self { latest: None, specific: Vec::new(), all: true },
            Policy::Specific(versions) => {
                Self { latest: None, specific: versions.iter().copied().collect(), all: false }
            }
        }
    }
}

#[pyclass(frozen, eq, get_all, module = "penstock._fastpath")]
#[derive(PartialEq)]
pub struct Canary {
    version: u64,
    weight: f64,
    max_error_ratio: Option<f64>,
    max_latency_ratio: Option<f64>,
    min_requests: u64,
    window_s: f64,
}

impl Canary {
    pub fn of(spec: &CanarySpec) -> Self {
        let CanarySpec { version, weight, max_error_ratio, max_latency_ratio, min_requests, window } = *spec;
        Self {
            version,
            weight,
            max_error_ratio,
            max_latency_ratio,
            min_requests,
            window_s: window.as_secs_f64(),
        }
    }
}
