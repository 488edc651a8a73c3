//! What a path names.

use smallvec::SmallVec;

use super::rpc::Rpc;

/// Something that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    Live,
    Ready,
    Model(ModelPath<'p>),
    ModelReady(ModelPath<'p>),
    Infer(ModelPath<'p>),
    Predict(ModelPath<'p>),
    Rpc(Rpc<'p>),
}

/// With which methods something is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    #[default]
    Get,
    Post,
    Either,
}

/// Parts of the longest path that there is.
const MOST_PARTS: usize = 6;

/// A model, and a version or nothing; as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPath<'p> {
    pub name: &'p str,
    pub version: &'p str,
}

/// All that is here, for who asks for something else.
pub const SERVED: &str = "GET /v2, /v2/health/live, /v2/health/ready, /v2/models/MODEL[/versions/VERSION] and its /ready, \
                          POST /v2/models/MODEL[/versions/VERSION]/infer (tensors) and /predict (rows of features), and what Triton's HTTP port \
                          has to administer a server (docs/open-inference.md)";

impl<'p> Route<'p> {
    /// A slash at the end is one too many, and does no harm. Nothing is decoded: no name that can be had needs that.
    #[must_use]
    pub fn of(path: &'p str) -> Option<Self> {
        let path = path.strip_prefix("/v2")?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/').take(MOST_PARTS + 2);
        if parts.next() != Some("") {
            return None;
        }
        let parts: SmallVec<[&str; MOST_PARTS]> = parts.collect();
        if let Some(rpc) = Rpc::of(&parts) {
            return Some(Self::Rpc(rpc));
        }
        Some(match *parts {
            ["health", "live"] => Self::Live,
            ["health", "ready"] => Self::Ready,
            ["models", name, "versions", version, ref behind @ ..] if !version.is_empty() => {
                Self::of_model(ModelPath { name, version }, behind)?
            }
            ["models", name, ref behind @ ..] => Self::of_model(ModelPath { name, version: "" }, behind)?,
            _ => return None,
        })
    }

    fn of_model(model: ModelPath<'p>, behind: &[&str]) -> Option<Self> {
        match behind {
            [] => Some(Self::Model(model)),
            ["ready"] => Some(Self::ModelReady(model)),
            ["infer"] => Some(Self::Infer(model)),
            ["predict"] => Some(Self::Predict(model)),
            _ => None,
        }
    }

    #[must_use]
    pub fn takes(self) -> Takes {
        match self {
            Self::Infer(_) | Self::Predict(_) => Takes::Post,
            Self::Rpc(rpc) => rpc.takes,
            _ => Takes::Get,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn model<'p>(name: &'p str, version: &'p str) -> ModelPath<'p> {
        ModelPath { name, version }
    }

    #[test]
    fn paths_of_the_protocol_are_known() {
        let cases = [
            ("/v2/health/live", Route::Live),
            ("/v2/health/ready", Route::Ready),
            ("/v2/models/fraud", Route::Model(model("fraud", ""))),
            ("/v2/models/fraud/versions/3", Route::Model(model("fraud", "3"))),
            ("/v2/models/fraud/ready", Route::ModelReady(model("fraud", ""))),
            ("/v2/models/fraud/versions/3/ready", Route::ModelReady(model("fraud", "3"))),
            ("/v2/models/fraud/infer", Route::Infer(model("fraud", ""))),
            ("/v2/models/fraud/versions/3/infer", Route::Infer(model("fraud", "3"))),
            ("/v2/models/versions/predict", Route::Predict(model("versions", ""))),
        ];
        for (path, route) in cases {
            assert_eq!(Route::of(path), Some(route), "{path}");
        }
    }

    #[test]
    fn what_the_servicer_answers_is_told_from_what_this_port_does() {
        let rpc = |path| match Route::of(path) {
            Some(Route::Rpc(rpc)) => Some((rpc.method, rpc.name)),
            _ => None,
        };
        assert_eq!(rpc("/v2"), Some(("ServerMetadata", "")));
        assert_eq!(rpc("/v2/"), Some(("ServerMetadata", "")));
        assert_eq!(rpc("/v2/models/fraud/config"), Some(("ModelConfig", "fraud")));
        assert_eq!(rpc("/v2/repository/index/"), Some(("RepositoryIndex", "")));
        assert_eq!(rpc("/v2/models/../config"), Some(("ModelConfig", "..")));
        // As in Triton: of a model of that name the metadata are at /v2/models/stats/versions/1.
        assert_eq!(rpc("/v2/models/stats"), Some(("ModelStatistics", "")));
        assert_eq!(rpc("/v2/models/stats/versions/1"), None);
        assert_eq!(rpc("/v2/models/fraud/infer"), None);
    }

    #[test]
    fn other_paths_are_nothing() {
        for path in [
            "",
            "/",
            "/v1",
            "/v20",
            "/v2x/models/m",
            "/v2/models",
            "/v2//models/m",
            "/v2/health",
            "/v2/health/live/x",
            "/v2/models/m/versions",
            "/v2/models/m/versions//infer",
            "/v2/models/m/generate",
            "/v2/models/m/infer/x",
            "/v1/models/m:predict",
            "/v2/repository/models/a/b/c/d/e/load",
            "/v2/repository/../models/m",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
