//! What a path names.

/// Something that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    Server,
    Live,
    Ready,
    Model(ModelPath<'p>),
    ModelReady(ModelPath<'p>),
    Infer(ModelPath<'p>),
    Predict(ModelPath<'p>),
}

/// A model, and a version or nothing; as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPath<'p> {
    pub name: &'p str,
    pub version: &'p str,
}

/// All that is here, for who asks for something else.
pub const SERVED: &str = "GET /v2, /v2/health/live, /v2/health/ready, /v2/models/MODEL[/versions/VERSION] and its /ready, \
                          and POST /v2/models/MODEL[/versions/VERSION]/infer (tensors) and /predict (rows of features)";

impl<'p> Route<'p> {
    /// A slash at the end is one too many, and does no harm.
    #[must_use]
    pub fn of(path: &'p str) -> Option<Self> {
        let path = path.strip_prefix("/v2")?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/');
        if parts.next() != Some("") {
            return None;
        }
        let route = match (parts.next(), parts.next()) {
            (None, _) => Self::Server,
            (Some("health"), Some("live")) => Self::Live,
            (Some("health"), Some("ready")) => Self::Ready,
            (Some("models"), Some(name)) => {
                let mut behind = parts.next();
                let mut version = "";
                if behind == Some("versions") {
                    version = parts.next().filter(|version| !version.is_empty())?;
                    behind = parts.next();
                }
                let model = ModelPath { name, version };
                match behind {
                    None => Self::Model(model),
                    Some("ready") => Self::ModelReady(model),
                    Some("infer") => Self::Infer(model),
                    Some("predict") => Self::Predict(model),
                    Some(_) => return None,
                }
            }
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    /// Whether it is asked with POST, and not with GET.
    #[must_use]
    pub fn takes_a_body(self) -> bool {
        matches!(self, Self::Infer(_) | Self::Predict(_))
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
            ("/v2", Route::Server),
            ("/v2/", Route::Server),
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
            "/v2/repository/index",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
