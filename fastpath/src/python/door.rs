//! The fast door, as the server opens and ends it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::door::tls::{ALPN_H2, Certificates, server_config};
use crate::door::{Door, Settings, Upstream};
use crate::grpc::Encoding;

/// Where the servicer listens: the path of a Unix socket, or a loopback address and port.
#[derive(FromPyObject)]
pub enum UpstreamAt {
    Loopback((String, u16)),
    Unix(PathBuf),
}

/// Chain, key and client authorities, as PEM.
pub type Pem = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

pub fn config_of(pem: &Pem, alpn: &[u8]) -> PyResult<std::sync::Arc<tokio_rustls::rustls::ServerConfig>> {
    let certificates = Certificates { chain: &pem.0, key: &pem.1, client_ca: pem.2.as_deref() };
    server_config(certificates, alpn).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// What the door may be told, as the server's settings hold it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct DoorSettings {
    io_threads: usize,
    pin_threads: bool,
    max_receive_bytes: usize,
    max_concurrent_streams: u32,
    max_stream_in_flight: usize,
    max_connections: usize,
    max_connection_age_s: u64,
    response_compression: String,
}

impl DoorSettings {
    fn settings(&self) -> PyResult<Settings> {
        let response_encoding = match self.response_compression.as_str() {
            "none" => Encoding::Identity,
            "gzip" => Encoding::Gzip,
            "zstd" => Encoding::Zstd,
            other => {
                return Err(PyValueError::new_err(format!(
                    "response_compression: found {other:?}, allowed: none, gzip or zstd"
                )));
            }
        };
        Ok(Settings {
            io_threads: self.io_threads,
            pin_threads: self.pin_threads,
            max_receive_bytes: self.max_receive_bytes,
            max_concurrent_streams: self.max_concurrent_streams,
            max_stream_in_flight: self.max_stream_in_flight,
            max_connections: self.max_connections,
            max_connection_age: Duration::from_secs(self.max_connection_age_s),
            response_encoding,
        })
    }
}

#[pyclass(frozen, name = "Door", module = "penstock._fastpath")]
pub struct PyDoor(Door);

impl PyDoor {
    pub fn open(
        py: Python<'_>,
        engine: &std::sync::Arc<crate::engine::Engine>,
        (host, port): (&str, u16),
        upstream: UpstreamAt,
        settings: &DoorSettings,
        tls: Option<&Pem>,
    ) -> PyResult<Self> {
        let upstream = match upstream {
            UpstreamAt::Unix(path) => Upstream::Unix(path),
            UpstreamAt::Loopback((host, port)) => {
                let host = host.parse().map_err(|_| PyValueError::new_err("upstream: no IP address"))?;
                Upstream::Loopback(SocketAddr::new(host, port))
            }
        };
        let (settings, tls) = (settings.settings()?, tls.map(|pem| config_of(pem, ALPN_H2)).transpose()?);
        let door = py.detach(|| Door::open((host, port), engine, settings, &upstream, tls));
        Ok(Self(door?))
    }
}

#[pymethods]
impl PyDoor {
    #[getter]
    fn port(&self) -> u16 {
        self.0.address().port()
    }

    #[getter]
    fn connections(&self) -> usize {
        self.0.connections()
    }

    fn set_tls(&self, tls: Pem) -> PyResult<()> {
        self.0.set_tls(config_of(&tls, ALPN_H2)?);
        Ok(())
    }

    fn drain(&self) {
        self.0.drain();
    }

    fn stop(&self, py: Python<'_>, grace_s: f64) {
        let grace = Duration::try_from_secs_f64(grace_s).unwrap_or_default();
        py.detach(|| self.0.stop(grace));
    }
}
