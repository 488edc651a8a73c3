//! Paths that stand for RPCs of the servicer in Python, as Triton's HTTP port has them.

use super::route::Takes;

/// A call of `inference.GRPCInferenceService`. Names are as they were sent, and the RPC's to refuse; empty: the path has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rpc<'p> {
    pub method: &'static str,
    pub takes: Takes,
    pub repository: &'p str,
    /// Of the model, or of the region of shared memory.
    pub name: &'p str,
    pub version: &'p str,
}

impl<'p> Rpc<'p> {
    /// Of the parts of a path behind /v2.
    pub fn of(parts: &[&'p str]) -> Option<Self> {
        // Nothing in place of a name is not the word for all names.
        if parts.contains(&"") {
            return None;
        }
        let get = |method| Self { method, ..Self::default() };
        let post = |method| Self { method, takes: Takes::Post, ..Self::default() };
        let either = |method| Self { method, takes: Takes::Either, ..Self::default() };
        Some(match *parts {
            [] => get("ServerMetadata"),
            ["models", "stats"] => get("ModelStatistics"),
            ["models", name, ref behind @ ..] => {
                let (version, kind) = match *behind {
                    ["versions", version, ref kind @ ..] => (version, kind),
                    _ => ("", behind),
                };
                let call = match *kind {
                    ["config"] => get("ModelConfig"),
                    ["stats"] => get("ModelStatistics"),
                    ["trace", "setting"] if version.is_empty() => either("TraceSetting"),
                    _ => return None,
                };
                Self { name, version, ..call }
            }
            ["logging"] => either("LogSettings"),
            ["trace", "setting"] => either("TraceSetting"),
            ["repository", "index"] => post("RepositoryIndex"),
            ["repository", repository, "index"] => Self { repository, ..post("RepositoryIndex") },
            ["repository", "models", name, action] => Self { name, ..post(control(action)?) },
            ["repository", repository, "models", name, action] => {
                Self { repository, name, ..post(control(action)?) }
            }
            [kind, "region", name, action] => Self { name, ..memory(kind, action)? },
            [kind, action @ ("status" | "unregister")] => memory(kind, action)?,
            _ => return None,
        })
    }
}

fn control(action: &str) -> Option<&'static str> {
    match action {
        "load" => Some("RepositoryModelLoad"),
        "unload" => Some("RepositoryModelUnload"),
        _ => None,
    }
}

fn memory(kind: &str, action: &str) -> Option<Rpc<'static>> {
    let (method, takes) = match (kind, action) {
        ("systemsharedmemory", "status") => ("SystemSharedMemoryStatus", Takes::Get),
        ("systemsharedmemory", "register") => ("SystemSharedMemoryRegister", Takes::Post),
        ("systemsharedmemory", "unregister") => ("SystemSharedMemoryUnregister", Takes::Post),
        ("cudasharedmemory", "status") => ("CudaSharedMemoryStatus", Takes::Get),
        ("cudasharedmemory", "register") => ("CudaSharedMemoryRegister", Takes::Post),
        ("cudasharedmemory", "unregister") => ("CudaSharedMemoryUnregister", Takes::Post),
        _ => return None,
    };
    Some(Rpc { method, takes, ..Rpc::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(path: &str) -> Option<(&'static str, Takes, [String; 3])> {
        let parts: Vec<&str> = path.split('/').collect();
        let found = Rpc::of(&parts)?;
        Some((found.method, found.takes, [found.repository, found.name, found.version].map(str::to_owned)))
    }

    #[test]
    fn tritons_paths_are_known() {
        let cases = [
            ("models/stats", "ModelStatistics", Takes::Get, ["", "", ""]),
            ("models/m/stats", "ModelStatistics", Takes::Get, ["", "m", ""]),
            ("models/m/versions/3/stats", "ModelStatistics", Takes::Get, ["", "m", "3"]),
            ("models/m/config", "ModelConfig", Takes::Get, ["", "m", ""]),
            ("models/m/versions/3/config", "ModelConfig", Takes::Get, ["", "m", "3"]),
            ("models/m/trace/setting", "TraceSetting", Takes::Either, ["", "m", ""]),
            ("trace/setting", "TraceSetting", Takes::Either, ["", "", ""]),
            ("logging", "LogSettings", Takes::Either, ["", "", ""]),
            ("repository/index", "RepositoryIndex", Takes::Post, ["", "", ""]),
            ("repository/r/index", "RepositoryIndex", Takes::Post, ["r", "", ""]),
            ("repository/models/m/load", "RepositoryModelLoad", Takes::Post, ["", "m", ""]),
            ("repository/r/models/m/unload", "RepositoryModelUnload", Takes::Post, ["r", "m", ""]),
            ("systemsharedmemory/status", "SystemSharedMemoryStatus", Takes::Get, ["", "", ""]),
            ("systemsharedmemory/region/a/status", "SystemSharedMemoryStatus", Takes::Get, ["", "a", ""]),
            (
                "systemsharedmemory/region/a/register",
                "SystemSharedMemoryRegister",
                Takes::Post,
                ["", "a", ""],
            ),
            ("cudasharedmemory/unregister", "CudaSharedMemoryUnregister", Takes::Post, ["", "", ""]),
        ];
        for (path, method, takes, names) in cases {
            assert_eq!(called(path), Some((method, takes, names.map(str::to_owned))), "{path}");
        }
    }

    #[test]
    fn other_paths_are_nothing() {
        for path in [
            "/models",
            "models",
            "models/m",
            "models/m/infer",
            "models/m/config/x",
            "models/m/versions//config",
            "models//stats",
            "models//trace/setting",
            "repository//index",
            "systemsharedmemory/region//status",
            "models/m/versions/3/trace/setting",
            "models/../../config",
            "logging/x",
            "repository",
            "repository/models/m",
            "repository/models/m/delete",
            "repository/models/a/b/load",
            "systemsharedmemory/register",
            "sharedmemory/status",
            "trace",
        ] {
            assert_eq!(called(path), None, "{path}");
        }
    }
}
