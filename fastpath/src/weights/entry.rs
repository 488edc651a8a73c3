//! One entry of the archive, as the directory describes it, and what it is to a TorchScript file.

use super::error::ModelFileError;

/// What deflate can make of a byte at most; a larger claim is a lie, and memory is not made for it.
const MOST_INFLATED: u64 = 1032;

/// Pickles and code are kept whole; the largest models have some megabytes of them.
const MOST_KEPT: usize = 1 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Stored,
    Deflated,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The bytes of tensors: memory of its own, which torch takes over.
    Storage,
    /// A pickle, code or a remark that torch reads.
    Kept,
    /// What torch.jit.load does not look at.
    Other,
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// Below the archive's folder: "data/7", "code/__torch__.py". Whole where it lies outside.
    pub name: String,
    /// As the archive spells it.
    pub full_name: String,
    pub role: Role,
    pub method: Method,
    pub checksum: u32,
    /// In the file.
    pub packed_bytes: usize,
    /// Of what comes out.
    pub bytes: usize,
    /// Where its header begins.
    pub header_at: u64,
}

impl Entry {
    /// Checks what can be told without the bytes.
    pub fn check(&self, encrypted: bool) -> Result<(), ModelFileError> {
        let wrong = |what| Err(ModelFileError::entry(&self.name, what));
        if encrypted {
            return wrong("it is encrypted");
        }
        if self.role == Role::Kept && self.bytes > MOST_KEPT {
            return wrong("it is longer than code or a pickle can be");
        }
        let (packed, bytes) = (self.packed_bytes as u64, self.bytes as u64);
        match self.method {
            Method::Stored if packed != bytes => wrong("its two lengths differ, though it is not compressed"),
            Method::Deflated if bytes > packed.saturating_mul(MOST_INFLATED) => {
                wrong("it claims to be longer than its bytes can become")
            }
            _ => Ok(()),
        }
    }
}

/// The name below `top` and its role; none where the name is one that no archiver writes.
pub fn place(full_name: &str, top: &str) -> Option<(String, Role)> {
    let is_folder = full_name.ends_with('/');
    let path = full_name.strip_suffix('/').unwrap_or(full_name);
    let tricky = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.split('/').any(tricky) || path.contains(['\0', '\\']) {
        return None;
    }
    let Some(name) = path.strip_prefix(top).and_then(|rest| rest.strip_prefix('/')) else {
        return Some((path.to_owned(), Role::Other));
    };
    let role = match name.split_once('/') {
        _ if is_folder => Role::Other,
        Some(("data" | "constants", _)) => Role::Storage,
        Some(("code", _)) => Role::Kept,
        None if matches!(name, "data.pkl" | "constants.pkl" | "version" | "byteorder" | "model.json") => {
            Role::Kept
        }
        _ => Role::Other,
    };
    Some((name.to_owned(), role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_the_folder_tell_what_an_entry_is() {
        let role = |name| place(name, "top").map(|(_, role)| role);
        assert_eq!(role("top/data/12"), Some(Role::Storage));
        assert_eq!(role("top/constants/0"), Some(Role::Storage));
        assert_eq!(role("top/code/__torch__/a.py"), Some(Role::Kept));
        assert_eq!(role("top/data.pkl"), Some(Role::Kept));
        assert_eq!(role("top/extra/labels.txt"), Some(Role::Other));
        assert_eq!(role("top/data/"), Some(Role::Other));
        assert_eq!(role("topper/data/12"), Some(Role::Other));
    }

    #[test]
    fn names_with_tricks_are_refused() {
        for name in ["", "/top/a", "top//a", "top/../a", "./top", "top/a\0b", "top\\a", "top/."] {
            assert_eq!(place(name, "top"), None, "{name:?}");
        }
    }
}
