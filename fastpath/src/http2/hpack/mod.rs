//! HPACK (RFC 7541) as a server reads it: header blocks of one connection become names and values.
//!
//! What the fields mean, which of them are allowed, and how many are too many is not decided here.

mod decoder;
mod huffman;
mod integer;
mod table;

pub use decoder::{Decoder, Error};

#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod huffman_tests;
#[cfg(test)]
mod loona_tests;
