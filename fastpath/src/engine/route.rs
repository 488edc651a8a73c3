//! A version while calls may reach it.

use std::ops::Deref;
use std::sync::Arc;

use super::Version;

/// What the table of routes and every call hold of a version. The queue closes with the last of them, so a call
/// that has found the version never finds its queue closed, whatever was routed meanwhile.
pub struct Route(Arc<Version>);

impl Route {
    #[must_use]
    pub fn to(version: Arc<Version>) -> Arc<Self> {
        Arc::new(Self(version))
    }

    /// Whether it leads to this very version, and not to another with its number.
    #[must_use]
    pub fn is_to(&self, version: &Version) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.0), version)
    }
}

impl Deref for Route {
    type Target = Version;

    fn deref(&self) -> &Version {
        &self.0
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}
